#include "engine/text/utf8.h"

#include <cstdint>
#include <cstring>

namespace argus::text {
namespace {

/// Length a lead byte announces, and the range its second byte must be in: that range excludes overlong forms,
/// surrogates and what lies beyond U+10FFFF. Later bytes are always 80..BF. Length 0: no sequence starts with this
/// byte.
struct Lead {
    std::size_t bytes = 0;
    unsigned char least = 0x80;
    unsigned char most = 0xbf;
};

Lead leadOf(unsigned char byte)
{
    if (byte < 0x80)
        return {1};
    if (byte < 0xc2 || byte > 0xf4)
        return {0};
    if (byte < 0xe0)
        return {2};
    switch (byte) {
    case 0xe0:
        return {3, 0xa0, 0xbf};
    case 0xed:
        return {3, 0x80, 0x9f};
    case 0xf0:
        return {4, 0x90, 0xbf};
    case 0xf4:
        return {4, 0x80, 0x8f};
    default:
        return {static_cast<std::size_t>(byte < 0xf0 ? 3 : 4)};
    }
}

} // namespace

Utf8Step stepUtf8(std::string_view text)
{
    const Lead lead = leadOf(static_cast<unsigned char>(text[0]));
    if (lead.bytes == 0)
        return {Utf8Step::Kind::Broken, 1};
    for (std::size_t i = 1; i < lead.bytes; ++i) {
        if (i == text.size())
            return {Utf8Step::Kind::Incomplete, i};
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < (i == 1 ? lead.least : 0x80) || byte > (i == 1 ? lead.most : 0xbf))
            return {Utf8Step::Kind::Broken, i};
    }
    return {Utf8Step::Kind::Whole, lead.bytes};
}

std::size_t validPrefix(std::string_view text)
{
    std::size_t at = 0;
    while (at < text.size()) {
        std::uint64_t eight = 0;
        if (text.size() - at >= sizeof eight) {
            std::memcpy(&eight, text.data() + at, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) { // eight ASCII bytes at once
                at += sizeof eight;
                continue;
            }
        }
        const Utf8Step step = stepUtf8(text.substr(at));
        if (step.kind != Utf8Step::Kind::Whole)
            return at;
        at += step.bytes;
    }
    return at;
}

std::string repairedUtf8(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t valid = validPrefix(text);
        out.append(text.substr(0, valid));
        text.remove_prefix(valid);
        if (text.empty())
            break;
        out.append(kReplacement);
        text.remove_prefix(stepUtf8(text).bytes);
    }
    return out;
}

void appendUtf8(std::string& out, char32_t value)
{
    const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (value < 0x80) {
        put(value);
    } else if (value < 0x800) {
        put(0xc0 | value >> 6);
        put(0x80 | (value & 0x3f));
    } else if (value < 0x10000) {
        put(0xe0 | value >> 12);
        put(0x80 | (value >> 6 & 0x3f));
        put(0x80 | (value & 0x3f));
    } else {
        put(0xf0 | value >> 18);
        put(0x80 | (value >> 12 & 0x3f));
        put(0x80 | (value >> 6 & 0x3f));
        put(0x80 | (value & 0x3f));
    }
}

} // namespace argus::text
