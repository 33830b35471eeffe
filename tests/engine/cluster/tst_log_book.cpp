// What nodes have written: bounded, whole lines, also of nodes that are gone.

#include "engine/cluster/log_book.h"

#include <QtTest>

using namespace argus::cluster;

class TstLogBook final : public QObject {
    Q_OBJECT
private slots:
    void theNewestLinesStandLast()
    {
        LogBook book;
        book.add("beta", "one\ntwo\n");
        book.add("beta", "three\n");
        QCOMPARE(book.tail("beta", 1000), std::string("one\ntwo\nthree\n"));
        QCOMPARE(book.tail("beta", 9), std::string("three\n")); // "two" is not whole within 9 bytes
        QCOMPARE(book.tail("gamma", 1000), std::string());
        QVERIFY(book.knows("beta") && !book.knows("gamma"));
    }
    void aNodeIsKeptToItsBound()
    {
        LogBook book;
        const std::string line(999, 'x');
        for (int i = 0; i < 8000; ++i)
            book.add("beta", line + "\n");
        book.add("beta", "the last\n");
        const std::string all = book.tail("beta", std::size_t{100} << 20);
        QVERIFY(all.size() <= LogBook::kMostBytes + 1000 && all.size() > LogBook::kMostBytes / 2);
        QVERIFY(all.ends_with("the last\n"));
        QVERIFY(all.starts_with("x"));
    }
    void theSilentNodeGoesFirst()
    {
        LogBook book;
        for (std::size_t i = 0; i < LogBook::kMostNodes; ++i)
            book.add("node" + std::to_string(i), "a\n");
        book.add("node0", "b\n");
        book.add("one more", "c\n");
        QVERIFY(book.knows("node0") && book.knows("one more"));
        QVERIFY(!book.knows("node1"));
    }
};

QTEST_GUILESS_MAIN(TstLogBook)
#include "tst_log_book.moc"
