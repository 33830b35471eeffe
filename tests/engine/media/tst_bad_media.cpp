// Hostile and broken files, and proof that the sandbox is closed.

#include "engine/base/files.h"
#include "engine/media/decode_client.h"
#include "engine/media/media.h"
#include "tests/engine/media/media_maker.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <signal.h>

#include <random>

using namespace argus;
using namespace argus::media;
using namespace argus::media::test;

#if defined(__SANITIZE_ADDRESS__)
#define ARGUS_TEST_HAS_ASAN
#elif defined(__has_feature) // clang's way to say it; GCC 12 does not know the word
#if __has_feature(address_sanitizer)
#define ARGUS_TEST_HAS_ASAN
#endif
#endif

namespace {

const std::string kPng = ARGUS_SOURCE_DIR "/resources/samples/four-shapes-in-the-corners.png";
const std::string kClip = ARGUS_SOURCE_DIR "/resources/samples/triangle-turns-from-blue-to-red.mkv";

std::string contentOf(const std::string& path)
{
    QFile file(QString::fromStdString(path));
    return file.open(QIODevice::ReadOnly) ? file.readAll().toStdString() : std::string();
}

/// A PNG header that claims a size, with a right checksum and nothing behind it.
std::string pngHeader(std::uint32_t width, std::uint32_t height)
{
    std::string body = "IHDR";
    for (const std::uint32_t v : {width, height})
        for (int shift = 24; shift >= 0; shift -= 8)
            body += static_cast<char>(v >> shift & 255U);
    body += std::string("\x08\x02\0\0\0", 5);
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : body) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    crc = ~crc;
    std::string file = std::string("\x89PNG\r\n\x1A\n\0\0\0\x0D", 12) + body;
    for (int shift = 24; shift >= 0; shift -= 8)
        file += static_cast<char>(crc >> shift & 255U);
    return file + std::string("\0\0\0\0IEND\xAE\x42\x60\x82", 12);
}

} // namespace

class TstBadMedia : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { QVERIFY(m_folder.isValid()); }
    void brokenFilesAreNamed_data();
    void brokenFilesAreNamed();
    void clipsCutInHalfSayHowMuchIsThere_data();
    void clipsCutInHalfSayHowMuchIsThere();
    void damageNeverReachesTheParent_data();
    void damageNeverReachesTheParent();
    void limitsAreKept();
    void sandboxStopsEveryAttempt_data();
    void sandboxStopsEveryAttempt();
    void lockedOutWithoutDecoder();
    void halfAnInstallationIsNamed();
    void killedDecoderHarmsOneReadOnly();
    void patienceEnds();
    void anAnswerThatLiesIsNotBelieved();

private:
    std::string write(const std::string& name, const std::string& content)
    {
        QFile file(m_folder.filePath(QString::fromStdString(name)));
        if (!file.open(QIODevice::WriteOnly) ||
            file.write(content.data(), static_cast<qint64>(content.size())) != static_cast<qint64>(content.size()))
            return {};
        return file.fileName().toStdString();
    }
    /// A run that asks the decoder to misbehave.
    Result<decoder::Answer> attempt(decoder::Attempt what, Milliseconds patience,
                                    std::function<void(pid_t)> started = {})
    {
        auto output = memoryFile("test-output", 4096);
        auto input = memoryFile("test-input", 16);
        if (!output.ok() || !input.ok())
            return Error{};
        const decoder::Request request{.task = decoder::Task::SelfTest,
                                       .attempt = what,
                                       .outputBytes = 4096,
                                       .memoryBytes = 1ULL << 30,
                                       .cpuSeconds = 1};
        return rawAnswer({.program = ARGUS_DECODER,
                          .file = input->get(),
                          .output = output->get(),
                          .request = request,
                          .patience = patience,
                          .started = std::move(started)});
    }

    QTemporaryDir m_folder;
    MediaReader m_reader{ARGUS_DECODER, {}, {}};
};

void TstBadMedia::brokenFilesAreNamed_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<int>("code");
    QTest::addColumn<QStringList>("words");
    const auto row = [](const char* name, const std::string& content, ErrorCode code, const QStringList& words) {
        QTest::newRow(name) << QString(name) << QByteArray::fromStdString(content) << static_cast<int>(code) << words;
    };
    const std::string png = contentOf(kPng);
    const std::string photo = jpeg(gradient(280, 280));
    row("text.mp4", "Dear Argus, this is a letter and no video.\n", ErrorCode::Unsupported, {"text.mp4", "plain text"});
    row("empty.png", "", ErrorCode::Corrupt, {"empty.png", "empty"});
    row("noise.jpg", std::string("\x01\x02\x03\x9F\xAA\0\x10\x11\x12", 9), ErrorCode::Unsupported, {"01 02 03 9f"});
    row("huge.png", pngHeader(60000, 60000), ErrorCode::TooLarge, {"60000 × 60000", "64000000"});
    row("thin.png", pngHeader(60000, 100), ErrorCode::Unsupported, {"60000 × 100", "200"});
    row("flat.png", pngHeader(0, 100), ErrorCode::Corrupt, {"PNG"});
    row("half.png", png.substr(0, png.size() / 2), ErrorCode::Corrupt, {"PNG", "too early"});
    row("head.png", png.substr(0, 30), ErrorCode::Corrupt, {"PNG", "too early"});
    row("half.jpg", photo.substr(0, photo.size() / 2), ErrorCode::Corrupt, {"JPEG", "of 280 rows"});
    row("head.jpg", photo.substr(0, 12), ErrorCode::Corrupt, {"JPEG"});
    row("half.gif", "GIF89a", ErrorCode::Corrupt, {"GIF"});
    row("half.webp", std::string("RIFF\x10\0\0\0WEBPVP8 \xFF\xFF\0\0", 20), ErrorCode::Corrupt, {"WebP"});
    row("head.mkv", contentOf(kClip).substr(0, 60), ErrorCode::Corrupt, {"Matroska"});
    row("head.mp4",
        std::string("\0\0\0\x18"
                    "ftypisom\0\0\0\0isommp42",
                    24),
        ErrorCode::Corrupt, {"MP4"});
    std::string flipped = png;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x40);
    row("flipped.png", flipped, ErrorCode::Corrupt, {"PNG", "damaged"});
}

void TstBadMedia::brokenFilesAreNamed()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, content);
    QFETCH(int, code);
    QFETCH(QStringList, words);
    const std::string path = write(name.toStdString(), content.toStdString());
    const auto errorOf = [](const auto& result) { return result.ok() ? Error{} : result.error(); };
    for (const Error& error :
         {errorOf(m_reader.read(path)), errorOf(m_reader.inspect(path, 64)), errorOf(m_reader.inspect(path, 0))}) {
        QVERIFY2(static_cast<int>(error.code) == code, error.text().c_str());
        for (const QString& word : words)
            QVERIFY2(QString::fromStdString(error.cause).contains(word), error.text().c_str());
        QVERIFY(!error.remedy.empty());
        QVERIFY2(!QString::fromStdString(error.text()).contains(m_folder.path()),
                 "a message names the file, not where it lies");
    }
}

void TstBadMedia::clipsCutInHalfSayHowMuchIsThere_data()
{
    QTest::addColumn<QString>("container");
    QTest::newRow("avi") << "avi";
    QTest::newRow("matroska") << "matroska";
}

void TstBadMedia::clipsCutInHalfSayHowMuchIsThere()
{
    QFETCH(QString, container);
    const std::string path = m_folder.filePath("whole." + container).toStdString();
    QVERIFY(writeClip({.path = path,
                       .container = container.toStdString(),
                       .encoder = "ffv1",
                       .width = 640,
                       .height = 480,
                       .frames = 20,
                       .framesPerSecond = 5}) ||
            writeClip({.path = path,
                       .container = container.toStdString(),
                       .encoder = "mpeg4",
                       .frames = 20,
                       .framesPerSecond = 5}));
    QVERIFY(m_reader.read(path).ok());
    const std::string content = contentOf(path);
    const auto half = m_reader.read(write("half", content.substr(0, content.size() / 2)));
    QVERIFY(!half.ok());
    QCOMPARE(half.error().code, ErrorCode::Corrupt);
    QVERIFY2(QString::fromStdString(half.error().cause).contains("of 20 frames"), half.error().text().c_str());
}

void TstBadMedia::damageNeverReachesTheParent_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::newRow("png") << QByteArray::fromStdString(contentOf(kPng));
    QTest::newRow("jpeg") << QByteArray::fromStdString(jpeg(gradient(120, 90), 6));
    QTest::newRow("mkv") << QByteArray::fromStdString(contentOf(kClip));
    QTest::newRow("mp4") << QByteArray::fromStdString(
        contentOf(ARGUS_SOURCE_DIR "/resources/samples/green-square-grows.mp4"));
}

void TstBadMedia::damageNeverReachesTheParent()
{
    QFETCH(QByteArray, content);
    std::mt19937 random(11);
    for (int round = 0; round < 12; ++round) {
        QByteArray damaged = content;
        for (int i = 0; i < 40; ++i)
            damaged[16 + static_cast<qsizetype>(random() % static_cast<unsigned>(damaged.size() - 16))] =
                static_cast<char>(random());
        const auto pixels = m_reader.read(write("damaged", damaged.toStdString()));
        // Either pixels of the right size, or a reason; never anything else.
        if (pixels.ok())
            QCOMPARE(pixels->bytes, static_cast<std::size_t>(pixels->frames) *
                                        static_cast<std::size_t>(pixels->gridH * pixels->gridW) * 14 * 14 * 3);
        else
            QVERIFY2(pixels.error().code != ErrorCode::Internal && !pixels.error().remedy.empty(),
                     pixels.error().text().c_str());
    }
}

void TstBadMedia::limitsAreKept()
{
    DecodeLimits limits;
    limits.maxImagePixels = 100'000;
    const auto picture = MediaReader(ARGUS_DECODER, limits, {}).read(kPng); // 336 × 336 = 112896
    QVERIFY(!picture.ok());
    QCOMPARE(picture.error().code, ErrorCode::TooLarge);
    QVERIFY2(QString::fromStdString(picture.error().cause).contains("336 × 336"), picture.error().text().c_str());
    limits = {};
    limits.maxVideoSeconds = 3;
    const auto clip = MediaReader(ARGUS_DECODER, limits, {}).read(kClip); // 4 s
    QVERIFY(!clip.ok());
    QCOMPARE(clip.error().code, ErrorCode::TooLarge);
    QVERIFY2(QString::fromStdString(clip.error().cause).contains("4 s long, the limit is 3 s"),
             clip.error().text().c_str());
    limits = {};
    limits.maxFileBytes = 1000;
    const auto file = MediaReader(ARGUS_DECODER, limits, {}).read(kPng);
    QVERIFY(!file.ok());
    QCOMPARE(file.error().code, ErrorCode::TooLarge);
    limits = {};
    limits.maxFrames = 4;
    const auto frames = MediaReader(ARGUS_DECODER, limits, {}).read(kClip);
    QVERIFY2(frames.ok(), frames.ok() ? "" : frames.error().text().c_str());
    QCOMPARE(frames->gridT, 2);
    const auto missing = m_reader.read(m_folder.filePath("nowhere.png").toStdString());
    QVERIFY(!missing.ok());
    QCOMPARE(missing.error().code, ErrorCode::NotFound);
}

void TstBadMedia::sandboxStopsEveryAttempt_data()
{
    using decoder::Attempt;
    QTest::addColumn<int>("what");
    QTest::addColumn<QString>("words"); // of the error; empty: the attempt is refused and the decoder lives to say so
    QTest::newRow("open a file") << static_cast<int>(Attempt::OpenFile) << "";
    QTest::newRow("make a socket") << static_cast<int>(Attempt::Socket) << "signal 31";
    QTest::newRow("fork") << static_cast<int>(Attempt::Fork) << "signal 31";
    QTest::newRow("exec") << static_cast<int>(Attempt::Exec) << "signal 31";
    QTest::newRow("memory to execute") << static_cast<int>(Attempt::ExecutableMemory) << "signal 31";
    QTest::newRow("grow a file") << static_cast<int>(Attempt::GrowFile) << "signal 31";
    QTest::newRow("too much memory") << static_cast<int>(Attempt::TooMuchMemory) << "";
    QTest::newRow("too much time") << static_cast<int>(Attempt::TooMuchTime) << "";
}

void TstBadMedia::sandboxStopsEveryAttempt()
{
    QFETCH(int, what);
    QFETCH(QString, words);
#ifdef ARGUS_TEST_HAS_ASAN
    if (what == static_cast<int>(decoder::Attempt::TooMuchMemory))
        QSKIP("AddressSanitizer maps terabytes of address space, so its builds run without that limit");
#endif
    const auto answer = attempt(static_cast<decoder::Attempt>(what), Milliseconds(20'000));
    if (words.isEmpty() && what != static_cast<int>(decoder::Attempt::TooMuchTime)) {
        QVERIFY2(answer.ok(), answer.ok() ? "" : answer.error().text().c_str());
        QCOMPARE(answer->reason, decoder::Reason::Stopped);
        return;
    }
    QVERIFY(!answer.ok());
    if (what ==
        static_cast<int>(
            decoder::Attempt::TooMuchTime)) { // RLIMIT_CPU of one second; soft equals hard, so SIGXCPU or SIGKILL
        QVERIFY2(answer.error().code == ErrorCode::Timeout ||
                     QString::fromStdString(answer.error().cause).contains("signal 9"),
                 answer.error().text().c_str());
        return;
    }
    QCOMPARE(answer.error().code, ErrorCode::Crashed);
    QVERIFY2(QString::fromStdString(answer.error().cause).contains(words), answer.error().text().c_str());
}

void TstBadMedia::lockedOutWithoutDecoder()
{
    const auto pixels = MediaReader(m_folder.filePath("argus-decoder").toStdString(), {}, {}).read(kPng);
    QVERIFY(!pixels.ok());
    QCOMPARE(pixels.error().code, ErrorCode::NotFound);
}

void TstBadMedia::halfAnInstallationIsNamed()
{
    const QString alone = m_folder.filePath("alone");
    QVERIFY(QDir().mkpath(alone) && QFile::copy(ARGUS_DECODER, alone + "/argus-decoder"));
    const auto pixels = MediaReader((alone + "/argus-decoder").toStdString(), {}, {}).read(kPng);
    QVERIFY(!pixels.ok());
    QVERIFY2(QString::fromStdString(pixels.error().cause).contains("argus-decoder-av is missing"),
             pixels.error().text().c_str());
    QVERIFY2(QString::fromStdString(pixels.error().remedy).contains("install Argus whole"),
             pixels.error().text().c_str());
}

void TstBadMedia::killedDecoderHarmsOneReadOnly()
{
    const auto answer =
        attempt(decoder::Attempt::Wait, Milliseconds(20'000), [](pid_t child) { ::kill(child, SIGKILL); });
    QVERIFY(!answer.ok());
    QCOMPARE(answer.error().code, ErrorCode::Crashed);
    QVERIFY2(QString::fromStdString(answer.error().cause).contains("decoder stopped, signal 9"),
             answer.error().text().c_str());
    QVERIFY(m_reader.read(kPng).ok());
}

void TstBadMedia::patienceEnds()
{
    const auto answer = attempt(decoder::Attempt::Wait, Milliseconds(50));
    QVERIFY(!answer.ok());
    QCOMPARE(answer.error().code, ErrorCode::Timeout);
    DecodeLimits limits;
    limits.patience = Milliseconds(0);
    const auto pixels = MediaReader(ARGUS_DECODER, limits, {}).read(kClip);
    QVERIFY(!pixels.ok());
    QCOMPARE(pixels.error().code, ErrorCode::Timeout);
    QVERIFY(m_reader.read(kPng).ok());
}

void TstBadMedia::anAnswerThatLiesIsNotBelieved()
{
    // A "decoder" that claims a picture larger than the output: the parent must not map what is not there.
    const std::string liar =
        write("liar",
              "#!/usr/bin/python3\n"
              "import os, struct\n"
              "os.pwrite(4, struct.pack('<IIQQiiiiii', 0x41524744, 1, 0, 0, 0, 100000, 640, 100000, 640, 1), 2048)\n");
    QFile::setPermissions(QString::fromStdString(liar), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    if (!QFile::exists("/usr/bin/python3"))
        QSKIP("needs python3");
    const auto pixels = MediaReader(liar, {}, {}).read(kPng);
    QVERIFY(!pixels.ok());
    QCOMPARE(pixels.error().code, ErrorCode::Crashed);
    QVERIFY2(QString::fromStdString(pixels.error().cause).contains("contradicts itself"),
             pixels.error().text().c_str());
}

QTEST_GUILESS_MAIN(TstBadMedia)
#include "tst_bad_media.moc"
