// Every kind of file Argus reads, made here and read back.

#include "engine/media/media.h"
#include "kernels/resize_bicubic.h"
#include "tests/engine/media/media_maker.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <unistd.h>

#include <algorithm>
#include <cmath>

using namespace argus;
using namespace argus::media;
using namespace argus::media::test;

namespace {

constexpr int kWidth = 84;
constexpr int kHeight = 56;

} // namespace

class TstMediaFormats : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { QVERIFY(m_folder.isValid()); }
    void jpegsAreTurnedUpright_data();
    void jpegsAreTurnedUpright();
    void greyAndCmykJpegsBecomeColours();
    void jpegsAreResizedAsIfTheyWereWhole();
    void exactFormatsKeepEveryByte_data();
    void exactFormatsKeepEveryByte();
    void transparencyIsLaidOverWhite();
    void hiddenColoursStayHidden();
    void deepSamplesKeepTheirUpperBits();
    void palettesAndBitsBecomeColours();
    void firstFrameOfAnAnimation();
    void clipsOfEveryContainer_data();
    void clipsOfEveryContainer();
    void turnedClipsStandUpright();
    void longClipsAreSampled();

private:
    std::string write(const QString& name, const std::string& content)
    {
        QFile file(m_folder.filePath(name));
        if (!file.open(QIODevice::WriteOnly) ||
            file.write(content.data(), static_cast<qint64>(content.size())) != static_cast<qint64>(content.size()))
            return {};
        return file.fileName().toStdString();
    }
    /// The file's pixels: a thumbnail at least as large as the picture is the picture.
    Rgb pixelsOf(const std::string& path)
    {
        const auto seen = m_reader.inspect(path, 4000);
        if (!seen.ok()) {
            qWarning("%s", seen.error().text().c_str());
            return {};
        }
        const auto& rgb = seen->thumbnail.rgb;
        return {seen->thumbnail.width, seen->thumbnail.height, {rgb.begin(), rgb.end()}};
    }

    QTemporaryDir m_folder;
    MediaReader m_reader{ARGUS_DECODER, {}, {}};
};

void TstMediaFormats::jpegsAreTurnedUpright_data()
{
    QTest::addColumn<int>("orientation");
    QTest::addColumn<int>(
        "x"); // where the stored picture's red, green corner (255, 255) must be seen: 0 left or top, 1 right or bottom
    QTest::addColumn<int>("y");
    QTest::addColumn<bool>("redAlongX");
    QTest::newRow("none") << 0 << 1 << 1 << true;
    QTest::newRow("1 upright") << 1 << 1 << 1 << true;
    QTest::newRow("2 mirrored") << 2 << 0 << 1 << true;
    QTest::newRow("3 half turn") << 3 << 0 << 0 << true;
    QTest::newRow("4 upside down") << 4 << 1 << 0 << true;
    QTest::newRow("5 transposed") << 5 << 1 << 1 << false;
    QTest::newRow("6 turned clockwise") << 6 << 0 << 1 << false;
    QTest::newRow("7 transversed") << 7 << 0 << 0 << false;
    QTest::newRow("8 turned anticlockwise") << 8 << 1 << 0 << false;
    QTest::newRow("9 is nonsense") << 9 << 1 << 1 << true;
}

void TstMediaFormats::jpegsAreTurnedUpright()
{
    QFETCH(int, orientation);
    QFETCH(int, x);
    QFETCH(int, y);
    QFETCH(bool, redAlongX);
    const auto path = write("turned.jpg", jpeg(gradient(kWidth, kHeight), orientation));
    const Rgb seen = pixelsOf(path);
    QCOMPARE(seen.width, redAlongX ? kWidth : kHeight);
    QCOMPARE(seen.height, redAlongX ? kHeight : kWidth);
    const std::uint8_t* bright = seen.at(x * (seen.width - 1), y * (seen.height - 1));
    QVERIFY(bright[0] > 245 && bright[1] > 245);
    const std::uint8_t* dark = seen.at((1 - x) * (seen.width - 1), (1 - y) * (seen.height - 1));
    QVERIFY(dark[0] < 10 && dark[1] < 10);
    // Walking from the bright corner along x must lose red when red runs along x, otherwise green.
    const std::uint8_t* along = seen.at((1 - x) * (seen.width - 1), y * (seen.height - 1));
    QVERIFY((along[redAlongX ? 0 : 1] < 10) && (along[redAlongX ? 1 : 0] > 245));
    const auto info = m_reader.inspect(path, 0);
    QVERIFY(info.ok());
    QCOMPARE(info->info.width, seen.width);
}

void TstMediaFormats::greyAndCmykJpegsBecomeColours()
{
    const Rgb original = gradient(kWidth, kHeight);
    const Rgb grey = pixelsOf(write("grey.jpg", jpeg(original, 0, JpegKind::Grey)));
    const Rgb inks = pixelsOf(write("cmyk.jpg", jpeg(original, 0, JpegKind::Cmyk)));
    QCOMPARE(grey.width, kWidth);
    QCOMPARE(inks.width, kWidth);
    for (const int x : {0, 20, 83})
        for (const int y : {0, 30, 55}) {
            const std::uint8_t* g = grey.at(x, y);
            QVERIFY(g[0] == g[1] && g[1] == g[2] && std::abs(g[0] - original.at(x, y)[0]) <= 4);
            for (int c = 0; c < 3; ++c)
                QVERIFY2(std::abs(inks.at(x, y)[c] - original.at(x, y)[c]) <= 4,
                         qPrintable(QString("%1 %2").arg(inks.at(x, y)[c]).arg(original.at(x, y)[c])));
        }
}

void TstMediaFormats::jpegsAreResizedAsIfTheyWereWhole()
{
    Rgb noise = gradient(131, 97);
    for (std::size_t i = 0; i < noise.pixels.size(); ++i)
        noise.pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
    const auto path = write("noise.jpg", jpeg(noise));
    const Rgb whole = pixelsOf(path);
    const auto seen = m_reader.inspect(path, 100); // more than half: libjpeg does not scale
    QVERIFY(seen.ok());
    const Thumbnail& small = seen->thumbnail;
    QCOMPARE(small.width, 100);
    std::string expected(static_cast<std::size_t>(small.width * small.height * 3), '\0');
    kernels::resizeBicubicFixed({.in = whole.pixels.data(),
                                 .out = reinterpret_cast<std::uint8_t*>(expected.data()),
                                 .inWidth = whole.width,
                                 .inHeight = whole.height,
                                 .outWidth = small.width,
                                 .outHeight = small.height,
                                 .channels = 3,
                                 .inStride = static_cast<std::size_t>(whole.width) * 3,
                                 .outStride = static_cast<std::size_t>(small.width) * 3});
    QVERIFY(small.rgb == expected);
}

void TstMediaFormats::exactFormatsKeepEveryByte_data()
{
    QTest::addColumn<QString>("encoder");
    QTest::addColumn<QString>("format");
    QTest::addColumn<bool>("reversed");
    QTest::newRow("png") << "png"
                         << "rgb24" << false;
    QTest::newRow("bmp") << "bmp"
                         << "bgr24" << true;
    QTest::newRow("tiff") << "tiff"
                          << "rgb24" << false;
}

void TstMediaFormats::exactFormatsKeepEveryByte()
{
    QFETCH(QString, encoder);
    QFETCH(QString, format);
    QFETCH(bool, reversed);
    const Rgb original = gradient(kWidth - 1, kHeight - 1); // odd sizes: rows need padding in some formats
    const auto file = picture({.encoder = encoder.toStdString(),
                               .format = format.toStdString(),
                               .width = original.width,
                               .height = original.height,
                               .row =
                                   [&](int y, std::uint8_t* row) {
                                       for (int x = 0; x < original.width; ++x)
                                           for (int c = 0; c < 3; ++c)
                                               row[3 * x + c] = original.at(x, y)[reversed ? 2 - c : c];
                                   },
                               .palette = {}});
    QVERIFY(!file.empty());
    QVERIFY(pixelsOf(write("exact." + encoder, file)).pixels == original.pixels);
}

void TstMediaFormats::transparencyIsLaidOverWhite()
{
    const std::pair<int, int> expected[] = {{0, 255},  {1, 254},  {64, 194}, {128, 132},
                                            {200, 63}, {254, 11}, {255, 10}}; // §6.3, foreground 10
    const auto file = picture({.encoder = "png",
                               .format = "rgba",
                               .width = 56,
                               .height = 56,
                               .row =
                                   [&](int, std::uint8_t* row) {
                                       for (int x = 0; x < 56; ++x) {
                                           row[4 * x] = row[4 * x + 1] = row[4 * x + 2] = 10;
                                           row[4 * x + 3] =
                                               static_cast<std::uint8_t>(expected[std::min(x / 8, 6)].first);
                                       }
                                   },
                               .palette = {}});
    const Rgb seen = pixelsOf(write("alpha.png", file));
    QCOMPARE(seen.width, 56);
    for (int i = 0; i < 7; ++i)
        for (int c = 0; c < 3; ++c)
            QCOMPARE(int{seen.at(i * 8, 20)[c]}, expected[i].second);
}

void TstMediaFormats::hiddenColoursStayHidden()
{
    // Grey with alpha, wholly transparent over black: white, not black.
    const auto file = picture({.encoder = "png",
                               .format = "ya8",
                               .width = 56,
                               .height = 56,
                               .row = [](int, std::uint8_t* row) { std::fill_n(row, 112, std::uint8_t{0}); },
                               .palette = {}});
    const Rgb seen = pixelsOf(write("hidden.png", file));
    QCOMPARE(seen.width, 56);
    QVERIFY(std::all_of(seen.pixels.begin(), seen.pixels.end(), [](std::uint8_t v) { return v == 255; }));
}

void TstMediaFormats::deepSamplesKeepTheirUpperBits()
{
    const auto deep = picture({.encoder = "png",
                               .format = "rgb48be",
                               .width = 56,
                               .height = 56,
                               .row =
                                   [](int, std::uint8_t* row) {
                                       for (int i = 0; i < 56 * 3; ++i) {
                                           row[2 * i] = static_cast<std::uint8_t>(i);
                                           row[2 * i + 1] = 0xFF;
                                       }
                                   },
                               .palette = {}});
    const auto grey = picture({.encoder = "png",
                               .format = "gray16be",
                               .width = 56,
                               .height = 56,
                               .row =
                                   [](int, std::uint8_t* row) {
                                       for (int x = 0; x < 56; ++x) {
                                           row[2 * x] = static_cast<std::uint8_t>(4 * x);
                                           row[2 * x + 1] = 0x80;
                                       }
                                   },
                               .palette = {}});
    const Rgb a = pixelsOf(write("deep.png", deep));
    const Rgb b = pixelsOf(write("deepgrey.png", grey));
    QCOMPARE(a.width, 56);
    QCOMPARE(b.width, 56);
    for (int x = 0; x < 56; ++x)
        for (int c = 0; c < 3; ++c) {
            QCOMPARE(int{a.at(x, 9)[c]}, 3 * x + c);
            QCOMPARE(int{b.at(x, 9)[c]}, 4 * x);
        }
}

void TstMediaFormats::palettesAndBitsBecomeColours()
{
    const auto job = [](const char* encoder) {
        return PictureJob{
            .encoder = encoder,
            .format = "pal8",
            .width = 56,
            .height = 56,
            .row = [](int y, std::uint8_t* row) { std::fill_n(row, 56, static_cast<std::uint8_t>(y % 4)); },
            .palette =
                [](std::uint32_t* argb) {
                    std::fill_n(argb, 256, 0xFF000000U);
                    argb[1] = 0xFFFF8000U;
                    argb[2] = 0x800A0A0AU;
                    argb[3] = 0xFF1234ABU;
                }};
    };
    const Rgb png = pixelsOf(write("palette.png", picture(job("png"))));
    QCOMPARE(png.width, 56);
    const std::uint8_t expected[4][3] = {{0, 0, 0}, {255, 128, 0}, {132, 132, 132}, {0x12, 0x34, 0xAB}};
    for (int y = 0; y < 4; ++y)
        for (int c = 0; c < 3; ++c)
            QCOMPARE(png.at(5, y)[c], expected[y][c]);
    const auto bits = picture({.encoder = "png",
                               .format = "monob",
                               .width = 56,
                               .height = 56,
                               .row = [](int, std::uint8_t* row) { std::fill_n(row, 7, std::uint8_t{0xF0}); },
                               .palette = {}});
    const Rgb mono = pixelsOf(write("bits.png", bits));
    QCOMPARE(mono.width, 56);
    QCOMPARE(int{mono.at(3, 0)[0]}, 255);
    QCOMPARE(int{mono.at(4, 0)[1]}, 0);
}

void TstMediaFormats::firstFrameOfAnAnimation()
{
    const std::string path = m_folder.filePath("moving.gif").toStdString();
    const auto one = picture({.encoder = "gif",
                              .format = "rgb8",
                              .width = 56,
                              .height = 56,
                              .row = [](int, std::uint8_t* row) { std::fill_n(row, 56, std::uint8_t{0xE0}); },
                              .palette = {}});
    const auto two = picture({.encoder = "gif",
                              .format = "rgb8",
                              .width = 56,
                              .height = 56,
                              .row = [](int, std::uint8_t* row) { std::fill_n(row, 56, std::uint8_t{0x03}); },
                              .palette = {}});
    QVERIFY(!one.empty() && !two.empty());
    const auto file = write("moving.gif", one + two);
    const Rgb seen = pixelsOf(file);
    QCOMPARE(seen.width, 56);
    QVERIFY(seen.at(0, 0)[0] > 200 && seen.at(0, 0)[2] < 50); // red, as its first frame
    const auto info = m_reader.inspect(file, 0);
    QVERIFY(info.ok() && info->info.kind == MediaKind::Image);
}

void TstMediaFormats::clipsOfEveryContainer_data()
{
    QTest::addColumn<QString>("container");
    QTest::addColumn<QString>("encoder");
    const std::pair<const char*, const char*> all[] = {{"mp4", "mpeg4"},
                                                       {"mov", "mjpeg"},
                                                       {"avi", "mpeg4"},
                                                       {"matroska", "ffv1"},
                                                       {"webm", "libvpx"},
                                                       {"asf", "wmv2"},
                                                       {"flv", "flv"},
                                                       {"mpegts", "mpeg2video"},
                                                       {"mpeg", "mpeg1video"},
                                                       {"ogg", "libtheora"},
                                                       {"mpeg2video", "mpeg2video"}};
    for (const auto& [container, encoder] : all)
        QTest::newRow(container) << container << encoder;
}

void TstMediaFormats::clipsOfEveryContainer()
{
    QFETCH(QString, container);
    QFETCH(QString, encoder);
    const std::string path = m_folder.filePath("clip." + container).toStdString();
    // Twelve frames at 25 a second: a rate that every container and codec knows.
    if (!writeClip({.path = path,
                    .container = container.toStdString(),
                    .encoder = encoder.toStdString(),
                    .frames = 12,
                    .framesPerSecond = 25}))
        QSKIP("this build of FFmpeg cannot write it");
    const auto seen = m_reader.inspect(path, 64);
    QVERIFY2(seen.ok(), seen.ok() ? "" : seen.error().text().c_str());
    QCOMPARE(seen->info.kind, MediaKind::Video);
    QCOMPARE(seen->info.width, 64);
    QCOMPARE(seen->info.height, 48);
    QCOMPARE(seen->info.frames, 12);
    QVERIFY2(std::abs(seen->info.framesPerSecond - 25) < 0.5, qPrintable(QString::number(seen->info.framesPerSecond)));
    const auto& rgb = seen->thumbnail.rgb;
    QVERIFY(static_cast<std::uint8_t>(rgb[0]) > 230);             // the bright quarter
    QVERIFY(static_cast<std::uint8_t>(rgb[rgb.size() - 1]) < 30); // limited range became black
    const auto pixels = m_reader.read(path);
    QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
    QCOMPARE(pixels->gridT, 2); // four frames, the least
    QCOMPARE(pixels->tokens(), seen->info.modelTokens);
}

void TstMediaFormats::turnedClipsStandUpright()
{
    const std::string path = m_folder.filePath("turned.mov").toStdString();
    QVERIFY(writeClip(
        {.path = path, .container = "mov", .encoder = "mpeg4", .frames = 4, .framesPerSecond = 25, .quarterTurns = 1}));
    const auto seen = m_reader.inspect(path, 64);
    QVERIFY2(seen.ok(), seen.ok() ? "" : seen.error().text().c_str());
    QCOMPARE(seen->info.width, 48);
    QCOMPARE(seen->info.height, 64);
    const auto at = [&](int x, int y) {
        return static_cast<std::uint8_t>(seen->thumbnail.rgb[static_cast<std::size_t>(3 * (y * 48 + x))]);
    };
    // av_display_rotation_set turns clockwise for positive angles: the bright quarter goes from the left upper corner
    // to the right upper one.
    QVERIFY(at(40, 8) > 200);
    QVERIFY(at(8, 8) < 60 && at(8, 56) < 60 && at(40, 56) < 60);
}

void TstMediaFormats::longClipsAreSampled()
{
    const std::string path = m_folder.filePath("long.mp4").toStdString();
    QVERIFY(writeClip({.path = path, .container = "mp4", .encoder = "mpeg4", .frames = 20, .framesPerSecond = 5}));
    const auto pixels = m_reader.read(path); // 4 s at two frames a second
    QVERIFY2(pixels.ok(), pixels.ok() ? "" : pixels.error().text().c_str());
    QCOMPARE(pixels->gridT, 4);
    QCOMPARE(pixels->secondsPerGrid, 1.0);
    QCOMPARE(pixels->frames, 8);
    std::vector<std::uint8_t> bytes(pixels->bytes);
    QCOMPARE(::pread(pixels->memory.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    // The last pixel of each frame lies in the dark part, whose grey is 16 + 10 · frame in limited range.
    const std::int64_t expected[] = {0, 3, 5, 8, 11, 14, 16, 19};
    for (std::size_t i = 0; i < 8; ++i) {
        const double grey = bytes[(i + 1) * bytes.size() / 8 - 3];
        QVERIFY2(std::abs(grey - static_cast<double>(expected[i]) * 10 * 255 / 219) < 6,
                 qPrintable(QString("frame %1: %2").arg(i).arg(grey)));
    }
}

QTEST_GUILESS_MAIN(TstMediaFormats)
#include "tst_media_formats.moc"
