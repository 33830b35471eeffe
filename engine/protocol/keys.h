#pragma once
// CURVE keys: made on first start, kept in the user's config folder with mode 0600.

#include "engine/base/result.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
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
/// What a key may do at a head: a client everything, an observer look (status, logs, checks of settings). Machines that
/// compute have keys too, in a list of their own.
enum class Role { Client, Observer };
[[nodiscard]] std::string_view roleName(Role role); ///< "client", "observer"
[[nodiscard]] std::optional<Role> roleFromName(std::string_view name);

struct KnownClient {
    std::string publicKey;
    std::string name;
    Role role = Role::Client;
};
/// One line a client: "Z85-public-key name", and " role=observer" where it is one. Missing file: empty list. Errors:
/// Corrupt naming the line, also for a role that is not known.
[[nodiscard]] Result<std::vector<KnownClient>> loadKnownClients(const std::filesystem::path& file);
[[nodiscard]] Result<Done> saveKnownClients(const std::filesystem::path& file, const std::vector<KnownClient>& clients);
/// A fingerprint people can compare: SHA-256 of the key, 20 base32 characters in groups of four.
[[nodiscard]] std::string fingerprint(std::string_view publicKey);

} // namespace argus::protocol
