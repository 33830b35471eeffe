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

std::string randomCode(int characters)
{
    constexpr char kLetters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"; // 32 of them: no letter is likelier than another
    std::string text;
    while (static_cast<int>(text.size()) < characters) {
        unsigned char byte = 0;
        if (::getrandom(&byte, 1, 0) != 1)
            std::abort();
        text.push_back(kLetters[byte & 31]);
    }
    return text;
}

} // namespace argus
