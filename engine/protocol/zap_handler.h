#pragma once
// The thread that answers libzmq's question "may this key come in?" (ZAP, RFC 27), and the proof that it does answer.
//
// While nobody answers, a CURVE socket lets every key in. So start() returns only after a connection with a throw-away
// key was turned away.

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>

namespace zmq {
class context_t;
class socket_t;
} // namespace zmq

namespace argus::protocol {

class ZapHandler {
public:
    using Admits = std::function<bool(const std::string& publicKey)>;

    /// Guards the CURVE sockets of `context`, which must outlive the handler. `admits` runs on the handler's thread and
    /// must not block. Errors: Internal when the throw-away key was not turned away, Io.
    [[nodiscard]] static Result<std::unique_ptr<ZapHandler>> start(zmq::context_t& context, Admits admits);
    /// Ends and joins the thread. Close the guarded sockets before: a handshake after this would pass unasked.
    ~ZapHandler();
    ZapHandler(const ZapHandler&) = delete;
    ZapHandler& operator=(const ZapHandler&) = delete;

    /// Keys turned away since the last call.
    [[nodiscard]] std::size_t takeRefusedCount() { return m_refused.exchange(0); }

private:
    ZapHandler(Admits admits, std::string probeKey) : m_admits(std::move(admits)), m_probeKey(std::move(probeKey)) {}
    void serve(zmq::socket_t& requests);
    void answer(zmq::socket_t& requests);
    [[nodiscard]] bool decide(const std::string& publicKey, const std::string& address);

    Admits m_admits;
    std::string m_probeKey; ///< the throw-away key: never admitted, never counted
    UniqueFd m_stop;
    std::atomic<std::size_t> m_refused{0};
    std::set<std::string> m_logged; ///< handler's thread; keys that have had their log line
    std::thread m_thread;
};

} // namespace argus::protocol
