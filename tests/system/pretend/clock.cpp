// A wall clock that jumps: preloaded into a program, it adds to CLOCK_REALTIME as many seconds as the file
// ARGUS_PRETEND_CLOCK says at that moment. The monotonic clock stays what it is.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

using ClockGettime = int (*)(clockid_t, timespec*);

/// Seconds to add; the file is eight bytes that whoever runs the program writes.
std::int64_t ahead()
{
    static const volatile std::int64_t* const shared = [] {
        static const std::int64_t none = 0;
        const char* const name = std::getenv("ARGUS_PRETEND_CLOCK");
        const int fd = name != nullptr ? ::open(name, O_RDONLY | O_CLOEXEC) : -1;
        void* const mapped = fd >= 0 ? ::mmap(nullptr, sizeof none, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
        if (fd >= 0)
            ::close(fd);
        return mapped == MAP_FAILED ? &none : static_cast<const std::int64_t*>(mapped);
    }();
    return *shared;
}

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* time) noexcept
{
    static const auto real = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    const int result = real(which, time);
    if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        time->tv_sec += ahead();
    return result;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

extern "C" time_t time(time_t* where) noexcept
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (where != nullptr)
        *where = now.tv_sec;
    return now.tv_sec;
}
