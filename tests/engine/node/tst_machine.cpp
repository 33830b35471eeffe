// What /proc says, read from its text.

#include "engine/node/machine.h"

#include <QtTest>

using namespace argus::node;

class TstMachine final : public QObject {
    Q_OBJECT
private slots:
    void memoryIsReadInBytes()
    {
        const MemoryFigures figures =
            parseMemoryInfo("MemTotal:       16316412 kB\nMemFree:  100 kB\nMemAvailable:    8000000 kB\n");
        QCOMPARE(figures.total, 16316412ULL * 1024);
        QCOMPARE(figures.available, 8000000ULL * 1024);
    }
    void missingLinesAreZero()
    {
        const MemoryFigures figures = parseMemoryInfo("MemFree: 100 kB");
        QCOMPARE(figures.total, 0ULL);
        QCOMPARE(figures.available, 0ULL);
    }
    void theFirstProcessorNamesThemAll()
    {
        QCOMPARE(parseProcessorName("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel name\t: Other\n"),
                 std::string("Some CPU @ 2.0GHz"));
        QCOMPARE(parseProcessorName("processor : 0\n"), std::string());
    }
    void thisMachineHasMemoryAndAThread()
    {
        QVERIFY(memoryFigures().total > memoryFigures().available / 2);
        QVERIFY(machineFacts().threads >= 1);
        QVERIFY(!machineFacts().processor.empty());
    }
};

QTEST_GUILESS_MAIN(TstMachine)
#include "tst_machine.moc"
