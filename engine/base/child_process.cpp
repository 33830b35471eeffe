#include "engine/base/child_process.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace argus {
namespace {

/// Between fork and exec only async-signal-safe calls are allowed; everything that allocates happens before.
[[noreturn]] void becomeChild(const ChildOptions& options, char* const* argv, char* const* environment,
                              std::vector<std::pair<int, int>>& moved, int failureFd, pid_t parent)
{
    if (options.diesWithThread) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(126);
    }
    if (options.quiet) {
        const int nowhere = ::open("/dev/null", O_RDWR);
        ::dup2(nowhere, 1);
        ::dup2(nowhere, 2);
    }
    // First lift every descriptor above all targets, so that no dup2 overwrites one that is still to be moved.
    constexpr int kAbove = 100;
    const int failure = ::fcntl(failureFd, F_DUPFD_CLOEXEC, kAbove);
    for (auto& [ours, target] : moved)
        ours = ::fcntl(ours, F_DUPFD_CLOEXEC, kAbove);
    int highest = 2;
    for (const auto& [ours, target] : moved) {
        ::dup2(ours, target);
        highest = std::max(highest, target);
    }
    for (int fd = 3; fd <= highest; ++fd)
        if (std::none_of(moved.begin(), moved.end(), [fd](const auto& pair) { return pair.second == fd; }))
            ::close(fd);
    // Mark instead of close: exec closes them, and the failure pipe stays usable until then.
    ::syscall(SYS_close_range, static_cast<unsigned>(highest + 1), ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execve(argv[0], argv, environment);
    const int number = errno;
    [[maybe_unused]] const ssize_t told = ::write(failure, &number, sizeof number);
    ::_exit(127);
}

/// "NAME=value" lines for the child: ours, but for those that the options name.
std::vector<std::string> environmentOf(const ChildOptions& options)
{
    std::vector<std::string> lines;
    for (const auto& [name, value] : options.environment)
        lines.push_back(name + "=" + value);
    for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
        const std::string_view ours(*line);
        const bool named = std::any_of(options.environment.begin(), options.environment.end(), [&](const auto& pair) {
            return ours.size() > pair.first.size() && ours.starts_with(pair.first) && ours[pair.first.size()] == '=';
        });
        if (!named)
            lines.emplace_back(ours);
    }
    return lines;
}

/// As exec wants them; the strings must outlive the result.
std::vector<char*> pointersTo(std::vector<std::string>& strings)
{
    std::vector<char*> pointers;
    for (std::string& string : strings)
        pointers.push_back(string.data());
    pointers.push_back(nullptr);
    return pointers;
}

} // namespace

std::string ExitReport::text() const
{
    return english(said());
}

Said ExitReport::said() const
{
    return signal != 0 ? say("how-signal", signal, ::strsignal(signal)) : say("how-status", code);
}

Result<ChildProcess> ChildProcess::start(const ChildOptions& options)
{
    const std::string program = options.program.string();
    std::vector<std::string> words{program};
    words.insert(words.end(), options.arguments.begin(), options.arguments.end());
    const std::vector<char*> argv = pointersTo(words);
    std::vector<std::string> lines = environmentOf(options);
    const std::vector<char*> environment = pointersTo(lines);
    std::vector<std::pair<int, int>> moved = options.descriptors;

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return makeError(ErrorCode::Io, say("no-pipe", systemError(errno)), say("do-close-programs"));
    UniqueFd readEnd(ends[0]);
    UniqueFd writeEnd(ends[1]);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0)
        return makeError(ErrorCode::Io, say("program-not-started", program, systemError(errno)),
                         say("do-close-programs"));
    if (pid == 0)
        becomeChild(options, argv.data(), environment.data(), moved, writeEnd.get(), parent);
    writeEnd.reset();
    int number = 0;
    ssize_t got = 0;
    do {
        got = ::read(readEnd.get(), &number, sizeof number);
    } while (got < 0 && errno == EINTR);
    ChildProcess child;
    child.m_pid = pid;
    child.m_pidFd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (got == static_cast<ssize_t>(sizeof number)) {
        child.kill();
        return makeError(number == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                         say("program-not-started", program, systemError(number)), say("do-install-whole"));
    }
    return child;
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept
{
    if (this != &other) {
        if (running())
            kill();
        m_pid = std::exchange(other.m_pid, -1);
        m_pidFd = std::move(other.m_pidFd);
    }
    return *this;
}

ChildProcess::~ChildProcess()
{
    if (running())
        kill();
}

std::optional<ExitReport> ChildProcess::wait(Deadline deadline)
{
    if (!running())
        return ExitReport{};
    for (;;) {
        int status = 0;
        const pid_t got = ::waitpid(m_pid, &status, WNOHANG);
        if (got == m_pid || (got < 0 && errno == ECHILD)) {
            m_pid = -1;
            m_pidFd.reset();
            if (got > 0 && WIFSIGNALED(status))
                return ExitReport{.code = 0, .signal = WTERMSIG(status)};
            return ExitReport{.code = got > 0 ? WEXITSTATUS(status) : 0, .signal = 0};
        }
        if (deadline.passed())
            return std::nullopt;
        pollfd waiting{.fd = m_pidFd.get(), .events = POLLIN, .revents = 0};
        // Without a pidfd (Linux before 5.3) fall back to looking every 10 ms.
        const auto patience = m_pidFd.valid() ? deadline.left() : std::min(deadline.left(), Milliseconds(10));
        ::poll(&waiting, m_pidFd.valid() ? 1 : 0, static_cast<int>(std::min<long long>(patience.count(), 60'000)));
    }
}

void ChildProcess::signal(int number) const
{
    if (running())
        ::kill(m_pid, number);
}

ExitReport ChildProcess::kill()
{
    signal(SIGKILL);
    // SIGKILL cannot be refused; only a process stuck in the kernel outlives this, and then nothing we could do would
    // help.
    return wait(Deadline::in(Milliseconds(10'000))).value_or(ExitReport{.code = 0, .signal = SIGKILL});
}

} // namespace argus
