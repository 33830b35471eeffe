#pragma once
// A head of our own on this computer: loopback, a key of its own, gone when we are gone.

#include "engine/base/child_process.h"
#include "engine/client/client.h"

#include <string>
#include <vector>

namespace argus::client {

/// Starts `argus-node start --head --private-fd 3 ...` beside the running program (or the program that
/// ARGUS_NODE_PROGRAM names). Our fresh public key goes to it, its endpoint and public key come back, through an
/// inherited socket (engine/protocol/private_head_handshake.h); the head ends when that socket closes. Nothing touches
/// the user's key files.
class PrivateHead {
public:
    /// Returns as soon as the head is bound (the model may still be loading). `settings` are further arguments of
    /// `argus-node start`. Call from a thread that lives as long as the head should (engine/base/child_process.h).
    /// Errors: NotFound, Timeout, Crashed.
    [[nodiscard]] static Result<PrivateHead> start(const std::vector<std::string>& settings, Deadline deadline);

    [[nodiscard]] const HeadAddress& address() const { return m_address; }
    [[nodiscard]] pid_t pid() const { return m_process.pid(); }
    /// Readable when the head has ended.
    [[nodiscard]] int pidFd() const { return m_process.pidFd(); }
    /// Asks it to end, waits until the deadline, then kills it.
    void stop(Deadline deadline);

private:
    [[nodiscard]] Error explain(Error error);

    ChildProcess m_process;
    UniqueFd m_lifeline; // closing it tells the head to end
    HeadAddress m_address;
};

} // namespace argus::client
