// The desktop's program where there is no display, as over SSH or in a container.

#include <QProcess>
#include <QtTest>

class TstNoDisplay final : public QObject {
    Q_OBJECT
private slots:
    void whatNeedsNoWindowNeedsNoDisplay_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("status");
        QTest::addColumn<QString>("out");
        QTest::addColumn<QString>("err");
        QTest::newRow("help") << QStringList{"--help"} << 0 << "--quit-after-answer"
                              << "";
        QTest::newRow("help of a session") << QStringList{"-session", "1", "-style=fusion", "-h"} << 0 << "Usage"
                                           << "";
        QTest::newRow("version") << QStringList{"--version"} << 0 << ARGUS_VERSION << "";
        QTest::newRow("unknown option") << QStringList{"--loud"} << 2 << ""
                                        << "loud";
        QTest::newRow("half a head") << QStringList{"--head", "attic:47700"} << 2 << ""
                                     << "--head-key";
        QTest::newRow("wrong page") << QStringList{"--page", "attic"} << 2 << ""
                                    << "allowed is chat, engine";
        QTest::newRow("no such device") << QStringList{"--device", "WRONG"} << 2 << ""
                                        << "device is \"WRONG\"";
    }
    void whatNeedsNoWindowNeedsNoDisplay()
    {
        QFETCH(QStringList, arguments);
        QFETCH(int, status);
        QFETCH(QString, out);
        QFETCH(QString, err);
        const Ran ran = run(arguments, {});
        QVERIFY2(ran.ended && ran.code == status, qPrintable(ran.err));
        QVERIFY2(ran.out.contains(out), qPrintable(ran.out));
        QVERIFY2(err.isEmpty() ? ran.err.isEmpty() : ran.err.contains(err), qPrintable(ran.err));
    }

    void aWindowThatCannotBeIsSaidInOneSentence_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QStringList>("environment");
        QTest::addColumn<QStringList>("says");
        const QString english = "there is no display here for a window (DISPLAY and WAYLAND_DISPLAY are not set)";
        QTest::newRow("nothing set") << QStringList{} << QStringList{} << QStringList{english};
        QTest::newRow("Chinese system") << QStringList{} << QStringList{"LC_ALL=zh_CN.UTF-8"}
                                        << QStringList{"这里没有可用来显示窗口的显示器"};
        QTest::newRow("Chinese chosen") << QStringList{"--language", "zh_CN"} << QStringList{}
                                        << QStringList{"这里没有可用来显示窗口的显示器"};
        QTest::newRow("English chosen") << QStringList{"--language", "en"} << QStringList{"LC_ALL=zh_CN.UTF-8"}
                                        << QStringList{english};
        QTest::newRow("display that is gone")
            << QStringList{} << QStringList{"DISPLAY=:7777"}
            << QStringList{"no window can be opened here: could not connect to display :7777"};
        QTest::newRow("display that is gone, in Chinese")
            << QStringList{"--language", "zh_CN"} << QStringList{"DISPLAY=:7777"}
            << QStringList{"这里无法打开窗口：could not connect to display :7777"};
        QTest::newRow("no such platform") << QStringList{"-platform", "attic"} << QStringList{}
                                          << QStringList{"no window can be opened here:", "\"attic\""};
    }
    void aWindowThatCannotBeIsSaidInOneSentence()
    {
        QFETCH(QStringList, arguments);
        QFETCH(QStringList, environment);
        QFETCH(QStringList, says);
        const Ran ran = run(arguments, environment);
        QVERIFY2(ran.ended && ran.code == 1, qPrintable(ran.err));
        QVERIFY2(ran.err.startsWith("argus: ") && ran.err.count('\n') == 1, qPrintable(ran.err));
        QVERIFY2(ran.err.contains("argus-node ask"), qPrintable(ran.err));
        for (const QString& each : says)
            QVERIFY2(ran.err.contains(each), qPrintable(ran.err));
    }

private:
    struct Ran {
        bool ended = false; ///< by itself
        int code = -1;
        QString out;
        QString err;
    };
    static Ran run(const QStringList& arguments, const QStringList& extra)
    {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        for (const char* name :
             {"DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM", "LANGUAGE"})
            environment.remove(name);
        environment.insert("LC_ALL", "C.UTF-8");
        for (const QString& each : extra)
            environment.insert(each.section('=', 0, 0), each.section('=', 1));
        QProcess program;
        program.setProcessEnvironment(environment);
        program.start(ARGUS_BINARY_DIR "/bin/argus", arguments);
        const bool finished = program.waitForFinished();
        return {finished && program.exitStatus() == QProcess::NormalExit, program.exitCode(),
                QString::fromUtf8(program.readAllStandardOutput()), QString::fromUtf8(program.readAllStandardError())};
    }
};

QTEST_GUILESS_MAIN(TstNoDisplay)
#include "tst_no_display.moc"
