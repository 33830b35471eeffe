// What a node says of NCCL, with it and without.

#include "engine/comm/nccl_version.h"

#include <QRegularExpression>
#include <QtTest>

#include <map>

using namespace argus::comm;

class TstNcclVersion final : public QObject {
    Q_OBJECT
private slots:
    void numbersBecomeWords_data()
    {
        QTest::addColumn<int>("number");
        QTest::addColumn<QString>("text");
        QTest::newRow("before 2.9") << 2804 << "2.8.4";
        QTest::newRow("oldest supported") << 21403 << "2.14.3";
        QTest::newRow("2.27") << 22707 << "2.27.7";
        QTest::newRow("two digits") << 23012 << "2.30.12";
    }
    void numbersBecomeWords()
    {
        QFETCH(int, number);
        QFETCH(QString, text);
        QCOMPARE(QString::fromStdString(ncclVersionText(number)), text);
    }
    void theLibraryOfThisMachineHasAVersionOrIsNotThere()
    {
        const auto version = ncclLibraryVersion();
        QCOMPARE(version.has_value(), openNcclLibrary() != nullptr);
        if (version)
            QVERIFY2(QRegularExpression("^2\\.\\d+\\.\\d+$").match(QString::fromStdString(*version)).hasMatch(),
                     version->c_str());
    }
    void theEnvironmentNamesExactlyOneInterface()
    {
        const auto pairs = ncclEnvironment("ens1f0");
        const std::map<std::string, std::string> environment(pairs.begin(), pairs.end());
        QCOMPARE(environment.at("NCCL_SOCKET_IFNAME"), std::string("=ens1f0"));
        QCOMPARE(environment.at("NCCL_SOCKET_FAMILY"), std::string("AF_INET"));
        QCOMPARE(environment.at("NCCL_RAS_ENABLE"), std::string("0"));
        QVERIFY(!environment.contains("NCCL_NVLS_ENABLE")); // the user's
    }
    void withoutAnInterfaceNcclChooses()
    {
        for (const auto& [name, value] : ncclEnvironment(""))
            QVERIFY(name != "NCCL_SOCKET_IFNAME" && name != "NCCL_SOCKET_FAMILY");
    }
};

QTEST_GUILESS_MAIN(TstNcclVersion)
#include "tst_nccl_version.moc"
