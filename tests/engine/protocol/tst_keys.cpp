#include "engine/base/files.h"
#include "engine/protocol/keys.h"

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>
#include <sys/stat.h>

using namespace argus;
using namespace argus::protocol;

class TstKeys : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    std::filesystem::path path(const char* name) const
    {
        return std::filesystem::path(m_folder.path().toStdString()) / "config" / name;
    }

private slots:
    void makesAPrivateFileOnFirstUse()
    {
        const auto keys = loadOrMakeKeys(path("head.keys"));
        QVERIFY(keys.ok());
        QVERIFY(isKey(keys->publicKey) && isKey(keys->secretKey));
        struct stat info = {};
        QCOMPARE(::stat(path("head.keys").c_str(), &info), 0);
        QCOMPARE(info.st_mode & 07777, 0600U);
        QCOMPARE(::stat(path("head.keys").parent_path().c_str(), &info), 0);
        QCOMPARE(info.st_mode & 07777, 0700U);
        const auto again = loadOrMakeKeys(path("head.keys"));
        QVERIFY(again.ok());
        QCOMPARE(again->secretKey, keys->secretKey);
        QCOMPARE(std::distance(std::filesystem::directory_iterator(path("").parent_path()), {}), std::ptrdiff_t{1});
    }

    void keysCanBePastedIntoACommandLine()
    {
        for (int i = 0; i < 2000; ++i) // one in 85 begins so by chance
            QVERIFY(!makeKeys().publicKey.starts_with('-'));
    }

    void refusesAFileOthersMayRead()
    {
        QVERIFY(loadOrMakeKeys(path("open.keys")).ok());
        for (const mode_t mode : {0640U, 0604U, 0660U}) {
            QCOMPARE(::chmod(path("open.keys").c_str(), mode), 0);
            const auto keys = loadOrMakeKeys(path("open.keys"));
            QVERIFY(!keys.ok());
            QCOMPARE(keys.error().code, ErrorCode::Denied);
            QVERIFY(keys.error().remedy.find("chmod 600") != std::string::npos);
        }
    }

    void refusesADamagedFile_data()
    {
        const CurveKeys keys = makeKeys();
        const CurveKeys other = makeKeys();
        QTest::addColumn<QByteArray>("text");
        const auto row = [](const char* name, const std::string& text) {
            QTest::newRow(name) << QByteArray::fromStdString(text);
        };
        row("empty", "");
        row("something else", "hello\n");
        row("no secret", "argus-keys 1\npublic " + keys.publicKey + "\n");
        row("short", "argus-keys 1\npublic " + keys.publicKey + "\nsecret " + keys.secretKey.substr(1) + "\n");
        row("keys that do not belong together",
            "argus-keys 1\npublic " + other.publicKey + "\nsecret " + keys.secretKey + "\n");
        row("another version", "argus-keys 2\npublic " + keys.publicKey + "\nsecret " + keys.secretKey + "\n");
    }
    void refusesADamagedFile()
    {
        QFETCH(QByteArray, text);
        QVERIFY(makePrivateFolder(path("").parent_path()).ok());
        QVERIFY(replaceFile(path("bad.keys"), text.toStdString(), 0600).ok());
        const auto keys = loadOrMakeKeys(path("bad.keys"));
        QVERIFY(!keys.ok());
        QCOMPARE(keys.error().code, ErrorCode::Corrupt);
        QVERIFY(keys.error().cause.find("bad.keys") != std::string::npos);
        QVERIFY(*readFile(path("bad.keys"), 1000) == text.toStdString()); // nothing is overwritten
    }

    void knowsAKeyWhenItSeesOne()
    {
        QVERIFY(isKey(makeKeys().publicKey));
        QVERIFY(!isKey(""));
        QVERIFY(!isKey(std::string(40, '~')));
        QVERIFY(!isKey(std::string(40, '#'))); // Z85 characters, but each five say more than 32 bits hold
        QVERIFY(!isKey(makeKeys().publicKey + "0"));
    }

    void knownClientsSurviveARoundTrip()
    {
        QVERIFY(loadKnownClients(path("absent"))->empty());
        const std::vector<KnownClient> clients{{makeKeys().publicKey, "Ann's laptop"},
                                               {makeKeys().publicKey, "实验室 2"},
                                               {makeKeys().publicKey, ""},
                                               {makeKeys().publicKey, "two\nlines"}};
        QVERIFY(saveKnownClients(path("clients"), clients).ok());
        const auto read = loadKnownClients(path("clients"));
        QVERIFY(read.ok());
        QCOMPARE(read->size(), clients.size());
        for (std::size_t i = 0; i < 3; ++i) {
            QCOMPARE((*read)[i].publicKey, clients[i].publicKey);
            QCOMPARE((*read)[i].name, clients[i].name);
        }
        QCOMPARE((*read)[3].name, std::string("two lines"));
        QCOMPARE(saveKnownClients(path("clients"), {{"no key", "x"}}).error().code, ErrorCode::BadRequest);
    }

    void rolesStandBehindTheNames()
    {
        const std::string key = makeKeys().publicKey;
        QVERIFY(makePrivateFolder(path("").parent_path()).ok());
        QVERIFY(replaceFile(path("clients3"), key + " Ann's laptop\n" + makeKeys().publicKey + " wall role=observer\n" +
                                                  makeKeys().publicKey + " bob role=client\n")
                    .ok());
        const auto read = loadKnownClients(path("clients3")); // the first line as older releases wrote it
        QVERIFY(read.ok());
        QCOMPARE((*read)[0].role, Role::Client);
        QCOMPARE((*read)[1].role, Role::Observer);
        QCOMPARE((*read)[1].name, std::string("wall"));
        QCOMPARE((*read)[2].role, Role::Client);

        const std::vector<KnownClient> clients{{key, "two words", Role::Observer},
                                               {makeKeys().publicKey, "", Role::Observer},
                                               {makeKeys().publicKey, "x role=observer", Role::Client}};
        QVERIFY(saveKnownClients(path("clients3"), clients).ok());
        const auto back = loadKnownClients(path("clients3"));
        QVERIFY(back.ok());
        for (std::size_t i = 0; i < clients.size(); ++i) {
            QCOMPARE((*back)[i].name, clients[i].name);
            QCOMPARE((*back)[i].role, clients[i].role);
        }
        // A role of a newer release must not become more than it is.
        QVERIFY(replaceFile(path("clients3"), key + " eve role=auditor\n").ok());
        const auto newer = loadKnownClients(path("clients3"));
        QVERIFY(!newer.ok());
        QVERIFY(newer.error().cause.find("line 1") != std::string::npos);
    }

    void aBadLineIsNamed()
    {
        QVERIFY(makePrivateFolder(path("").parent_path()).ok());
        QVERIFY(replaceFile(path("clients2"), makeKeys().publicKey + " a\n\n# note\nnonsense\n").ok());
        const auto read = loadKnownClients(path("clients2"));
        QVERIFY(!read.ok());
        QCOMPARE(read.error().code, ErrorCode::Corrupt);
        QVERIFY(read.error().cause.find("line 4") != std::string::npos);
    }

    void fingerprintsAreStableAndReadable()
    {
        const std::string key = makeKeys().publicKey;
        QCOMPARE(fingerprint(key).size(), std::size_t{24});
        QCOMPARE(fingerprint(key), fingerprint(key));
        QVERIFY(fingerprint(key) != fingerprint(makeKeys().publicKey));
        // base32 of SHA-256("abc") = ba7816bf 8f01cfea 414140de 5d: computed with coreutils
        QCOMPARE(fingerprint("abc"), std::string("XJ4B-NP4P-AHH6-UQKB-IDPF"));
    }
};

QTEST_GUILESS_MAIN(TstKeys)
#include "tst_keys.moc"
