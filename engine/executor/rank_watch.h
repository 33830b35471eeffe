#pragma once
// Whether the ranks of an executor still get on, judged by signs of life from inside their work.
//
// A rank that hangs makes all others wait for it, so the time a step takes says nothing about who hangs. Each rank says
// itself what it is at: it computes, or it waits for its device or for other ranks. One that computes and gives no sign
// between two layers is the one.

#include "engine/base/clock.h"
#include "engine/comm/communicator.h"
#include "engine/executor/step_work.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace argus::executor {

/// What a rank says of itself. Written on the rank's thread, read by the watch.
class Pulse {
public:
    enum class State {
        Idle,    ///< no commands, or not yet loaded: nothing is expected
        Working, ///< its thread computes, or enqueues
        Device,  ///< its device computes
        Waiting, ///< for other ranks, as long as their groups let it
    };
    /// `patience`: how long it may go without a sign from here on.
    void enter(State state, Milliseconds patience = Milliseconds(0))
    {
        m_patience.store(patience.count(), std::memory_order_relaxed);
        m_state.store(state, std::memory_order_relaxed);
        beat();
    }
    void beat() { m_beats.fetch_add(1, std::memory_order_release); }

    [[nodiscard]] std::uint64_t beats() const { return m_beats.load(std::memory_order_acquire); }
    [[nodiscard]] State state() const { return m_state.load(std::memory_order_relaxed); }
    [[nodiscard]] Milliseconds patience() const { return Milliseconds(m_patience.load(std::memory_order_relaxed)); }

private:
    std::atomic<std::uint64_t> m_beats{0};
    std::atomic<State> m_state{State::Idle};
    std::atomic<Milliseconds::rep> m_patience{0};
};

/// Lives on one thread, which looks a few times a second. Time is an argument.
class RankWatch {
public:
    /// Between two looks so much time means that the whole process did not run: nobody is blamed for it.
    static constexpr Milliseconds kOwnGap{2'000};
    /// A rank may be silent this many times as long as it usually is, whatever its patience says ...
    static constexpr int kTimesUsual = 20;
    /// ... but no longer than this by that rule.
    static constexpr Milliseconds kMostByHabit{60'000};

    /// Watches pulses that outlive it.
    explicit RankWatch(std::vector<const Pulse*> pulses) : m_ranks(pulses.size())
    {
        for (std::size_t i = 0; i < pulses.size(); ++i)
            m_ranks[i].pulse = pulses[i];
    }

    struct Stuck {
        std::size_t rank = 0; ///< index of its pulse
        Pulse::State state = Pulse::State::Working;
        Milliseconds silent{};
    };
    /// The rank that has been silent the longest of those that have been for too long.
    [[nodiscard]] std::optional<Stuck> look(Instant now);

private:
    struct Watched {
        const Pulse* pulse = nullptr;
        std::uint64_t beats = 0;
        Instant since{};
        Milliseconds silence{}; ///< that was seen and still goes on
        Milliseconds usual{};   ///< the longest that ended by itself, fading
    };
    std::vector<Watched> m_ranks;
    std::optional<Instant> m_last;
};

/// A group whose operations say that the rank waits for others meanwhile.
[[nodiscard]] std::unique_ptr<comm::Communicator> watched(std::unique_ptr<comm::Communicator> group, Pulse& pulse);

/// How long a rank may go without a sign while a step of that much work runs. A processor's rank gives a sign after
/// each layer; a GPU's only puts layers into a queue, and may have to wait until there is room.
[[nodiscard]] Milliseconds workingPatience(const StepWork& work, bool gpu);
/// How long a GPU may take for all that it was given. Longer than workingPatience() of the same work, since it may be
/// waiting for a rank whose thread hangs: that one is to be found first.
[[nodiscard]] Milliseconds devicePatience(double work);

} // namespace argus::executor
