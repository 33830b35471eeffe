#include "engine/media/media.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

namespace argus::media {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr std::int64_t kVideoMaxPixels = 768 * 28 * 28; // of a frame, unless the checkpoint allows less

Error wrong(Said what)
{
    return makeError(ErrorCode::Corrupt, std::move(what), say("do-take-original"));
}

/// Reads whole numbers within bounds; remembers the first thing that is wrong.
class Reader {
public:
    explicit Reader(const Json& json) : m_json(json) {}

    template <typename T>
    void number(const char* key, T& into, double least, double most)
    {
        const auto found = m_json.find(key);
        if (found == m_json.end() || found->is_null() || m_error)
            return;
        if (!found->is_number() || !std::isfinite(found->get<double>()) || found->get<double>() < least ||
            found->get<double>() > most)
            m_error = wrong(say("preprocess-number", key, fmt::to_string(least), fmt::to_string(most)));
        else
            into = found->get<T>();
    }

    void colours(const char* key, float (&into)[3], double least)
    {
        const auto found = m_json.find(key);
        if (found == m_json.end() || found->is_null() || m_error)
            return;
        const bool fine = found->is_array() && found->size() == 3 &&
                          std::all_of(found->begin(), found->end(), [&](const Json& value) {
                              return value.is_number() && value.get<double>() >= least && value.get<double>() < 1e6;
                          });
        if (!fine) {
            m_error = wrong(say("preprocess-three", key));
            return;
        }
        for (std::size_t i = 0; i < 3; ++i)
            into[i] = (*found)[i].get<float>();
    }

    [[nodiscard]] const std::optional<Error>& error() const { return m_error; }

private:
    const Json& m_json;
    std::optional<Error> m_error;
};

} // namespace

Result<PreprocessConfig> loadPreprocessConfig(const std::filesystem::path& folder)
{
    PreprocessConfig config;
    const auto text = readFile(folder / "preprocessor_config.json", kMostBytes);
    if (!text && text.error().code == ErrorCode::NotFound)
        return config;
    if (!text)
        return text.error();
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object())
        return wrong(say("preprocess-no-object"));
    Reader reader(json);
    constexpr double kMostPixels = 1e9;
    // Newer files say size.shortest_edge and longest_edge for the same two numbers of pixels.
    if (const auto size = json.find("size"); size != json.end() && size->is_object()) {
        Reader inner(*size);
        inner.number("shortest_edge", config.minPixels, 1, kMostPixels);
        inner.number("longest_edge", config.maxPixels, 1, kMostPixels);
        if (inner.error())
            return *inner.error();
    }
    reader.number("min_pixels", config.minPixels, 1, kMostPixels);
    reader.number("max_pixels", config.maxPixels, 1, kMostPixels);
    reader.number("patch_size", config.patchSize, 1, 128);
    reader.number("temporal_patch_size", config.temporalPatchSize, 1, 16);
    reader.number("merge_size", config.mergeSize, 1, 16);
    reader.colours("image_mean", config.mean, -1e6);
    reader.colours("image_std", config.std, 1e-6);
    if (reader.error())
        return *reader.error();
    if (config.minPixels > config.maxPixels)
        return wrong(say("preprocess-pixels", config.minPixels, config.maxPixels));
    config.limitsFromCheckpoint = config.maxPixels < kVideoMaxPixels;
    return config;
}

} // namespace argus::media
