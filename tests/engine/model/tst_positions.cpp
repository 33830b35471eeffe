// The worked examples of the specification's section 4.3, and everything that is refused.

#include "engine/model/positions.h"

#include <QTest>

#include <string>

using namespace argus;
using namespace argus::model;

namespace {

constexpr double kNoSeconds = -1;

struct Example {
    std::string ids; ///< T text, S vision start, I image pad, V video pad, E vision end
    std::vector<Grid> images;
    std::vector<Grid> videos;
    std::vector<double> seconds;
};

ModelConfig config()
{
    ModelConfig result;
    result.vision.tokensPerSecond = 2;
    return result;
}

std::vector<std::int32_t> idsOf(const std::string& letters)
{
    const ModelConfig names = config();
    std::vector<std::int32_t> ids;
    for (const char letter : letters)
        ids.push_back(letter == 'S'   ? names.visionStartToken
                      : letter == 'E' ? names.visionEndToken
                      : letter == 'I' ? names.imageToken
                      : letter == 'V' ? names.videoToken
                                      : 100);
    return ids;
}

std::string repeated(char letter, int count)
{
    return std::string(static_cast<std::size_t>(count), letter);
}

Result<Positions> positionsOf(const Example& example, PositionVariant variant = PositionVariant::A)
{
    return ropePositions(config(), idsOf(example.ids), example.images, example.videos, example.seconds, variant);
}

std::vector<std::int32_t> row(const Positions& positions, std::size_t axis)
{
    const auto length = static_cast<std::ptrdiff_t>(positions.rows.size() / 3);
    const auto begin = positions.rows.begin() + static_cast<std::ptrdiff_t>(axis) * length;
    return {begin, begin + length};
}

using Row = std::vector<std::int32_t>;

const Example kOneImage{"TTTS" + repeated('I', 6) + "ETT", {{1, 4, 6}}, {}, {}};
const Example kTwoImages{"TTS" + repeated('I', 6) + "ESIIET", {{1, 4, 6}, {1, 2, 4}}, {}, {}};
const Example kVideo{"TTTS" + repeated('V', 12) + "ETT", {}, {{3, 4, 4}}, {1.0}};
const Example kMixed{"TSIIETSVVVVET", {{1, 2, 4}}, {{2, 2, 4}}, {1.0}};

/// The same clip sampled at another rate.
Example clip(double seconds)
{
    return {"TS" + repeated('V', 12) + "ET", {}, {{3, 4, 4}}, {seconds}};
}

} // namespace

class TstPositions : public QObject {
    Q_OBJECT
private slots:
    void oneImage();
    void twoImages();
    void oneVideo();
    void videoIgnoresTimeAfterwardsInVariantC();
    void imageThenVideo();
    void slowAndFastClips_data();
    void slowAndFastClips();
    void textAloneCountsUp();
    void missingSecondsMeanOne();
    void tokensPerSecondIsASetting();
    void refusals_data();
    void refusals();
};

void TstPositions::oneImage()
{
    for (const auto variant : {PositionVariant::A, PositionVariant::B, PositionVariant::C}) {
        const auto positions = positionsOf(kOneImage, variant);
        QVERIFY(positions.ok());
        QCOMPARE(row(*positions, 0), (Row{0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 7, 8, 9}));
        QCOMPARE(row(*positions, 1), (Row{0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 7, 8, 9}));
        QCOMPARE(row(*positions, 2), (Row{0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9}));
        QCOMPARE(positions->delta, -3);
    }
}

void TstPositions::twoImages()
{
    const auto positions = positionsOf(kTwoImages);
    QVERIFY(positions.ok());
    QCOMPARE(row(*positions, 0), (Row{0, 1, 2, 3, 3, 3, 3, 3, 3, 6, 7, 8, 8, 10, 11}));
    QCOMPARE(row(*positions, 1), (Row{0, 1, 2, 3, 3, 3, 4, 4, 4, 6, 7, 8, 8, 10, 11}));
    QCOMPARE(row(*positions, 2), (Row{0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    QCOMPARE(positions->delta, -3);
}

void TstPositions::oneVideo()
{
    for (const auto variant : {PositionVariant::A, PositionVariant::B}) {
        const auto positions = positionsOf(kVideo, variant);
        QVERIFY(positions.ok());
        QCOMPARE(row(*positions, 0), (Row{0, 1, 2, 3, 4, 4, 4, 4, 6, 6, 6, 6, 8, 8, 8, 8, 9, 10, 11}));
        QCOMPARE(row(*positions, 1), (Row{0, 1, 2, 3, 4, 4, 5, 5, 4, 4, 5, 5, 4, 4, 5, 5, 9, 10, 11}));
        QCOMPARE(row(*positions, 2), (Row{0, 1, 2, 3, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 9, 10, 11}));
        QCOMPARE(positions->delta, -7);
    }
}

void TstPositions::videoIgnoresTimeAfterwardsInVariantC()
{
    const auto positions = positionsOf(kVideo, PositionVariant::C);
    QVERIFY(positions.ok());
    QCOMPARE(row(*positions, 0), (Row{0, 1, 2, 3, 4, 4, 4, 4, 6, 6, 6, 6, 8, 8, 8, 8, 6, 7, 8}));
    QCOMPARE(row(*positions, 2), (Row{0, 1, 2, 3, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 8}));
    QCOMPARE(positions->delta, -10);
}

void TstPositions::imageThenVideo()
{
    const auto positions = positionsOf(kMixed);
    QVERIFY(positions.ok());
    QCOMPARE(row(*positions, 0), (Row{0, 1, 2, 2, 4, 5, 6, 7, 7, 9, 9, 10, 11}));
    QCOMPARE(row(*positions, 1), (Row{0, 1, 2, 2, 4, 5, 6, 7, 7, 7, 7, 10, 11}));
    QCOMPARE(row(*positions, 2), (Row{0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 10, 11}));
    QCOMPARE(positions->delta, -1);
}

void TstPositions::slowAndFastClips_data()
{
    QTest::addColumn<double>("seconds");
    QTest::addColumn<int>("variant");
    QTest::addColumn<QList<int>>("times"); // of the three slices, then of the two tokens after them
    QTest::addColumn<int>("delta");
    QTest::newRow("1.5 frames a second, A") << 2 / 1.5 << 0 << QList<int>{2, 4, 7, 8, 9} << -6;
    QTest::newRow("1.5 frames a second, B") << 2 / 1.5 << 1 << QList<int>{2, 4, 6, 7, 8} << -7;
    QTest::newRow("1.5 frames a second, C") << 2 / 1.5 << 2 << QList<int>{2, 4, 6, 4, 5} << -9;
    QTest::newRow("4 frames a second, A") << 0.5 << 0 << QList<int>{2, 3, 4, 5, 6} << -9;
    QTest::newRow("4 frames a second, B") << 0.5 << 1 << QList<int>{2, 2, 2, 4, 5} << -10;
    QTest::newRow("4 frames a second, C") << 0.5 << 2 << QList<int>{2, 2, 2, 4, 5} << -10;
}

void TstPositions::slowAndFastClips()
{
    QFETCH(double, seconds);
    QFETCH(int, variant);
    QFETCH(QList<int>, times);
    QFETCH(int, delta);
    const auto positions = positionsOf(clip(seconds), static_cast<PositionVariant>(variant));
    QVERIFY(positions.ok());
    const Row got = row(*positions, 0);
    for (int slice = 0; slice < 3; ++slice)
        for (int token = 0; token < 4; ++token)
            QCOMPARE(got[static_cast<std::size_t>(2 + slice * 4 + token)], times[slice]);
    QCOMPARE(got[14], times[3]);
    QCOMPARE(got[15], times[4]);
    QCOMPARE(positions->delta, delta);
}

void TstPositions::textAloneCountsUp()
{
    const auto positions = positionsOf({"TTTT", {}, {}, {}});
    QVERIFY(positions.ok());
    for (std::size_t axis = 0; axis < 3; ++axis)
        QCOMPARE(row(*positions, axis), (Row{0, 1, 2, 3}));
    QCOMPARE(positions->delta, 0);
    const auto nothing = positionsOf({"", {}, {}, {}});
    QVERIFY(nothing.ok());
    QVERIFY(nothing->rows.empty());
    QCOMPARE(nothing->delta, 0);
}

void TstPositions::missingSecondsMeanOne()
{
    Example without = kVideo;
    without.seconds.clear();
    QCOMPARE(positionsOf(without)->rows, positionsOf(kVideo)->rows);
}

void TstPositions::tokensPerSecondIsASetting()
{
    ModelConfig fast = config();
    fast.vision.tokensPerSecond = 4;
    const auto positions =
        ropePositions(fast, idsOf(kVideo.ids), {}, kVideo.videos, kVideo.seconds, PositionVariant::A);
    QVERIFY(positions.ok());
    QCOMPARE(row(*positions, 0)[15], 4 + 8);
}

void TstPositions::refusals_data()
{
    QTest::addColumn<QString>("ids");
    QTest::addColumn<int>("images"); // grids of 1 x 4 x 6, six tokens each
    QTest::addColumn<int>("videos"); // grids of 3 x 4 x 4, twelve tokens each
    QTest::addColumn<double>("seconds");
    QTest::addColumn<QString>("cause");
    QTest::newRow("too few pads") << "TSIIIIIE" << 1 << 0 << kNoSeconds
                                  << "image 1 needs 6 pads for its grid of 1 x 4 x 6 patches, the prompt has 5";
    QTest::newRow("too many pads") << "TSIIIIIIIE" << 1 << 0 << kNoSeconds << "the prompt has 7";
    QTest::newRow("no vision start") << "TTIIIIIIE" << 1 << 0 << kNoSeconds
                                     << "the pads of image 1 at token 2 do not follow a vision start";
    QTest::newRow("pads first of all") << "IIIIIIE" << 1 << 0 << kNoSeconds << "do not follow a vision start";
    QTest::newRow("more images than places")
        << "TSIIIIIIET" << 2 << 0 << kNoSeconds << "places for 1 images and 0 videos, but 2 and 0 were given";
    QTest::newRow("an image that is no video")
        << "TSIIIIIIET" << 1 << 1 << 1.0 << "places for 1 images and 0 videos, but 1 and 1";
    QTest::newRow("pads without an item")
        << "TSIE" << 0 << 0 << kNoSeconds << "pads for image 1 at token 2, but only 0 were given";
    QTest::newRow("second item missing") << "SIIIIIIESIIIIIIE" << 1 << 0 << kNoSeconds
                                         << "pads for image 2 at token 9, but only 1 were given";
    QTest::newRow("negative seconds") << "SVVVVVVVVVVVVE" << 0 << 1 << -0.5 << "-0.5 seconds";
    QTest::newRow("endless seconds") << "SVVVVVVVVVVVVE" << 0 << 1 << 1e300 << "1e+300 seconds";
}

void TstPositions::refusals()
{
    QFETCH(QString, ids);
    QFETCH(int, images);
    QFETCH(int, videos);
    QFETCH(double, seconds);
    QFETCH(QString, cause);
    Example example{ids.toStdString(), {}, {}, {}};
    example.images.assign(static_cast<std::size_t>(images), Grid{1, 4, 6});
    example.videos.assign(static_cast<std::size_t>(videos), Grid{3, 4, 4});
    example.seconds.assign(static_cast<std::size_t>(videos), seconds);
    const auto positions = positionsOf(example);
    QVERIFY(!positions.ok());
    QCOMPARE(positions.error().code, ErrorCode::BadRequest);
    QVERIFY2(QString::fromStdString(positions.error().cause).contains(cause), positions.error().cause.c_str());
    const auto odd = positionsOf({"SIE", {{1, 3, 2}}, {}, {}});
    QVERIFY(!odd.ok());
    QVERIFY2(odd.error().cause.find("1 x 3 x 2 patches; height and width must be multiples of 2") != std::string::npos,
             odd.error().cause.c_str());
}

QTEST_GUILESS_MAIN(TstPositions)
#include "tst_positions.moc"
