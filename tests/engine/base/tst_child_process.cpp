// What a child inherits.

#include "engine/base/child_process.h"
#include "engine/base/files.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace argus;

class TstChildProcess final : public QObject {
    Q_OBJECT
private slots:
    void theEnvironmentIsOursWithSomeOfItsOwn()
    {
        qputenv("ARGUS_TEST_KEPT", "kept");
        qputenv("ARGUS_TEST_CHANGED", "before");
        const QTemporaryDir folder;
        const std::string file = folder.filePath("environment").toStdString();
        auto child = ChildProcess::start(
            {.program = "/bin/sh",
             .arguments = {"-c", "echo $ARGUS_TEST_KEPT,$ARGUS_TEST_CHANGED,$ARGUS_TEST_NEW,$(env | grep -c "
                                 "^ARGUS_TEST_CHANGED=) > " +
                                     file},
             .descriptors = {},
             .environment = {{"ARGUS_TEST_CHANGED", "after"}, {"ARGUS_TEST_NEW", "a=b"}}});
        QVERIFY(child.ok());
        const auto report = child->wait(Deadline::in(Milliseconds(10'000)));
        QVERIFY(report);
        QCOMPARE(report->code, 0);
        QCOMPARE(readFile(file, 1'000).value(), std::string("kept,after,a=b,1\n"));
        QCOMPARE(qgetenv("ARGUS_TEST_CHANGED"), QByteArray("before"));
    }
    void aProgramThatIsNotThereIsNamed()
    {
        const auto child =
            ChildProcess::start({.program = "/nowhere/argus-executor-cuda", .arguments = {}, .descriptors = {}});
        QVERIFY(!child.ok());
        QCOMPARE(child.error().code, ErrorCode::NotFound);
        QVERIFY(child.error().cause.find("/nowhere/argus-executor-cuda") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TstChildProcess)
#include "tst_child_process.moc"
