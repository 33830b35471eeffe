#pragma once
// Sharing work among threads. The only place of the CPU kernels that knows OpenMP.

#include <algorithm>
#include <cstdint>

namespace argus::kernels::cpu {

/// Multiplications worth waking another thread for: about twenty microseconds of one core, several times what a wake-up
/// costs.
constexpr std::int64_t kWorkPerThread = 128 * 1024;

/// How many of `threads` are worth having for `work` multiplications.
[[nodiscard]] inline int teamSize(int threads, std::int64_t work)
{
    return static_cast<int>(std::clamp<std::int64_t>(work / kWorkPerThread, 1, std::max(threads, 1)));
}

/// Calls task(0) … task(count - 1), each once, in any order, on `team` threads; returns when all are done.
template <typename Task>
void forEachTask(int team, std::int64_t count, const Task& task)
{
    if (team <= 1 || count <= 1) {
        for (std::int64_t i = 0; i < count; ++i)
            task(i);
        return;
    }
    const int threads = static_cast<int>(std::min<std::int64_t>(team, count));
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t i = 0; i < count; ++i)
        task(i);
}

/// Calls task(first, count) for pieces that together cover [0, rows), about two a thread.
template <typename Task>
void forEachPiece(int team, int rows, const Task& task)
{
    const int pieces = team <= 1 ? 1 : std::min(rows, team * 2);
    forEachTask(team, rows == 0 ? 0 : pieces, [&](std::int64_t i) {
        const auto first = static_cast<int>(i * rows / pieces);
        task(first, static_cast<int>((i + 1) * rows / pieces) - first);
    });
}

} // namespace argus::kernels::cpu
