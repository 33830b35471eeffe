#pragma once
// CURVE keys: made on first start, kept in the user's config folder with mode 0600.

#include "engine/base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace argus::protocol {

struct CurveKeys {
    std::string publicKey; ///< Z85, 40 characters
    std::string secretKey;
};

/// A fresh pair. The public key never begins with a dash: people paste it into command lines.
[[nodiscard]] CurveKeys makeKeys();
/// A pair that follows from `text` and `purpose` alone, for two sides that share a secret text of at least 128 bits.
[[nodiscard]] CurveKeys keysFrom(std::string_view text, std::string_view purpose);
[[nodiscard]] bool isKey(std::string_view z85);
/// Reads `file`, or makes keys and writes them there (mode 0600, folder 0700). Errors: Denied when others may read the
/// file, Corrupt, Io.
[[nodiscard]] Result<CurveKeys> loadOrMakeKeys(const std::filesystem::path& file);
/// One line a client: "Z85-public-key name". Missing file: empty list. Errors: Corrupt naming the line.
struct KnownClient {
    std::string publicKey;
    std::string name;
};
[[nodiscard]] Result<std::vector<KnownClient>> loadKnownClients(const std::filesystem::path& file);
[[nodiscard]] Result<Done> saveKnownClients(const std::filesystem::path& file, const std::vector<KnownClient>& clients);
/// A fingerprint people can compare: SHA-256 of the key, 20 base32 characters in groups of four.
[[nodiscard]] std::string fingerprint(std::string_view publicKey);

} // namespace argus::protocol
