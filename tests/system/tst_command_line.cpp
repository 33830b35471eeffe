// argus-node as people and scripts call it: texts, exit codes, files left and removed.

#include "tests/system/running_head.h"

#include <QtTest>

#include <signal.h>

#include <filesystem>

using namespace argus::tests;
using Json = nlohmann::json;

class TstCommandLine final : public QObject {
    Q_OBJECT
private slots:
    void wrongUsageIsExitCodeTwo_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::newRow("nothing") << QStringList{};
        QTest::newRow("unknown command") << QStringList{"dance"};
        QTest::newRow("ask without a question") << QStringList{"ask"};
        QTest::newRow("unknown option") << QStringList{"ask", "--loud", "Hello"};
        QTest::newRow("temperature is no number") << QStringList{"ask", "--temperature", "warm", "Hello"};
        QTest::newRow("start with half an option") << QStringList{"start", "--join"};
    }
    void aMachineThatHasJoinedNobodySaysHowTo()
    {
        RunningHead nobody;
        const Ran ran = nobody.run({"start"});
        QCOMPARE(ran.code, 1);
        QVERIFY2(ran.err.find("--join") != std::string::npos && ran.err.find("--head") != std::string::npos,
                 ran.err.c_str());
        const Ran torn = nobody.run({"start", "--join", "argus://192.168.1.5:47702"});
        QCOMPARE(torn.code, 1);
        QVERIFY2(torn.err.find("quotes") != std::string::npos, torn.err.c_str());
    }
    void wrongUsageIsExitCodeTwo()
    {
        QFETCH(QStringList, arguments);
        const RunningHead nobody;
        const Ran ran = nobody.run(arguments);
        QCOMPARE(ran.code, 2);
        QVERIFY(!ran.err.empty());
    }

    void withoutAHeadStatusAndStopSaySo()
    {
        const RunningHead nobody;
        for (const char* command : {"status", "stop"}) {
            const Ran ran = nobody.run({command});
            QCOMPARE(ran.code, 1);
            QVERIFY(QString::fromStdString(ran.err).contains("no head of this user runs"));
            QVERIFY(QString::fromStdString(ran.err).contains("argus-node start --head"));
        }
    }

    void aSettingOutsideItsRangeIsRefusedByName()
    {
        RunningHead head;
        QVERIFY(!head.start({"--max-images", "0x"}));
        QVERIFY2(head.startError.contains("max_images"), qPrintable(head.startError));
    }

    void aHeadShowsItselfAndStopRemovesIt()
    {
        RunningHead head;
        QVERIFY2(head.start(), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 30'000));
        const Json status = head.status();
        QVERIFY(status["deployment"]["demo"].get<bool>());
        QCOMPARE(status["nodes"].size(), std::size_t(1));
        QCOMPARE(status["nodes"][0]["role"].get<std::string>(), std::string("head"));
        const Json device = status["nodes"][0]["devices"][0];
        QCOMPARE(device["kind"].get<std::string>(), std::string("cpu"));
        for (const char* figure : {"memory_total", "memory_free", "weights_bytes", "kv_reserved_bytes"})
            QVERIFY2(device[figure].get<std::uint64_t>() > 0, figure);
        const QString table = QString::fromStdString(head.run({"status"}).out);
        for (const char* word : {"NODE", "KV CACHE", "head", "ready", "Argus demo"})
            QVERIFY2(table.contains(word), qPrintable(table));

        const QString file = head.folder() + "/runtime/head.json";
        QVERIFY(QFile::exists(file));
        QVERIFY(!(QFile::permissions(file) & (QFile::ReadGroup | QFile::ReadOther)));
        const std::vector<int> children = RunningHead::childrenOf(head.pid());
        QVERIFY(!children.empty());
        const Ran stopped = head.run({"stop"});
        QVERIFY2(stopped.code == 0, stopped.err.c_str());
        QVERIFY(head.process().waitForFinished(5000));
        QCOMPARE(head.process().exitCode(), 0);
        QVERIFY(!QFile::exists(file));
        for (const int child : children)
            QVERIFY(!RunningHead::alive(child));
    }

    void aSecondHeadOfTheUserAndATakenPortAreRefused()
    {
        RunningHead head;
        QVERIFY2(head.start(), qPrintable(head.startError));
        const Ran second = head.run({"start", "--head", "--listen", "127.0.0.1:0"});
        QCOMPARE(second.code, 1);
        QVERIFY2(QString::fromStdString(second.err).contains("runs already"), second.err.c_str());
        const RunningHead other;
        const Ran taken = other.run({"start", "--head", "--listen", head.endpoint()});
        QCOMPARE(taken.code, 1);
        QVERIFY2(!taken.err.empty() && QString::fromStdString(taken.err).contains(head.endpoint().section(':', 1)),
                 taken.err.c_str());
    }

    void aTakenPortForWorkersIsNamed()
    {
        RunningHead head;
        QVERIFY2(head.start(), qPrintable(head.startError));
        const int port = head.endpoint().section(':', 1).toInt();
        const RunningHead other; // its workers would come in where the first one's clients do
        const Ran taken = other.run({"start", "--head", "--listen", QString("127.0.0.1:%1").arg(port - 1)});
        QCOMPARE(taken.code, 1);
        QVERIFY2(QString::fromStdString(taken.err).contains(QString::number(port)) ||
                     QString::fromStdString(taken.err).contains(QString::number(port - 1)),
                 taken.err.c_str());
    }

    void aSignalEndsTheHeadInOrder()
    {
        RunningHead head;
        QVERIFY2(head.start(), qPrintable(head.startError));
        ::kill(static_cast<pid_t>(head.pid()), SIGTERM);
        QVERIFY(head.process().waitForFinished(10'000));
        QCOMPARE(head.process().exitStatus(), QProcess::NormalExit);
        QCOMPARE(head.process().exitCode(), 0);
        QVERIFY(!QFile::exists(head.folder() + "/runtime/head.json"));
    }

    void questionsComeFromStandardInputAndAnswersStreamAsText()
    {
        const RunningHead nobody;
        const Ran typed = nobody.run({"ask", "--temperature", "0", "Hello!"});
        const Ran piped = nobody.run({"ask", "--temperature", "0", "-"}, 60'000, "Hello!\n");
        QVERIFY2(typed.code == 0, typed.err.c_str());
        QVERIFY(typed.out.size() > 3);
        QCOMPARE(piped.out, typed.out);
    }

    void samplingOptionsReachTheModel()
    {
        const RunningHead nobody;
        const Ran one = nobody.run({"ask", "--json", "--max-tokens", "1", "Hello!"});
        QCOMPARE(one.json()["completion_tokens"].get<int>(), 1);
        QCOMPARE(one.json()["reason"].get<std::string>(), std::string("length"));
        const Ran wrong = nobody.run({"ask", "--json", "--top-p", "7", "Hello!"});
        QCOMPARE(wrong.code, 1);
        QCOMPARE(wrong.json()["error"]["code"].get<std::string>(), std::string("BadRequest"));
    }

    void aModelFolderWithoutAModelIsToldAndTheHeadStaysUp()
    {
        RunningHead head;
        QVERIFY2(head.start({"--model", head.folder()}), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "failed"; }, 20'000));
        const Json error = head.status()["deployment"]["error"];
        QVERIFY(QString::fromStdString(error["cause"].get<std::string>()).contains("config.json"));
        const Ran ran = head.ask({"Hello!"});
        QCOMPARE(ran.code, 1);
        QCOMPARE(ran.json()["error"]["cause"], error["cause"]);
    }

    void whenTheAskerIsKilledItsPrivateHeadEnds()
    {
        const RunningHead nobody;
        const std::unique_ptr<QProcess> asking =
            nobody.begin({"ask", "--temperature", "100", "--top-p", "1", "--repetition-penalty", "10", "--seed", "3",
                          "--max-tokens", "2000", "Hello!"});
        std::vector<int> heads;
        QVERIFY(eventually(
            [&] { return !(heads = RunningHead::childrenOf(asking->processId(), "argus-node")).empty(); }, 10'000));
        std::vector<int> executors;
        QVERIFY(eventually(
            [&] { return !(executors = RunningHead::childrenOf(heads.front(), "argus-executor-cpu")).empty(); },
            10'000));
        asking->kill();
        QVERIFY(asking->waitForFinished(5'000));
        QVERIFY(eventually([&] { return !RunningHead::alive(heads.front()) && !RunningHead::alive(executors.front()); },
                           2'000));
    }

    void onlyKnownKeysAreAdmitted()
    {
        RunningHead head;
        head.allowFaults();
        QVERIFY2(head.start({"--log-level", "info"}), qPrintable(head.startError));
        const RunningHead stranger;
        const QStringList question{"ask",        "--json",         "--head", head.endpoint(),
                                   "--head-key", head.publicKey(), "Hello!"};
        const Ran noKey = stranger.run({"ask", "--head", head.endpoint(), "Hello!"});
        QCOMPARE(noKey.code, 1);
        QVERIFY2(QString::fromStdString(noKey.err).contains("--head-key"), noKey.err.c_str());
        const Ran refused = stranger.run(question);
        QCOMPARE(refused.code, 1);
        QCOMPARE(refused.json()["error"]["code"].get<std::string>(), std::string("Denied"));

        const QString key =
            QString::fromStdString(stranger.run({"keys", "show"}).out).split(' ', Qt::SkipEmptyParts).at(1);
        QCOMPARE(head.run({"keys", "allow", key, "guest"}).code, 0);
        QVERIFY(QString::fromStdString(head.run({"keys", "list"}).out).contains("guest"));
        const Ran admitted = stranger.run(question);
        QVERIFY2(admitted.code == 0, admitted.err.c_str());
        // The head's key was given once and is remembered.
        QCOMPARE(stranger.run({"ask", "--head", head.endpoint(), "Hello!"}).code, 0);
        // Whoever is in the middle of an answer, which takes minutes from here on, hears that the key counts no more;
        // the head has no more work with it.
        head.faults("delay executor.result 200ms after 30");
        const std::unique_ptr<QProcess> asking =
            stranger.begin(longAsk(1'000) + QStringList{"--head", head.endpoint()});
        QVERIFY(eventually([&] { return asking->waitForReadyRead(50) && asking->bytesAvailable() > 50; }, 60'000));
        // An editor that moves the file away for a moment takes nobody out.
        const std::string keys = (head.folder() + "/config/known_clients").toStdString();
        std::filesystem::rename(keys, keys + "~");
        QVERIFY2(eventually([&] { return head.log().contains("stays known for 10 s"); }, 5'000),
                 qPrintable(head.log()));
        std::filesystem::rename(keys + "~", keys);
        QVERIFY2(eventually([&] { return head.log().contains("is in order again and names 1"); }, 5'000),
                 qPrintable(head.log()));
        const qsizetype said = asking->bytesAvailable();
        QVERIFY2(eventually([&] { return asking->waitForReadyRead(50) && asking->bytesAvailable() > said; }, 30'000),
                 asking->readAllStandardError().constData());
        QCOMPARE(head.run({"keys", "revoke", "guest"}).code, 0);
        const Ran ended = RunningHead::finish(*asking, 30'000);
        head.faults({});
        QCOMPARE(ended.code, 1);
        QVERIFY2(ended.err.find("has been revoked") != std::string::npos &&
                     ended.err.find("argus-node keys allow") != std::string::npos,
                 ended.err.c_str());
        QVERIFY(eventually([&] { return head.status()["asks_running"].get<int>() == 0; }, 5'000));
        QCOMPARE(stranger.run(question).code, 1);
    }

    void anObserverOnlyLooks()
    {
        RunningHead head;
        QVERIFY2(head.start(), qPrintable(head.startError));
        RunningWorker beta("beta");
        QVERIFY2(beta.join(head), qPrintable(beta.startError));
        const RunningHead stranger;
        const QString key =
            QString::fromStdString(stranger.run({"keys", "show"}).out).split(' ', Qt::SkipEmptyParts).at(1);
        QCOMPARE(head.run({"keys", "allow", key, "wall", "--role", "emperor"}).code, 2);
        const Ran allowed = head.run({"keys", "allow", key, "wall", "--role", "observer"});
        QCOMPARE(allowed.code, 0);
        QVERIFY2(QString::fromStdString(allowed.out).contains("as an observer"), allowed.out.c_str());
        const QString list = QString::fromStdString(head.run({"keys", "list"}).out);
        QVERIFY2(list.contains("observer  wall") && list.contains("node      beta"), qPrintable(list));

        const auto at = [&](QStringList words) {
            return words << "--head" << head.endpoint() << "--head-key" << head.publicKey();
        };
        const auto refused = [&](const QStringList& words, const char* cause) {
            const Ran ran = stranger.run(at(words));
            const QString said = QString::fromStdString(ran.out + ran.err);
            if (ran.code != 1 || !said.contains(cause) || !said.contains("--role client"))
                qWarning().noquote() << words << ran.code << said;
            return ran.code == 1 && said.contains(cause) && said.contains("--role client");
        };
        QVERIFY(stranger.run(at({"status"})).code == 0);
        QVERIFY(stranger.run(at({"logs"})).code == 0);
        const Ran checked = stranger.run(at({"deploy", "--dry-run"}));
        QVERIFY2(checked.code == 0 && checked.out.find("tensor parallel") != std::string::npos, checked.err.c_str());
        QVERIFY(refused({"ask", "Hello!"}, "it may not ask questions"));
        QVERIFY(refused({"ask", "--image", QString(ARGUS_SOURCE_DIR) + "/resources/samples/text-hello.png", "What?"},
                        "it may not send files"));
        QVERIFY(refused({"deploy"}, "it may not deploy a model"));
        QVERIFY(refused({"join-line"}, "it may not let machines join"));
        QVERIFY(refused({"remove", "beta"}, "it may not remove machines"));
        QVERIFY(refused({"stop"}, "it may not stop the head"));

        // Another role counts at once, and the head is still there.
        QCOMPARE(head.run({"keys", "allow", key, "wall", "--role", "client"}).code, 0);
        QVERIFY(!QString::fromStdString(head.run({"keys", "list"}).out).contains("observer"));
        const Ran answered = stranger.run(at({"ask", "Hello!"}));
        QVERIFY2(answered.code == 0, answered.err.c_str());
    }
};

QTEST_GUILESS_MAIN(TstCommandLine)
#include "tst_command_line.moc"
