// Patch order, normalisation on a processor, and the stored results of the reference's processors.

#include "engine/decoder/size_rules.h"
#include "engine/media/media.h"
#include "kernels/cpu/team.h"
#include "kernels/patchify.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace argus;
using namespace argus::media;

namespace {

const QString kData = QStringLiteral(ARGUS_SOURCE_DIR "/tests/data/preprocess/");

/// The bytes of one tensor of preprocess.safetensors.
QByteArray stored(const QString& name)
{
    QFile file(kData + "preprocess.safetensors");
    if (!file.open(QIODevice::ReadOnly))
        return {};
    quint64 length = 0;
    file.read(reinterpret_cast<char*>(&length), 8);
    const QJsonArray range = QJsonDocument::fromJson(file.read(static_cast<qint64>(length)))
                                 .object()[name]
                                 .toObject()["data_offsets"]
                                 .toArray();
    file.seek(8 + static_cast<qint64>(length) + range[0].toInteger());
    return file.read(range[1].toInteger() - range[0].toInteger());
}

QJsonObject about(const QString& name)
{
    QFile file(kData + "preprocess.json");
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object()[name].toObject()
                                          : QJsonObject{};
}

std::vector<float> patchesOf(std::span<const std::uint8_t> rgb, int frames, int height, int width)
{
    const PreprocessConfig config;
    std::vector<float> result(static_cast<std::size_t>(temporalPatches(frames, config)) *
                                  static_cast<std::size_t>(height / 14 * (width / 14)) * 1176,
                              std::nanf(""));
    kernels::cpu::Team team(2);
    kernels::Patchify work{.patches = result.data(),
                           .patchStride = 1176,
                           .frames = rgb.data(),
                           .frameCount = frames,
                           .gridH = height / 14,
                           .gridW = width / 14};
    std::ranges::copy(config.mean, work.mean);
    std::ranges::copy(config.std, work.deviation);
    kernels::cpu::patchify(work, team);
    return result;
}

std::vector<std::uint8_t> read(const Pixels& pixels)
{
    std::vector<std::uint8_t> result(pixels.bytes);
    return ::pread(pixels.memory.get(), result.data(), pixels.bytes, 0) == static_cast<ssize_t>(pixels.bytes)
               ? result
               : std::vector<std::uint8_t>{};
}

} // namespace

class TstPatchify : public QObject {
    Q_OBJECT
private slots:
    void orderIsTheSpecifications();
    void valuesAreTheSpecifications();
    void oddFramesRepeatTheLast();
    void storedPixelValuesComeOutInOrder();
    void photographsEqualPillow_data();
    void photographsEqualPillow();
    void largerPhotographsHaveTheStoredStatistics_data();
    void largerPhotographsHaveTheStoredStatistics();
};

void TstPatchify::orderIsTheSpecifications()
{
    // A picture that says where it is: red the row, green the column, blue the frame.
    const int height = 4 * 14;
    const int width = 6 * 14;
    std::vector<std::uint8_t> rgb;
    for (int f = 0; f < 4; ++f)
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                rgb.insert(rgb.end(),
                           {static_cast<std::uint8_t>(y), static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(f)});
    const auto patches = patchesOf(rgb, 4, height, width);
    const PreprocessConfig config;
    const auto value = [&](int n, int k, int c) { // undo the normalisation
        const float v = patches[static_cast<std::size_t>(n) * 1176 + static_cast<std::size_t>(k)];
        return static_cast<int>(std::lround((v * config.std[c] + config.mean[c]) * 255));
    };
    QCOMPARE(value(0, 0, 0), 0);   // frame 0, R, 0, 0
    QCOMPARE(value(5, 200, 0), 0); // frame 1, R, row 0 (column 46 stands in green)
    QCOMPARE(value(5, 200 + 392, 1), 46);
    QCOMPARE(value(5, 200 + 784, 2), 1);
    QCOMPARE(value(14, 1175, 2), 1); // frame 1, B, 55, 13
    QCOMPARE(value(14, 1175 - 784, 0), 55);
    QCOMPARE(value(14, 1175 - 392, 1), 13);
    QCOMPARE(value(24, 391 + 784, 2), 3); // second temporal slice
    QCOMPARE(value(24, 391, 0), 13);
    const int rows[] = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3, 2, 2, 3, 3};
    const int columns[] = {0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5};
    for (int n = 0; n < 24; ++n) {
        QCOMPARE(value(n, 0, 0), rows[n] * 14);
        QCOMPARE(value(n, 392, 1), columns[n] * 14);
    }
}

void TstPatchify::valuesAreTheSpecifications()
{
    const std::pair<int, std::array<float, 3>> expected[] = {{0, {-1.79226255F, -1.75209713F, -1.48021984F}},
                                                             {1, {-1.77766407F, -1.73708928F, -1.46599972F}},
                                                             {127, {0.0617376044F, 0.153889433F, 0.325728595F}},
                                                             {128, {0.0763361454F, 0.168897316F, 0.339948773F}},
                                                             {255, {1.93033612F, 2.0748837F, 2.14589691F}}};
    for (const auto& [v, colours] : expected) {
        const std::vector<std::uint8_t> rgb(28 * 28 * 3, static_cast<std::uint8_t>(v));
        const auto patches = patchesOf(rgb, 1, 28, 28);
        for (std::size_t c = 0; c < 3; ++c)
            QVERIFY2(std::abs(patches[c * 392] - colours[c]) <= 2.4e-7F,
                     qPrintable(QString("%1 %2").arg(v).arg(patches[c * 392], 0, 'g', 9)));
    }
}

void TstPatchify::oddFramesRepeatTheLast()
{
    std::vector<std::uint8_t> rgb(3 * 28 * 28 * 3);
    for (std::size_t i = 0; i < rgb.size(); ++i)
        rgb[i] = static_cast<std::uint8_t>(i / (28 * 28 * 3) * 100);
    const auto patches = patchesOf(rgb, 3, 28, 28);
    QCOMPARE(patches.size(), std::size_t{2 * 4 * 1176});
    QVERIFY(patches[0] < patches[196]);                   // frames 0 and 1
    QCOMPARE(patches[4 * 1176], patches[4 * 1176 + 196]); // frame 2 twice
    QVERIFY(patches[4 * 1176] > patches[196]);
}

void TstPatchify::storedPixelValuesComeOutInOrder()
{
    const QByteArray rgb = stored("chelsea.Qwen2VLImageProcessor.50176");
    const QByteArray expected = stored("chelsea.Qwen2VLImageProcessor.50176.pixel_values");
    QCOMPARE(rgb.size(), 168 * 252 * 3);
    const auto patches = patchesOf(
        {reinterpret_cast<const std::uint8_t*>(rgb.constData()), static_cast<std::size_t>(rgb.size())}, 1, 168, 252);
    QCOMPARE(patches.size() * sizeof(float), static_cast<std::size_t>(expected.size()));
    float worst = 0;
    for (std::size_t i = 0; i < patches.size(); ++i) {
        float value = 0;
        std::memcpy(&value, expected.constData() + i * sizeof(float), sizeof value);
        worst = std::max(worst, std::abs(value - patches[i]));
    }
    QVERIFY2(worst <= 2.4e-7F,
             qPrintable(QString::number(worst))); // the fast path's rounding, design/qwen2_5_vl.md §6.6
}

void TstPatchify::photographsEqualPillow_data()
{
    QTest::addColumn<QString>("name");
    for (const char* name : {"astronaut", "chelsea", "coffee", "coins", "rocket"})
        QTest::newRow(name) << name;
}

void TstPatchify::photographsEqualPillow()
{
    QFETCH(QString, name);
    const QByteArray rgb = stored(name + ".Qwen2VLImageProcessorPil.50176");
    const QJsonArray grid = about(name + ".Qwen2VLImageProcessorPil.50176")["grid"].toArray()[0].toArray();
    PreprocessConfig config;
    config.maxPixels = 50'176;
    const auto pixels = MediaReader(ARGUS_DECODER, {}, config).read((kData + "images/" + name + ".png").toStdString());
    QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
    QCOMPARE(pixels->frames, 1);
    QCOMPARE(pixels->gridH, grid[1].toInt());
    QCOMPARE(pixels->gridW, grid[2].toInt());
    QVERIFY(!rgb.isEmpty());
    QVERIFY(std::ranges::equal(read(*pixels), rgb, {}, {}, [](char byte) { return static_cast<std::uint8_t>(byte); }));
}

void TstPatchify::largerPhotographsHaveTheStoredStatistics_data()
{
    photographsEqualPillow_data();
}

void TstPatchify::largerPhotographsHaveTheStoredStatistics()
{
    QFETCH(QString, name);
    const QJsonObject expected = about(name + ".Qwen2VLImageProcessorPil.1003520");
    PreprocessConfig config;
    config.maxPixels = 1'003'520;
    const auto pixels = MediaReader(ARGUS_DECODER, {}, config).read((kData + "images/" + name + ".png").toStdString());
    QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
    const auto values = patchesOf(read(*pixels), pixels->frames, pixels->gridH * 14, pixels->gridW * 14);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    const double square = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
    const double deviation =
        std::sqrt((square - static_cast<double>(values.size()) * mean * mean) / static_cast<double>(values.size() - 1));
    // The stored figures are float32 sums over some 400,000 terms.
    QVERIFY2(std::abs(mean - expected["mean"].toDouble()) < 2e-6, qPrintable(QString::number(mean, 'g', 9)));
    QVERIFY2(std::abs(deviation - expected["std"].toDouble()) < 2e-6, qPrintable(QString::number(deviation, 'g', 9)));
}

QTEST_APPLESS_MAIN(TstPatchify)
#include "tst_patchify.moc"
