#pragma once
// Faults on purpose: frames that get lost or come late, threads that hang. For tests of what happens then.
//
// Every frame of the three channels (client and head, worker and head, node and executor) and every step of a rank goes
// past here. Without the CMake option ARGUS_WITH_FAULT_HOOKS nothing of it is compiled into a program.
//
// The variable ARGUS_FAULTS holds rules with semicolons between them, or @FILE with such rules in it; a file is read
// again when it changes, so that a test can begin and end a fault while everything runs. Children inherit it.
//
//     drop   WHO.WHAT [COUNT]           the frame is lost; COUNT of them, else all
//     delay  WHO.WHAT DURATION [COUNT]  "200ms", "2s"; what comes behind it waits too, as on a slow line
//     hold   WHO.WHAT [COUNT]           the frame, and what comes behind it, waits until @FILE is changed
//     freeze WHO.WHAT                   the thread that has the frame in its hands hangs for ever
//
// each with, at the end, "after N" (N of them pass first) and "on receive" (where it is read; else where it is sent).
// WHO says it: client, to_client, worker, to_worker, executor, to_executor. WHAT is the field of the message's oneof
// ("worker.heartbeat", "executor.result"), or * for any. "freeze executor.rank1 after 5" is about the thread of a
// rank, when it begins a step.

#include "engine/base/result.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#ifndef ARGUS_FAULT_HOOKS
#error "link argus_fault_hooks: it says whether there are any"
#endif

namespace argus::protocol::faults {

inline constexpr bool kCompiledIn = ARGUS_FAULT_HOOKS != 0;

/// Who says what goes past.
enum class Speaker { Nobody, Client, ToClient, Worker, ToWorker, Executor, ToExecutor };
enum class Way { Sent, Received };

/// Pure: rules, and what they say of the next frame.
class Rules {
public:
    /// Errors  BadRequest, naming the rule and what is wrong with it
    [[nodiscard]] static Result<Rules> parse(std::string_view text);

    struct Verdict {
        bool drop = false;
        bool freeze = false;
        bool hold = false;
        std::uint64_t delayMs = 0;
        std::string rule = {}; ///< the one that said so last
    };
    /// Counts.
    [[nodiscard]] Verdict judge(Speaker speaker, Way way, std::string_view what);
    [[nodiscard]] bool empty() const { return m_rules.empty(); }

private:
    enum class Action { Drop, Delay, Hold, Freeze };
    struct Rule {
        Action action = Action::Drop;
        Speaker speaker = Speaker::Nobody;
        std::string what = {};
        Way way = Way::Sent;
        std::uint64_t after = 0;
        std::uint64_t count = 0; ///< 0: all
        std::uint64_t delayMs = 0;
        std::string text = {};
        std::uint64_t seen = 0;
    };
    [[nodiscard]] static Result<Rule> parseRule(const std::string& text);

    std::vector<Rule> m_rules;
};

/// The name of the message in a frame; empty when there is none that Argus knows. Does not parse what is inside.
[[nodiscard]] std::string_view nameOf(Speaker speaker, std::string_view frame);

namespace detail {
extern std::atomic<bool> active; // set before threads are made
[[nodiscard]] bool frame(Speaker speaker, Way way, std::string_view bytes);
void rank(std::uint32_t number);
[[nodiscard]] Result<Done> read();
} // namespace detail

/// In main, before threads. Errors  BadRequest for rules that cannot be understood
[[nodiscard]] inline Result<Done> readEnvironment()
{
    if constexpr (kCompiledIn)
        return detail::read();
    return Done{};
}
/// False: act as if the frame had never been. May wait, or never return.
[[nodiscard]] inline bool passes([[maybe_unused]] Speaker speaker, [[maybe_unused]] Way way,
                                 [[maybe_unused]] std::string_view frame)
{
    if constexpr (kCompiledIn)
        return !detail::active.load(std::memory_order_relaxed) || detail::frame(speaker, way, frame);
    return true;
}
/// A rank begins a step, on its thread. May never return.
inline void atStep([[maybe_unused]] std::uint32_t rank)
{
    if constexpr (kCompiledIn)
        if (detail::active.load(std::memory_order_relaxed))
            detail::rank(rank);
}

} // namespace argus::protocol::faults
