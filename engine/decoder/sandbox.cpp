#include "engine/decoder/sandbox.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <memory>
#include <type_traits>

#if defined(__SANITIZE_ADDRESS__)
#define ARGUS_DECODER_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARGUS_DECODER_HAS_ASAN 1
#endif
#endif

#ifdef ARGUS_DECODER_HAS_ASAN
// Looking for leaks at exit takes a thread and ptrace, which the sandbox is there to refuse. The kernel takes back
// everything of a process that lives for one file.
extern "C" int __lsan_is_turned_off()
{
    return 1;
}
#endif

namespace argus::decoder {
namespace {

/// Libraries, stack and what a decoder allocates whatever the picture: on top of what the request grants.
[[maybe_unused]] constexpr std::uint64_t kProgramBytes = 768ULL << 20;

bool limit(__rlimit_resource what, std::uint64_t value)
{
    const rlimit both{.rlim_cur = value, .rlim_max = value};
    return ::setrlimit(what, &both) == 0;
}

bool setLimits(const Request& request)
{
    bool fine = true;
#ifndef ARGUS_DECODER_HAS_ASAN // whose shadow takes terabytes of address space
    fine = limit(RLIMIT_AS, request.memoryBytes + request.outputBytes + kProgramBytes);
#endif
    // The second second between soft and hard limit is not given: SIGXCPU and SIGKILL mean the same to the parent.
    return fine && limit(RLIMIT_CPU, request.cpuSeconds) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, 0) &&
           limit(RLIMIT_NPROC, 0) && limit(RLIMIT_CORE, 0);
}

struct ReleaseFilter {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

int loadFilter()
{
    const std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, ReleaseFilter> filter(
        ::seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (!filter)
        return ENOMEM;
    // What libjpeg, FFmpeg and malloc call between the first byte and the last pixel. clone is not among them: every
    // decoder runs on one thread.
    for (const int call :
         {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
          SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
          SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
          SCMP_SYS(exit), SCMP_SYS(exit_group)})
        if (const int failed = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); failed != 0)
            return -failed;
#ifdef ARGUS_DECODER_HAS_ASAN // what its runtime calls at the end, and to say what it found
    for (const int call :
         {SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(write)})
        if (const int failed = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); failed != 0)
            return -failed;
#endif
    // Opening is refused, not fatal: glibc looks for character tables when a transport stream names its programme, and
    // does without.
    for (const int call : {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(access), SCMP_SYS(readlink),
                           SCMP_SYS(getcwd)})
        if (const int failed = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), call, 0); failed != 0)
            return -failed;
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        if (const int failed =
                ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
            failed != 0)
            return -failed;
    return -::seccomp_load(filter.get());
}

} // namespace

SandboxFailure enterSandbox(const Request& request)
{
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return {1, errno};
    if (!setLimits(request))
        return {2, errno};
    if (const int number = loadFilter(); number != 0)
        return {3, number};
    return {};
}

} // namespace argus::decoder
