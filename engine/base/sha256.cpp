#include "engine/base/sha256.h"

#include <sodium.h>

namespace argus {

struct Sha256Hasher::State {
    crypto_hash_sha256_state sodium;
};

Sha256Hasher::Sha256Hasher() : m_state(std::make_unique<State>())
{
    crypto_hash_sha256_init(&m_state->sodium);
}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::add(std::span<const std::byte> bytes)
{
    crypto_hash_sha256_update(&m_state->sodium, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Sha256 Sha256Hasher::finish()
{
    Sha256 digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256_final(&m_state->sodium, reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

Sha256 sha256(std::span<const std::byte> bytes)
{
    Sha256Hasher hasher;
    hasher.add(bytes);
    return hasher.finish();
}

std::string hexOf(std::string_view bytes)
{
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
        text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
    }
    return text;
}

std::optional<std::string> bytesOfHex(std::string_view hex)
{
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    if (hex.size() % 2 != 0)
        return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = digit(hex[i]);
        const int low = digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return std::nullopt;
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}

} // namespace argus
