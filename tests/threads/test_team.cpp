// The team of threads that computes on a CPU: every task once, what helpers wrote is there when the operation is over,
// and none of them is left in one that has ended.

#include "kernels/cpu/team.h"
#include "tests/threads/check.h"

#include <chrono>
#include <cstdint>
#include <vector>

using namespace argus::threads;
using argus::kernels::cpu::kWorkPerThread;
using argus::kernels::cpu::Team;

namespace {

constexpr int kThreads = 4;
constexpr std::int64_t kMuch = kThreads * kWorkPerThread; ///< worth all threads

/// One operation reads what the one before wrote, as layers do.
void operationsFollowEachOther(Checks& checks, Team& team, int operations)
{
    std::vector<std::int64_t> values(97, 1); // plain memory: the team alone orders who writes and who reads
    for (int operation = 0; operation < operations; ++operation) {
        std::vector<std::int64_t> next(values.size(), 0);
        team.forEachTask(kMuch, static_cast<std::int64_t>(values.size()), [&](std::int64_t i) {
            const auto at = static_cast<std::size_t>(i);
            next[at] = values[at] + values[(at + 1) % values.size()] % 7;
        });
        values.swap(next); // what helpers held of the old one is gone
    }
    std::vector<std::int64_t> alone(97, 1);
    for (int operation = 0; operation < operations; ++operation) {
        std::vector<std::int64_t> next(alone.size(), 0);
        for (std::size_t at = 0; at < alone.size(); ++at)
            next[at] = alone[at] + alone[(at + 1) % alone.size()] % 7;
        alone.swap(next);
    }
    checks.that(values == alone, "a team computed something else than one thread");
}

void piecesCoverEveryRowOnce(Checks& checks, Team& team)
{
    for (int rows = 0; rows < 40; ++rows) {
        std::vector<int> times(static_cast<std::size_t>(rows), 0);
        team.forEachPiece(kMuch, rows, [&](int first, int count) {
            for (int row = first; row < first + count; ++row)
                ++times[static_cast<std::size_t>(row)];
        });
        if (times != std::vector<int>(static_cast<std::size_t>(rows), 1))
            return checks.that(false, "a row was computed twice or not at all");
    }
    checks.that(true, "");
}

} // namespace

int main()
{
    Checks checks;
    {
        Team team(kThreads);
        operationsFollowEachOther(checks, team, 2'000);
        piecesCoverEveryRowOnce(checks, team);
        for (int i = 0; i < 20; ++i) { // helpers fall asleep in between
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            operationsFollowEachOther(checks, team, 3);
        }
    }
    for (int i = 0; i < 100; ++i) // ends while helpers begin, watch, compute or sleep
        operationsFollowEachOther(checks, *std::make_unique<Team>(kThreads), i % 3);
    // Ranks of one executor have a team each.
    together(3, [&](int) {
        Team own(2);
        operationsFollowEachOther(checks, own, 300);
    });
    return checks.end();
}
