#pragma once
// Threads that share the work of one operation after another.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace argus::kernels::cpu {

/// Multiplications worth another thread: about twenty microseconds of one core, several times what a hand-over costs.
constexpr std::int64_t kWorkPerThread = 128 * 1024;

/// A caller and its helpers. Tasks are claimed one by one, and the caller claims too: it waits for tasks that a helper
/// has begun, never for a helper that has not come, so a busy machine costs speed in proportion and not a time slice an
/// operation (which is what a barrier costs there).
///
/// Used by one thread at a time. Helpers watch for the next operation for some fifty microseconds, then sleep until
/// they are called.
class Team {
public:
    /// threads, with the caller, at least one. Helpers start here and end in the destructor.
    explicit Team(int threads);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    [[nodiscard]] int threads() const { return static_cast<int>(m_helpers.size()) + 1; }
    /// How many threads are worth having for `work` multiplications.
    [[nodiscard]] int worthwhile(std::int64_t work) const
    {
        return static_cast<int>(std::clamp<std::int64_t>(work / kWorkPerThread, 1, threads()));
    }

    /// Calls task(0) … task(count - 1), each once, in any order; returns when all are done. `work` counts the
    /// multiplications of all of them.
    template <typename Task>
    void forEachTask(std::int64_t work, std::int64_t count, const Task& task)
    {
        if (count <= 1 || worthwhile(work) <= 1) {
            for (std::int64_t i = 0; i < count; ++i)
                task(i);
            return;
        }
        share(
            count, [](const void* context, std::int64_t index) { (*static_cast<const Task*>(context))(index); }, &task);
    }

    /// Calls task(first, count) for pieces that together cover [0, rows), about two a thread.
    template <typename Task>
    void forEachPiece(std::int64_t work, int rows, const Task& task)
    {
        const int wanted = worthwhile(work);
        const int pieces = wanted <= 1 ? std::min(rows, 1) : std::min(rows, wanted * 2);
        forEachTask(work, pieces, [&](std::int64_t i) {
            const auto first = static_cast<int>(i * rows / pieces);
            task(first, static_cast<int>((i + 1) * rows / pieces) - first);
        });
    }

private:
    using Call = void (*)(const void* context, std::int64_t index);
    void share(std::int64_t count, Call call, const void* context);
    void work();
    void help();

    // The operation that is being shared. Written by the caller while it is closed and nobody is inside.
    Call m_call = nullptr;
    const void* m_context = nullptr;
    std::int64_t m_count = 0;
    std::atomic<std::int64_t> m_next{0};
    std::atomic<bool> m_open{false};
    std::atomic<int> m_inside{0};           ///< helpers that may be reading the operation
    std::atomic<std::uint32_t> m_number{0}; ///< of the operation; helpers wait for it to change
    std::atomic<int> m_sleepers{0};
    std::atomic<bool> m_ending{false};
    std::vector<std::thread> m_helpers;
};

} // namespace argus::kernels::cpu
