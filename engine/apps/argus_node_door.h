#pragma once
// The sockets of a head beside that of its clients, and which workers may come in there.

#include "engine/base/result.h"
#include "engine/node/node.h"
#include "engine/protocol/keys.h"

#include <memory>
#include <string>

namespace argus::apps {

/// The host of an endpoint; where it is every address, one by which others reach this machine.
[[nodiscard]] std::string hostFor(const std::string& endpoint);
/// As others reach it: an endpoint of every address is not an address.
[[nodiscard]] std::string addressFor(const std::string& endpoint);

/// A socket for workers, where machines pair, and a socket for models: on the three ports after that of the clients at
/// `endpoint`. `asked`: that endpoint before a port was picked. Errors  those of SecureServer::bind()
[[nodiscard]] Result<std::unique_ptr<node::ClusterDoor>> openDoor(const std::string& endpoint, const std::string& asked,
                                                                  const protocol::CurveKeys& keys);

} // namespace argus::apps
