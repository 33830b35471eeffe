// After start-up no device memory is asked for: a build with tests aborts on it (engine/base/device_memory.h).
//
//     test_device_memory            opens the GPU in children of its own, sealed and not
//     test_device_memory --child N  one of them: opens it N times after it has sealed its memory

#include "engine/base/device_memory.h"
#include "engine/ops/cuda/open.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

using namespace argus;

constexpr std::uint64_t kArena = std::uint64_t{512} << 20;

int child(int opensSealed)
{
    auto ops = ops::openCuda({.arenaBytes = kArena});
    if (!ops.ok()) {
        fmt::print(stderr, "{}\n", ops.error().text());
        return 2;
    }
    const DeviceMemorySealed sealed;
    // What serving does: tensors in the arena, recorded steps, work of cuBLASLt. None of it is ours asking for device memory.
    {
        const ops::DeviceTensor x = (*ops)->allocate(DType::BF16, {256, 1024});
        const ops::DeviceTensor y = (*ops)->allocate(DType::BF16, {256, 1024});
        const ops::ProductPtr product =
            (*ops)->productOf((*ops)->placeTable(ConstTensorView(nullptr, DType::BF16, {1024, 1024})));
        (*ops)->fillZero(x.view());
        (*ops)->project(y.view(), x.view(), *product, {}, false);
        (*ops)->beginRecording();
        (*ops)->project(y.rows(0, 4), x.rows(0, 4), *product, {}, false);
        (*ops)->replay(*(*ops)->endRecording());
        (*ops)->synchronize();
    }
    for (int i = 0; i < opensSealed; ++i)
        (void)ops::openCuda({.arenaBytes = kArena});
    return 0;
}

struct Ended {
    int status = 0; ///< as waitpid() tells it
    std::string errors;
};

Ended runChild(const char* program, const char* opens)
{
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0)
        return {};
    const pid_t id = ::fork();
    if (id == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[0]);
        ::execl(program, program, "--child", opens, nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    Ended ended;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;)
        ended.errors.append(part.data(), static_cast<std::size_t>(got));
    ::close(ends[0]);
    ::waitpid(id, &ended.status, 0);
    return ended;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc == 3 && std::strcmp(argv[1], "--child") == 0)
        return child(std::atoi(argv[2]));
    int failed = 0;
    const auto count = [&failed](bool passed, const char* what, const Ended& ended) {
        fmt::print("{} {}\n", passed ? "ok  " : "FAIL", what);
        if (!passed)
            fmt::print("status {:#x}, it wrote: {}\n", static_cast<unsigned>(ended.status), ended.errors);
        failed += passed ? 0 : 1;
    };
    const Ended serving = runChild("/proc/self/exe", "0");
    count(WIFEXITED(serving.status) && WEXITSTATUS(serving.status) == 0, "work after start-up asks for nothing",
          serving);
    const Ended late = runChild("/proc/self/exe", "1");
    count(
        WIFSIGNALED(late.status) && WTERMSIG(late.status) == SIGABRT &&
            late.errors.find("536870912 bytes of device memory for weights, cache and activations are asked for after "
                             "start-up") != std::string::npos,
        "memory asked for after start-up aborts and says what for", late);
    fmt::print("{} passed, {} failed\n", 2 - failed, failed);
    return failed == 0 ? 0 : 1;
}
