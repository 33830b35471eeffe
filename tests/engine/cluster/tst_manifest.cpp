// What a copy of a model consists of: a flipped byte, a cut file, a missing shard is named.

#include "engine/cluster/manifest.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

using namespace argus;
using namespace argus::cluster;

class TstManifest final : public QObject {
    Q_OBJECT

    [[nodiscard]] static std::unique_ptr<QTemporaryDir> copyOfTheDemoModel()
    {
        auto folder = std::make_unique<QTemporaryDir>();
        const QDir from(ARGUS_SOURCE_DIR "/resources/demo-model");
        for (const QString& name : from.entryList(QDir::Files))
            QFile::copy(from.filePath(name), folder->filePath(name));
        return folder;
    }
    [[nodiscard]] static QString aShardOf(const QTemporaryDir& folder)
    {
        return folder.filePath(QDir(folder.path()).entryList({"*.safetensors"}).first());
    }

private slots:
    void twoCopiesAreTheSame()
    {
        const auto copy = copyOfTheDemoModel();
        const auto ours = manifestOf(ARGUS_SOURCE_DIR "/resources/demo-model", {});
        const auto theirs = manifestOf(copy->path().toStdString(), {});
        QVERIFY2(ours.ok() && theirs.ok(), "both can be read");
        QCOMPARE(english(differenceOf(*ours, *theirs)), std::string());
        QVERIFY(ours->size() >= 3);
    }
    void aFlippedByteIsNamed()
    {
        const auto copy = copyOfTheDemoModel();
        const auto ours = manifestOf(copy->path().toStdString(), {});
        QVERIFY(ours.ok());
        QFile shard(aShardOf(*copy));
        QVERIFY(shard.open(QIODevice::ReadWrite));
        QVERIFY(shard.seek(shard.size() / 2));
        char byte = 0;
        QVERIFY(shard.read(&byte, 1) == 1 && shard.seek(shard.size() / 2));
        byte = static_cast<char>(byte ^ 1);
        QVERIFY(shard.write(&byte, 1) == 1);
        shard.close();
        const auto theirs = manifestOf(copy->path().toStdString(), {});
        QVERIFY(theirs.ok());
        const std::string difference = english(differenceOf(*ours, *theirs));
        QVERIFY2(difference.find(".safetensors has other content") != std::string::npos, difference.c_str());
    }
    void aCutFileIsNamedWithBothSizes()
    {
        const auto copy = copyOfTheDemoModel();
        const auto ours = manifestOf(copy->path().toStdString(), {});
        QFile shard(aShardOf(*copy));
        QVERIFY(ours.ok() && shard.resize(1000));
        const auto theirs = manifestOf(copy->path().toStdString(), {});
        QVERIFY(theirs.ok());
        QVERIFY(english(differenceOf(*ours, *theirs)).find("1000 bytes") != std::string::npos);
    }
    void aMissingShardIsNamed()
    {
        const auto copy = copyOfTheDemoModel();
        const QString shard = aShardOf(*copy);
        QVERIFY(QFile::remove(shard));
        const auto broken = manifestOf(copy->path().toStdString(), {});
        QVERIFY(!broken.ok());
        QVERIFY(broken.error().cause.find(QFileInfo(shard).fileName().toStdString()) != std::string::npos);
        const auto configOnly = manifestOf(copy->path().toStdString(), {.weights = false});
        QVERIFY(configOnly.ok()); // enough for load_format dummy
    }
    void aFileIsReadOnce()
    {
        const auto copy = copyOfTheDemoModel();
        const std::filesystem::path cache = copy->filePath("digests").toStdString();
        const auto first = manifestOf(copy->path().toStdString(), {.cache = cache});
        QVERIFY(first.ok() && std::filesystem::exists(cache));
        std::uint64_t pieces = 0;
        const auto second = manifestOf(copy->path().toStdString(),
                                       {.cache = cache, .progress = [&](std::uint64_t, std::uint64_t) { ++pieces; }});
        QVERIFY(second.ok());
        QCOMPARE(pieces, static_cast<std::uint64_t>(second->size())); // a word for each file, none for its pieces
        QCOMPARE(english(differenceOf(*first, *second)), std::string());
    }
};

QTEST_GUILESS_MAIN(TstManifest)
#include "tst_manifest.moc"
