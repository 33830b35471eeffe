// A test that is killed, as by its time limit, takes its heads, workers and clients with it, and these their executors.

#include "tests/system/running_head.h"

#include <QCoreApplication>
#include <QtTest>

#include <signal.h>

#include <cstdio>

using namespace argus::tests;

namespace {

const char* const kHang = "--hang";

/// What is killed: a test in the middle of its work. Says the processes that it has, and waits.
int hang()
{
    RunningHead head;
    RunningWorker beta("beta");
    if (!head.start({"--cpu-devices", "2", "--name", "alpha"}) || !beta.join(head) ||
        head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"}).code != 0)
        return 1;
    const std::unique_ptr<QProcess> client = head.begin({"ask", "Hello!"});
    client->waitForStarted();
    ::kill(static_cast<pid_t>(client->processId()), SIGSTOP); // it does not end by itself
    std::printf("%lld %lld %d %d %lld\n", head.pid(), beta.pid(), head.executor(), beta.executor(),
                client->processId());
    std::fflush(stdout);
    QThread::sleep(60);
    return 0;
}

} // namespace

class TstLeftBehind final : public QObject {
    Q_OBJECT

private slots:
    void aKilledTestLeavesNothingBehind()
    {
        QTemporaryDir folders; // a test that is killed cannot remove its own
        QProcess test;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("TMPDIR", folders.path());
        test.setProcessEnvironment(environment);
        test.start(QCoreApplication::applicationFilePath(), {kHang});
        QByteArray said;
        QVERIFY(eventually(
            [&] {
                test.waitForReadyRead(50);
                said += test.readAllStandardOutput();
                return said.contains('\n') || test.state() == QProcess::NotRunning;
            },
            60'000));
        const QList<QByteArray> pids = said.trimmed().split(' ');
        QVERIFY2(pids.size() == 5, said.constData());
        for (const QByteArray& pid : pids)
            QVERIFY2(pid.toInt() > 0 && RunningHead::alive(pid.toInt()), said.constData());
        test.kill();
        QVERIFY(test.waitForFinished(5'000));
        QElapsedTimer timer;
        timer.start();
        const bool gone = eventually(
            [&] {
                return std::none_of(pids.begin(), pids.end(),
                                    [](const QByteArray& pid) { return RunningHead::alive(pid.toInt()); });
            },
            10'000);
        for (const QByteArray& pid : pids) // what a failure leaves behind is this test's to remove
            if (!gone && RunningHead::alive(pid.toInt()))
                ::kill(pid.toInt(), SIGKILL);
        QVERIFY2(gone, said.constData());
        qInfo("head, worker, client and executors were gone after %lld ms", timer.elapsed());
    }
};

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    if (argc == 2 && qstrcmp(argv[1], kHang) == 0)
        return hang();
    TstLeftBehind test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_left_behind.moc"
