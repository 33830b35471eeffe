// The demo model's sample pictures and clips through the real decoder.

#include "engine/media/media.h"

#include <QDir>
#include <QFile>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

#include <sys/mman.h>

#include <cmath>

using namespace argus;
using namespace argus::media;

namespace {

const QString kSamples = QStringLiteral(ARGUS_SOURCE_DIR "/resources/samples");

MediaReader demoReader()
{
    auto config = loadPreprocessConfig(ARGUS_SOURCE_DIR "/resources/demo-model");
    return {ARGUS_DECODER, DecodeLimits{}, config.ok() ? *config : PreprocessConfig{}};
}

std::vector<std::uint8_t> bytesOf(const Pixels& pixels)
{
    std::vector<std::uint8_t> result(pixels.bytes);
    if (::pread(pixels.memory.get(), result.data(), pixels.bytes, 0) != static_cast<ssize_t>(pixels.bytes))
        result.clear();
    return result;
}

/// Frames that need no resize, as they should come.
std::vector<std::uint8_t> expectedBytes(const std::vector<QImage>& frames)
{
    std::vector<std::uint8_t> result;
    for (const QImage& frame : frames)
        for (int y = 0; y < frame.height(); ++y)
            for (int x = 0; x < frame.width(); ++x) {
                const QRgb pixel = frame.pixel(x, y);
                for (const int value : {qRed(pixel), qGreen(pixel), qBlue(pixel)})
                    result.push_back(static_cast<std::uint8_t>(value));
            }
    return result;
}

std::vector<QImage> framesOf(const QString& name)
{
    std::vector<QImage> frames;
    const QDir folder(kSamples + '/' + name);
    for (const QString& file : folder.entryList({"*.png"}, QDir::Files, QDir::Name))
        frames.emplace_back(folder.filePath(file));
    return frames;
}

} // namespace

class TstMediaSamples : public QObject {
    Q_OBJECT
private slots:
    void picturesAndClipsGetTheReferencesGrids();
    void losslessClipsAreTheirFramesBitForBit_data();
    void losslessClipsAreTheirFramesBitForBit();
    void lossyClipsComeClose();
    void inspectSaysWhatReadWillGive();
};

void TstMediaSamples::picturesAndClipsGetTheReferencesGrids()
{
    QFile file(kSamples + "/cases.json");
    QVERIFY(file.open(QIODevice::ReadOnly));
    const MediaReader reader = demoReader();
    int seen = 0;
    for (const QJsonValue& value : QJsonDocument::fromJson(file.readAll()).object()["cases"].toArray()) {
        const QJsonObject entry = value.toObject();
        int images = 0;
        int videos = 0;
        for (const QJsonValue& medium : entry["media"].toArray()) {
            const bool clip = !medium.toString().endsWith(".png");
            const QJsonArray grid =
                entry[clip ? "video_grid_thw" : "image_grid_thw"].toArray()[clip ? videos : images].toArray();
            const QString path = kSamples + '/' + medium.toString() + (clip ? ".mkv" : "");
            const auto pixels = reader.read(path.toStdString());
            QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
            QCOMPARE((std::vector{pixels->gridT, pixels->gridH, pixels->gridW}),
                     (std::vector{grid[0].toInt(), grid[1].toInt(), grid[2].toInt()}));
            QCOMPARE(pixels->kind, clip ? MediaKind::Video : MediaKind::Image);
            QCOMPARE(pixels->secondsPerGrid, clip ? entry["second_per_grid_ts"].toArray()[videos].toDouble() : 0.0);
            (clip ? videos : images) += 1;
            ++seen;
        }
    }
    QCOMPARE(seen, 27);
}

void TstMediaSamples::losslessClipsAreTheirFramesBitForBit_data()
{
    QTest::addColumn<QString>("name");
    for (const QString& file : QDir(kSamples).entryList({"*.mkv"}))
        QTest::newRow(qPrintable(file)) << file.chopped(4);
    QTest::newRow("a picture") << "red-circle-on-white.png";
}

void TstMediaSamples::losslessClipsAreTheirFramesBitForBit()
{
    QFETCH(QString, name);
    const bool picture = name.endsWith(".png");
    const auto frames = picture ? std::vector{QImage(kSamples + '/' + name)} : framesOf(name);
    const auto pixels = demoReader().read((kSamples + '/' + name + (picture ? "" : ".mkv")).toStdString());
    QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
    QCOMPARE(pixels->frames, static_cast<int>(frames.size()));
    QVERIFY(bytesOf(*pixels) == expectedBytes(frames));
}

void TstMediaSamples::lossyClipsComeClose()
{
    const auto lossless = demoReader().read((kSamples + "/green-square-grows.mkv").toStdString());
    const auto lossy = demoReader().read((kSamples + "/green-square-grows.mp4").toStdString());
    QVERIFY2(lossy.ok(), lossy.ok() ? "" : lossy.error().text().c_str());
    QVERIFY(lossless.ok());
    QCOMPARE(lossy->bytes, lossless->bytes);
    QCOMPARE(lossy->secondsPerGrid, 1.0);
    const auto a = bytesOf(*lossless);
    const auto b = bytesOf(*lossy);
    QVERIFY(!a.empty() && a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::abs(a[i] - b[i]);
    // Swapped channels, a wrong range or a frame out of order cost ten grey levels; H.264 costs one.
    QVERIFY2(sum / static_cast<double>(a.size()) < 2, qPrintable(QString::number(sum / static_cast<double>(a.size()))));
}

void TstMediaSamples::inspectSaysWhatReadWillGive()
{
    const MediaReader reader = demoReader();
    for (const char* name : {"five-shapes-800x600.png", "triangle-turns-from-blue-to-red.mkv"}) {
        const std::string path = (kSamples + '/' + name).toStdString();
        const auto seen = reader.inspect(path, 96);
        const auto pixels = reader.read(path);
        QVERIFY2(seen.ok() && pixels.ok(), seen.ok() ? "" : seen.error().text().c_str());
        QCOMPARE(seen->info.modelTokens, pixels->tokens());
        QCOMPARE(seen->info.modelWidth, pixels->gridW * 14);
        QCOMPARE(seen->info.modelHeight, pixels->gridH * 14);
        QCOMPARE(std::max(seen->thumbnail.width, seen->thumbnail.height), 96);
        QCOMPARE(seen->thumbnail.rgb.size(),
                 static_cast<std::size_t>(seen->thumbnail.width * seen->thumbnail.height * 3));
    }
    const auto clip = reader.inspect((kSamples + "/triangle-turns-from-blue-to-red.mkv").toStdString(), 0);
    QVERIFY(clip.ok());
    QCOMPARE(clip->info.frames, 8);
    QCOMPARE(clip->info.framesPerSecond, 2.0);
    QCOMPARE(clip->info.durationSeconds, 4.0);
    QCOMPARE(clip->info.width, 224);
    QVERIFY(clip->thumbnail.rgb.empty());
}

QTEST_GUILESS_MAIN(TstMediaSamples)
#include "tst_media_samples.moc"
