// preprocessor_config.json: defaults, the demo model's, and files that are wrong.

#include "engine/media/media.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace argus;
using namespace argus::media;

class TstPreprocessConfig : public QObject {
    Q_OBJECT
private slots:
    void aMissingFileGivesTheDefaults();
    void smallLimitsHoldForClips();
    void newerSpellingIsUnderstood();
    void wrongFilesNameTheKey_data();
    void wrongFilesNameTheKey();

private:
    Result<PreprocessConfig> load(const QByteArray& text)
    {
        QFile file(m_folder.filePath("preprocessor_config.json"));
        if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size())
            return Error{};
        file.close();
        return loadPreprocessConfig(m_folder.path().toStdString());
    }
    QTemporaryDir m_folder;
};

void TstPreprocessConfig::aMissingFileGivesTheDefaults()
{
    const auto config = loadPreprocessConfig(m_folder.filePath("nowhere").toStdString());
    QVERIFY(config.ok());
    QCOMPARE(config->maxPixels, std::int64_t{12'845'056});
    QVERIFY(!config->limitsFromCheckpoint);
}

void TstPreprocessConfig::smallLimitsHoldForClips()
{
    const auto demo = loadPreprocessConfig(ARGUS_SOURCE_DIR "/resources/demo-model");
    QVERIFY(demo.ok());
    QCOMPARE(demo->minPixels, std::int64_t{3136});
    QCOMPARE(demo->maxPixels, std::int64_t{112'896});
    QVERIFY(demo->limitsFromCheckpoint);
    QCOMPARE(demo->mean[1], 0.4578275F);
    const auto published = load(R"({"min_pixels": 3136, "max_pixels": 12845056})");
    QVERIFY(published.ok());
    QVERIFY(!published->limitsFromCheckpoint);
}

void TstPreprocessConfig::newerSpellingIsUnderstood()
{
    const auto config = load(R"({"size": {"shortest_edge": 4000, "longest_edge": 50176}, "patch_size": 14})");
    QVERIFY(config.ok());
    QCOMPARE(config->minPixels, std::int64_t{4000});
    QCOMPARE(config->maxPixels, std::int64_t{50'176});
}

void TstPreprocessConfig::wrongFilesNameTheKey_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("word");
    QTest::newRow("no json") << QByteArray("max_pixels = 7") << "JSON object";
    QTest::newRow("a list") << QByteArray("[]") << "JSON object";
    QTest::newRow("text for a number") << QByteArray(R"({"max_pixels": "many"})") << "max_pixels";
    QTest::newRow("nothing for a size") << QByteArray(R"({"patch_size": 0})") << "patch_size";
    QTest::newRow("two colours") << QByteArray(R"({"image_mean": [0.5, 0.5]})") << "image_mean";
    QTest::newRow("division by zero") << QByteArray(R"({"image_std": [0.5, 0, 0.5]})") << "image_std";
    QTest::newRow("crossed limits") << QByteArray(R"({"min_pixels": 9000, "max_pixels": 5000})") << "min_pixels";
}

void TstPreprocessConfig::wrongFilesNameTheKey()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, word);
    const auto config = load(text);
    QVERIFY(!config.ok());
    QCOMPARE(config.error().code, ErrorCode::Corrupt);
    QVERIFY2(QString::fromStdString(config.error().cause).contains(word), config.error().text().c_str());
}

QTEST_GUILESS_MAIN(TstPreprocessConfig)
#include "tst_preprocess_config.moc"
