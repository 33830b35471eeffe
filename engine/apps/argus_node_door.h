#pragma once
// Who may come in to a head of this user, and the sockets beside that of its clients.

#include "engine/base/result.h"
#include "engine/node/node.h"
#include "engine/protocol/keys.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argus::apps {

/// Who may connect to a head of this user: an own key, if there is one, and those of a file. Read again when the file
/// changes, so that `keys allow` and `keys revoke` count at once. Each is called on one thread only.
class Admission {
public:
    Admission(std::string ownKey, std::filesystem::path file) : m_ownKey(std::move(ownKey)), m_file(std::move(file)) {}
    bool operator()(const std::string& publicKey) { return find(publicKey).has_value(); }
    /// Nothing for a stranger.
    [[nodiscard]] std::optional<protocol::KnownClient> find(const std::string& publicKey);

private:
    void refresh();
    std::string m_ownKey;
    std::filesystem::path m_file;
    std::vector<protocol::KnownClient> m_clients;
    std::pair<long, long> m_version{-1, -1};
    std::pair<long, long> m_complained{-1, -1}; ///< of which state of the file
};

/// The host of an endpoint; where it is every address, one by which others reach this machine.
[[nodiscard]] std::string hostFor(const std::string& endpoint);
/// As others reach it: an endpoint of every address is not an address.
[[nodiscard]] std::string addressFor(const std::string& endpoint);

/// A socket for workers, where machines pair, and a socket for models: on the three ports after that of the clients at
/// `endpoint`. `asked`:
/// that endpoint before a port was picked. Errors  those of SecureServer::bind()
[[nodiscard]] Result<std::unique_ptr<node::ClusterDoor>> openDoor(const std::string& endpoint, const std::string& asked,
                                                                  const protocol::CurveKeys& keys);

} // namespace argus::apps
