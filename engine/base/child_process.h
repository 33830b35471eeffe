#pragma once
// A child process that cannot outlive its parent.
//
// The child gets SIGKILL when the *thread* that started it ends (PR_SET_PDEATHSIG follows the thread), so start
// children from a thread that lives as long as they should: the main thread, or an owner thread that is joined after
// them.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argus {

/// How a child ended.
struct ExitReport {
    int code = 0;   ///< exit status when signal is 0
    int signal = 0; ///< the signal that killed it, or 0
    /// "exited with status 3", "was killed by signal 9 (Killed)"
    [[nodiscard]] std::string text() const;
    [[nodiscard]] Said said() const;
};

struct ChildOptions {
    std::filesystem::path program;
    std::vector<std::string> arguments; ///< without argv[0]
    std::vector<std::pair<int, int>>
        descriptors;            ///< (ours, number in the child); all others are closed there, but 0, 1 and 2
    bool quiet = false;         ///< stdout and stderr to /dev/null instead of ours
    bool diesWithThread = true; ///< SIGKILL when the starting thread ends
    std::vector<std::pair<std::string, std::string>> environment{}; ///< (name, value), beside or instead of ours
};

class ChildProcess {
public:
    [[nodiscard]] static Result<ChildProcess> start(const ChildOptions& options);
    ChildProcess() = default;
    ChildProcess(ChildProcess&& other) noexcept
        : m_pid(std::exchange(other.m_pid, -1)), m_pidFd(std::move(other.m_pidFd))
    {
    }
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    /// Kills and reaps a child that still runs.
    ~ChildProcess();

    [[nodiscard]] pid_t pid() const { return m_pid; }
    [[nodiscard]] bool running() const { return m_pid > 0; }
    /// Readable when the child has ended: for poll(2).
    [[nodiscard]] int pidFd() const { return m_pidFd.get(); }
    /// Reaps the child if it ends before the deadline; nothing when it still runs then.
    [[nodiscard]] std::optional<ExitReport> wait(Deadline deadline);
    void signal(int number) const;
    /// SIGKILL and reap. Returns how it ended.
    ExitReport kill();

private:
    pid_t m_pid = -1;
    UniqueFd m_pidFd;
};

} // namespace argus
