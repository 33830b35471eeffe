#include "engine/decoder/self_test.h"

#include "engine/decoder/child.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace argus::decoder {
namespace {

[[noreturn]] void judge(bool refused)
{
    if (refused)
        refuse(Reason::Stopped, static_cast<std::uint64_t>(errno));
    refuse(Reason::Survived);
}

void tryExec()
{
    char program[] = "/bin/true";
    char* const arguments[] = {program, nullptr};
    ::execv(program, arguments);
}

} // namespace

void attempt(Attempt what)
{
    switch (what) {
    case Attempt::OpenFile:
        judge(::open("/dev/null", O_RDONLY) < 0);
    case Attempt::Socket:
        judge(::socket(AF_INET, SOCK_STREAM, 0) < 0);
    case Attempt::Fork:
        judge(::syscall(SYS_fork) < 0);
    case Attempt::Exec:
        tryExec();
        judge(true);
    case Attempt::ExecutableMemory:
        judge(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
              MAP_FAILED);
    case Attempt::TooMuchMemory:
        judge(::mmap(nullptr, std::size_t{64} << 30, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
    case Attempt::TooMuchTime:
        for (std::uint64_t turns = 0;; ++turns)
            asm volatile("" : : "r"(turns)); // a loop without effects may be assumed to end
    case Attempt::GrowFile:
        judge(::ftruncate(kOutputDescriptor, 1) != 0);
    case Attempt::Wait:
        for (int word = 0;;)
            ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    case Attempt::None:
        break;
    }
    refuse(Reason::BadRequest);
}

} // namespace argus::decoder
