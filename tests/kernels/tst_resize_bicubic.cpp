// The resize against its published arithmetic: checksums of design/qwen2_5_vl.md §6.4 and §6.5, and the plain loops.

#include "kernels/resize_bicubic.h"

#include <QTest>

#include <array>
#include <random>
#include <vector>

using namespace argus::kernels;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint32_t crc32(const Bytes& bytes)
{
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

Bytes lcg(int height, int width)
{
    std::uint32_t s = 12345;
    Bytes result;
    for (int i = 0; i < height * width; ++i) {
        s = s * 1664525U + 1013904223U;
        result.push_back(static_cast<std::uint8_t>(s >> 24));
    }
    return result;
}

Bytes smooth(int height, int width)
{
    Bytes result;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            result.push_back(static_cast<std::uint8_t>((7 * x + 13 * y + (x * y >> 3)) & 255));
    return result;
}

using Resize = void (*)(const ResizeBicubic&);

/// Output surrounded by a guard of 0xA5 that must survive.
Bytes resized(Resize resize, const Bytes& in, int channels, int inHeight, int inWidth, int outHeight, int outWidth)
{
    constexpr std::size_t kGuard = 64;
    const std::size_t size =
        static_cast<std::size_t>(outHeight) * static_cast<std::size_t>(outWidth) * static_cast<std::size_t>(channels);
    Bytes out(size + 2 * kGuard, 0xA5);
    resize({.in = in.data(),
            .out = out.data() + kGuard,
            .inWidth = inWidth,
            .inHeight = inHeight,
            .outWidth = outWidth,
            .outHeight = outHeight,
            .channels = channels,
            .inStride = static_cast<std::size_t>(inWidth * channels),
            .outStride = static_cast<std::size_t>(outWidth * channels)});
    for (std::size_t i = 0; i < kGuard; ++i)
        if (out[i] != 0xA5 || out[kGuard + size + i] != 0xA5)
            return {}; // written outside
    return {out.begin() + kGuard, out.end() - kGuard};
}

/// One plane as the three channels of a picture: each a different plane, so that mixed channels show.
Bytes threeChannels(const Bytes& plane)
{
    Bytes result;
    for (std::size_t i = 0; i < plane.size(); ++i)
        result.insert(result.end(), {plane[i], static_cast<std::uint8_t>(255 - plane[i]), plane[plane.size() - 1 - i]});
    return result;
}

Bytes channel(const Bytes& picture, std::size_t c)
{
    Bytes result;
    for (std::size_t i = c; i < picture.size(); i += 3)
        result.push_back(picture[i]);
    return result;
}

} // namespace

class TstResizeBicubic : public QObject {
    Q_OBJECT
private slots:
    void rowsOfTheSpecification();
    void checksumsOfTheSpecification_data();
    void checksumsOfTheSpecification();
    void vectorsEqualPlainLoops();
    void strideIsRespected();
    void rowsMayArriveOneByOne_data();
    void rowsMayArriveOneByOne();
    void hugeReductionsStayExact();
};

void TstResizeBicubic::rowsOfTheSpecification()
{
    const Bytes row{0, 255, 0, 0, 64, 128, 192, 255};
    QCOMPARE(resized(resizeBicubicFixed, row, 1, 1, 8, 1, 4), (Bytes{118, 29, 92, 221}));
    QCOMPARE(resized(resizeBicubicFixed, row, 1, 1, 8, 1, 12),
             (Bytes{0, 135, 239, 34, 0, 7, 53, 96, 139, 181, 229, 255}));
    QCOMPARE(resized(resizeBicubicFixed, row, 1, 1, 8, 1, 3), (Bytes{97, 43, 197}));
    // The same as a column, and through the vector path.
    QCOMPARE(resized(resizeBicubicFixed, row, 1, 8, 1, 4, 1), (Bytes{118, 29, 92, 221}));
    QCOMPARE(channel(resized(resizeBicubicFixed, threeChannels(row), 3, 1, 8, 1, 4), 0), (Bytes{118, 29, 92, 221}));
    QCOMPARE(channel(resized(resizeBicubicFixed, threeChannels(row), 3, 8, 1, 4, 1), 0), (Bytes{118, 29, 92, 221}));
}

void TstResizeBicubic::checksumsOfTheSpecification_data()
{
    QTest::addColumn<bool>("isSmooth");
    QTest::addColumn<int>("inHeight");
    QTest::addColumn<int>("inWidth");
    QTest::addColumn<int>("outHeight");
    QTest::addColumn<int>("outWidth");
    QTest::addColumn<quint32>("fixed");
    QTest::addColumn<quint32>("floating");
    QTest::newRow("lcg 100x150") << false << 100 << 150 << 112 << 140 << 0xffc1f08fU << 0xcdda98a0U;
    QTest::newRow("smooth 100x150") << true << 100 << 150 << 112 << 140 << 0xc7755aa5U << 0x9c9300e9U;
    QTest::newRow("lcg 480x640") << false << 480 << 640 << 476 << 644 << 0xcef3fab1U << 0x44469568U;
    QTest::newRow("lcg 97x131") << false << 97 << 131 << 56 << 84 << 0xd12a7de5U << 0xe25c8090U;
    QTest::newRow("smooth 97x131") << true << 97 << 131 << 56 << 84 << 0x25c7082bU << 0xd2bd187bU;
    QTest::newRow("lcg 1080x1920") << false << 1080 << 1920 << 1092 << 1932 << 0xd07c45deU << 0x28a33b37U;
    QTest::newRow("lcg 33x47") << false << 33 << 47 << 112 << 168 << 0x9a91b131U << 0x011654c8U;
}

void TstResizeBicubic::checksumsOfTheSpecification()
{
    QFETCH(bool, isSmooth);
    QFETCH(int, inHeight);
    QFETCH(int, inWidth);
    QFETCH(int, outHeight);
    QFETCH(int, outWidth);
    QFETCH(quint32, fixed);
    QFETCH(quint32, floating);
    const Bytes plane = isSmooth ? smooth(inHeight, inWidth) : lcg(inHeight, inWidth);
    const Bytes picture = threeChannels(plane);
    QCOMPARE(crc32(resized(resizeBicubicFixed, plane, 1, inHeight, inWidth, outHeight, outWidth)), fixed);
    QCOMPARE(crc32(channel(resized(resizeBicubicFixed, picture, 3, inHeight, inWidth, outHeight, outWidth), 0)), fixed);
    QCOMPARE(crc32(resized(resizeBicubicFloat, plane, 1, inHeight, inWidth, outHeight, outWidth)), floating);
    QCOMPARE(crc32(channel(resized(resizeBicubicFloat, picture, 3, inHeight, inWidth, outHeight, outWidth), 0)),
             floating);
}

void TstResizeBicubic::vectorsEqualPlainLoops()
{
    std::mt19937 random(7);
    std::uniform_int_distribution<int> extent(1, 90);
    for (int round = 0; round < 300; ++round) {
        const int inHeight = extent(random);
        const int inWidth = extent(random);
        const int outHeight = round % 7 == 0 ? inHeight : extent(random);
        const int outWidth = round % 5 == 0 ? inWidth : extent(random);
        Bytes picture(static_cast<std::size_t>(inHeight * inWidth * 3));
        for (auto& byte : picture) // extremes are where weights overshoot
            byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() & 255U : (random() & 1U) * 255U);
        const Bytes plain = resized(resizeBicubicFixedPlain, picture, 3, inHeight, inWidth, outHeight, outWidth);
        QVERIFY2(resized(resizeBicubicFixed, picture, 3, inHeight, inWidth, outHeight, outWidth) == plain &&
                     !plain.empty(),
                 qPrintable(QString("%1x%2 to %3x%4").arg(inHeight).arg(inWidth).arg(outHeight).arg(outWidth)));
        const Bytes floating = resized(resizeBicubicFloat, picture, 3, inHeight, inWidth, outHeight, outWidth);
        for (std::size_t c = 0; c < 3; ++c)
            QVERIFY2(
                channel(floating, c) ==
                    resized(resizeBicubicFloat, channel(picture, c), 1, inHeight, inWidth, outHeight, outWidth),
                qPrintable(QString("float %1x%2 to %3x%4").arg(inHeight).arg(inWidth).arg(outHeight).arg(outWidth)));
    }
}

void TstResizeBicubic::strideIsRespected()
{
    const Bytes picture = threeChannels(lcg(20, 30));
    Bytes wide(20 * 100, 0xEE);
    for (std::size_t y = 0; y < 20; ++y)
        std::copy_n(picture.begin() + static_cast<std::ptrdiff_t>(y * 90), 90,
                    wide.begin() + static_cast<std::ptrdiff_t>(y * 100));
    Bytes out(14 * 80, 0xA5);
    resizeBicubicFixed({.in = wide.data(),
                        .out = out.data(),
                        .inWidth = 30,
                        .inHeight = 20,
                        .outWidth = 21,
                        .outHeight = 14,
                        .channels = 3,
                        .inStride = 100,
                        .outStride = 80});
    const Bytes expected = resized(resizeBicubicFixedPlain, picture, 3, 20, 30, 14, 21);
    for (std::size_t y = 0; y < 14; ++y) {
        QVERIFY(std::equal(expected.begin() + static_cast<std::ptrdiff_t>(y * 63),
                           expected.begin() + static_cast<std::ptrdiff_t>(y * 63 + 63),
                           out.begin() + static_cast<std::ptrdiff_t>(y * 80)));
        for (std::size_t x = 63; x < 80; ++x)
            QCOMPARE(out[y * 80 + x], std::uint8_t{0xA5});
    }
}

void TstResizeBicubic::rowsMayArriveOneByOne_data()
{
    QTest::addColumn<int>("inHeight");
    QTest::addColumn<int>("inWidth");
    QTest::addColumn<int>("outHeight");
    QTest::addColumn<int>("outWidth");
    QTest::newRow("smaller") << 97 << 131 << 56 << 84;
    QTest::newRow("larger") << 33 << 47 << 112 << 168;
    QTest::newRow("much smaller") << 90 << 61 << 3 << 2;
    QTest::newRow("as wide") << 41 << 30 << 28 << 30;
    QTest::newRow("as high") << 41 << 30 << 41 << 28;
    QTest::newRow("the same") << 40 << 30 << 40 << 30;
    QTest::newRow("one row") << 1 << 30 << 28 << 28;
}

void TstResizeBicubic::rowsMayArriveOneByOne()
{
    QFETCH(int, inHeight);
    QFETCH(int, inWidth);
    QFETCH(int, outHeight);
    QFETCH(int, outWidth);
    const Bytes picture = threeChannels(lcg(inHeight, inWidth));
    for (const Resize resize : {resizeBicubicFixed, resizeBicubicFixedPlain, resizeBicubicFloat}) {
        const auto stride = static_cast<std::size_t>(inWidth) * 3;
        Bytes row[2] = {Bytes(stride), Bytes(stride)};
        int asked = 0;
        Bytes out(static_cast<std::size_t>(outHeight) * static_cast<std::size_t>(outWidth) * 3);
        resize({.out = out.data(),
                .inWidth = inWidth,
                .inHeight = inHeight,
                .outWidth = outWidth,
                .outHeight = outHeight,
                .channels = 3,
                .outStride = static_cast<std::size_t>(outWidth) * 3,
                .rowAt = [&](int y) {
                    if (y != asked++)
                        qFatal("row %d was asked for after %d others", y, asked - 1);
                    Bytes& into = row[y % 2];
                    std::copy_n(picture.begin() + static_cast<std::ptrdiff_t>(y) * inWidth * 3, stride, into.begin());
                    return into.data();
                }});
        QCOMPARE(asked, inHeight);
        QVERIFY(out == resized(resize, picture, 3, inHeight, inWidth, outHeight, outWidth));
    }
}

void TstResizeBicubic::hugeReductionsStayExact()
{
    // Thousands of terms: the split sums pass 32 bits on their own and must come right together.
    const int width = 40'000;
    Bytes picture = threeChannels(Bytes(static_cast<std::size_t>(width), 255));
    for (std::size_t i = 0; i < picture.size(); i += 7)
        picture[i] = 200;
    QCOMPARE(resized(resizeBicubicFixed, picture, 3, 1, width, 1, 3),
             resized(resizeBicubicFixedPlain, picture, 3, 1, width, 1, 3));
}

QTEST_APPLESS_MAIN(TstResizeBicubic)
#include "tst_resize_bicubic.moc"
