// How an executor ended is what people are told: its signal, when it ended by itself, and not what somebody saw of it.

#include "engine/node/executor_host.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <poll.h>
#include <signal.h>

using namespace argus;
using namespace argus::node;

namespace {

const std::string kRefused = "did not take what was sent to it";

wire::NodeToExecutor step(std::uint64_t epoch)
{
    wire::NodeToExecutor message;
    message.set_epoch(epoch);
    message.mutable_step()->set_step(1);
    return message;
}

} // namespace

class TstExecutorHost final : public QObject {
    Q_OBJECT

    QTemporaryDir m_programs;
    ExecutorLink m_link;
    std::string m_how;
    std::unique_ptr<ExecutorHost> m_host;

    /// An executor of these lines of shell; 3 is its channel.
    void start(const QByteArray& lines)
    {
        QFile program(m_programs.filePath("argus-executor-cpu"));
        QVERIFY(program.open(QFile::WriteOnly | QFile::Truncate));
        program.write("#!/bin/sh\n" + lines + "\n");
        program.close();
        QVERIFY(program.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
        m_how.clear();
        m_host = std::make_unique<ExecutorHost>(
            m_programs.path().toStdString(), "info", m_link,
            ExecutorHost::Hooks{.said = [](const wire::ExecutorToNode&) {},
                                .ended = [this](std::uint64_t, const Said& how) { m_how = english(how); },
                                .cannotStart = [this](std::uint64_t, const Error& error) { m_how = error.text(); },
                                .wrote = nullptr});
        m_host->start(7, "cpu", wire::LoadModel());
        QVERIFY2(m_host->running(), m_how.c_str());
    }
    /// The next words about its end.
    [[nodiscard]] std::string howItEnds()
    {
        for (const Deadline until = Deadline::in(Milliseconds(30'000)); m_how.empty() && !until.passed();) {
            pollfd child{.fd = m_host->descriptors()[1], .events = POLLIN, .revents = 0};
            ::poll(&child, 1, 20);
            m_host->work();
        }
        return m_how;
    }
    /// Waits until one of its descriptors shows that.
    [[nodiscard]] bool shows(std::size_t descriptor, short what) const
    {
        pollfd waiting{.fd = m_host->descriptors()[descriptor], .events = what, .revents = 0};
        return ::poll(&waiting, 1, 30'000) == 1 && (waiting.revents & what) != 0;
    }

private slots:
    void cleanup() { m_host.reset(); }

    void oneThatIsKilledAsAStepIsSentWasKilled()
    {
        start("exec sleep 600");
        ::kill(m_host->process(), SIGKILL);
        QVERIFY(shows(1, POLLIN)); // it has ended, and nobody has looked yet
        QVERIFY(!m_link.send(step(7), {}));
        m_host->end(7, kRefused);
        QCOMPARE(howItEnds(), std::string("was killed by signal 9 (Killed)"));
    }
    /// The kernel closes what a process had open a while before its parent can see that it has ended.
    void oneThatIsStillDyingWasKilled()
    {
        start("exec 3>&-; sleep 0.2; kill -SEGV $$");
        QVERIFY(shows(0, POLLHUP));
        QVERIFY(!m_link.send(step(7), {}));
        m_host->end(7, kRefused);
        QCOMPARE(howItEnds(), std::string("was killed by signal 11 (Segmentation fault)"));
    }
    void oneThatLivesIsEndedWithTheReason()
    {
        start("exec sleep 600");
        m_host->end(7, kRefused);
        m_host->end(7, "is ended a second time");
        QCOMPARE(howItEnds(), kRefused);
    }
    /// It does not end and cannot be talked to: it is not waited for.
    void oneThatHasClosedItsChannelIsEnded()
    {
        start("exec 3>&-; exec sleep 600");
        QVERIFY(shows(0, POLLHUP));
        m_host->end(7, kRefused);
        QCOMPARE(howItEnds(), std::string("was killed by signal 9 (Killed)"));
    }
    void anotherEpochIsNotEnded()
    {
        start("exec sleep 600");
        m_host->end(6, kRefused);
        m_host->work();
        QVERIFY(m_host->running());
    }
};

QTEST_GUILESS_MAIN(TstExecutorHost)
#include "tst_executor_host.moc"
