#include "engine/protocol/channel.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/fault_hooks.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace argus::protocol {
namespace {

/// What stands before every message. Both ends are one build on one machine, so the fields are in host order.
struct Header {
    std::uint32_t length = 0;
    std::uint32_t descriptors = 0;
};
static_assert(sizeof(Header) == 8);

/// Bodies are read in pieces of this size, so that memory follows the bytes that came and not what a header claims.
constexpr std::size_t kPieceBytes = 1U << 20;

Error peerGone(SaidId<0> how)
{
    return makeError(ErrorCode::Unreachable, say(how));
}

Error timedOut(SaidId<0> how)
{
    return makeError(ErrorCode::Timeout, say(how));
}

bool meansGone(int number)
{
    return number == EPIPE || number == ECONNRESET || number == ENOTCONN;
}

/// Waits until the socket can be read or written, or has ended. False when the deadline came first.
bool waitFor(int fd, short events, Deadline deadline)
{
    for (;;) {
        constexpr long long kLongestPoll = 60'000; // poll counts in int
        pollfd waiting{.fd = fd, .events = events, .revents = 0};
        const int ready =
            ::poll(&waiting, 1, static_cast<int>(std::min<long long>(deadline.left().count(), kLongestPoll)));
        if (ready > 0)
            return true;
        if (deadline.passed())
            return false; // EINTR and early ends of poll() come around again
    }
}

/// One sendmsg() with the descriptors attached, if any; they travel with the first byte that the kernel takes.
ssize_t sendSome(int fd, std::span<iovec> pieces, std::span<const int> descriptors)
{
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/// Takes ownership of every descriptor in the control data, whatever else is wrong with it.
void adopt(msghdr& message, std::vector<UniqueFd>& descriptors)
{
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
            descriptors.emplace_back(number);
        }
    }
}

enum class Fill { Whole, EndOfStream, Nothing, Partly, CutDescriptors, Failed };

/// Reads exactly `size` bytes. Never reads beyond, so descriptors that arrive belong to the frame at hand. `errno`
/// tells more on Failed.
Fill readExactly(int fd, char* target, std::size_t size, std::vector<UniqueFd>& descriptors, Deadline deadline)
{
    std::size_t done = 0;
    while (done < size) {
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control;
        iovec piece{.iov_base = target + done, .iov_len = size - done};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got > 0) {
            adopt(message, descriptors);
            if ((message.msg_flags & MSG_CTRUNC) != 0 || descriptors.size() > kMaxDescriptors)
                return Fill::CutDescriptors;
            done += static_cast<std::size_t>(got);
        } else if (got == 0 || meansGone(errno)) {
            return Fill::EndOfStream;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!waitFor(fd, POLLIN, deadline))
                return done == 0 ? Fill::Nothing : Fill::Partly;
        } else if (errno != EINTR) {
            return Fill::Failed;
        }
    }
    return Fill::Whole;
}

/// The error of a read that did not fill; call right after it.
Error explain(Fill fill)
{
    switch (fill) {
    case Fill::EndOfStream:
        return peerGone("channel-closed-within");
    case Fill::Nothing:
    case Fill::Partly:
        return timedOut("channel-stalled-sending");
    case Fill::CutDescriptors:
        return makeError(ErrorCode::Corrupt, say("channel-cut", kMaxDescriptors));
    case Fill::Whole:
    case Fill::Failed:
        break;
    }
    return makeError(ErrorCode::Io, say("channel-unread", systemError(errno)));
}

} // namespace

Result<std::pair<Channel, UniqueFd>> Channel::pair()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return makeError(ErrorCode::Io, say("no-socket-pair", systemError(errno)), say("do-close-programs"));
    Channel ours{UniqueFd(ends[0])};
    ours.m_ofNode = true;
    return std::pair(std::move(ours), UniqueFd(ends[1]));
}

Result<Done> Channel::send(const google::protobuf::MessageLite& message, std::span<const int> descriptors,
                           Deadline deadline)
{
    const std::size_t size = message.ByteSizeLong();
    if (size > kMaxExecutorFrame)
        return makeError(ErrorCode::TooLarge, say("channel-too-large", size, kMaxExecutorFrame));
    if (descriptors.size() > kMaxDescriptors)
        return makeError(ErrorCode::TooLarge, say("channel-too-many", descriptors.size(), kMaxDescriptors));
    std::string bytes(sizeof(Header), '\0');
    const Header header{.length = static_cast<std::uint32_t>(size),
                        .descriptors = static_cast<std::uint32_t>(descriptors.size())};
    std::memcpy(bytes.data(), &header, sizeof header);
    if (!message.AppendPartialToString(&bytes))
        return Error{ErrorCode::Internal, "a message could not be serialised", {}, {}};
    if (!faults::passes(m_ofNode ? faults::Speaker::ToExecutor : faults::Speaker::Executor, faults::Way::Sent,
                        std::string_view(bytes).substr(sizeof header)))
        return Done{};

    std::size_t done = 0;
    while (done < bytes.size()) {
        iovec piece{.iov_base = bytes.data() + done, .iov_len = bytes.size() - done};
        const ssize_t sent = sendSome(m_socket.get(), {&piece, 1}, done == 0 ? descriptors : std::span<const int>());
        if (sent > 0) {
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
            if (waitFor(m_socket.get(), POLLOUT, deadline))
                continue;
            if (done > 0)
                ::shutdown(m_socket.get(), SHUT_RDWR); // half a frame is out: nothing readable could follow it
            return timedOut("channel-stalled-receiving");
        }
        const int number = errno;
        if (done > 0)
            ::shutdown(m_socket.get(), SHUT_RDWR);
        if (meansGone(number))
            return peerGone("channel-closed-before");
        return makeError(ErrorCode::Io, say("channel-unwritten", systemError(number)));
    }
    return Done{};
}

Result<std::optional<Channel::Frame>> Channel::receive(Deadline deadline)
{
    Frame frame;
    Header header;
    const auto broken = [this](Error error) {
        ::shutdown(m_socket.get(), SHUT_RDWR); // where the next frame begins is unknown from here on
        return error;
    };
    std::array<char, sizeof(Header)> raw{};
    // The first byte decides between "nothing came" and "a frame began".
    Fill fill = readExactly(m_socket.get(), raw.data(), 1, frame.descriptors, deadline);
    if (fill == Fill::Nothing)
        return std::optional<Frame>();
    if (fill == Fill::EndOfStream)
        return peerGone("channel-closed");
    if (fill == Fill::Whole)
        fill = readExactly(m_socket.get(), raw.data() + 1, raw.size() - 1, frame.descriptors, deadline);
    if (fill != Fill::Whole)
        return broken(explain(fill));
    std::memcpy(&header, raw.data(), sizeof header);
    if (header.descriptors > kMaxDescriptors)
        return broken(
            makeError(ErrorCode::Corrupt, say("channel-announces-many", header.descriptors, kMaxDescriptors)));
    if (header.length > kMaxExecutorFrame)
        return broken(makeError(ErrorCode::TooLarge, say("channel-announces-large", header.length, kMaxExecutorFrame)));
    while (frame.body.size() < header.length) {
        const std::size_t done = frame.body.size();
        const std::size_t piece = std::min<std::size_t>(kPieceBytes, header.length - done);
        frame.body.resize(done + piece);
        fill = readExactly(m_socket.get(), frame.body.data() + done, piece, frame.descriptors, deadline);
        if (fill != Fill::Whole)
            return broken(explain(fill));
    }
    if (frame.descriptors.size() != header.descriptors)
        return broken(makeError(ErrorCode::Corrupt,
                                say("channel-announces-other", header.descriptors, frame.descriptors.size())));
    if (!faults::passes(m_ofNode ? faults::Speaker::Executor : faults::Speaker::ToExecutor, faults::Way::Received,
                        frame.body))
        return std::optional<Frame>();
    return std::optional<Frame>(std::move(frame));
}

} // namespace argus::protocol
