#include "engine/cluster/pairing.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <fmt/format.h>
#include <pthread.h>

#include <charconv>
#include <optional>
#include <span>

namespace argus::cluster {
namespace {

std::span<const std::byte> bytesOf(const std::string& text)
{
    return std::as_bytes(std::span(text));
}

std::uint16_t portOf(const std::string& endpoint)
{
    std::uint16_t port = 0;
    const std::size_t colon = endpoint.rfind(':');
    std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
    return port;
}

} // namespace

struct PairingDesk::Socket {
    std::unique_ptr<protocol::SecureServer> server;
};

PairingDesk::PairingDesk(Options options, std::string code)
    : m_options(std::move(options)), m_code(std::move(code)), m_until(now() + m_options.validity),
      m_socket(std::make_unique<Socket>())
{
}

Result<std::unique_ptr<PairingDesk>> PairingDesk::open(Options options)
{
    std::unique_ptr<PairingDesk> desk(new PairingDesk(std::move(options), makeCode()));
    const PairingKeys keys = pairingKeys(desk->m_code);
    auto server = protocol::SecureServer::bind(
        {.keys = keys.head,
         .endpoint = desk->m_options.endpoint,
         .admits = [joiner = keys.joiner.publicKey](const std::string& key) { return key == joiner; }});
    if (!server)
        return std::move(server).error();
    desk->m_socket->server = std::move(*server);
    desk->m_port = portOf(desk->m_socket->server->endpoint());
    desk->m_thread = std::thread([raw = desk.get()] { raw->serve(); });
    return desk;
}

PairingDesk::~PairingDesk()
{
    m_stop.store(true);
    if (m_socket->server)
        m_socket->server->wake();
    if (m_thread.joinable())
        m_thread.join();
}

void PairingDesk::serve()
{
    ::pthread_setname_np(::pthread_self(), "argus-pairing");
    constexpr Milliseconds kFarewell{1'000}; // the answer leaves before the socket does
    while (!m_stop.load() && now() < m_until && !m_closed.load()) {
        const auto received = m_socket->server->receive(Deadline(std::min(m_until, now() + Milliseconds(500))));
        if (!received)
            continue;
        const wire::PairAnswer said = answer(received->frame);
        (void)m_socket->server->send(received->peer, said.SerializeAsString());
        if (said.error().code().empty()) {
            (void)m_socket->server->receive(Deadline::in(kFarewell));
            m_closed.store(true);
        }
    }
    m_closed.store(true);
}

wire::PairAnswer PairingDesk::answer(const std::string& frame)
{
    wire::PairAnswer said;
    said.set_protocol_version(protocol::kVersion);
    said.set_head_name(m_options.headName);
    said.set_version(m_options.version);
    const auto refuse = [&said](const Error& error) {
        *said.mutable_error() = protocol::toWire(error);
        return said;
    };
    const Result<wire::PairRequest> request = protocol::parsePairRequest(bytesOf(frame));
    if (!request)
        return refuse(request.error());
    if (request->version() != m_options.version)
        return refuse(makeError(ErrorCode::Unsupported,
                                say("release-differs", request->name(), request->version(), m_options.version),
                                say("do-same-release")));
    if (const Result<Done> admitted = m_options.admit(request->public_key(), request->name()); !admitted)
        return refuse(admitted.error());
    log::info("{} ({}) may join", request->name(), protocol::fingerprint(request->public_key()));
    said.set_head_public_key(m_options.headPublicKey);
    said.set_port(m_options.workersPort);
    return said;
}

Result<PairedHead> pairWithHead(const JoinLine& line, const std::string& name, const std::string& publicKey,
                                const std::string& version, Deadline deadline)
{
    const PairingKeys keys = pairingKeys(line.code);
    const std::string address = fmt::format("{}:{}", line.host, line.port);
    auto client = protocol::SecureClient::connect(
        {.keys = keys.joiner, .serverPublicKey = keys.head.publicKey, .endpoint = line.endpoint()});
    if (!client)
        return std::move(client).error();
    wire::PairRequest request;
    request.set_protocol_version(protocol::kVersion);
    request.set_name(name);
    request.set_public_key(publicKey);
    request.set_version(version);
    bool answered = false; // somebody listens there
    using Kind = protocol::SecureClient::Happened::Kind;
    while (!deadline.passed()) {
        const auto happened = (*client)->receive(deadline);
        if (!happened)
            continue;
        if (happened->kind == Kind::HandshakeDone && !(*client)->send(request.SerializeAsString()))
            continue;
        if (happened->kind == Kind::HandshakeFailed || happened->kind == Kind::Refused)
            return makeError(ErrorCode::Denied, say("code-refused", address), say("do-new-code"), "join");
        answered = answered || happened->kind == Kind::HandshakeDone;
        if (happened->kind != Kind::Message)
            continue;
        const Result<wire::PairAnswer> answer = protocol::parsePairAnswer(bytesOf(happened->frame));
        if (!answer)
            return answer.error();
        if (!answer->error().code().empty())
            return protocol::fromWire(answer->error());
        return PairedHead{.name = answer->head_name(),
                          .publicKey = answer->head_public_key(),
                          .endpoint = fmt::format("tcp://{}:{}", line.host, answer->port())};
    }
    if (answered)
        return makeError(ErrorCode::Timeout, say("head-no-answer", address), say("do-new-line"), "join");
    return makeError(ErrorCode::Unreachable, say("nobody-answers", address),
                     say("do-check-pairing", line.port - 2, line.port), "join");
}

} // namespace argus::cluster
