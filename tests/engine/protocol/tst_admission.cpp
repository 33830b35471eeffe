// Who is known while the file of keys is changed, by argus-node or by an editor that takes it away for a moment.

#include "engine/protocol/admission.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>
#include <fstream>

using namespace argus;
using namespace argus::protocol;

class TstAdmission final : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    const std::filesystem::path m_file = m_folder.filePath("clients").toStdString();
    const std::string m_own = makeKeys().publicKey;
    const std::string m_anna = makeKeys().publicKey;
    const std::string m_bert = makeKeys().publicKey;
    Instant m_at{std::chrono::hours(3)};

    void save(const std::vector<std::string>& keys) const
    {
        std::vector<KnownClient> clients;
        for (const std::string& key : keys)
            clients.push_back({.publicKey = key, .name = "somebody"});
        QVERIFY(saveKnownClients(m_file, clients).ok());
    }
    void write(const std::string& text) const { std::ofstream(m_file, std::ios::trunc) << text; }
    [[nodiscard]] bool knows(Admission& admission, const std::string& key) const
    {
        return admission.find(key, m_at).has_value();
    }

private slots:
    void init()
    {
        std::filesystem::remove_all(m_file);
        m_at += std::chrono::hours(1);
    }
    void allowAndRevokeCountAtOnce()
    {
        Admission admission(m_own, m_file);
        QVERIFY(knows(admission, m_own) && !knows(admission, m_anna)); // there is no file yet
        save({m_anna, m_bert});
        QVERIFY(knows(admission, m_anna) && knows(admission, m_bert));
        save({m_bert});
        QVERIFY(!knows(admission, m_anna) && knows(admission, m_bert));
        save({}); // the last one
        QVERIFY(!knows(admission, m_bert) && knows(admission, m_own));
    }
    void anEditorTakesNobodyOut_data()
    {
        QTest::addColumn<QString>("meanwhile");
        QTest::newRow("moved away") << "missing";
        QTest::newRow("emptied") << "empty";
        QTest::newRow("half a line") << "half";
        QTest::newRow("something that is no file") << "folder";
    }
    void anEditorTakesNobodyOut()
    {
        QFETCH(QString, meanwhile);
        Admission admission(m_own, m_file);
        save({m_anna});
        QVERIFY(knows(admission, m_anna));
        const auto disturb = [&] {
            std::filesystem::remove(m_file);
            if (meanwhile == "empty")
                write("");
            else if (meanwhile == "half")
                write(m_anna.substr(0, 17));
            else if (meanwhile == "folder")
                std::filesystem::create_directory(m_file);
        };
        disturb();
        m_at += std::chrono::seconds(9);
        QVERIFY(knows(admission, m_anna));
        QVERIFY(!knows(admission, m_bert)); // nobody new
        // What the editor writes counts as soon as it is there, also against who was known.
        std::filesystem::remove_all(m_file);
        save({m_bert});
        QVERIFY(!knows(admission, m_anna) && knows(admission, m_bert));
        // It does not come back: whoever took it away means it.
        disturb();
        m_at += Admission::kGrace;
        QVERIFY(knows(admission, m_bert)); // to the last moment
        m_at += Milliseconds(1);
        QVERIFY(!knows(admission, m_bert) && knows(admission, m_own));
        std::filesystem::remove_all(m_file);
        save({m_anna});
        QVERIFY(knows(admission, m_anna));
    }
    /// The grace counts from when the file was last seen in order, not from when somebody asked about it again.
    void whatWasReadLongAgoIsNotBelieved()
    {
        Admission admission(m_own, m_file);
        save({m_anna, m_bert});
        QVERIFY(knows(admission, m_anna));
        m_at += std::chrono::minutes(5);
        save({m_bert}); // nobody looks in between
        std::filesystem::remove(m_file);
        QVERIFY(!knows(admission, m_anna));
        QVERIFY(!knows(admission, m_bert));
    }
    void aFileThatIsTouchedAgainAndAgainHasNoNewGrace()
    {
        Admission admission(m_own, m_file);
        save({m_anna});
        QVERIFY(knows(admission, m_anna));
        for (int i = 0; i < 6; ++i) {
            std::filesystem::remove(m_file);
            m_at += std::chrono::seconds(1);
            QVERIFY(knows(admission, m_anna));
            write("");
            m_at += Milliseconds(600);
            QVERIFY(knows(admission, m_anna));
        }
        m_at += Milliseconds(500); // ten seconds and one tenth since the file was in order
        QVERIFY(!knows(admission, m_anna));
    }
    void aFileThatWasNeverInOrderAdmitsNobody()
    {
        Admission admission(m_own, m_file);
        write("nonsense\n");
        QVERIFY(!knows(admission, m_anna) && knows(admission, m_own));
    }
};

QTEST_GUILESS_MAIN(TstAdmission)
#include "tst_admission.moc"
