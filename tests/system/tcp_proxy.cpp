#include "tests/system/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <utility>

namespace argus::tests {
namespace {

/// What waits in one direction; more, and whoever sends has to wait.
constexpr std::size_t kMostWaiting = 512U << 10;

sockaddr_in addressOf(const std::string& host, std::uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    return address;
}

/// -1: somebody else does.
int listenAt(const std::string& host, std::uint16_t port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const sockaddr_in address = addressOf(host, port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 64) == 0)
        return fd;
    ::close(fd);
    return -1;
}

void prepare(int fd)
{
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
}

} // namespace

/// Two sockets; way 0 is from the one who has connected.
struct TcpProxy::Pair {
    struct Piece {
        std::string bytes;
        Clock::time_point due;
    };
    std::array<int, 2> fd{-1, -1};
    std::array<std::deque<Piece>, 2> waiting;
    std::array<std::size_t, 2> bytes{};
    std::array<Clock::time_point, 2> free{}; ///< when the line has carried what came before
    bool ended = false;

    ~Pair()
    {
        for (const int each : fd)
            if (each >= 0)
                ::close(each);
    }
};

TcpProxy::TcpProxy(const std::string& from, const std::string& to, std::uint16_t port)
    : m_to(to), m_port(port), m_listener(listenAt(from, port))
{
    if (ok())
        m_thread = std::thread([this] { run(); });
}

bool TcpProxy::canListen(const std::string& host, std::uint16_t port)
{
    const int fd = listenAt(host, port);
    if (fd >= 0)
        ::close(fd);
    return fd >= 0;
}

TcpProxy::~TcpProxy()
{
    m_stop = true;
    if (m_thread.joinable())
        m_thread.join();
    if (m_listener >= 0)
        ::close(m_listener);
}

void TcpProxy::become(const Line& line)
{
    const std::scoped_lock lock(m_mutex);
    m_line = line;
}

void TcpProxy::stall(std::chrono::milliseconds time)
{
    const std::scoped_lock lock(m_mutex);
    m_stalledUntil = Clock::now() + time;
}

void TcpProxy::accept()
{
    const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    auto pair = std::make_unique<Pair>();
    pair->fd = {fd, ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = addressOf(m_to, m_port);
    if (::connect(pair->fd[1], reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return; // nobody there: whoever has connected hears that
    for (const int each : pair->fd)
        prepare(each);
    ++m_connections;
    m_pairs.push_back(std::move(pair));
}

void TcpProxy::read(Pair& pair, int way)
{
    const auto at = static_cast<std::size_t>(way);
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(pair.fd[at], buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        pair.ended = true;
        return;
    }
    m_bytes += static_cast<std::uint64_t>(got);
    const std::scoped_lock lock(m_mutex);
    auto late = std::chrono::duration_cast<std::chrono::microseconds>(m_line.delay);
    if (m_line.jitter.count() > 0) {
        const auto most = std::chrono::duration_cast<std::chrono::microseconds>(m_line.jitter).count();
        late += std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(-most, most)(m_random));
    }
    const auto now = Clock::now();
    pair.free[at] = std::max(pair.free[at], now);
    if (m_line.bytesPerSecond > 0)
        pair.free[at] += std::chrono::microseconds(
            static_cast<std::int64_t>(1e6 * static_cast<double>(got) / m_line.bytesPerSecond));
    Clock::time_point due = pair.free[at] + late;
    if (!pair.waiting[at].empty())
        due = std::max(due, pair.waiting[at].back().due);
    pair.waiting[at].push_back({std::string(buffer.data(), static_cast<std::size_t>(got)), due});
    pair.bytes[at] += static_cast<std::size_t>(got);
}

void TcpProxy::write(Pair& pair, int way)
{
    const auto at = static_cast<std::size_t>(way);
    std::deque<Pair::Piece>& waiting = pair.waiting[at];
    while (!waiting.empty() && waiting.front().due <= Clock::now()) {
        std::string& bytes = waiting.front().bytes;
        const ssize_t sent = ::send(pair.fd[1 - at], bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            pair.ended = pair.ended || (errno != EAGAIN && errno != EINTR);
            return;
        }
        pair.bytes[at] -= static_cast<std::size_t>(sent);
        bytes.erase(0, static_cast<std::size_t>(sent));
        if (bytes.empty())
            waiting.pop_front();
    }
}

void TcpProxy::run()
{
    while (!m_stop) {
        if (m_cut.exchange(false))
            m_pairs.clear();
        bool stalled = false;
        {
            const std::scoped_lock lock(m_mutex);
            stalled = Clock::now() < m_stalledUntil;
        }
        // Sending is tried at each turn, so only reading is waited for: a millisecond is the grain of the line.
        std::vector<pollfd> polled{{.fd = m_listener, .events = POLLIN, .revents = 0}};
        for (const auto& pair : m_pairs)
            for (std::size_t way = 0; way < 2; ++way)
                polled.push_back(
                    {.fd = pair->fd[way],
                     .events = static_cast<short>(!stalled && pair->bytes[way] < kMostWaiting ? POLLIN : 0),
                     .revents = 0});
        ::poll(polled.data(), polled.size(), 1);
        for (std::size_t i = 0; i < m_pairs.size() && !stalled; ++i)
            for (int way = 0; way < 2; ++way) {
                if ((polled[1 + 2 * i + static_cast<std::size_t>(way)].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
                    read(*m_pairs[i], way);
                write(*m_pairs[i], way);
            }
        std::erase_if(m_pairs, [](const auto& pair) { return pair->ended; });
        if ((polled[0].revents & POLLIN) != 0)
            accept();
    }
    m_pairs.clear();
}

} // namespace argus::tests
