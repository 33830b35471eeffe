#include "engine/executor/rank_watch.h"

#include <algorithm>
#include <utility>

namespace argus::executor {
namespace {

/// Nobody is silent for this long in the middle of ordinary work.
constexpr Milliseconds kPatience{5'000};
/// A rank that waits for its GPU is blamed this much later than one whose thread hangs.
constexpr Milliseconds kDeviceGrace{10'000};
/// The slowest that anybody would wait for: one core without vector units, the smallest supported GPU at a quarter.
constexpr double kSlowestProcessor = 2e9; // floating point operations a second
constexpr double kSlowestGpu = 1e12;
/// A processor uses weights where the file is mapped, and may have to fetch them again from a disk that is busy.
constexpr double kSlowestDisk = 50e6; // bytes a second
/// Silences fade by this at each look that finds a sign, to half within some 20 s.
constexpr double kFading = 0.99;

Milliseconds faded(Milliseconds silence)
{
    return Milliseconds(static_cast<Milliseconds::rep>(static_cast<double>(silence.count()) * kFading));
}

Milliseconds secondsOf(double seconds)
{
    constexpr double kLongest = 3600;
    return Milliseconds(static_cast<Milliseconds::rep>(std::min(seconds, kLongest) * 1000));
}

/// Says that the rank waits, as long as it lives.
class Waiting {
public:
    explicit Waiting(Pulse& pulse) : m_pulse(pulse), m_before(pulse.state()), m_patience(pulse.patience())
    {
        m_pulse.enter(Pulse::State::Waiting);
    }
    ~Waiting() { m_pulse.enter(m_before, m_patience); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    Pulse& m_pulse;
    Pulse::State m_before;
    Milliseconds m_patience;
};

class WatchedGroup final : public comm::Communicator {
public:
    WatchedGroup(std::unique_ptr<comm::Communicator> group, Pulse& pulse)
        : Communicator(group->rank(), group->size()), m_group(std::move(group)), m_pulse(pulse)
    {
    }
    void sum(TensorView x) override
    {
        const Waiting waiting(m_pulse);
        m_group->sum(x);
    }
    void addSum(TensorView residual, TensorView partial) override
    {
        const Waiting waiting(m_pulse);
        m_group->addSum(residual, partial);
    }
    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override
    {
        const Waiting waiting(m_pulse);
        m_group->gatherColumns(y, x, scratch);
    }
    void send(ConstTensorView x, int to) override
    {
        const Waiting waiting(m_pulse);
        m_group->send(x, to);
    }
    void receive(TensorView x, int from) override
    {
        const Waiting waiting(m_pulse);
        m_group->receive(x, from);
    }
    void requireWhole() override { m_group->requireWhole(); }
    void abort() noexcept override { m_group->abort(); }

private:
    std::unique_ptr<comm::Communicator> m_group;
    Pulse& m_pulse;
};

} // namespace

std::optional<RankWatch::Stuck> RankWatch::look(Instant now)
{
    const bool slept = !m_last || now - *m_last > kOwnGap;
    m_last = now;
    std::optional<Stuck> stuck;
    for (std::size_t i = 0; i < m_ranks.size(); ++i) {
        Watched& rank = m_ranks[i];
        const std::uint64_t beats = rank.pulse->beats();
        const Pulse::State state = rank.pulse->state();
        const auto silent = std::chrono::duration_cast<Milliseconds>(now - rank.since);
        if (slept || beats != rank.beats) {
            if (!slept)
                rank.usual = std::max(faded(rank.usual), rank.silence);
            rank.silence = Milliseconds(0);
            rank.beats = beats;
            rank.since = now;
            continue;
        }
        if (state != Pulse::State::Working && state != Pulse::State::Device)
            continue;
        rank.silence = silent;
        if (silent > std::max(rank.pulse->patience(), std::min(rank.usual * kTimesUsual, kMostByHabit)) &&
            (!stuck || silent > stuck->silent))
            stuck = Stuck{.rank = i, .state = state, .silent = silent};
    }
    return stuck;
}

std::unique_ptr<comm::Communicator> watched(std::unique_ptr<comm::Communicator> group, Pulse& pulse)
{
    return group ? std::make_unique<WatchedGroup>(std::move(group), pulse) : nullptr;
}

Milliseconds workingPatience(const StepWork& work, bool gpu)
{
    return kPatience + secondsOf(gpu ? work.total / kSlowestGpu
                                     : work.largestLayer / kSlowestProcessor + work.largestWeights / kSlowestDisk);
}

Milliseconds devicePatience(double work)
{
    return kPatience + kDeviceGrace + secondsOf(work / kSlowestGpu);
}

} // namespace argus::executor
