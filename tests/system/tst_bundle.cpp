// The portable folder: made, moved, and run where neither the sources nor the build can help it.

#include "engine/media/media.h"
#include "tests/engine/media/media_maker.h"
#include "tests/system/running_head.h"

#include <QDir>
#include <QRegularExpression>
#include <QtTest>

#include <unistd.h>

using namespace argus;
using namespace argus::tests;
using namespace argus::media::test;

namespace {

/// A process with nothing of ours in its environment.
Ran runBare(const QString& program, const QStringList& arguments, const QString& home)
{
    QProcessEnvironment bare;
    bare.insert("PATH", "/usr/bin:/bin");
    bare.insert("HOME", home);
    QProcess process;
    process.setProcessEnvironment(bare);
    process.setWorkingDirectory(home);
    process.start(program, arguments);
    return RunningHead::finish(process);
}

/// The same where the folder of the sources is empty, as far as this system lets an ordinary user arrange that.
Ran runWithoutSources(const QString& program, const QStringList& arguments, const QString& home)
{
    const QStringList hide{"-rm", "sh", "-c", "mount -t tmpfs none \"$0\" && exec \"$@\"", ARGUS_SOURCE_DIR};
    static const bool possible = runBare("unshare", hide + QStringList{"true"}, QDir::tempPath()).code == 0;
    if (!possible)
        return runBare(program, arguments, home);
    return runBare("unshare", hide + QStringList{program} + arguments, home);
}

/// What a decoder makes of a file: its pixels, or why not.
std::string seenBy(const QString& decoder, const std::string& file)
{
    const media::MediaReader reader(decoder.toStdString(), {}, {});
    const auto seen = reader.inspect(file, 4000);
    if (!seen)
        return seen.error().text();
    std::string all(seen->thumbnail.rgb.begin(), seen->thumbnail.rgb.end());
    const auto read = reader.read(file);
    if (!read)
        return read.error().text();
    const std::size_t pixels = all.size();
    all.resize(pixels + read->bytes);
    const ssize_t got = ::pread(read->memory.get(), all.data() + pixels, read->bytes, 0);
    return got == static_cast<ssize_t>(read->bytes) ? all : "the pixels are short";
}

} // namespace

class TstBundle final : public QObject {
    Q_OBJECT
private slots:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString made = m_folder.filePath("made");
        QProcess bundle;
        bundle.start("bash", {ARGUS_SOURCE_DIR "/packaging/bundle.sh", ARGUS_BINARY_DIR, made, "1"});
        const Ran ran = RunningHead::finish(bundle);
        QVERIFY2(ran.code == 0, ran.err.c_str());
        qInfo("%s", ran.out.c_str());
        const QStringList packed = QDir(made).entryList({"argus-node-*.tar.*"}, QDir::Files);
        QCOMPARE(packed.size(), 1);
        const QString place = m_folder.filePath("some where"); // a name that scripts stumble over
        QVERIFY(QDir().mkpath(place));
        QCOMPARE(QProcess::execute("tar", {"-C", place, "-xf", QDir(made).filePath(packed.front())}), 0);
        const QStringList roots = QDir(place).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
        QCOMPARE(roots.size(), 1);
        m_root = QDir(place).filePath(roots.front());
    }

    void whatIsPromisedIsThere()
    {
        for (const char* file : {"bin/argus-node", "bin/argus-executor-cpu", "bin/argus-decoder",
                                 "bin/argus-decoder-av", "LICENSE", "README", "share/doc/licences/packages",
                                 "share/argus/demo-model/config.json", "share/argus/samples/cases.json"})
            QVERIFY2(QFile::exists(m_root + '/' + file), file);
        QFile readme(m_root + "/README");
        QVERIFY(readme.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(readme.readAll());
        QVERIFY2(!text.contains('@') && text.contains("bin/argus-node start --head"), qPrintable(text));
    }

    void everyLibraryIsFoundInside()
    {
        static const QRegularExpression fromMachine(
            "^(linux-vdso|ld-linux|lib(c|m|mvec|dl|pthread|rt|resolv|util)\\.so)");
        int inside = 0;
        for (const QString& program : QDir(m_root + "/bin").entryList(QDir::Files)) {
            const Ran ran = runBare("ldd", {"-r", m_root + "/bin/" + program}, m_folder.path());
            QVERIFY2(ran.code == 0 && ran.err.empty(), ran.err.c_str());
            for (const QString& line : QString::fromStdString(ran.out).split('\n', Qt::SkipEmptyParts)) {
                const QStringList words = line.simplified().split(" => ");
                if (words.size() < 2 || fromMachine.match(words[0]).hasMatch())
                    continue;
                QVERIFY2(words[1].startsWith(m_root + "/"), qPrintable(program + ": " + line));
                ++inside;
            }
        }
        QVERIFY(inside > 50);
    }

    void itAnswersFarFromItsSources_data()
    {
        QTest::addColumn<QStringList>("question");
        const auto withMedia = [](const char* option, const char* file, const char* words) {
            return QStringList{option, QString("samples/") + file, words};
        };
        QTest::newRow("text") << QStringList{"Hello!"};
        QTest::newRow("a picture") << withMedia("--image", "two-circles-and-a-star.png", "How many circles are there?");
        QTest::newRow("a clip") << withMedia("--video", "red-circle-moves-left-to-right.mp4",
                                             "Which way does the circle move?");
    }
    void itAnswersFarFromItsSources()
    {
        QFETCH(QStringList, question);
        const QStringList common{"ask", "--json", "--device", "cpu", "--temperature", "0", "--seed", "1"};
        const auto in = [&question](const QString& folder) {
            return QStringList(question).replaceInStrings(QRegularExpression("^samples/"), folder + "/samples/");
        };
        const Ran there =
            runWithoutSources(m_root + "/bin/argus-node", common + in(m_root + "/share/argus"), m_folder.path());
        QVERIFY2(there.code == 0, (there.out + there.err).c_str());
        const RunningHead here;
        const Ran built = here.run(common + in(ARGUS_SOURCE_DIR "/resources"));
        QVERIFY2(built.code == 0, built.err.c_str());
        QVERIFY(there.json()["text"].get<std::string>().size() > 3);
        QCOMPARE(there.json()["text"], built.json()["text"]);
        QCOMPARE(there.json()["output_ids"], built.json()["output_ids"]);
    }

    void itSeesWhatTheBuildSees_data()
    {
        QTest::addColumn<QString>("container"); // empty: a picture
        QTest::addColumn<QString>("encoder");
        for (const char* encoder : {"png", "bmp", "gif", "tiff", "libwebp"})
            QTest::newRow(encoder) << QString() << encoder;
        const std::pair<const char*, const char*> clips[] = {
            {"mp4", "libx264"},     {"mp4", "libx265"},  {"mp4", "libaom-av1"},  {"mp4", "mpeg4"},
            {"mov", "mjpeg"},       {"avi", "mpeg4"},    {"avi", "msmpeg4v2"},   {"avi", "utvideo"},
            {"matroska", "ffv1"},   {"webm", "libvpx"},  {"webm", "libvpx-vp9"}, {"asf", "wmv1"},
            {"asf", "wmv2"},        {"flv", "flv"},      {"mpegts", "libx264"},  {"mpegts", "mpeg2video"},
            {"mpeg", "mpeg1video"}, {"ogg", "libtheora"}};
        for (const auto& [container, encoder] : clips)
            QTest::addRow("%s in %s", encoder, container) << QString(container) << QString(encoder);
    }
    void itSeesWhatTheBuildSees()
    {
        QFETCH(QString, container);
        QFETCH(QString, encoder);
        const std::string file = m_folder.filePath("media." + encoder).toStdString();
        bool written = false;
        if (container.isEmpty()) {
            const Rgb colours = gradient(84, 56);
            const bool palette = encoder == "gif";
            const std::string content = picture({.encoder = encoder.toStdString(),
                                                 .format = palette                ? "rgb8"
                                                           : encoder == "libwebp" ? "bgra"
                                                           : encoder == "bmp"     ? "bgr24"
                                                                                  : "rgb24",
                                                 .width = 84,
                                                 .height = 56,
                                                 .row =
                                                     [&](int y, std::uint8_t* row) {
                                                         for (int x = 0; x < 84; ++x)
                                                             if (palette)
                                                                 row[x] = colours.at(x, y)[0];
                                                             else if (encoder == "libwebp")
                                                                 std::copy_n(colours.at(x, y), 3, row + 4 * x)[0] = 255;
                                                             else
                                                                 std::copy_n(colours.at(x, y), 3, row + 3 * x);
                                                     },
                                                 .palette = {}});
            QFile out(QString::fromStdString(file));
            written =
                !content.empty() && out.open(QIODevice::WriteOnly) &&
                out.write(content.data(), static_cast<qint64>(content.size())) == static_cast<qint64>(content.size());
        } else {
            written = writeClip({.path = file,
                                 .container = container.toStdString(),
                                 .encoder = encoder.toStdString(),
                                 .width = 128,
                                 .height = 96,
                                 .frames = 12,
                                 .framesPerSecond = 25});
        }
        if (!written)
            QSKIP("this build of FFmpeg cannot write it");
        const std::string built = seenBy(ARGUS_BINARY_DIR "/bin/argus-decoder", file);
        QVERIFY2(built.size() > 3 * 84 * 56, built.c_str()); // pixels, not a complaint
        const std::string bundled = seenBy(m_root + "/bin/argus-decoder", file);
        QVERIFY2(bundled == built, bundled.size() < 1'000 ? bundled.c_str() : "other pixels");
    }

private:
    QTemporaryDir m_folder;
    QString m_root;
};

QTEST_GUILESS_MAIN(TstBundle)
#include "tst_bundle.moc"
