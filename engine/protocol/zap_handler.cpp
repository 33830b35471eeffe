#include "engine/protocol/zap_handler.h"

#include "engine/base/catalogue.h"
#include "engine/base/clock.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/zmq_tools.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

namespace argus::protocol {
namespace {

constexpr std::size_t kRawKeyBytes = 32;
constexpr std::size_t kMaxLoggedKeys = 256; // after that many strangers one more log line tells nobody anything
constexpr Milliseconds kProbePatience{3000};

// Frames of a request (RFC 27): version, request id, domain, address, identity, mechanism, credentials.
enum : std::size_t {
    kVersionPart,
    kIdPart,
    kDomainPart,
    kAddressPart,
    kIdentityPart,
    kMechanismPart,
    kKeyPart,
    kRequestParts
};

/// One whole message. Only libzmq itself can reach an inproc socket; parts beyond a request's are dropped.
std::vector<std::string> receiveRequest(zmq::socket_t& socket)
{
    std::vector<std::string> parts;
    zmq::message_t part;
    do {
        if (!socket.recv(part, zmq::recv_flags::dontwait))
            break;
        if (parts.size() <= kRequestParts)
            parts.push_back(part.to_string());
    } while (part.more());
    return parts;
}

/// True when a client with `probe` keys is turned away with status 400 at a socket of `context`.
bool turnsAway(zmq::context_t& context, const CurveKeys& probe)
{
    const CurveKeys server = makeKeys();
    zmq::socket_t guarded(context, zmq::socket_type::router);
    guarded.set(zmq::sockopt::linger, 0);
    guarded.set(zmq::sockopt::curve_server, true);
    guarded.set(zmq::sockopt::curve_secretkey, server.secretKey);
    guarded.set(zmq::sockopt::zap_domain, "argus");
    guarded.bind("tcp://127.0.0.1:*");
    zmq::socket_t stranger(context, zmq::socket_type::dealer);
    stranger.set(zmq::sockopt::linger, 0);
    stranger.set(zmq::sockopt::curve_serverkey, server.publicKey);
    stranger.set(zmq::sockopt::curve_publickey, probe.publicKey);
    stranger.set(zmq::sockopt::curve_secretkey, probe.secretKey);
    Monitor outcome(context, stranger, "zap-probe", ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    stranger.connect(guarded.get(zmq::sockopt::last_endpoint));
    zmq::pollitem_t item = outcome.pollItem();
    const Deadline deadline = Deadline::in(kProbePatience);
    while (!deadline.passed()) {
        zmq::poll(&item, 1, deadline.left());
        if (const auto event = outcome.take())
            return event->what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event->value == 400;
    }
    return false;
}

} // namespace

Result<std::unique_ptr<ZapHandler>> ZapHandler::start(zmq::context_t& context, Admits admits)
{
    const CurveKeys probe = makeKeys();
    std::unique_ptr<ZapHandler> handler(new ZapHandler(std::move(admits), probe.publicKey));
    handler->m_stop.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!handler->m_stop.valid())
        return makeError(ErrorCode::Io, say("no-eventfd", systemError(errno)), say("do-close-programs"));
    try {
        zmq::socket_t requests(context, zmq::socket_type::rep);
        requests.set(zmq::sockopt::linger, 0);
        requests.bind(
            "inproc://zeromq.zap.01"); // bound here: from now on a handshake waits for the thread instead of passing
        handler->m_thread =
            std::thread([raw = handler.get(), socket = std::move(requests)]() mutable { raw->serve(socket); });
        if (!turnsAway(context, probe))
            return makeError(ErrorCode::Internal, "an unknown key was not turned away in the test before the start",
                             say("do-install-libzmq"));
    } catch (const zmq::error_t& problem) {
        return makeError(ErrorCode::Internal, fmt::format("cannot start the check of keys: {}", problem.what()),
                         say("do-install-libzmq"));
    }
    return handler;
}

ZapHandler::~ZapHandler()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(m_stop.get(), &one, sizeof one);
    if (m_thread.joinable())
        m_thread.join();
}

void ZapHandler::serve(zmq::socket_t& requests)
{
    ::pthread_setname_np(::pthread_self(), "argus-zap");
    for (;;) {
        try {
            // No deadline: the stop descriptor ends this wait, and the destructor always writes to it.
            zmq::pollitem_t items[] = {{requests.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, m_stop.get(), ZMQ_POLLIN, 0}};
            zmq::poll(items, 2, Milliseconds(-1));
            if (items[1].revents != 0)
                break;
            if (items[0].revents != 0)
                answer(requests);
        } catch (const zmq::error_t& problem) {
            if (problem.num() == EINTR)
                continue;
            // The context is gone, or libzmq is: without an answer from here no handshake ends well, which is the safe
            // side.
            log::error("the check of keys has ended: {}", problem.what());
            break;
        }
    }
    requests.close();
}

void ZapHandler::answer(zmq::socket_t& requests)
{
    const std::vector<std::string> request = receiveRequest(requests);
    const bool wellFormed = request.size() == kRequestParts && request[kMechanismPart] == "CURVE" &&
                            request[kKeyPart].size() == kRawKeyBytes;
    std::string key;
    if (wellFormed) {
        char text[kRawKeyBytes / 4 * 5 + 1] = {};
        ::zmq_z85_encode(text, reinterpret_cast<const std::uint8_t*>(request[kKeyPart].data()), kRawKeyBytes);
        key = text;
    }
    const bool admitted = wellFormed && decide(key, request[kAddressPart]);
    // 400 makes the client's libzmq give up, so a stranger knocks once per attempt of its program and not four times a
    // second.
    const std::string reply[] = {"1.0",
                                 request.size() > kIdPart ? request[kIdPart] : "",
                                 admitted ? "200" : "400",
                                 admitted ? "OK" : "unknown key",
                                 admitted ? key : "",
                                 ""};
    for (std::size_t i = 0; i < std::size(reply); ++i)
        requests.send(zmq::buffer(reply[i]),
                      i + 1 < std::size(reply) ? zmq::send_flags::sndmore : zmq::send_flags::none);
}

bool ZapHandler::decide(const std::string& publicKey, const std::string& address)
{
    if (publicKey == m_probeKey)
        return false;
    bool admitted = false;
    try {
        admitted = m_admits && m_admits(publicKey);
    } catch (const std::exception& problem) {
        log::error("the list of known computers cannot be read: {}", problem.what());
    }
    if (admitted)
        return true;
    m_refused.fetch_add(1);
    if (m_logged.size() < kMaxLoggedKeys && m_logged.insert(publicKey).second)
        log::warn("refused a computer with an unknown key, from {}; to allow it: argus-node keys allow '{}' NAME "
                  "(fingerprint {})",
                  address, publicKey, fingerprint(publicKey));
    return false;
}

} // namespace argus::protocol
