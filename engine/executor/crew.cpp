#include "engine/executor/crew.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/executor/load_order.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>
#include <pthread.h>

namespace argus::executor {

Crew::Crew(const RankOptions& options, std::shared_ptr<const wire::NodeToExecutor> load, Send send)
    : m_options(options), m_send(std::move(send)), m_alone(ranksOfAll(load->load()) == 1),
      m_meetingPoint([this](const std::string& key, const std::string& value) {
          wire::ExecutorToNode message;
          message.mutable_exchange()->set_key(key);
          message.mutable_exchange()->set_value(value);
          if (auto sent = m_send(message); !sent)
              log::warn("{}", sent.error().text()); // the next answer fails too, and ends its rank
      })
{
    for (int index = 0; index < load->load().ranks_size(); ++index)
        m_ranks.push_back(std::make_unique<Rank>(m_options, load, index, *this));
    std::vector<const Pulse*> pulses;
    for (const auto& rank : m_ranks)
        pulses.push_back(&rank->pulse());
    m_watch.emplace(std::move(pulses));
    m_living = m_ranks.size();
    for (const auto& rank : m_ranks)
        m_threads.emplace_back([this, &rank = *rank] { live(rank); });
}

Crew::~Crew()
{
    end("the executor ends");
    for (std::thread& thread : m_threads)
        thread.join();
}

void Crew::live(Rank& rank)
{
    ::pthread_setname_np(::pthread_self(), fmt::format("argus-rank-{}", rank.order().rank()).c_str());
    rank.run();
    end(fmt::format("rank {} has ended", rank.order().rank()));
    const std::lock_guard lock(m_mutex);
    --m_living;
    m_changed.notify_all();
}

bool Crew::push(const Command& command, const std::function<bool()>& gaveUp)
{
    constexpr Milliseconds kTry{100};
    for (const auto& rank : m_ranks) {
        Command copy = command;
        while (!rank->commands().push(copy, Deadline::in(kTry)))
            if (m_over || gaveUp())
                return false;
    }
    return true;
}

std::optional<Error> Crew::stuck(Instant now)
{
    const std::optional<RankWatch::Stuck> found = m_watch->look(now);
    if (!found || m_over.exchange(true))
        return std::nullopt;
    const std::uint32_t rank = m_ranks[found->rank]->order().rank();
    const auto seconds = std::chrono::round<std::chrono::seconds>(found->silent).count();
    return makeError(ErrorCode::Timeout,
                     found->state == Pulse::State::Device ? say("rank-device-silent", rank, seconds)
                                                          : say("rank-silent", rank, seconds),
                     say("do-look-at-device"));
}

bool Crew::failed(const Error& error)
{
    if (m_alone ? m_over.load() : m_over.exchange(true))
        return false; // the first cause is told; what comes of it is not
    log::error("{}", error.text());
    wire::ExecutorToNode message;
    *message.mutable_failed()->mutable_error() = protocol::toWire(error);
    const auto sent = m_send(message);
    if (!sent)
        log::warn("{}", sent.error().text());
    if (!m_alone)
        end(error.cause);
    return m_alone && sent.ok();
}

void Crew::end(const std::string& why)
{
    m_over = true;
    m_meetingPoint.abort(why);
    for (const auto& rank : m_ranks)
        rank->abort();
}

bool Crew::ended(Deadline deadline)
{
    std::unique_lock lock(m_mutex);
    return m_changed.wait_until(lock, deadline.at(), [this] { return m_living == 0; });
}

} // namespace argus::executor
