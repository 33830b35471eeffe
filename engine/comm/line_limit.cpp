#include "engine/comm/line_limit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>

namespace argus::comm {
namespace {

bool isTcpConnection(int fd)
{
    int domain = 0;
    int type = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || (domain != AF_INET && domain != AF_INET6))
        return false;
    size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
        return false;
    sockaddr_storage peer = {};
    size = sizeof peer;
    return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

} // namespace

/// The libraries keep their sockets to themselves, but a process sees what it has open.
void limitSilenceOnLines(Milliseconds longest)
{
    const auto limit = static_cast<unsigned>(longest.count());
    std::error_code problem;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", problem), end; !problem && entry != end;
         entry.increment(problem)) {
        const std::string name = entry->path().filename().string();
        int fd = -1;
        if (std::from_chars(name.data(), name.data() + name.size(), fd).ec == std::errc() && isTcpConnection(fd))
            (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
    }
}

bool isNoWay(std::string_view words)
{
    constexpr std::array kNumbers{ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN};
    return std::any_of(kNumbers.begin(), kNumbers.end(),
                       [&](int number) { return words.find(::strerror(number)) != std::string_view::npos; });
}

} // namespace argus::comm
