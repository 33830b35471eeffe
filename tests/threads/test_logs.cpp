// Lines of a log: written by many threads while the listener changes, kept in the book of all nodes, and read from it
// by whoever answers a window.

#include "engine/base/log.h"
#include "engine/cluster/log_book.h"
#include "tests/threads/check.h"

#include <atomic>
#include <cstddef>
#include <string>

using namespace argus;
using namespace argus::threads;

namespace {

constexpr int kWriters = 4;
constexpr int kLines = 1'500;

void theBookKeepsEveryLineInOrder(Checks& checks)
{
    cluster::LogBook book;
    std::atomic<int> writing = kWriters;
    std::atomic<bool> whole = true;
    together(kWriters + 2, [&](int who) {
        const std::string node = "node" + std::to_string(who % 2);
        if (who < kWriters) {
            for (int line = 0; line < kLines; ++line)
                book.add(node, std::to_string(who) + " " + std::to_string(line) + "\n");
            --writing;
            return;
        }
        while (writing > 0) {
            const std::string tail = book.tail(node, 4'096);
            if (!tail.empty() && (tail.back() != '\n' || tail.size() > 4'096))
                whole = false;
            (void)book.knows(node);
        }
    });
    checks.that(whole, "a tail ends within a line, or is longer than asked for");
    for (const int writer : {0, 1, 2, 3}) {
        const std::string all = book.tail("node" + std::to_string(writer % 2), cluster::LogBook::kMostBytes);
        std::size_t at = 0;
        for (int line = 0; line < kLines && at != std::string::npos; ++line)
            at = all.find(std::to_string(writer) + " " + std::to_string(line) + "\n", at);
        checks.that(at != std::string::npos, "a writer's lines are not all there in their order");
    }
}

/// As a node does: its own lines go into the book, until it ends and nobody listens any more.
void theListenerMayChangeWhileThreadsLog(Checks& checks)
{
    log::start("test_logs", "info");
    cluster::LogBook book;
    std::atomic<int> heard = 0;
    std::atomic<int> writing = kWriters;
    together(kWriters + 1, [&](int who) {
        if (who < kWriters) {
            for (int line = 0; line < 60; ++line)
                log::info("writer {} line {}", who, line);
            --writing;
            return;
        }
        for (int round = 0; writing > 0; ++round)
            if (round % 3 == 2)
                log::alsoTo({});
            else
                log::alsoTo([&](std::string_view line) {
                    ++heard;
                    book.add("own", line);
                });
    });
    log::alsoTo({});
    const int before = heard;
    log::info("nobody hears this");
    checks.that(heard == before, "a listener that was taken away still hears");
    const std::string all = book.tail("own", cluster::LogBook::kMostBytes);
    checks.that(static_cast<int>(std::count(all.begin(), all.end(), '\n')) == before, "a line was not heard whole");
}

} // namespace

int main()
{
    Checks checks;
    theBookKeepsEveryLineInOrder(checks);
    theListenerMayChangeWhileThreadsLog(checks);
    return checks.end();
}
