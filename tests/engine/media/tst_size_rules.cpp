// Sizes and frame choices: the vectors of design/qwen2_5_vl.md §6.2, §7.1 and §7.2; and what first bytes say.

#include "engine/decoder/size_rules.h"

#include <QTest>

#include <cstring>

using namespace argus::decoder;

class TstSizeRules : public QObject {
    Q_OBJECT
private slots:
    void imageSizesOfTheSpecification_data();
    void imageSizesOfTheSpecification();
    void impossibleShapesAreRefused();
    void framesAreSpreadAsTheSpecificationSays();
    void clipsOfTheSpecification_data();
    void clipsOfTheSpecification();
    void checkpointLimitsHoldForFrames();
    void oneFrameIsEnough();
    void outputBoundHolds();
    void thumbnailsNeverGrow();
    void firstBytesNameTheFormat();
};

void TstSizeRules::imageSizesOfTheSpecification_data()
{
    QTest::addColumn<Size>("from"); // the tables say height × width
    QTest::addColumn<Size>("utils");
    QTest::addColumn<Size>("hub");
    QTest::addColumn<Size>("hubDefaults");
    const auto row = [](int h, int w, Size utils, Size hub, Size hubDefaults) {
        QTest::addRow("%dx%d", h, w) << Size{w, h} << utils << hub << hubDefaults;
    };
    const auto hw = [](int h, int w) { return Size{w, h}; };
    row(1080, 1920, hw(1092, 1932), hw(1092, 1932), hw(728, 1316));
    row(720, 1280, hw(728, 1288), hw(728, 1288), hw(728, 1288));
    row(1365, 2048, hw(1372, 2044), hw(1372, 2044), hw(812, 1204));
    row(3000, 4000, hw(2996, 4004), hw(2996, 4004), hw(840, 1148));
    row(8000, 6000, hw(4116, 3080), hw(4116, 3080), hw(1148, 840));
    row(640, 480, hw(644, 476), hw(644, 476), hw(644, 476));
    row(224, 224, hw(224, 224), hw(224, 224), hw(224, 224));
    row(42, 42, hw(56, 56), hw(56, 56), hw(56, 56));
    row(70, 70, hw(56, 56), hw(56, 56), hw(56, 56));
    row(98, 126, hw(112, 112), hw(112, 112), hw(112, 112));
    row(10, 10, hw(56, 56), hw(56, 56), hw(56, 56));
    row(28, 28, hw(56, 56), hw(56, 56), hw(56, 56));
    row(14, 400, hw(28, 392), hw(28, 308), hw(28, 308));
    row(13, 400, hw(28, 392), hw(28, 336), hw(28, 336));
    row(30, 5000, hw(28, 5012), hw(28, 5012), hw(28, 5012));
}

void TstSizeRules::imageSizesOfTheSpecification()
{
    QFETCH(Size, from);
    QFETCH(Size, utils);
    QFETCH(Size, hub);
    QFETCH(Size, hubDefaults);
    QCOMPARE(smartResize(from, 28, 3136, 12'845'056), std::optional(utils));
    QCOMPARE(smartResizeHuggingFace(from, 28, 3136, 12'845'056), std::optional(hub));
    QCOMPARE(smartResizeHuggingFace(from, 28, 3136, 1'003'520), std::optional(hubDefaults));
    QCOMPARE(smartResize(utils, 28, 3136, 12'845'056), std::optional(utils)); // stays as it is
}

void TstSizeRules::impossibleShapesAreRefused()
{
    QVERIFY(!smartResize({10, 2010}, 28, 3136, 12'845'056)); // 1 : 201
    QVERIFY(smartResize({10, 2000}, 28, 3136, 12'845'056));
    QVERIFY(!smartResize({0, 5}, 28, 3136, 12'845'056));
    QVERIFY(!smartResize({5000, 30}, 28, 3136, 50'176)); // shrunk, its height would vanish
}

void TstSizeRules::framesAreSpreadAsTheSpecificationSays()
{
    using Frames = std::vector<std::int64_t>;
    QCOMPARE(spreadEvenly(300, 20),
             (Frames{0, 16, 31, 47, 63, 79, 94, 110, 126, 142, 157, 173, 189, 205, 220, 236, 252, 268, 283, 299}));
    QCOMPARE(spreadEvenly(100, 6), (Frames{0, 20, 40, 59, 79, 99}));
    QCOMPARE(spreadEvenly(25, 10), (Frames{0, 3, 5, 8, 11, 13, 16, 19, 21, 24}));
    QCOMPARE(spreadEvenly(10, 4), (Frames{0, 3, 6, 9}));
    QCOMPARE(spreadEvenly(7, 4), (Frames{0, 2, 4, 6}));
}

void TstSizeRules::clipsOfTheSpecification_data()
{
    QTest::addColumn<int>("total");
    QTest::addColumn<double>("rate");
    QTest::addColumn<Size>("from");
    QTest::addColumn<int>("frames");
    QTest::addColumn<Size>("size");
    QTest::addColumn<double>("sampledRate");
    QTest::newRow("10 s 720p") << 300 << 30.0 << Size{1280, 720} << 20 << Size{1008, 560} << 2.0;
    QTest::newRow("10 min 1080p") << 18000 << 30.0 << Size{1920, 1080} << 768 << Size{644, 336} << 1.28;
    QTest::newRow("4 s 360p") << 100 << 25.0 << Size{640, 360} << 8 << Size{644, 364} << 2.0;
    QTest::newRow("ntsc") << 250 << 29.97 << Size{854, 480} << 16 << Size{840, 476} << 1.91808;
    QTest::newRow("short") << 7 << 30.0 << Size{320, 240} << 4 << Size{392, 280} << 17.142857142857142;
    QTest::newRow("shorter than the least") << 3 << 30.0 << Size{320, 240} << 2 << Size{392, 280} << 20.0;
}

void TstSizeRules::clipsOfTheSpecification()
{
    QFETCH(int, total);
    QFETCH(double, rate);
    QFETCH(Size, from);
    QFETCH(int, frames);
    QFETCH(Size, size);
    QFETCH(double, sampledRate);
    const SizeRules rules;
    const Sampling sampling = sampleFrames(total, rate, rules);
    QCOMPARE(static_cast<int>(sampling.frames.size()), frames);
    QCOMPARE(sampling.framesPerSecond, sampledRate);
    QCOMPARE(sampling.frames.front(), 0);
    QCOMPARE(sampling.frames.back(), total - 1);
    QCOMPARE(frameSize(from, frames, rules), std::optional(size));
}

void TstSizeRules::checkpointLimitsHoldForFrames()
{
    const SizeRules demo{.minPixels = 3136, .maxPixels = 112'896, .limitsFromCheckpoint = 1};
    QCOMPARE(frameSize({224, 168}, 6, demo),
             std::optional(Size{224, 168})); // below the usual minimum of 100352, left alone
    const auto large = frameSize({1920, 1080}, 6, demo);
    QVERIFY(large && large->width * large->height <= 112'896);
    // Six frames at two a second are all taken.
    QCOMPARE(sampleFrames(6, 2.0, demo).frames, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
    QCOMPARE(sampleFrames(6, 2.0, demo).framesPerSecond, 2.0);
}

void TstSizeRules::oneFrameIsEnough()
{
    const Sampling one = sampleFrames(1, 25.0, {});
    QCOMPARE(one.frames, std::vector<std::int64_t>{0});
    QCOMPARE(one.framesPerSecond, 25.0);
    QCOMPARE(sampleFrames(5, 1000.0, {}).frames.size(), std::size_t{4});
    QCOMPARE(sampleFrames(100'000, 0.001, {}).frames.size(), std::size_t{768});
}

void TstSizeRules::outputBoundHolds()
{
    for (const SizeRules& rules :
         {SizeRules{}, SizeRules{.maxPixels = 112'896, .limitsFromCheckpoint = 1}, SizeRules{.maxPixels = 50'176}}) {
        const std::uint64_t bound = largestOutput(rules);
        for (int w = 1; w < 9000; w += 97)
            for (int h = 1; h < 9000; h += 89) {
                if (const auto size = imageSize({w, h}, rules))
                    QVERIFY(static_cast<std::uint64_t>(size->width) * static_cast<std::uint64_t>(size->height) * 3 <=
                            bound);
                for (const int frames : {1, 4, 300, 768})
                    if (const auto size = frameSize({w, h}, frames, rules))
                        QVERIFY(static_cast<std::uint64_t>(size->width) * static_cast<std::uint64_t>(size->height) * 3 *
                                    static_cast<std::uint64_t>(frames) <=
                                bound);
            }
    }
}

void TstSizeRules::thumbnailsNeverGrow()
{
    QCOMPARE(thumbnailSize({1920, 1080}, 96), (Size{96, 54}));
    QCOMPARE(thumbnailSize({50, 20}, 96), (Size{50, 20}));
    QCOMPARE(thumbnailSize({5000, 26}, 96), (Size{96, 1}));
}

void TstSizeRules::firstBytesNameTheFormat()
{
    const auto of = [](const QByteArray& bytes) {
        return sniff({reinterpret_cast<const std::byte*>(bytes.constData()), static_cast<std::size_t>(bytes.size())});
    };
    QCOMPARE(of("\xFF\xD8\xFF\xE0"), Format::Jpeg);
    QCOMPARE(of("\x89PNG\r\n\x1A\n"), Format::Png);
    QCOMPARE(of("RIFF\1\2\3\4WEBPVP8 "), Format::WebP);
    QCOMPARE(of("RIFF\1\2\3\4AVI LIST"), Format::Avi);
    QCOMPARE(of("RIFF\1\2\3\4WAVEfmt "), Format::Unknown);
    QCOMPARE(of(QByteArray("\0\0\0\x20"
                           "ftypisom",
                           12)),
             Format::Mp4);
    QCOMPARE(of("GIF89a"), Format::Gif);
    QCOMPARE(of(QByteArray("II*\0\x08\0\0\0", 8)), Format::Tiff);
    QCOMPARE(of("\x1A\x45\xDF\xA3"), Format::Matroska);
    QByteArray transport(600, '\0');
    transport[0] = transport[188] = transport[376] = 0x47;
    QCOMPARE(of(transport), Format::MpegTs);
    QCOMPARE(of("BMW and other cars are not bitmaps"), Format::PlainText);
    QCOMPARE(of("百目"), Format::PlainText);
    QCOMPARE(of(QByteArray("\1\2\0\3", 4)), Format::Unknown);
    QCOMPARE(of(QByteArray()), Format::Unknown);
}

QTEST_APPLESS_MAIN(TstSizeRules)
#include "tst_size_rules.moc"
