#include "engine/base/device_memory.h"

#include <QtTest>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <memory>

using namespace argus;

namespace {

struct Ended {
    int status = 0; ///< as waitpid() tells it
    QByteArray errors;
};

/// What becomes of `work` in a child of this process.
Ended inChild(const std::function<void()>& work)
{
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0)
        return {};
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL); // QTest's would write a report
        ::dup2(ends[1], STDERR_FILENO);
        work();
        ::_exit(0);
    }
    ::close(ends[1]);
    Ended ended;
    std::array<char, 1024> part{};
    for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;)
        ended.errors.append(part.data(), static_cast<int>(got));
    ::close(ends[0]);
    ::waitpid(child, &ended.status, 0);
    return ended;
}

} // namespace

class TestDeviceMemory : public QObject {
    Q_OBJECT

private slots:
    void beforeTheSealAndAfterItsEndAllIsWell()
    {
        const Ended ended = inChild([] {
            takingDeviceMemory("weights", 100);
            {
                const DeviceMemorySealed sealed;
            }
            takingDeviceMemory("weights", 100);
        });
        QVERIFY(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0);
        QCOMPARE(ended.errors, QByteArray());
    }
    /// Builds with tests are strict.
    void aSealedThreadAbortsAndSaysWhatWasAskedFor()
    {
        const Ended ended = inChild([] {
            const DeviceMemorySealed sealed;
            takingDeviceMemory("messages between GPUs", 12345);
        });
        QVERIFY(WIFSIGNALED(ended.status));
        QCOMPARE(WTERMSIG(ended.status), SIGABRT);
        QVERIFY2(ended.errors.contains(
                     "12345 bytes of device memory for messages between GPUs are asked for after start-up"),
                 ended.errors.constData());
    }
    void otherThreadsMayStillTake()
    {
        const DeviceMemorySealed sealed;
        std::unique_ptr<QThread> other(QThread::create([] { takingDeviceMemory("weights", 100); }));
        other->start();
        QVERIFY(other->wait());
    }
};

QTEST_GUILESS_MAIN(TestDeviceMemory)
#include "tst_device_memory.moc"
