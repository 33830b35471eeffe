// Shared memory used again: within its limits, and without a picture showing up where it does not belong.

#include "engine/media/media.h"
#include "engine/media/memory_shelf.h"
#include "tests/engine/media/media_maker.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

using namespace argus;
using namespace argus::media;

namespace {

struct stat about(int file)
{
    struct stat info {};
    ::fstat(file, &info);
    return info;
}

UniqueFd takeFrom(MemoryShelf& shelf)
{
    auto file = shelf.take();
    return file.ok() ? std::move(*file) : UniqueFd();
}

std::vector<std::uint8_t> contentOf(int file)
{
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(about(file).st_size));
    if (::pread(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        bytes.clear();
    return bytes;
}

/// The files in memory that this process holds.
std::vector<int> memoryFiles()
{
    std::vector<int> files;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with("/memfd:argus-"))
            files.push_back(std::stoi(entry.path().filename().string()));
    }
    return files;
}

} // namespace

class TstMemoryShelf : public QObject {
    Q_OBJECT
private slots:
    void init();
    void whatIsPutBackIsTakenNext();
    void fewAndSmallFilesWait();
    void aFilePutsItselfBackOnce();
    void pixelsThatAreHeldStayAsTheyAre();
    void theNextDecoderSeesNothingOfTheLast();
    void aFailedReadKeepsNothing();

private:
    std::string write(const char* name, const std::string& content)
    {
        QFile file(m_folder.filePath(name));
        if (file.open(QIODevice::WriteOnly))
            file.write(content.data(), static_cast<qint64>(content.size()));
        return file.fileName().toStdString();
    }
    std::vector<std::uint8_t> freshlyRead(const std::string& path)
    {
        const auto pixels = MediaReader(ARGUS_DECODER, {}, {}).read(path);
        return pixels.ok() ? contentOf(pixels->memory.get()) : std::vector<std::uint8_t>{};
    }
    QTemporaryDir m_folder;
};

void TstMemoryShelf::init()
{
    QVERIFY(m_folder.isValid());
    QVERIFY(memoryFiles().empty());
}

void TstMemoryShelf::whatIsPutBackIsTakenNext()
{
    MemoryShelf shelf(2, 1 << 20);
    UniqueFd first = takeFrom(shelf);
    QCOMPARE(about(first.get()).st_size, 0);
    QVERIFY(setSize(first.get(), 5000).ok());
    const auto inode = about(first.get()).st_ino;
    QVERIFY(about(takeFrom(shelf).get()).st_ino != inode); // the first is not there yet
    shelf.putBack(std::move(first));
    first = takeFrom(shelf);
    QCOMPARE(about(first.get()).st_ino, inode);
    QCOMPARE(about(first.get()).st_size, 5000);
    QVERIFY(about(takeFrom(shelf).get()).st_ino != inode); // nor is it there any more
}

void TstMemoryShelf::fewAndSmallFilesWait()
{
    MemoryShelf shelf(1, 1000);
    UniqueFd large = takeFrom(shelf);
    UniqueFd fitting = takeFrom(shelf);
    UniqueFd surplus = takeFrom(shelf);
    QVERIFY(setSize(large.get(), 1001).ok() && setSize(fitting.get(), 1000).ok() && setSize(surplus.get(), 1).ok());
    const auto inode = about(fitting.get()).st_ino;
    shelf.putBack(std::move(large));
    QVERIFY(memoryFiles().size() == 2);
    shelf.putBack(std::move(fitting));
    shelf.putBack(std::move(surplus));
    QVERIFY(memoryFiles().size() == 1);
    QCOMPARE(about(takeFrom(shelf).get()).st_ino, inode);
    QCOMPARE(setSize(-1, 1).error().code, ErrorCode::Io);
}

void TstMemoryShelf::aFilePutsItselfBackOnce()
{
    const auto shelf = std::make_shared<MemoryShelf>(2, 1000);
    {
        ShelvedFile file(takeFrom(*shelf), shelf);
        ShelvedFile moved = std::move(file);
        file = ShelvedFile(takeFrom(*shelf), shelf);
        file = std::move(moved);
        QCOMPARE(memoryFiles().size(), std::size_t{2});
    }
    QCOMPARE(memoryFiles().size(), std::size_t{2});
    UniqueFd first = takeFrom(*shelf);
    UniqueFd second = takeFrom(*shelf);
    QVERIFY(about(first.get()).st_ino != about(second.get()).st_ino);
    QCOMPARE(memoryFiles().size(), std::size_t{2});
}

void TstMemoryShelf::pixelsThatAreHeldStayAsTheyAre()
{
    const std::string large = write("large.jpg", test::jpeg(test::gradient(280, 196)));
    const std::string small = write("small.jpg", test::jpeg(test::gradient(112, 140)));
    const auto largePixels = freshlyRead(large);
    const auto smallPixels = freshlyRead(small);
    QVERIFY(largePixels.size() > smallPixels.size() && !smallPixels.empty());
    const MediaReader reader(ARGUS_DECODER, {}, {});
    auto held = reader.read(large);
    auto other = reader.read(small);
    QVERIFY(held.ok() && other.ok());
    QVERIFY(contentOf(held->memory.get()) == largePixels);
    const auto inode = about(held->memory.get()).st_ino;
    *held = Pixels{};
    const auto again = reader.read(small); // in the memory of a larger picture
    QVERIFY(again.ok());
    QCOMPARE(about(again->memory.get()).st_ino, inode);
    QVERIFY(contentOf(again->memory.get()) == smallPixels);
    QVERIFY(contentOf(other->memory.get()) == smallPixels);
}

void TstMemoryShelf::theNextDecoderSeesNothingOfTheLast()
{
    constexpr std::size_t kBytes = 280 * 196 * 3;
    const std::string path = write("picture.jpg", test::jpeg(test::gradient(280, 196)));
    const std::string decoder = m_folder.filePath("decoder").toStdString();
    std::filesystem::create_symlink(ARGUS_DECODER, decoder);
    const MediaReader reader(decoder, {}, {});
    QVERIFY(reader.read(path).ok());
    QCOMPARE(memoryFiles().size(), std::size_t{1}); // it waits for the next picture, as large as the last
    const auto left = contentOf(memoryFiles().front());
    QCOMPARE(left.size(), kBytes);
    QVERIFY(std::ranges::any_of(left, [](std::uint8_t byte) { return byte != 0; }));
    // A decoder that tells what it was given.
    const std::string seen = m_folder.filePath("seen").toStdString();
    std::filesystem::remove(decoder);
    write("decoder", "#!/bin/sh\nhead -c 200000 <&5 >'" + seen + "'\n");
    std::filesystem::permissions(decoder, std::filesystem::perms::owner_all);
    QCOMPARE(reader.read(path).error().code, ErrorCode::Crashed); // it gives no answer
    QFile told(QString::fromStdString(seen));
    QVERIFY(told.open(QIODevice::ReadOnly));
    const QByteArray given = told.readAll();
    QVERIFY(given.size() >= static_cast<qsizetype>(kBytes));
    QVERIFY(std::ranges::all_of(given, [](char byte) { return byte == 0; }));
    QVERIFY(memoryFiles().empty()); // what that one wrote, nobody gets
}

void TstMemoryShelf::aFailedReadKeepsNothing()
{
    const std::string whole = test::jpeg(test::gradient(280, 196));
    const MediaReader reader(ARGUS_DECODER, {}, {});
    QVERIFY(!reader.read(write("half.jpg", whole.substr(0, whole.size() / 2))).ok());
    QVERIFY(memoryFiles().empty());
}

QTEST_GUILESS_MAIN(TstMemoryShelf)
#include "tst_memory_shelf.moc"
