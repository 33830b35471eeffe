// The disk of a head fills up: what needs it is refused with the reason, what runs goes on, and all is well once there
// is room again. The disk is a small file system in memory that only this test and its children see.

#include "engine/protocol/fault_hooks.h"
#include "tests/system/running_head.h"

#include <QDirIterator>
#include <QtTest>

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <random>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

const char* const kRoomy = "size=1g"; // nothing is taken of it but what is written
const char* const kFull = "size=2m";  // less than what a head leaves free for others

const QStringList kLongAsk = longAsk(500) + QStringList{"--json"};

} // namespace

class TstDiskFull final : public QObject {
    Q_OBJECT

    QTemporaryDir m_disk;
    std::string m_cannot; ///< why there is no disk
    RunningHead m_head;

    void makeDisk()
    {
        const auto failed = [this](const char* what) { m_cannot = std::string(what) + ": " + ::strerror(errno); };
        if (::geteuid() != 0)
            m_cannot = "only root can mount a file system";
        else if (::unshare(CLONE_NEWNS) != 0)
            failed("no mount namespace of our own");
        else if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            failed("mounts cannot be made private");
        else if (::mount("argus-test", m_disk.path().toUtf8().constData(), "tmpfs", 0, kRoomy) != 0)
            failed("no file system in memory");
    }
    void resize(const char* size)
    {
        QVERIFY2(::mount("argus-test", m_disk.path().toUtf8().constData(), "tmpfs", MS_REMOUNT, size) == 0,
                 ::strerror(errno));
    }
    void aQuestionIsAnswered(const QStringList& arguments, const std::string& answer) const
    {
        const Ran ran = m_head.ask(arguments);
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), answer);
    }
    void isRefusedForTheDisk(const Ran& ran) const
    {
        QCOMPARE(ran.code, 1);
        const Json error = ran.json()["error"];
        QCOMPARE(error["code"].get<std::string>(), std::string("Io"));
        const std::string cause = error["cause"].get<std::string>();
        QVERIFY2(cause.find("No space left") != std::string::npos, cause.c_str());
        QVERIFY2(error["remedy"].get<std::string>().find("free disk space on the head") != std::string::npos,
                 error.dump().c_str());
    }

private slots:
    void initTestCase()
    {
        makeDisk();
        if (!m_cannot.empty())
            QSKIP(m_cannot.c_str());
        // All that a head writes lies there: keys, its lock, uploads.
        m_head.set("ARGUS_CACHE_HOME", m_disk.filePath("cache"));
        m_head.allowFaults();
        QVERIFY2(m_head.start(), qPrintable(m_head.startError));
        QVERIFY(eventually([this] { return m_head.deploymentState() == "ready"; }, 30'000));
    }
    void init()
    {
        if (!m_cannot.empty())
            QSKIP(m_cannot.c_str());
    }

    void whatNeedsTheDiskIsRefusedAndWhatRunsGoesOn()
    {
        const Ran undisturbed = m_head.run(kLongAsk);
        QVERIFY2(undisturbed.code == 0, undisturbed.err.c_str());
        const std::unique_ptr<QProcess> asking = m_head.begin(kLongAsk);
        QVERIFY(eventually([this] { return m_head.status()["asks_running"].get<int>() > 0; }, 30'000));
        resize(kFull);
        isRefusedForTheDisk(m_head.ask({"--image", sample("red-circle-on-white.png"), "Describe this image."}));
        // Words need no disk.
        QCOMPARE(m_head.ask({"Hello!"}).code, 0);
        const Ran ran = RunningHead::finish(*asking);
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"], undisturbed.json()["text"]);
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
        // When there is room, nobody has to do anything.
        resize(kRoomy);
        aQuestionIsAnswered({"--image", sample("red-circle-on-white.png"), "Describe this image."},
                            storedAnswer("red-circle-on-white"));
    }
    /// There was room when the file was announced, and there is none when it comes.
    void itFillsUpWhileAFileIsOnItsWay()
    {
        if (!argus::protocol::faults::kCompiledIn)
            QSKIP("this build has no fault hooks to slow an upload down with");
        QTemporaryDir folder;
        QFile file(folder.filePath("large.png"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        std::mt19937 random(1);
        for (int i = 0; i < 8 << 18; ++i) {
            const auto word = static_cast<std::uint32_t>(random());
            file.write(reinterpret_cast<const char*>(&word), sizeof word);
        }
        file.close();
        m_head.faults("delay client.upload_chunk 100ms on receive");
        const std::unique_ptr<QProcess> asking =
            m_head.begin({"ask", "--json", "--image", file.fileName(), "Describe this image."});
        const auto comes = [this] {
            QDirIterator parts(m_disk.filePath("cache/uploads"), {"*.part"}, QDir::Files);
            return parts.hasNext() && QFileInfo(parts.next()).size() > 0;
        };
        QVERIFY(eventually(comes, 10'000));
        resize(kFull);
        isRefusedForTheDisk(RunningHead::finish(*asking, 60'000));
        m_head.faults({});
        QVERIFY(!comes()); // nothing of it is left
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
        resize(kRoomy);
        aQuestionIsAnswered({"--image", sample("red-circle-on-white.png"), "Describe this image."},
                            storedAnswer("red-circle-on-white"));
    }
    void cleanupTestCase()
    {
        m_head.process().kill();
        m_head.process().waitForFinished(5'000);
        if (m_cannot.empty())
            ::umount2(m_disk.path().toUtf8().constData(), MNT_DETACH);
    }
};

QTEST_GUILESS_MAIN(TstDiskFull)
#include "tst_disk_full.moc"
