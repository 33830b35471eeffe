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

std::vector<float> values(const Patches& patches)
{
    std::vector<float> result(patches.bytes / sizeof(float));
    if (::pread(patches.memory.get(), result.data(), patches.bytes, 0) != static_cast<ssize_t>(patches.bytes))
        result.clear();
    return result;
}

/// The reference's patches of frames that need no resize, in double: design/qwen2_5_vl.md §5.1 and §6.6 written out
/// index by index.
std::vector<double> expectedPatches(const std::vector<QImage>& frames)
{
    const double mean[3] = {0.48145466, 0.4578275, 0.40821073};
    const double deviation[3] = {0.26862954, 0.26130258, 0.27577711};
    const int h = frames[0].height() / 14;
    const int w = frames[0].width() / 14;
    const int t = static_cast<int>(frames.size() + 1) / 2;
    std::vector<double> result;
    for (int n = 0; n < t * h * w; ++n) {
        const int iw = n % 2;
        const int ih = n / 2 % 2;
        const int bw = n / 4 % (w / 2);
        const int bh = n / 4 / (w / 2) % (h / 2);
        const int a = n / (h * w);
        for (int k = 0; k < 1176; ++k) {
            const auto frame = std::min<std::size_t>(static_cast<std::size_t>(2 * a + k / 196 % 2), frames.size() - 1);
            const QRgb pixel = frames[frame].pixel((2 * bw + iw) * 14 + k % 14, (2 * bh + ih) * 14 + k / 14 % 14);
            const int c = k / 392;
            const int v = c == 0 ? qRed(pixel) : c == 1 ? qGreen(pixel) : qBlue(pixel);
            result.push_back((v / 255.0 - mean[c]) / deviation[c]);
        }
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
            const auto patches = reader.read(path.toStdString());
            QVERIFY2(patches.ok(), patches.ok() ? "" : patches.error().text().c_str());
            QCOMPARE((std::vector{patches->gridT, patches->gridH, patches->gridW}),
                     (std::vector{grid[0].toInt(), grid[1].toInt(), grid[2].toInt()}));
            QCOMPARE(patches->kind, clip ? MediaKind::Video : MediaKind::Image);
            QCOMPARE(patches->secondsPerGrid, clip ? entry["second_per_grid_ts"].toArray()[videos].toDouble() : 0.0);
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
    const auto patches = demoReader().read((kSamples + '/' + name + (picture ? "" : ".mkv")).toStdString());
    QVERIFY2(patches.ok(), patches.ok() ? "" : patches.error().text().c_str());
    const std::vector<float> got = values(*patches);
    const std::vector<double> expected = expectedPatches(frames);
    QCOMPARE(got.size(), expected.size());
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(got[i]) - expected[i]));
    // One grey level is 1/255/0.276 = 0.0142; float rounding stays below 2e-7 times the largest value.
    QVERIFY2(worst < 1e-6, qPrintable(QString("largest difference %1").arg(worst)));
}

void TstMediaSamples::lossyClipsComeClose()
{
    const auto lossless = demoReader().read((kSamples + "/green-square-grows.mkv").toStdString());
    const auto lossy = demoReader().read((kSamples + "/green-square-grows.mp4").toStdString());
    QVERIFY2(lossy.ok(), lossy.ok() ? "" : lossy.error().text().c_str());
    QVERIFY(lossless.ok());
    QCOMPARE(lossy->bytes, lossless->bytes);
    QCOMPARE(lossy->secondsPerGrid, 1.0);
    const auto a = values(*lossless);
    const auto b = values(*lossy);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::abs(static_cast<double>(a[i] - b[i]));
    // Swapped channels, a wrong range or a frame out of order cost tenths; H.264 costs hundredths.
    QVERIFY2(sum / static_cast<double>(a.size()) < 0.03,
             qPrintable(QString::number(sum / static_cast<double>(a.size()))));
}

void TstMediaSamples::inspectSaysWhatReadWillGive()
{
    const MediaReader reader = demoReader();
    for (const char* name : {"five-shapes-800x600.png", "triangle-turns-from-blue-to-red.mkv"}) {
        const std::string path = (kSamples + '/' + name).toStdString();
        const auto seen = reader.inspect(path, 96);
        const auto patches = reader.read(path);
        QVERIFY2(seen.ok() && patches.ok(), seen.ok() ? "" : seen.error().text().c_str());
        QCOMPARE(seen->info.modelTokens, patches->tokens());
        QCOMPARE(seen->info.modelWidth, patches->gridW * 14);
        QCOMPARE(seen->info.modelHeight, patches->gridH * 14);
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
