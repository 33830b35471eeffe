// The disk of a head fills up: what needs it is refused with the reason, what runs goes on, and all is well once there
// is room again. The disk is a small file system in memory that only this test and its children see.

#include "engine/protocol/fault_hooks.h"
#include "tests/system/running_head.h"

#include <QDir>
#include <QDirIterator>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest>

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
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
        QVERIFY2(m_head.start({"--name", "alpha"}), qPrintable(m_head.startError));
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
    /// The disk of a worker, while it fetches a model that only the head has.
    void aWorkersDiskFillsUpWhileItFetches()
    {
        const QTemporaryDir folder;
        const QString model = folder.filePath("large");
        QVERIFY(QDir().mkpath(model));
        for (const QString& name : QDir(ARGUS_SOURCE_DIR "/resources/demo-model").entryList(QDir::Files))
            QVERIFY(QFile::copy(ARGUS_SOURCE_DIR "/resources/demo-model/" + name, model + "/" + name));
        qint64 whole = 0;
        for (const QFileInfo& file : QDir(model).entryInfoList({"*.safetensors"}))
            whole += file.size();
        RunningWorker beta("beta", {"--cpu-devices", "1"});
        beta.set("ARGUS_CACHE_HOME", m_disk.filePath("beta"));
        beta.allowFaults();
        QVERIFY2(beta.join(m_head), qPrintable(beta.startError + beta.log()));
        const QStringList options{"--model", model, "--node", "beta model=/nowhere", "--node", "alpha devices=none"};
        const auto isTold = [&](const Ran& ran, const char* where) {
            const QString said = QString::fromStdString(ran.out + ran.err);
            const bool told = ran.code == 1 && said.contains("beta") && said.contains(m_disk.filePath("beta")) &&
                              said.contains("free") && said.contains(where);
            if (!told)
                qWarning().noquote() << ran.code << said;
            return told;
        };
        // There is too little room from the beginning: nothing is fetched.
        resize("size=4m");
        QVERIFY(isTold(m_head.deploy(options), "needed"));
        // There was enough, and then something else has taken it.
        resize(kRoomy);
        if (!argus::protocol::faults::kCompiledIn)
            QSKIP("this build has no fault hooks to slow the fetching down with");
        beta.faults("delay to_worker.model_chunk 40ms on receive");
        const std::unique_ptr<QProcess> deploying = m_head.begin(QStringList{"deploy"} + options);
        const QString weights = m_disk.filePath("beta/models/large/model-00001-of-00002.safetensors");
        const auto fetched = [&] {
            struct stat info = {};
            return ::stat(weights.toUtf8().constData(), &info) == 0 ? info.st_blocks * 512L : 0L;
        };
        QVERIFY2(eventually([&] { return fetched() > 8 << 20; }, 30'000),
                 (deploying->readAll().toStdString() + beta.log().toStdString()).c_str());
        // It is not removed under the pull, which maps nothing.
        const auto models = [&](const QStringList& words) {
            return m_head.begin(QStringList{"models"} + words, {{"ARGUS_CACHE_HOME", m_disk.filePath("beta")}});
        };
        const Ran coming = RunningHead::finish(*models({"remove", "large"}));
        QVERIFY2(coming.code == 1 && coming.err.find("large is being fetched") != std::string::npos,
                 coming.err.c_str());
        QVERIFY(fetched() > 8 << 20);
        resize("size=12m");
        QVERIFY(isTold(RunningHead::finish(*deploying, 60'000), "are still to be fetched"));
        beta.faults({});
        QCOMPARE(m_head.deploymentState(), std::string("ready")); // what was served is served on
        // What has come is not fetched again.
        const long before = fetched();
        QVERIFY(before > 8 << 20);
        resize(kRoomy);
        const Ran again = m_head.deploy(options);
        QVERIFY2(again.code == 0, (again.out + again.err).c_str());
        qInfo("%ld bytes had come, %lld were fetched afterwards", before, fetchedLast(m_head, "large"));
        QVERIFY(fetchedLast(m_head, "large") < whole - (7 << 20));
        aQuestionIsAnswered({"--image", sample("red-circle-on-white.png"), "Describe this image."},
                            storedAnswer("red-circle-on-white"));
        // What was fetched is shown there, and removed when nobody needs it.
        const Ran list = RunningHead::finish(*models({"list"}));
        QVERIFY2(list.code == 0 && list.out.find("large  ") == 0 && list.out.find("in use") != std::string::npos,
                 (list.out + list.err).c_str());
        const Ran busy = RunningHead::finish(*models({"remove", "large"}));
        QVERIFY2(busy.code == 1 && busy.err.find("in use by process") != std::string::npos, busy.err.c_str());
        // Nor between two starts, while no process has anything of it.
        for (int killed = 0; killed < 3; ++killed) { // the third start waits for five seconds
            QVERIFY(eventually([&] { return m_head.deploymentState() == "ready" && beta.executor() > 0; }, 60'000));
            const int executor = beta.executor();
            ::kill(executor, SIGKILL);
            QVERIFY(eventually([&] { return !RunningHead::alive(executor) && beta.executor() != executor; }, 10'000));
        }
        const Ran between = RunningHead::finish(*models({"remove", "large"}));
        QVERIFY2(between.code == 1 && between.err.find("is about to start them") != std::string::npos,
                 (between.out + between.err).c_str());
        QVERIFY(beta.executor() <= 0); // it was indeed between two starts
        QVERIFY(eventually([&] { return m_head.deploymentState() == "ready"; }, 60'000));
        QCOMPARE(m_head.deploy({"--node", "beta devices=none"}).code, 0);
        const Ran removed = RunningHead::finish(*models({"remove", "large"}));
        QVERIFY2(removed.code == 0, removed.err.c_str());
        QCOMPARE(fetched(), 0L);
        QCOMPARE(RunningHead::finish(*models({"remove", "large"})).code, 1);
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
