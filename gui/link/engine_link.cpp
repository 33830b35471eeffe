#include "gui/link/engine_link.h"

#include "engine/base/catalogue.h"
#include "gui/link/occurrence.h"
#include "gui/link/passing.h"
#include "gui/link/wire_engine.h"
#include "gui/link/wire_facts.h"

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/client/private_head.h"
#include "engine/protocol/keys.h"

#include <QFileInfo>
#include <QMetaObject>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace argus::gui {

namespace {

constexpr Milliseconds kHeadPatience{
    15'000}; ///< a head binds within a fraction of a second; a busy disk may make it slow
constexpr std::array<Milliseconds, 5> kBackOff{Milliseconds{250}, Milliseconds{1000}, Milliseconds{2000},
                                               Milliseconds{4000}, Milliseconds{8000}};
constexpr Milliseconds kLongEnough{30'000}; ///< a head that lived this long was healthy: the back-off starts anew

} // namespace

/// Owns the head, the client and the thread both live under. The GUI thread reaches the client through with(), under a
/// mutex that is held for the length of one non-blocking call.
class EngineLink::Keeper {
public:
    Keeper(EngineLink& link, const LinkOptions& options) : m_link(link), m_options(options)
    {
        m_wake = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        m_thread = std::thread([this] { run(); });
    }

    ~Keeper()
    {
        m_stopping = true;
        wake();
        m_thread.join();
    }

    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    void wake() const
    {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(m_wake.get(), &one, sizeof one);
    }

    /// Calls `use` with the client of that generation, if it is still the one. Returns whether it did.
    template <typename Use>
    bool with(int generation, Use&& use)
    {
        const std::lock_guard lock(m_mutex);
        if (!m_client || generation != m_generation)
            return false;
        use(*m_client);
        return true;
    }

private:
    void run()
    {
        pthread_setname_np(pthread_self(), "argus-keeper");
        std::size_t failures = 0;
        while (!m_stopping) {
            const Instant begun = now();
            const Error why = m_options.headAddress.isEmpty() ? keepPrivateHead() : keepRemoteHead();
            if (m_stopping)
                return;
            failures = now() - begun > kLongEnough ? 0 : failures;
            const int generation = m_generation;
            post([this, generation, why = toTrouble(why)] { m_link.headIsGone(generation, why); });
            pause(-1, kBackOff[std::min(failures++, kBackOff.size() - 1)]);
        }
    }

    /// Returns when the head is gone, with the reason.
    Error keepPrivateHead()
    {
        std::vector<std::string> settings;
        for (const QString& argument : m_options.headSettings)
            settings.push_back(argument.toStdString());
        auto head = client::PrivateHead::start(settings, Deadline::in(kHeadPatience));
        if (!head)
            return head.error();
        if (auto started = startClient(head.value().address(), head.value().pid()); !started) {
            dropClient();
            return started.error();
        }
        while (!m_stopping && !pause(head.value().pidFd(), Milliseconds(3'600'000))) {
        }
        dropClient();
        if (m_stopping)
            head.value().stop(Deadline::in(Milliseconds(3000)));
        return Error{ErrorCode::Crashed, "the head on this computer ended unexpectedly",
                     "it is being started again; then ask once more", ""};
    }

    Error keepRemoteHead()
    {
        auto keys = protocol::loadOrMakeKeys(configFolder() / "keys" / "client.key");
        if (!keys)
            return keys.error();
        client::HeadAddress address;
        address.endpoint = m_options.headAddress.toStdString();
        address.headPublicKey = m_options.headKey.toStdString();
        address.own = {keys.value().publicKey, keys.value().secretKey};
        if (auto started = startClient(address, 0); !started) {
            dropClient();
            return started.error();
        }
        while (!m_stopping)
            pause(-1, Milliseconds(3'600'000));
        dropClient();
        return Error{};
    }

    Result<Done> startClient(const client::HeadAddress& address, pid_t pid)
    {
        auto fresh = std::make_unique<client::Client>(address, "argus");
        const int generation = m_generation + 1;
        {
            const std::lock_guard lock(m_mutex);
            m_client = std::move(fresh);
            m_generation = generation;
        }
        post([this, generation, pid] { m_link.headIsHere(generation, pid); });
        return m_client->start([this, generation](client::Event event) {
            post([this, generation, event = Occurrence{std::move(event)}] { m_link.deliver(generation, event); });
        });
    }

    /// Joins the client's thread, here and not on the GUI thread.
    void dropClient()
    {
        std::unique_ptr<client::Client> old;
        {
            const std::lock_guard lock(m_mutex);
            old = std::move(m_client);
        }
    }

    /// Waits until `fd` is readable (true), somebody calls wake() or the time is over (false).
    bool pause(int fd, Milliseconds patience) const
    {
        std::array<pollfd, 2> wait{pollfd{m_wake.get(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
        ::poll(wait.data(), fd < 0 ? 1 : 2, static_cast<int>(patience.count()));
        std::uint64_t count = 0;
        [[maybe_unused]] const auto drained = ::read(m_wake.get(), &count, sizeof count);
        return fd >= 0 && wait[1].revents != 0;
    }

    /// To the GUI thread. The link outlives this thread, and calls it has not taken when it goes are dropped with it.
    template <typename Call>
    void post(Call&& call)
    {
        QMetaObject::invokeMethod(&m_link, std::forward<Call>(call), Qt::QueuedConnection);
    }

    EngineLink& m_link;
    const LinkOptions m_options;
    UniqueFd m_wake;
    std::atomic<bool> m_stopping = false;
    std::mutex m_mutex; // guards the two below
    std::unique_ptr<client::Client> m_client;
    int m_generation = 0;
    std::thread m_thread; // last: it uses all of the above
};

EngineLink::EngineLink(LinkOptions options, QObject* parent) : Link(parent), m_options(std::move(options)) {}

EngineLink::~EngineLink()
{
    m_keeper.reset(); // ends the head and joins its thread: nothing is posted here any more
}

void EngineLink::start()
{
    if (!m_keeper)
        m_keeper = std::make_unique<Keeper>(*this, m_options);
}

void EngineLink::retryNow()
{
    if (m_keeper)
        m_keeper->wake();
}

void EngineLink::setState(LinkState state, const Trouble& why)
{
    m_state = state;
    emit stateChanged(state, why);
}

void EngineLink::headIsHere(int generation, qint64 pid)
{
    m_generation = generation;
    m_headPid = pid;
    m_clientHere = true;
    for (auto upload = m_uploads.begin(); upload != m_uploads.end(); ++upload) {
        upload->digest.clear();
        upload->trouble = {};
    }
    const QList<AttachmentId> ids = m_uploads.keys();
    for (const AttachmentId id : ids)
        upload(id);
    sendWaitingAsks();
}

void EngineLink::headIsGone(int generation, const Trouble& why)
{
    if (generation != m_generation)
        return;
    m_clientHere = false;
    m_headPid = 0;
    const QSet<AskId> lost = std::exchange(m_running, {});
    for (const AskId& id : lost)
        emit askFailed(id, why);
    setState(m_wasConnected ? LinkState::Away : LinkState::Starting, why);
}

void EngineLink::attach(AttachmentId id, const QString& path)
{
    m_uploads.insert(id, Upload{path, {}, {}, false});
    upload(id);
}

void EngineLink::forget(AttachmentId id)
{
    m_uploads.remove(id);
}

void EngineLink::upload(AttachmentId id)
{
    if (!m_clientHere)
        return; // headIsHere() comes back to it
    const int generation = m_generation;
    const std::filesystem::path file(m_uploads.value(id).path.toStdString());
    m_keeper->with(generation, [&](client::Client& client) {
        client.upload(file, [this, generation, id](Result<Sha256> digest) { // on the client's thread
            const QByteArray sha = digest ? bytes(digest.value()) : QByteArray();
            const Trouble trouble = digest ? Trouble() : toTrouble(digest.error());
            QMetaObject::invokeMethod(
                this, [=, this] { hashed(generation, id, sha, trouble); }, Qt::QueuedConnection);
        });
    });
}

void EngineLink::hashed(int generation, AttachmentId id, const QByteArray& digest, const Trouble& trouble)
{
    const auto upload = m_uploads.find(id);
    if (generation != m_generation || upload == m_uploads.end())
        return;
    upload->digest = digest;
    upload->trouble = trouble;
    if (!trouble.isEmpty())
        emit attachmentFailed(id, trouble);
    else if (!upload->inspected)
        m_keeper->with(generation, [&](client::Client& client) {
            client.inspect(digest.toStdString(), static_cast<std::uint32_t>(m_options.thumbnailSide));
        });
    sendWaitingAsks();
}

void EngineLink::ask(const Question& question)
{
    for (const Turn& turn : question.turns)
        for (const AttachmentId id : turn.attachments)
            if (const Upload upload = m_uploads.value(id); mayPass(upload.trouble))
                attach(id, upload.path); // it failed once because the head was silent, which is no answer for ever
    m_waiting << question;
    sendWaitingAsks();
}

void EngineLink::cancel(const AskId& id)
{
    const auto waiting =
        std::find_if(m_waiting.begin(), m_waiting.end(), [&](const Question& question) { return question.id == id; });
    if (waiting != m_waiting.end()) { // no head has heard of it
        m_waiting.erase(waiting);
        emit askFinished(id, AskOutcome::Stopped, QString(), AnswerStats());
        return;
    }
    if (m_keeper)
        m_keeper->with(m_generation, [&](client::Client& client) { client.cancel(id.toStdString()); });
}

template <typename Call>
void EngineLink::command(const QString& about, Call&& call)
{
    if (m_keeper && m_clientHere && m_keeper->with(m_generation, std::forward<Call>(call)))
        return;
    const Trouble trouble = toTrouble(makeError(ErrorCode::Unreachable, say("head-silent"), say("do-wait-and-retry")));
    QMetaObject::invokeMethod(
        this, [this, about, trouble] { emit commandFailed(about, trouble); }, Qt::QueuedConnection);
}

void EngineLink::preflight(const QString& id, const EngineSettings& settings)
{
    command(id, [&](client::Client& client) { client.preflight(toWire(settings), id.toStdString()); });
}

void EngineLink::deploy(const QString& id, const EngineSettings& settings)
{
    command(id, [&](client::Client& client) { client.deploy(toWire(settings), id.toStdString()); });
}

void EngineLink::makeJoinLine(const QString& id)
{
    command(id, [&](client::Client& client) { client.makeJoinLine(id.toStdString()); });
}

void EngineLink::getLog(const QString& id, const QString& node)
{
    command(id, [&](client::Client& client) { client.getLog(node.toStdString(), 0, id.toStdString()); });
}

void EngineLink::removeNode(const QString& node)
{
    command(node, [&](client::Client& client) { client.removeNode(node.toStdString()); });
}

void EngineLink::failAsk(const AskId& id, const Trouble& trouble)
{
    m_running.remove(id);
    emit askFailed(id, trouble);
}

void EngineLink::sendWaitingAsks()
{
    if (!m_clientHere)
        return;
    QList<Question> still;
    const QList<Question> waiting = std::exchange(m_waiting, {});
    for (const Question& question : waiting) {
        wire::Ask ask;
        ask.set_id(question.id.toStdString());
        fill(*ask.mutable_sampling(), question.sampling);
        Trouble trouble;
        bool complete = true;
        for (const Turn& turn : question.turns) {
            wire::ChatMessage& message = *ask.add_messages();
            message.set_role(turn.role == Turn::Role::User ? "user" : "assistant");
            for (const AttachmentId id : turn.attachments) {
                const Upload upload = m_uploads.value(id);
                complete = complete && !upload.digest.isEmpty();
                if (!upload.trouble.isEmpty())
                    trouble = upload.trouble;
                message.add_parts()->set_media(upload.digest.toStdString());
            }
            if (!turn.text.isEmpty())
                message.add_parts()->set_text(turn.text.toStdString());
        }
        if (!trouble.isEmpty()) {
            failAsk(question.id, trouble);
        } else if (!complete) {
            still << question;
        } else {
            m_running.insert(question.id);
            m_keeper->with(m_generation, [&](client::Client& client) { client.ask(std::move(ask)); });
        }
    }
    m_waiting = still + m_waiting;
}

} // namespace argus::gui
