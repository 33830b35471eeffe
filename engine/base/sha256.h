#pragma once
// SHA-256 (libsodium), whole or in pieces. Attachments are named by it.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace argus {

/// 32 raw bytes in a string: how a digest travels and keys maps.
using Sha256 = std::string;

class Sha256Hasher {
public:
    Sha256Hasher();
    ~Sha256Hasher();
    Sha256Hasher(Sha256Hasher&&) noexcept;
    Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

    void add(std::span<const std::byte> bytes);
    /// The digest of all that was added; the hasher is spent afterwards.
    [[nodiscard]] Sha256 finish();

private:
    struct State;
    std::unique_ptr<State> m_state;
};

[[nodiscard]] Sha256 sha256(std::span<const std::byte> bytes);
/// Lower-case hexadecimal.
[[nodiscard]] std::string hexOf(std::string_view bytes);
/// What hexOf() made of them; nothing when it is no such text.
[[nodiscard]] std::optional<std::string> bytesOfHex(std::string_view hex);

} // namespace argus
