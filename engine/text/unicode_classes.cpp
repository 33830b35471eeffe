#include "engine/text/unicode_classes.h"

#include <unicode/uchar.h>
#include <unicode/ucpmap.h>
#include <unicode/unorm2.h>

#include <cstddef>

namespace argus::text {
namespace {

constexpr char32_t kCodePoints = 0x110000;

struct Range {
    char32_t first;
    char32_t last;
};

// Letters and numbers of Unicode 15.1, 16 and 17 (Debian 12's ICU knows 15.0). Applied only where ICU says
// "unassigned".
constexpr Range kNewerLetters[] = {
    {0x88f, 0x88f},     {0xc5c, 0xc5c},     {0xcdc, 0xcdc},     {0x1c89, 0x1c8a},   {0xa7cb, 0xa7dc},
    {0xa7f1, 0xa7f1},   {0x105c0, 0x105f3}, {0x10940, 0x10959}, {0x10d4a, 0x10d65}, {0x10d6f, 0x10d85},
    {0x10ec2, 0x10ec7}, {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5},
    {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0}, {0x11db0, 0x11ddb},
    {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x16ea0, 0x16eb8}, {0x16ebb, 0x16ed3},
    {0x16ff2, 0x16ff3}, {0x187f8, 0x187ff}, {0x18cff, 0x18d1e}, {0x18d80, 0x18df2}, {0x1e5d0, 0x1e5ed},
    {0x1e5f0, 0x1e5f0}, {0x1e6c0, 0x1e6de}, {0x1e6e0, 0x1e6e2}, {0x1e6e4, 0x1e6e5}, {0x1e6e7, 0x1e6ed},
    {0x1e6f0, 0x1e6f4}, {0x1e6fe, 0x1e6ff}, {0x2b73a, 0x2b73f}, {0x2cea2, 0x2cead}, {0x2ebf0, 0x2ee5d},
    {0x323b0, 0x33479},
};
constexpr Range kNewerNumbers[] = {
    {0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x11de0, 0x11de9}, {0x16130, 0x16139},
    {0x16d70, 0x16d79}, {0x16ff4, 0x16ff6}, {0x1ccf0, 0x1ccf9}, {0x1e5f1, 0x1e5fa},
};

} // namespace

void UnicodeClasses::mark(char32_t first, char32_t last, CharClass value)
{
    for (char32_t at = first; at <= last; ++at)
        m_table[at] = static_cast<std::uint8_t>((m_table[at] & ~kClassBits) | static_cast<std::uint8_t>(value));
}

UnicodeClasses::UnicodeClasses() : m_table(std::make_unique<std::uint8_t[]>(kCodePoints))
{
    const auto takeCategory = [](const void* context, UChar32 start, UChar32 limit, UCharCategory category) -> UBool {
        auto& self = *static_cast<UnicodeClasses*>(const_cast<void*>(context));
        const std::uint32_t mask = U_MASK(category);
        if (mask & U_GC_L_MASK)
            self.mark(static_cast<char32_t>(start), static_cast<char32_t>(limit - 1), CharClass::Letter);
        else if (mask & U_GC_N_MASK)
            self.mark(static_cast<char32_t>(start), static_cast<char32_t>(limit - 1), CharClass::Number);
        return true;
    };
    u_enumCharTypes(takeCategory, this);
    for (const char32_t blank :
         {0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000})
        mark(blank, blank, CharClass::Space);
    mark(0x2000, 0x200a, CharClass::Space);
    for (const Range& range : kNewerLetters)
        markUnassigned(range.first, range.last, CharClass::Letter);
    for (const Range& range : kNewerNumbers)
        markUnassigned(range.first, range.last, CharClass::Number);
    takeInertness();
}

void UnicodeClasses::markUnassigned(char32_t first, char32_t last, CharClass value)
{
    for (char32_t at = first; at <= last; ++at)
        if (u_charType(static_cast<UChar32>(at)) == U_UNASSIGNED)
            mark(at, at, value);
}

/// NFC_Quick_Check = Yes and combining class 0. Without ICU's data nothing counts as inert, and the normaliser looks at
/// every text.
void UnicodeClasses::takeInertness()
{
    UErrorCode status = U_ZERO_ERROR;
    const UCPMap* quickCheck = u_getIntPropertyMap(UCHAR_NFC_QUICK_CHECK, &status);
    const UCPMap* combining = u_getIntPropertyMap(UCHAR_CANONICAL_COMBINING_CLASS, &status);
    if (U_FAILURE(status))
        return;
    const auto forRanges = [this](const UCPMap* map, std::uint32_t wanted, bool inert) {
        std::uint32_t value = 0;
        for (UChar32 start = 0, end = 0;
             (end = ucpmap_getRange(map, start, UCPMAP_RANGE_NORMAL, 0, nullptr, nullptr, &value)) >= 0;
             start = end + 1)
            if ((value == wanted) == inert)
                for (UChar32 at = start; at <= end; ++at)
                    m_table[static_cast<std::size_t>(at)] =
                        static_cast<std::uint8_t>(inert ? m_table[static_cast<std::size_t>(at)] | kInertBit
                                                        : m_table[static_cast<std::size_t>(at)] & ~kInertBit);
    };
    forRanges(quickCheck, UNORM_YES, true);
    forRanges(combining, 0, false);
}

} // namespace argus::text
