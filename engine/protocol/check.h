#pragma once
// Checks of one message's fields, for the validators of this folder: every complaint is a sentence with field, bound
// and what came.

#include "engine/base/error.h"
#include "engine/protocol/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace argus::protocol {

constexpr double kMaxFigure = 1e15; // seconds, rates: beyond this a display overflows before anything else

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
inline bool isUtf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto byteAt = [&](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned lead = byteAt(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || i + length > text.size())
            return false;
        const unsigned second = byteAt(i + 1);
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
            (lead == 0xF4 && second > 0x8F))
            return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((byteAt(i + k) & 0xC0) != 0x80)
                return false;
        i += length;
    }
    return true;
}

/// Collects the first thing that is wrong with a message. Every check is a sentence: field, bound, what came.
class Check {
public:
    explicit Check(std::string remedy = "ask with values within these bounds") : m_remedy(std::move(remedy)) {}

    void text(std::string_view field, std::string_view value, std::size_t most)
    {
        if (value.size() > most)
            fail(ErrorCode::TooLarge,
                 fmt::format("{} has {} bytes, at most {} are allowed", field, value.size(), most));
        else if (!isUtf8(value))
            fail(ErrorCode::BadRequest, fmt::format("{} is not UTF-8", field));
    }
    void id(std::string_view field, std::string_view value)
    {
        if (value.empty() || value.size() > kMaxIdBytes)
            fail(ErrorCode::BadRequest,
                 fmt::format("{} has {} bytes, 1 to {} are allowed", field, value.size(), kMaxIdBytes));
        else if (!std::all_of(value.begin(), value.end(), [](char c) { return c > 32 && c < 127; }))
            fail(ErrorCode::BadRequest, fmt::format("{} holds characters that are not printable ASCII", field));
    }
    void digest(std::string_view field, std::string_view value)
    {
        constexpr std::size_t kDigestBytes = 32;
        if (value.size() != kDigestBytes)
            fail(ErrorCode::BadRequest,
                 fmt::format("{} has {} bytes, a SHA-256 has {}", field, value.size(), kDigestBytes));
    }
    void count(std::string_view field, std::size_t value, std::size_t least, std::size_t most)
    {
        if (value < least || value > most)
            fail(value > most ? ErrorCode::TooLarge : ErrorCode::BadRequest,
                 fmt::format("{} has {} entries, {} to {} are allowed", field, value, least, most));
    }
    void integer(std::string_view field, std::uint64_t value, std::uint64_t least, std::uint64_t most)
    {
        if (value < least || value > most)
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, {} to {} are allowed", field, value, least, most));
    }
    /// For values that zero would make meaningless.
    void positive(std::string_view field, double value, double most)
    {
        if (!(value > 0 && value <= most))
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, above 0 and up to {} is allowed", field, value, most));
    }
    void number(std::string_view field, double value, double least, double most)
    {
        if (!(value >= least && value <= most)) // catches NaN as well
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, {} to {} are allowed", field, value, least, most));
    }
    void figure(std::string_view field, double value) { number(field, value, 0, kMaxFigure); }
    void oneOf(std::string_view field, std::string_view value, std::initializer_list<std::string_view> allowed)
    {
        if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
            fail(ErrorCode::BadRequest,
                 fmt::format("{} is \"{}\", it must be one of {}", field,
                             isUtf8(value) ? value.substr(0, kMaxIdBytes) : "?", fmt::join(allowed, ", ")));
    }
    void fail(ErrorCode code, std::string cause)
    {
        if (!m_error)
            m_error = Error{code, std::move(cause), m_remedy, {}};
    }
    [[nodiscard]] bool ok() const { return !m_error; }
    [[nodiscard]] const std::optional<Error>& error() const { return m_error; }

private:
    std::string m_remedy;
    std::optional<Error> m_error;
};

} // namespace argus::protocol
