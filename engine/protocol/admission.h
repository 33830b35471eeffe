#pragma once
// Who may come in: an own key, and those of a file that people and `argus-node keys` change while a head runs.

#include "engine/base/clock.h"
#include "engine/protocol/keys.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace argus::protocol {

/// Reads the file again when it changes, so that `keys allow` and `keys revoke` count at once. An editor moves or
/// empties a file for a moment while it writes: one that is missing, empty or cannot be read takes nobody out until
/// kGrace after it was last found in order, and lets nobody in that was not known then. After that nobody is known: who
/// removes the file means it. Called on one thread only.
class Admission {
public:
    Admission(std::string ownKey, std::filesystem::path file) : m_ownKey(std::move(ownKey)), m_file(std::move(file)) {}
    bool operator()(const std::string& publicKey) { return find(publicKey, now()).has_value(); }
    /// Nothing for a stranger.
    [[nodiscard]] std::optional<KnownClient> find(const std::string& publicKey, Instant at);

    static constexpr Milliseconds kGrace{10'000};

private:
    /// Of the file; another one has another.
    struct Version {
        long seconds = 0;
        long nanoseconds = 0;
        long size = 0;
        unsigned long inode = 0;
        bool operator==(const Version&) const = default;
    };
    void refresh(Instant at);
    void cannotRead(const std::string& why, Instant at);
    [[nodiscard]] bool sayOnce(std::string line);

    std::string m_ownKey;
    std::filesystem::path m_file;
    std::vector<KnownClient> m_clients; ///< as they were when the file was last in order
    std::optional<Version> m_version;   ///< of the file that they are from
    std::optional<Instant> m_goodAt;    ///< when it was last found to be that one
    std::string m_said;                 ///< in the log about what is wrong with it
};

} // namespace argus::protocol
