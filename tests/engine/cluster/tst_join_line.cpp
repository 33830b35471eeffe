// The line that brings a machine in: what is written is read, what is damaged is named.

#include "engine/cluster/join_line.h"

#include <QtTest>

#include <set>

using namespace argus;
using namespace argus::cluster;

class TstJoinLine final : public QObject {
    Q_OBJECT
private slots:
    void whatIsWrittenIsRead()
    {
        const JoinLine line{.host = "192.168.1.5", .port = 47702, .code = makeCode()};
        const auto read = parseJoinLine(line.text());
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        QCOMPARE(read->host, line.host);
        QCOMPARE(read->port, line.port);
        QCOMPARE(read->code, line.code);
        QCOMPARE(read->endpoint(), std::string("tcp://192.168.1.5:47702"));
    }
    void damageIsNamed_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("named");
        const QString code = QString::fromStdString(makeCode());
        QTest::newRow("nothing") << ""
                                 << "argus://";
        QTest::newRow("another scheme") << "http://a:1#" + code << "argus://";
        QTest::newRow("the shell took the code") << "argus://192.168.1.5:47702"
                                                 << "quotes";
        QTest::newRow("no port") << "argus://gpu-a#" + code << "HOST:PORT";
        QTest::newRow("no host") << "argus://:47702#" + code << "HOST:PORT";
        QTest::newRow("port of words") << "argus://gpu-a:x#" + code << "port";
        QTest::newRow("port too large") << "argus://gpu-a:70000#" + code << "port";
        QTest::newRow("half a code") << "argus://gpu-a:1#" + code.left(13) << "code";
        QTest::newRow("a code of other letters") << "argus://gpu-a:1#" + code.toLower() << "code";
    }
    void damageIsNamed()
    {
        QFETCH(QString, text);
        QFETCH(QString, named);
        const auto read = parseJoinLine(text.toStdString());
        QVERIFY(!read.ok());
        QVERIFY2(QString::fromStdString(read.error().cause).contains(named), read.error().cause.c_str());
        QVERIFY(read.error().remedy.find("argus://HOST:PORT#CODE") != std::string::npos);
    }
    void codesAreNeverTheSame()
    {
        std::set<std::string> seen;
        for (int i = 0; i < 1000; ++i)
            QVERIFY(seen.insert(makeCode()).second);
    }
    void keysFollowFromTheCodeAlone()
    {
        const std::string code = makeCode();
        const PairingKeys one = pairingKeys(code);
        const PairingKeys same = pairingKeys(code);
        const PairingKeys other = pairingKeys(makeCode());
        QCOMPARE(one.head.publicKey, same.head.publicKey);
        QCOMPARE(one.joiner.secretKey, same.joiner.secretKey);
        QVERIFY(one.head.publicKey != one.joiner.publicKey);
        QVERIFY(one.head.publicKey != other.head.publicKey);
    }
};

QTEST_GUILESS_MAIN(TstJoinLine)
#include "tst_join_line.moc"
