#include "engine/client/client.h"

#include "engine/base/files.h"
#include "engine/base/ids.h"
#include "engine/base/log.h"
#include "engine/client/asks.h"
#include "engine/client/commands.h"
#include "engine/client/connection.h"
#include "engine/client/file_reader.h"
#include "engine/client/uploads.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <pthread.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace argus::client {

/// Everything but `post` and the members above the line belongs to the I/O thread.
struct Client::Impl {
    using Job = std::function<void()>;

    Impl(HeadAddress address, std::string caller) : head(std::move(address)), program(std::move(caller)) {}

    HeadAddress head;
    std::string program;
    std::mutex mutex;
    std::deque<Job> jobs; ///< emptied by the I/O thread, which never waits longer than wake() takes
    std::atomic<bool> stopping{false};
    std::thread thread;
    // ----
    std::function<void(Event)> onEvent;
    std::unique_ptr<Connection> connection;
    std::unique_ptr<FileReader> files;
    std::unique_ptr<Uploads> uploads;
    std::unique_ptr<Asks> asks;
    std::unique_ptr<Commands> commands;
    std::uint64_t maxUploadBytes = protocol::kMaxFileBytes;
    std::string role; ///< of our key, as the head has said
    bool stopHeadWanted = false;

    Result<Done> start(std::function<void(Event)> callback);
    void post(Job job);
    void run();
    void runJobs();
    void up(const wire::Welcome& welcome);
    void down();
    void take(wire::HeadMessage message);
    void refused(const wire::Refused& refused);
    void addFile(const std::filesystem::path& file, std::function<void(Result<Sha256>)> onHashed);
    void sendStop();
};

Result<Done> Client::Impl::start(std::function<void(Event)> callback)
{
    onEvent = std::move(callback);
    auto opened = Connection::open(head, program,
                                   {.up = [this](const wire::Welcome& welcome) { up(welcome); },
                                    .down = [this] { down(); },
                                    .message = [this](wire::HeadMessage message) { take(std::move(message)); },
                                    .emit = [this](Event event) { onEvent(std::move(event)); }});
    if (!opened)
        return std::move(opened).error();
    const Outlet outlet{.send = [this](wire::ClientMessage message) { connection->send(std::move(message)); },
                        .emit = [this](Event event) { onEvent(std::move(event)); }};
    files = std::make_unique<FileReader>([this](Job job) { post(std::move(job)); });
    uploads = std::make_unique<Uploads>(outlet, *files);
    asks = std::make_unique<Asks>(outlet, *uploads);
    commands = std::make_unique<Commands>(outlet);
    {
        const std::lock_guard lock(mutex);
        connection = std::move(opened).value();
    }
    thread = std::thread([this] { run(); });
    return Done{};
}

void Client::Impl::post(Job job)
{
    const std::lock_guard lock(mutex);
    jobs.push_back(std::move(job));
    if (connection)
        connection->wake();
}

void Client::Impl::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-client");
    while (!stopping) {
        runJobs();
        const Instant current = now();
        uploads->pump(current);
        asks->pump(current);
        uploads->pump(current); // what the asks have just wanted
        connection->step(Deadline::in(Milliseconds(1000)));
    }
}

void Client::Impl::runJobs()
{
    std::deque<Job> due;
    {
        const std::lock_guard lock(mutex);
        due.swap(jobs);
    }
    for (const Job& job : due)
        job();
}

void Client::Impl::up(const wire::Welcome& welcome)
{
    role = welcome.role();
    if (welcome.limits().max_upload_bytes() > 0)
        maxUploadBytes = welcome.limits().max_upload_bytes();
    uploads->connected(welcome.limits().chunk_bytes());
    asks->connected();
    commands->connected();
    if (std::exchange(stopHeadWanted, false))
        sendStop();
}

void Client::Impl::down()
{
    uploads->disconnected();
    asks->disconnected();
    commands->disconnected();
}

void Client::Impl::take(wire::HeadMessage message)
{
    using Body = wire::HeadMessage;
    switch (message.body_case()) {
    case Body::kWelcome: // an answer to a second hello, or this key may do something else from now on
        if (std::exchange(role, message.welcome().role()) != message.welcome().role())
            return onEvent(Connected{message.welcome()});
        return onEvent(StatusArrived{message.welcome().status()});
    case Body::kRefused:
        return refused(message.refused());
    case Body::kStatus:
        return onEvent(StatusArrived{std::move(*message.mutable_status())});
    case Body::kUploadGrant:
        return uploads->onGrant(message.upload_grant());
    case Body::kUploadDone:
        return uploads->onDone(message.upload_done().sha256());
    case Body::kUploadFailed:
        return uploads->onFailed(message.upload_failed().sha256(), protocol::fromWire(message.upload_failed().error()),
                                 now());
    case Body::kInspected:
        return asks->onInspected(message.inspected());
    case Body::kAskProgress:
        return asks->onProgress(message.ask_progress());
    case Body::kAskText:
        return asks->onText(message.ask_text());
    case Body::kAskFinished:
        return asks->onFinished(std::move(*message.mutable_ask_finished()));
    case Body::kAskFailed:
        return asks->onFailed(std::move(*message.mutable_ask_failed()));
    case Body::kStopping:
        return onEvent(HeadStopping{message.stopping().reason()});
    case Body::kPreflightDone:
        return commands->onPreflightDone(std::move(*message.mutable_preflight_done()));
    case Body::kDeployAnswer:
        return commands->onDeployAnswer(std::move(*message.mutable_deploy_answer()));
    case Body::kJoinLine:
        return commands->onJoinLine(std::move(*message.mutable_join_line()));
    case Body::kLogText:
        return commands->onLogText(std::move(*message.mutable_log_text()));
    case Body::BODY_NOT_SET:
        return; // parseHeadMessage() lets none through
    }
}

void Client::Impl::refused(const wire::Refused& refused)
{
    const Error error = protocol::fromWire(refused.error());
    if (asks->onRefused(refused.about(), error) || uploads->onRefused(refused.about(), error, now()) ||
        commands->onRefused(refused.about(), error))
        return;
    if (error.code == ErrorCode::Denied) // of a message that no other event answers, as that to stop
        return onEvent(CommandFailed{refused.about(), error});
    log::warn("the head refused a message: {}", error.text());
}

void Client::Impl::addFile(const std::filesystem::path& file, std::function<void(Result<Sha256>)> onHashed)
{
    files->hash(file, maxUploadBytes, [this, file, onHashed = std::move(onHashed)](Result<HashedFile> hashed) {
        if (!hashed)
            return onHashed(std::move(hashed).error());
        onHashed(hashed->sha256);
        uploads->add(hashed->sha256, {.file = file, .bytes = nullptr, .size = hashed->size});
    });
}

void Client::Impl::sendStop()
{
    if (!connection->isUp()) {
        stopHeadWanted = true;
        return;
    }
    wire::ClientMessage message;
    message.mutable_stop_head();
    connection->send(std::move(message));
}

Client::Client(HeadAddress head, std::string program)
    : m_impl(std::make_unique<Impl>(std::move(head), std::move(program)))
{
}

Client::~Client()
{
    m_impl->stopping = true;
    m_impl->post([] {}); // wakes the thread
    if (m_impl->thread.joinable())
        m_impl->thread.join();
    m_impl->files.reset(); // joins the reader, which posts here
}

Result<Done> Client::start(std::function<void(Event)> onEvent)
{
    return m_impl->start(std::move(onEvent));
}

void Client::upload(std::filesystem::path file, std::function<void(Result<Sha256>)> onHashed)
{
    m_impl->post([impl = m_impl.get(), file = std::move(file), onHashed = std::move(onHashed)] {
        impl->addFile(file, onHashed);
    });
}

Sha256 Client::upload(std::string bytes)
{
    Sha256 digest = sha256(std::as_bytes(std::span(bytes)));
    auto shared = std::make_shared<const std::string>(std::move(bytes));
    m_impl->post([impl = m_impl.get(), digest, shared] {
        impl->uploads->add(digest, {.file = {}, .bytes = shared, .size = shared->size()});
    });
    return digest;
}

void Client::inspect(const Sha256& sha256, std::uint32_t thumbnailSide)
{
    m_impl->post([impl = m_impl.get(), sha256, thumbnailSide] { impl->asks->inspect(sha256, thumbnailSide); });
}

std::string Client::ask(wire::Ask ask)
{
    if (ask.id().empty())
        ask.set_id(randomId());
    std::string id = ask.id();
    m_impl->post([impl = m_impl.get(), ask = std::move(ask)] { impl->asks->ask(ask); });
    return id;
}

void Client::cancel(const std::string& askId)
{
    m_impl->post([impl = m_impl.get(), askId] { impl->asks->cancel(askId, now()); });
}

void Client::stopHead()
{
    m_impl->post([impl = m_impl.get()] { impl->sendStop(); });
}

std::string Client::preflight(wire::EngineSettings settings, std::string id)
{
    wire::Preflight message;
    message.set_id(id.empty() ? randomId() : std::move(id));
    *message.mutable_settings() = std::move(settings);
    m_impl->post([impl = m_impl.get(), message] { impl->commands->preflight(message); });
    return message.id();
}

std::string Client::deploy(wire::EngineSettings settings, std::string id)
{
    wire::Deploy message;
    message.set_id(id.empty() ? randomId() : std::move(id));
    *message.mutable_settings() = std::move(settings);
    m_impl->post([impl = m_impl.get(), message] { impl->commands->deploy(message); });
    return message.id();
}

std::string Client::makeJoinLine(std::string id)
{
    wire::MakeJoinLine message;
    message.set_id(id.empty() ? randomId() : std::move(id));
    m_impl->post([impl = m_impl.get(), message] { impl->commands->makeJoinLine(message); });
    return message.id();
}

std::string Client::getLog(std::string node, std::uint32_t mostBytes, std::string id)
{
    wire::GetLog message;
    message.set_id(id.empty() ? randomId() : std::move(id));
    message.set_node(std::move(node));
    message.set_most_bytes(mostBytes);
    m_impl->post([impl = m_impl.get(), message] { impl->commands->getLog(message); });
    return message.id();
}

void Client::removeNode(std::string node)
{
    wire::RemoveNode message;
    message.set_node(std::move(node));
    m_impl->post([impl = m_impl.get(), message] { impl->commands->removeNode(message); });
}

} // namespace argus::client
