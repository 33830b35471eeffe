// Frames and descriptors between two ends of a socket pair: whole, in dribbles, broken, and with nobody on the other
// side.

#include "engine/base/files.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/channel.h"
#include "engine/protocol/executor.pb.h"

#include <QtTest>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

using namespace argus;
using protocol::Channel;

namespace {

constexpr Milliseconds kPatience{5'000};

Deadline soon()
{
    return Deadline::in(kPatience);
}
Deadline already()
{
    return Deadline::in(Milliseconds(0));
}

std::size_t openDescriptors()
{
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

struct Ends {
    Channel ours;
    Channel theirs;
};
Ends makeEnds()
{
    auto made = Channel::pair();
    if (!made)
        qFatal("%s", made.error().text().c_str());
    return {std::move(made->first), Channel(std::move(made->second))};
}

wire::ExecutorToNode progress(const std::string& tensor)
{
    wire::ExecutorToNode message;
    message.set_epoch(7);
    message.mutable_progress()->set_tensor(tensor);
    return message;
}

void writeRaw(const Channel& channel, const void* bytes, std::size_t size)
{
    QCOMPARE(::send(channel.fd(), bytes, size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
}

void writeHeader(const Channel& channel, std::uint32_t length, std::uint32_t descriptors)
{
    const std::array<std::uint32_t, 2> header{length, descriptors};
    writeRaw(channel, header.data(), sizeof header);
}

} // namespace

class TstChannel : public QObject {
    Q_OBJECT
private slots:
    void messagesArriveInOrder();
    void anEmptyMessageIsAFrame();
    void nothingComesBeforeTheDeadline();
    void descriptorsArriveWithTheirMessage();
    void descriptorsCrossProcesses();
    void largeMessagesPassThroughASmallSocket();
    void aTooLargeMessageIsNotSent();
    void aHugeFrameIsRefused();
    void aGarbageHeaderIsCorrupt();
    void missingDescriptorsAreCorrupt();
    void tooManyDescriptorsAreRefusedAndClosed();
    void aStalledFrameTimesOut();
    void aStalledReaderTimesOut();
    void aClosedPeerIsUnreachable();
    void aPeerThatDiesInsideAFrameIsUnreachable();
    void unreadDescriptorsDoNotLeak();
};

void TstChannel::messagesArriveInOrder()
{
    Ends ends = makeEnds();
    for (const char* name : {"first", "second", "third"})
        QVERIFY(ends.ours.send(progress(name), {}, soon()).ok());
    for (const char* name : {"first", "second", "third"}) {
        auto frame = ends.theirs.receive(soon());
        QVERIFY(frame.ok() && frame->has_value());
        wire::ExecutorToNode message;
        QVERIFY(message.ParseFromString((*frame)->body));
        QCOMPARE(message.progress().tensor(), std::string(name));
        QCOMPARE(message.epoch(), std::uint64_t{7});
    }
}

void TstChannel::anEmptyMessageIsAFrame()
{
    Ends ends = makeEnds();
    QVERIFY(ends.ours.send(wire::Quit(), {}, soon()).ok());
    auto frame = ends.theirs.receive(soon());
    QVERIFY(frame.ok() && frame->has_value());
    QVERIFY((*frame)->body.empty());
}

void TstChannel::nothingComesBeforeTheDeadline()
{
    Ends ends = makeEnds();
    auto frame = ends.theirs.receive(already());
    QVERIFY(frame.ok());
    QVERIFY(!frame->has_value());
}

void TstChannel::descriptorsArriveWithTheirMessage()
{
    Ends ends = makeEnds();
    auto first = memoryFile("first", 11);
    auto second = memoryFile("second", 22);
    QVERIFY(first.ok() && second.ok());
    QVERIFY(ends.ours.send(progress("none"), {}, soon()).ok());
    QVERIFY(ends.ours.send(progress("two"), std::array{first->get(), second->get()}, soon()).ok());
    QVERIFY(ends.ours.send(progress("one"), std::array{second->get()}, soon()).ok());

    const std::array<std::vector<long>, 3> expected{std::vector<long>{}, {11, 22}, {22}};
    for (const auto& sizes : expected) {
        auto frame = ends.theirs.receive(soon());
        QVERIFY(frame.ok() && frame->has_value());
        QCOMPARE((*frame)->descriptors.size(), sizes.size());
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            struct stat info {};
            QCOMPARE(::fstat((*frame)->descriptors[i].get(), &info), 0);
            QCOMPARE(static_cast<long>(info.st_size), sizes[i]);
            QVERIFY((::fcntl((*frame)->descriptors[i].get(), F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
}

void TstChannel::descriptorsCrossProcesses()
{
    auto made = Channel::pair();
    QVERIFY(made.ok());
    const pid_t child = ::fork();
    QVERIFY(child >= 0);
    if (child == 0) { // sends a file of its own making and leaves before anybody has read
        Channel channel(std::move(made->second));
        auto file = memoryFile("pixels", 5);
        const bool wrote = file.ok() && ::pwrite(file->get(), "hello", 5, 0) == 5;
        ::_exit(wrote && channel.send(progress("from the child"), std::array{file->get()}, soon()).ok() ? 0 : 1);
    }
    made->second.reset();
    auto frame = made->first.receive(soon());
    int status = -1;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QCOMPARE(status, 0);
    QVERIFY(frame.ok() && frame->has_value());
    QCOMPARE((*frame)->descriptors.size(), std::size_t{1});
    std::array<char, 6> text{};
    QCOMPARE(::pread((*frame)->descriptors[0].get(), text.data(), 5, 0), ssize_t{5});
    QCOMPARE(std::string(text.data()), std::string("hello"));
    auto end = made->first.receive(soon());
    QVERIFY(!end.ok());
    QCOMPARE(end.error().code, ErrorCode::Unreachable);
}

void TstChannel::largeMessagesPassThroughASmallSocket()
{
    Ends ends = makeEnds();
    const std::string large(20U << 20,
                            'x'); // a socket buffer holds some 200 KiB: both sides have to continue many times
    auto file = memoryFile("large", 1);
    QVERIFY(file.ok());
    bool sent = false;
    std::thread sender([&] {
        sent = ends.ours.send(progress(large), std::array{file->get()}, Deadline::in(Milliseconds(60'000))).ok();
    });
    auto frame = ends.theirs.receive(Deadline::in(Milliseconds(60'000)));
    sender.join();
    QVERIFY(sent);
    QVERIFY(frame.ok() && frame->has_value());
    wire::ExecutorToNode message;
    QVERIFY(message.ParseFromString((*frame)->body));
    QVERIFY(message.progress().tensor() == large);
    QCOMPARE((*frame)->descriptors.size(), std::size_t{1});
}

void TstChannel::aTooLargeMessageIsNotSent()
{
    Ends ends = makeEnds();
    auto sent = ends.ours.send(progress(std::string(protocol::kMaxExecutorFrame, 'x')), {}, soon());
    QVERIFY(!sent.ok());
    QCOMPARE(sent.error().code, ErrorCode::TooLarge);
    const std::vector<int> many(protocol::kMaxDescriptors + 1, ends.ours.fd());
    sent = ends.ours.send(progress("many"), many, soon());
    QVERIFY(!sent.ok());
    QCOMPARE(sent.error().code, ErrorCode::TooLarge);
    // The refusals left nothing on the line.
    QVERIFY(ends.ours.send(progress("after"), {}, soon()).ok());
    auto frame = ends.theirs.receive(soon());
    QVERIFY(frame.ok() && frame->has_value());
    QVERIFY((*frame)->body.find("after") != std::string::npos);
}

void TstChannel::aHugeFrameIsRefused()
{
    Ends ends = makeEnds();
    writeHeader(ends.ours, static_cast<std::uint32_t>(protocol::kMaxExecutorFrame) + 1, 0);
    auto frame = ends.theirs.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::TooLarge);
    QVERIFY(frame.error().cause.find("67108865") != std::string::npos);
    frame = ends.theirs.receive(soon()); // what follows cannot be framed any more
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Unreachable);
}

void TstChannel::aGarbageHeaderIsCorrupt()
{
    Ends ends = makeEnds();
    writeRaw(ends.ours, "GET / HTTP/1.1\r\n", 16);
    auto frame = ends.theirs.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Corrupt);
}

void TstChannel::missingDescriptorsAreCorrupt()
{
    Ends ends = makeEnds();
    writeHeader(ends.ours, 0, 2);
    auto frame = ends.theirs.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Corrupt);
}

void TstChannel::tooManyDescriptorsAreRefusedAndClosed()
{
    Ends ends = makeEnds();
    const std::size_t before = openDescriptors();
    constexpr std::size_t kMany = protocol::kMaxDescriptors + 36;
    std::array<std::uint32_t, 2> header{0, 1};
    iovec piece{.iov_base = header.data(), .iov_len = sizeof header};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMany)> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * kMany);
    const std::vector<int> numbers(kMany, ends.ours.fd());
    std::memcpy(CMSG_DATA(rights), numbers.data(), sizeof(int) * kMany);
    QCOMPARE(::sendmsg(ends.ours.fd(), &message, 0), static_cast<ssize_t>(sizeof header));
    {
        auto frame = ends.theirs.receive(soon());
        QVERIFY(!frame.ok());
        QCOMPARE(frame.error().code, ErrorCode::Corrupt);
    }
    QCOMPARE(openDescriptors(), before);
}

void TstChannel::aStalledFrameTimesOut()
{
    Ends ends = makeEnds();
    writeHeader(ends.ours, 100, 0);
    writeRaw(ends.ours, "only this", 9);
    auto frame = ends.theirs.receive(already());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Timeout);
}

void TstChannel::aStalledReaderTimesOut()
{
    Ends ends = makeEnds();
    auto sent = ends.ours.send(progress(std::string(8U << 20, 'x')), {}, already());
    QVERIFY(!sent.ok());
    QCOMPARE(sent.error().code, ErrorCode::Timeout);
    // Half a frame is on the line: the reader learns that it ends there instead of reading the next frame into it.
    auto frame = ends.theirs.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Unreachable);
}

void TstChannel::aClosedPeerIsUnreachable()
{
    auto made = Channel::pair();
    QVERIFY(made.ok());
    made->second.reset();
    auto frame = made->first.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Unreachable);
    auto sent = made->first.send(progress("into the void"), {}, soon()); // and no SIGPIPE
    QVERIFY(!sent.ok());
    QCOMPARE(sent.error().code, ErrorCode::Unreachable);
}

void TstChannel::aPeerThatDiesInsideAFrameIsUnreachable()
{
    auto made = Channel::pair();
    QVERIFY(made.ok());
    Channel theirs(std::move(made->second));
    {
        Channel ours = std::move(made->first);
        writeHeader(ours, 100, 0);
    }
    auto frame = theirs.receive(soon());
    QVERIFY(!frame.ok());
    QCOMPARE(frame.error().code, ErrorCode::Unreachable);
}

void TstChannel::unreadDescriptorsDoNotLeak()
{
    const std::size_t before = openDescriptors();
    for (int round = 0; round < 50; ++round) {
        Ends ends = makeEnds();
        auto file = memoryFile("leak", 1);
        QVERIFY(file.ok());
        for (int i = 0; i < 3; ++i)
            QVERIFY(ends.ours.send(progress("leak"), std::vector<int>(protocol::kMaxDescriptors, file->get()), soon())
                        .ok());
        auto frame = ends.theirs.receive(soon());
        QVERIFY(frame.ok() && frame->has_value());
        QCOMPARE((*frame)->descriptors.size(), protocol::kMaxDescriptors);
    }
    QCOMPARE(openDescriptors(), before);
}

QTEST_GUILESS_MAIN(TstChannel)
#include "tst_channel.moc"
