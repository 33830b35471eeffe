// Ranks on CPUs, each in a process of its own, as on several machines: results, and ranks that die, stop or never come.

#include "engine/base/child_process.h"
#include "engine/base/clock.h"

#include <QtTest>

#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <map>
#include <set>

using namespace argus;

namespace {

/// Starts rank processes and carries what they leave for each other.
class Processes {
public:
    Processes(int size, int tensorRanks, Milliseconds forming, Milliseconds operation, std::string work)
        : m_arguments{std::to_string(size), std::to_string(tensorRanks), std::to_string(forming.count()),
                      std::to_string(operation.count()), std::move(work)}
    {
    }
    void start(int rank)
    {
        int ends[2];
        QVERIFY(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        std::vector<std::string> arguments{std::to_string(rank)};
        arguments.insert(arguments.end(), m_arguments.begin(), m_arguments.end());
        auto child = ChildProcess::start({.program = ARGUS_BINARY_DIR "/tests/bin/comm_rank",
                                          .arguments = arguments,
                                          .descriptors = {{ends[1], 3}}});
        ::close(ends[1]);
        QVERIFY(child.ok());
        Rank& started = m_ranks[rank];
        started.child = std::move(*child);
        started.line = UniqueFd(ends[0]);
        for (const std::string& line : m_left)
            write(started, line);
    }
    /// Carries messages until every one of `ranks` has said something that begins so. False at the deadline.
    [[nodiscard]] bool waitFor(const std::set<int>& ranks, const std::string& beginning, Deadline deadline)
    {
        const auto through = [&] {
            return std::all_of(ranks.begin(), ranks.end(), [&](int rank) {
                return std::any_of(m_ranks[rank].said.begin(), m_ranks[rank].said.end(),
                                   [&](const std::string& text) { return text.starts_with(beginning); });
            });
        };
        while (!through()) {
            if (deadline.passed())
                return false;
            carry(deadline);
        }
        return true;
    }
    [[nodiscard]] std::string lastSaid(int rank) const
    {
        const std::vector<std::string>& said = m_ranks.at(rank).said;
        return said.empty() ? std::string() : said.back();
    }
    void signal(int rank, int number) { m_ranks.at(rank).child.signal(number); }
    void abort()
    {
        for (auto& [rank, process] : m_ranks)
            write(process, "abort\n");
    }

private:
    struct Rank {
        ChildProcess child; ///< killed in the end, also when it is stopped
        UniqueFd line;
        std::string rest;
        std::vector<std::string> said;
    };

    static void write(const Rank& rank, const std::string& line)
    {
        (void)::send(rank.line.get(), line.data(), line.size(), MSG_NOSIGNAL);
    }
    void carry(Deadline deadline)
    {
        std::vector<pollfd> lines;
        std::vector<int> numbers;
        for (auto& [number, rank] : m_ranks)
            if (rank.line.get() >= 0) {
                lines.push_back({rank.line.get(), POLLIN, 0});
                numbers.push_back(number);
            }
        (void)::poll(lines.data(), lines.size(),
                     static_cast<int>(std::min<std::int64_t>(deadline.left().count(), 1'000)));
        for (std::size_t i = 0; i < lines.size(); ++i)
            if (lines[i].revents != 0)
                readFrom(numbers[i]);
    }
    void readFrom(int number)
    {
        Rank& rank = m_ranks[number];
        char piece[4096];
        const ssize_t count = ::read(rank.line.get(), piece, sizeof piece);
        if (count <= 0) {
            rank.line = UniqueFd();
            return;
        }
        rank.rest.append(piece, static_cast<std::size_t>(count));
        for (std::size_t end = 0; (end = rank.rest.find('\n')) != std::string::npos; rank.rest.erase(0, end + 1)) {
            const std::string line = rank.rest.substr(0, end);
            if (line.starts_with("said ")) {
                rank.said.push_back(line.substr(5));
                continue;
            }
            m_left.push_back("arrived " + line.substr(4) + "\n"); // "put …"
            for (auto& [other, process] : m_ranks)
                if (other != number)
                    write(process, m_left.back());
        }
    }

    std::vector<std::string> m_arguments;
    std::map<int, Rank> m_ranks;
    std::vector<std::string> m_left; ///< what was put so far, for ranks that start later
};

Deadline patience()
{
    return Deadline::in(Milliseconds(60'000));
}

constexpr Milliseconds kLong{60'000};

} // namespace

class TstRankProcesses final : public QObject {
    Q_OBJECT
private slots:
    void everyOperation_data()
    {
        QTest::addColumn<int>("size");
        for (const int size : {2, 3, 4})
            QTest::addRow("%d processes", size) << size;
    }
    void everyOperation()
    {
        QFETCH(int, size);
        Processes processes(size, size, kLong, kLong, "everything");
        std::set<int> all;
        for (int rank = 0; rank < size; ++rank) {
            processes.start(rank);
            all.insert(rank);
        }
        QVERIFY(processes.waitFor(all, "", patience()));
        for (const int rank : all) {
            QVERIFY2(processes.lastSaid(rank).starts_with("results "), processes.lastSaid(rank).c_str());
            QCOMPARE(processes.lastSaid(rank), processes.lastSaid(0));
        }
    }
    void aRankThatIsKilledEndsTheOthersAtOnce_data()
    {
        QTest::addColumn<QString>("work");
        QTest::newRow("messages that are written at once") << "sums";
        QTest::newRow("messages under way for a while") << "large-sums";
    }
    void aRankThatIsKilledEndsTheOthersAtOnce()
    {
        QFETCH(QString, work);
        Processes processes(3, 3, kLong, kLong, work.toStdString());
        for (int rank = 0; rank < 3; ++rank)
            processes.start(rank);
        QVERIFY(processes.waitFor({0, 1, 2}, "running", patience()));
        processes.signal(1, SIGKILL);
        // Long before the operation's own time limit.
        QVERIFY(processes.waitFor({0, 2}, "broken", Deadline::in(Milliseconds(20'000))));
        for (const int rank : {0, 2})
            QCOMPARE(processes.lastSaid(rank), std::string("broken: PeerGone"));
    }
    void aRankThatStopsEndsTheOthersAtTheirTimeLimit()
    {
        Processes processes(3, 3, kLong, Milliseconds(1'000), "sums");
        for (int rank = 0; rank < 3; ++rank)
            processes.start(rank);
        QVERIFY(processes.waitFor({0, 1, 2}, "running", patience()));
        processes.signal(1, SIGSTOP);
        QVERIFY(processes.waitFor({0, 2}, "broken", patience()));
        // The first to give up closes its connections, so the other may say that it was left.
        const std::set<std::string> ends{processes.lastSaid(0), processes.lastSaid(2)};
        QVERIFY(ends.contains("broken: Timeout"));
    }
    void aRankThatNeverComesEndsTheOthersAtTheDeadline()
    {
        Processes processes(3, 3, Milliseconds(1'500), kLong, "sums");
        processes.start(1);
        processes.start(2);
        // Gloo's own rendezvous would keep rank 2 for 30 s.
        QVERIFY(processes.waitFor({1, 2}, "not formed", Deadline::in(Milliseconds(20'000))));
        for (const int rank : {1, 2})
            QCOMPARE(processes.lastSaid(rank), std::string("not formed: Timeout"));
    }
    void aRankMayComeLate()
    {
        Processes processes(2, 2, kLong, kLong, "everything");
        processes.start(0);
        QVERIFY(!processes.waitFor({0}, "", Deadline::in(Milliseconds(300))));
        processes.start(1);
        QVERIFY(processes.waitFor({0, 1}, "results", patience()));
    }
    void anAbortReachesARankThatIsStillForming()
    {
        Processes processes(2, 2, kLong, kLong, "sums");
        processes.start(0);
        processes.abort();
        QVERIFY(processes.waitFor({0}, "not formed", patience()));
        QCOMPARE(processes.lastSaid(0), std::string("not formed: Cancelled"));
    }
};

QTEST_GUILESS_MAIN(TstRankProcesses)
#include "tst_rank_processes.moc"
