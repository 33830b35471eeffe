// One rank in a process of its own, for tst_rank_processes and for measuring by hand.
//
//     comm_rank RANK SIZE TENSOR_RANKS FORMING_MS OPERATION_MS WORK
//
// Descriptor 3 is its way to the others, one line a message: "put KEY HEX" from it, "arrived KEY HEX" and "abort" to
// it. What it has to say goes there, too: "said TEXT". WORK is "everything", "sums" (until the group breaks) or
// "latency".

#include "engine/base/sha256.h"
#include "engine/comm/gloo/open.h"
#include "tests/engine/comm/exercise.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

using namespace argus;
using namespace argus::comm;
using namespace argus::comm_test;

namespace {

constexpr int kLine = 3;

void writeLine(const std::string& line)
{
    const std::string whole = line + "\n";
    std::size_t done = 0;
    while (done < whole.size()) {
        const ssize_t count = ::send(kLine, whole.data() + done, whole.size() - done, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        done += static_cast<std::size_t>(count);
    }
}

std::string bytesOf(const std::string& hex)
{
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

/// Until the other side closes the line.
void listen(MeetingPoint& meeting)
{
    std::string rest;
    char piece[4096];
    for (ssize_t count = 0; (count = ::read(kLine, piece, sizeof piece)) > 0;) {
        rest.append(piece, static_cast<std::size_t>(count));
        for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
            std::istringstream words(rest.substr(0, end));
            std::string word, key, hex;
            words >> word >> key >> hex;
            if (word == "arrived")
                meeting.arrived(key, bytesOf(hex));
            else if (word == "abort")
                meeting.abort("the test said so");
        }
    }
    meeting.abort("the test is over");
}

std::string_view nameOf(GroupBroken::Why why)
{
    switch (why) {
    case GroupBroken::Why::PeerGone:
        return "PeerGone";
    case GroupBroken::Why::NoWay:
        return "NoWay";
    case GroupBroken::Why::Timeout:
        return "Timeout";
    case GroupBroken::Why::Aborted:
        return "Aborted";
    case GroupBroken::Why::Version:
        return "Version";
    }
    return "?";
}

void everything(Communicator& group)
{
    Sha256Hasher hasher;
    exerciseAll(group, [&](const void* bytes, std::size_t count) {
        hasher.add({static_cast<const std::byte*>(bytes), count});
    });
    writeLine("said results " + hexOf(hasher.finish()));
}

[[noreturn]] void sums(Communicator& group, std::int64_t elements)
{
    HostTensor x(DType::F32, {1, elements});
    std::fill_n(x.view().data<float>(), elements, 0.0f);
    group.sum(x.view());
    writeLine("said running");
    for (;;)
        group.sum(x.view());
}

void latency(Communicator& group)
{
    for (const std::int64_t elements : {64, 1024, 16384, 262'144}) {
        HostTensor x(DType::F32, {1, elements});
        std::fill_n(x.view().data<float>(), elements, 0.0f);
        std::vector<double> times;
        for (int i = 0; i < 320; ++i) {
            const Instant begin = now();
            group.sum(x.view());
            if (i >= 20)
                times.push_back(std::chrono::duration<double, std::micro>(now() - begin).count());
        }
        std::sort(times.begin(), times.end());
        writeLine(fmt::format("said sum of {} bytes: {:.0f} us, median of 300", elements * 4, times[times.size() / 2]));
    }
}

} // namespace

int main(int count, char** arguments)
{
    if (count != 7)
        return 2;
    const auto number = [&](int i) { return std::atoi(arguments[i]); };
    const std::string work = arguments[6];
    MeetingPoint meeting(
        [](const std::string& key, const std::string& value) { writeLine("put " + key + " " + hexOf(value)); });
    std::thread listening([&] { listen(meeting); });
    const auto groups = openGloo({.world = {.epoch = 7, .rank = number(1), .size = number(2), .tensorRanks = number(3)},
                                  .address = {},
                                  .interface = {},
                                  .forming = Milliseconds(number(4)),
                                  .operation = Milliseconds(number(5))},
                                 meeting);
    if (!groups) {
        writeLine(fmt::format("said not formed: {}", errorCodeName(groups.error().code)));
    } else {
        try {
            if (work == "everything")
                everything(*groups->tensor);
            else if (work == "sums")
                sums(*groups->tensor, 1000);
            else if (work == "large-sums")
                sums(*groups->tensor, 3'000'000);
            else
                latency(*groups->tensor);
        } catch (const GroupBroken& broken) {
            writeLine(fmt::format("said broken: {}", nameOf(broken.why())));
        } catch (const std::exception& error) {
            writeLine(fmt::format("said failed: {}", error.what()));
        }
    }
    listening.join(); // the groups stay until everybody is through
    return 0;
}
