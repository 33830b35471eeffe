#include "engine/decoder/size_rules.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace argus::decoder {
namespace {

constexpr double kVideoMinPixels = 128.0 * 28 * 28;
constexpr double kVideoMaxPixels = 768.0 * 28 * 28;
constexpr double kVideoTotalPixels = 90'316'800; // int(128000 · 28 · 28 · 0.9), qwen-vl-utils
constexpr std::int64_t kMostFrames = 768;
constexpr std::int64_t kPair = 2; // two frames share a temporal patch

std::optional<Size> checked(double height, double width)
{
    if (height < 1 || width < 1 || height > 1e6 || width > 1e6)
        return std::nullopt;
    return Size{static_cast<int>(width), static_cast<int>(height)};
}

std::optional<Size> resizeRule(Size from, double f, double mn, double mx, bool utils)
{
    if (from.width < 1 || from.height < 1)
        return std::nullopt;
    const double h = from.height;
    const double w = from.width;
    if (std::max(h, w) / std::min(h, w) > 200)
        return std::nullopt;
    const double least = utils ? f : 0;
    double height = std::max(least, std::nearbyint(h / f) * f);
    double width = std::max(least, std::nearbyint(w / f) * f);
    if (height * width > mx) {
        const double beta = std::sqrt(h * w / mx);
        // Hugging Face keeps at least one block here; qwen-vl-utils does not, and the caller refuses an empty size.
        height = std::max(utils ? 0 : f, std::floor(h / beta / f) * f);
        width = std::max(utils ? 0 : f, std::floor(w / beta / f) * f);
    } else if (height * width < mn) {
        const double beta = std::sqrt(mn / (h * w));
        height = std::ceil(h * beta / f) * f;
        width = std::ceil(w * beta / f) * f;
    }
    return checked(height, width);
}

/// Share of one frame in the budget of a clip.
double framePixels(std::int64_t sampled, double minPixels)
{
    return std::max(std::min(kVideoMaxPixels, kVideoTotalPixels / static_cast<double>(sampled) * kPair),
                    std::floor(minPixels * 1.05));
}

} // namespace

std::optional<Size> smartResize(Size from, int factor, double minPixels, double maxPixels)
{
    return resizeRule(from, factor, minPixels, maxPixels, true);
}

std::optional<Size> smartResizeHuggingFace(Size from, int factor, double minPixels, double maxPixels)
{
    return resizeRule(from, factor, minPixels, maxPixels, false);
}

std::vector<std::int64_t> spreadEvenly(std::int64_t total, std::int64_t count)
{
    std::vector<std::int64_t> frames;
    const auto end = static_cast<float>(total - 1);
    const float step = count > 1 ? end / static_cast<float>(count - 1) : 0.0F;
    for (std::int64_t i = 0; i < count; ++i) {
        const float at = i < count / 2 ? step * static_cast<float>(i) : end - step * static_cast<float>(count - 1 - i);
        frames.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(std::nearbyint(at)), 0, total - 1));
    }
    return frames;
}

Sampling sampleFrames(std::int64_t total, double framesPerSecond, const SizeRules& rules)
{
    if (total < kPair)
        return {{0}, framesPerSecond};
    const auto least = static_cast<double>((rules.minFrames + kPair - 1) / kPair * kPair);
    const auto most = static_cast<double>(std::min(std::min(rules.maxFrames, kMostFrames), total) / kPair * kPair);
    double wanted = static_cast<double>(total) / framesPerSecond * rules.framesPerSecond;
    wanted = std::min(std::min(std::max(wanted, least), most), static_cast<double>(total));
    const auto count = std::max(kPair, static_cast<std::int64_t>(std::floor(wanted / kPair)) * kPair);
    return {spreadEvenly(total, count), static_cast<double>(count) / static_cast<double>(total) * framesPerSecond};
}

std::optional<Size> frameSize(Size from, std::int64_t sampled, const SizeRules& rules)
{
    const auto checkpointMax = static_cast<double>(rules.maxPixels);
    const double least = rules.limitsFromCheckpoint != 0 ? static_cast<double>(rules.minPixels)
                                                         : std::min(kVideoMinPixels, checkpointMax);
    return smartResize(from, static_cast<int>(rules.factor), least,
                       std::min(checkpointMax, framePixels(sampled, least)));
}

std::optional<Size> imageSize(Size from, const SizeRules& rules)
{
    return smartResize(from, static_cast<int>(rules.factor), static_cast<double>(rules.minPixels),
                       static_cast<double>(rules.maxPixels));
}

Size thumbnailSize(Size from, int side)
{
    const int longest = std::max(from.width, from.height);
    if (longest <= side)
        return from;
    const auto scaled = [&](int v) {
        return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longest)));
    };
    return {scaled(from.width), scaled(from.height)};
}

std::uint64_t largestOutput(const SizeRules& rules)
{
    // Enlarging a thin picture to the minimum rounds both sides up: at 1 : 200 that adds at most a block to each side,
    // along the longer one.
    const auto enlarged = [&](double least) {
        const double f = rules.factor;
        const double longer = std::sqrt(200 * least) + 201 * f;
        return least + 2 * f * longer + f * f;
    };
    const double image = std::max(static_cast<double>(rules.maxPixels), enlarged(static_cast<double>(rules.minPixels)));
    const double least = rules.limitsFromCheckpoint != 0
                             ? static_cast<double>(rules.minPixels)
                             : std::min(kVideoMinPixels, static_cast<double>(rules.maxPixels));
    double clip = 0;
    for (std::int64_t n = 1; n <= std::min(rules.maxFrames, kMostFrames); ++n) {
        const double most = std::min(static_cast<double>(rules.maxPixels), framePixels(n, least));
        clip = std::max(clip, static_cast<double>(n) * std::max(most, enlarged(least)));
    }
    return static_cast<std::uint64_t>(3 * std::max(image, clip));
}

namespace {

bool looksLikeText(std::string_view start)
{
    return !start.empty() && std::all_of(start.begin(), start.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
    });
}

bool looksLikeMp4(std::string_view start)
{
    if (start.size() < 12)
        return false;
    const std::string_view type = start.substr(4, 4);
    return type == "ftyp" || type == "moov" || type == "mdat" || type == "wide" || type == "free" || type == "skip" ||
           type == "pnot";
}

bool looksLikeTransportStream(std::string_view start)
{
    for (const auto& [offset, packet] : {std::pair<std::size_t, std::size_t>{0, 188}, {4, 192}, {0, 204}})
        if (start.size() > offset + 2 * packet && start[offset] == 0x47 && start[offset + packet] == 0x47 &&
            start[offset + 2 * packet] == 0x47)
            return true;
    return false;
}

} // namespace

Format sniff(std::span<const std::byte> bytes)
{
    using std::string_view_literals::operator""sv;
    const std::string_view start(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto riff = [&](std::string_view kind) {
        return start.starts_with("RIFF") && start.size() >= 12 && start.substr(8, 4) == kind;
    };
    const std::pair<std::string_view, Format> known[] = {
        {"\xFF\xD8\xFF"sv, Format::Jpeg},
        {"\x89PNG\r\n\x1A\n"sv, Format::Png},
        {"GIF87a"sv, Format::Gif},
        {"GIF89a"sv, Format::Gif},
        {"II*\0"sv, Format::Tiff},
        {"MM\0*"sv, Format::Tiff},
        {"\x1A\x45\xDF\xA3"sv, Format::Matroska},
        {"FLV\x01"sv, Format::Flv},
        {"OggS"sv, Format::Ogg},
        {"\x30\x26\xB2\x75\x8E\x66\xCF\x11"sv, Format::Asf},
        {"\0\0\x01\xBA"sv, Format::MpegPs},
        {"\0\0\x01\xB3"sv, Format::MpegVideo},
    };
    for (const auto& [magic, format] : known)
        if (start.starts_with(magic))
            return format;
    if (riff("WEBP"))
        return Format::WebP;
    if (riff("AVI ") || riff("AVIX"))
        return Format::Avi;
    if (looksLikeMp4(start))
        return Format::Mp4;
    // "BM" alone begins many a text; a bitmap's header has zeros in its reserved fields.
    if (start.starts_with("BM") && start.size() >= 26 && start.substr(6, 4) == "\0\0\0\0"sv)
        return Format::Bmp;
    if (looksLikeTransportStream(start))
        return Format::MpegTs;
    return looksLikeText(start.substr(0, 512)) ? Format::PlainText : Format::Unknown;
}

bool isVideo(Format format)
{
    return format >= Format::Mp4;
}

} // namespace argus::decoder
