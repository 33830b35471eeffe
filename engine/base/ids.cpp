#include "engine/base/ids.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>

namespace argus {

std::string randomId()
{
    std::array<unsigned char, 16> bytes{};
    // 16 bytes never block after boot and never come short (getrandom(2)).
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        std::abort();
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 15]);
    }
    return text;
}

} // namespace argus
