#include "engine/base/file_parts.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/json_limits.h"

#include <nlohmann/json.hpp>

namespace argus {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr JsonLimits kLimits{.bytes = 16 << 20, .depth = 4, .values = 400'000};
constexpr std::size_t kDigestBytes = 32;

Error corrupt(const fs::path& path, Said why)
{
    return makeError(ErrorCode::Corrupt, say("parts-unreadable", path.string(), std::move(why)), say("do-fetch-parts"),
                     "model");
}

std::optional<std::uint64_t> numberOf(const Json& value)
{
    return value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
}

/// Empty: they are no ranges of a file of that size.
std::optional<ByteRanges> rangesOf(const Json& list, std::uint64_t size)
{
    ByteRanges ranges;
    for (const Json& each : list) {
        if (!each.is_array() || each.size() != 2)
            return std::nullopt;
        const std::optional<std::uint64_t> begin = numberOf(each[0]);
        const std::optional<std::uint64_t> end = numberOf(each[1]);
        if (!begin || !end || *begin >= *end || *end > size)
            return std::nullopt;
        ranges.add({*begin, *end});
    }
    return ranges;
}

} // namespace

fs::path partsFileOf(const fs::path& file)
{
    return fs::path(file).concat(".argus-parts");
}

Result<std::optional<FileParts>> readParts(const fs::path& file)
{
    const fs::path path = partsFileOf(file);
    Result<std::string> text = readFile(path, kLimits.bytes);
    if (!text && text.error().code == ErrorCode::NotFound)
        return std::optional<FileParts>();
    if (!text)
        return std::move(text).error();
    Result<Json> json = parseJson(*text, path.string(), kLimits);
    if (!json)
        return corrupt(path, json.error().saidCause());
    const auto field = [&](const char* name) { return json->is_object() ? json->value(name, Json()) : Json(); };
    const Json identity = field("identity");
    const std::optional<std::uint64_t> size = numberOf(field("size"));
    const Json there = field("there");
    if (!identity.is_string() || !size || !there.is_array())
        return corrupt(path, say("parts-lacking"));
    const std::optional<std::string> digest = bytesOfHex(identity.get<std::string>());
    if (!digest || digest->size() != kDigestBytes)
        return corrupt(path, say("parts-no-digest"));
    const std::optional<ByteRanges> ranges = rangesOf(there, *size);
    if (!ranges)
        return corrupt(path, say("parts-no-ranges"));
    return std::optional(FileParts{.identity = *digest, .size = *size, .there = *ranges});
}

Result<Done> writeParts(const fs::path& file, const FileParts& parts)
{
    Json there = Json::array();
    for (const ByteRange& each : parts.there.list())
        there.push_back({each.begin, each.end});
    const Json json{{"identity", hexOf(parts.identity)}, {"size", parts.size}, {"there", std::move(there)}};
    return replaceFile(partsFileOf(file), json.dump(), 0600);
}

} // namespace argus
