#include "engine/base/files.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/chunked_transfer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sys/stat.h>

using namespace argus;
using argus::protocol::kChunkBytes;
using argus::protocol::Uploader;
using argus::protocol::UploadStore;

namespace {

std::span<const std::byte> bytesOf(std::string_view text)
{
    return std::as_bytes(std::span(text));
}
Sha256 digestOf(const std::string& text)
{
    return sha256(bytesOf(text));
}

std::string pattern(std::size_t size, unsigned seed = 7)
{
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>((i * 31 + i / 251 + seed) & 255);
    return bytes;
}

bool isError(const UploadStore::BeginAnswer& answer, ErrorCode code)
{
    const auto* error = std::get_if<Error>(&answer);
    return error && error->code == code;
}
bool isError(const UploadStore::ChunkAnswer& answer, ErrorCode code)
{
    const auto* error = answer ? std::get_if<Error>(&*answer) : nullptr;
    return error && error->code == code;
}
bool isFinished(const UploadStore::ChunkAnswer& answer)
{
    return answer && std::holds_alternative<UploadStore::Finished>(*answer);
}

} // namespace

class TstChunkedTransfer : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    std::filesystem::path m_path;
    std::unique_ptr<UploadStore> m_store;
    const Uploader m_ann{"session-1", "ann"};
    const Uploader m_bob{"session-2", "bob"};
    Instant m_now{};

    UploadStore::Options options() const { return {.folder = m_path, .spareDiskBytes = 0}; }
    void open(const UploadStore::Options& options)
    {
        m_store.reset();
        auto store = UploadStore::open(options);
        QVERIFY2(store.ok(), store.ok() ? "" : store.error().cause.c_str());
        m_store = std::move(store).value();
    }
    /// Sends everything from `offset` on, and returns the last answer.
    UploadStore::ChunkAnswer sendAll(const Uploader& who, const std::string& bytes, std::uint64_t offset = 0)
    {
        UploadStore::ChunkAnswer answer;
        for (; offset < bytes.size(); offset += kChunkBytes) {
            answer =
                m_store->chunk(who, digestOf(bytes), offset,
                               bytesOf(bytes).subspan(offset, std::min(kChunkBytes, bytes.size() - offset)), m_now);
            if (answer && std::holds_alternative<Error>(*answer))
                break;
        }
        return answer;
    }
    bool upload(const Uploader& who, const std::string& bytes)
    {
        const auto begun = m_store->begin(who, digestOf(bytes), bytes.size(), m_now);
        return std::holds_alternative<UploadStore::Grant>(begun) && isFinished(sendAll(who, bytes));
    }
    std::size_t filesOnDisk() const
    {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(m_path), {})) - 1; // the lock
    }

private slots:
    void init()
    {
        m_path = std::filesystem::path(m_folder.path().toStdString()) / QTest::currentTestFunction();
        m_now += Milliseconds(1);
        open(options());
    }

    void storesWhatWasSent()
    {
        const std::string bytes = pattern(3 * kChunkBytes + 100);
        QVERIFY(upload(m_ann, bytes));
        const auto path = m_store->path(digestOf(bytes), m_now);
        QVERIFY(path.ok());
        QVERIFY(*readFile(*path, 1U << 24) == bytes);
        QCOMPARE(m_store->sizeOf(digestOf(bytes)), std::uint64_t{bytes.size()});
        QCOMPARE(m_store->unfinishedCount(), std::size_t{0});
        struct stat info = {};
        QCOMPARE(::stat(m_path.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777, 0700U);
        QCOMPARE(::stat(path->c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777, 0600U);
    }

    void grantsMoveTheWindowAndCoverTheWholeFile()
    {
        const std::string bytes = pattern(20 * kChunkBytes);
        const auto begun = m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        QVERIFY(std::holds_alternative<UploadStore::Grant>(begun));
        std::uint64_t windowEnd =
            std::get<UploadStore::Grant>(begun).offset + std::get<UploadStore::Grant>(begun).credit * kChunkBytes;
        for (std::uint64_t offset = 0; offset < bytes.size(); offset += kChunkBytes) {
            QVERIFY2(offset + kChunkBytes <= windowEnd, "a sender that keeps to its window never stands still");
            const auto answer =
                m_store->chunk(m_ann, digestOf(bytes), offset, bytesOf(bytes).subspan(offset, kChunkBytes), m_now);
            if (answer && std::holds_alternative<UploadStore::Grant>(*answer)) {
                const auto& grant = std::get<UploadStore::Grant>(*answer);
                QCOMPARE(grant.offset, offset + kChunkBytes);
                windowEnd = grant.offset + grant.credit * kChunkBytes;
            }
        }
        QVERIFY(m_store->path(digestOf(bytes), m_now).ok());
    }

    void aKnownFileIsNotSentAgain()
    {
        const std::string bytes = pattern(1000);
        QVERIFY(upload(m_ann, bytes));
        QVERIFY(
            std::holds_alternative<UploadStore::Finished>(m_store->begin(m_bob, digestOf(bytes), bytes.size(), m_now)));
    }

    void resumesForTheSameKeyInANewSession()
    {
        const std::string bytes = pattern(6 * kChunkBytes);
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        for (std::uint64_t offset = 0; offset < 2 * kChunkBytes; offset += kChunkBytes)
            (void)m_store->chunk(m_ann, digestOf(bytes), offset, bytesOf(bytes).subspan(offset, kChunkBytes), m_now);
        m_store->sessionGone(m_ann.session, m_now);
        const Uploader again{"session-9", "ann"};
        const auto begun = m_store->begin(again, digestOf(bytes), bytes.size(), m_now);
        QVERIFY(std::holds_alternative<UploadStore::Grant>(begun));
        QCOMPARE(std::get<UploadStore::Grant>(begun).offset, std::uint64_t{2 * kChunkBytes});
        // Another person with the same file starts at its beginning: nobody continues what somebody else has sent.
        QCOMPARE(std::get<UploadStore::Grant>(m_store->begin(m_bob, digestOf(bytes), bytes.size(), m_now)).offset,
                 std::uint64_t{0});
        QVERIFY(isError(m_store->chunk(m_ann, digestOf(bytes), 2 * kChunkBytes, bytesOf(bytes).subspan(0, 10), m_now),
                        ErrorCode::NotFound));
        QVERIFY(isFinished(sendAll(again, bytes, 2 * kChunkBytes)));
        QVERIFY(*readFile(*m_store->path(digestOf(bytes), m_now), 1U << 24) == bytes);
    }

    /// Two programs of one person with one picture: the second takes the upload over and is done before the first one's
    /// bytes have come. The first hears of it.
    void whoWasOvertakenHearsThatItIsThere()
    {
        const std::string bytes = pattern(1000);
        const Uploader other{"session-9", "ann"};
        QVERIFY(std::holds_alternative<UploadStore::Grant>(
            m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now)));
        QVERIFY(upload(other, bytes));
        QVERIFY(isFinished(sendAll(m_ann, bytes)));
        QVERIFY(*readFile(*m_store->path(digestOf(bytes), m_now), 1U << 24) == bytes);
    }

    void unfinishedUploadsWaitOnlySoLong()
    {
        const std::string bytes = pattern(2 * kChunkBytes);
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        m_store->expire(m_now + std::chrono::hours(5));
        QCOMPARE(m_store->unfinishedCount(), std::size_t{1}); // its session lives
        m_store->sessionGone(m_ann.session, m_now);
        m_store->expire(m_now + std::chrono::minutes(14));
        QCOMPARE(m_store->unfinishedCount(), std::size_t{1});
        m_store->expire(m_now + std::chrono::minutes(15));
        QCOMPARE(m_store->unfinishedCount(), std::size_t{0});
        QCOMPARE(filesOnDisk(), std::size_t{0});
    }

    void refusesToBegin_data()
    {
        QTest::addColumn<int>("digestBytes");
        QTest::addColumn<quint64>("size");
        QTest::addColumn<int>("code");
        QTest::newRow("short digest") << 31 << quint64{10} << int(ErrorCode::BadRequest);
        QTest::newRow("no digest") << 0 << quint64{10} << int(ErrorCode::BadRequest);
        QTest::newRow("empty file") << 32 << quint64{0} << int(ErrorCode::BadRequest);
        QTest::newRow("one byte too many") << 32 << quint64{1001} << int(ErrorCode::TooLarge);
        QTest::newRow("size that would overflow sums") << 32 << ~quint64{0} << int(ErrorCode::TooLarge);
    }
    void refusesToBegin()
    {
        QFETCH(int, digestBytes);
        QFETCH(quint64, size);
        QFETCH(int, code);
        auto small = options();
        small.maxUploadBytes = 1000;
        open(small);
        QVERIFY(isError(m_store->begin(m_ann, Sha256(static_cast<std::size_t>(digestBytes), 'd'), size, m_now),
                        static_cast<ErrorCode>(code)));
        QCOMPARE(filesOnDisk(), std::size_t{0});
    }

    void aBadChunkEndsItsUploadAndNoOther_data()
    {
        QTest::addColumn<quint64>("offset");
        QTest::addColumn<quint64>("length");
        QTest::newRow("gap") << quint64{1} << quint64{10};
        QTest::newRow("beyond the size") << quint64{0} << quint64{101};
        QTest::newRow("offset beyond the size") << quint64{200} << quint64{1};
        QTest::newRow("offset that wraps") << ~quint64{0} << quint64{2};
        QTest::newRow("empty") << quint64{0} << quint64{0};
        QTest::newRow("longer than a chunk") << quint64{0} << quint64{kChunkBytes + 1};
    }
    void aBadChunkEndsItsUploadAndNoOther()
    {
        QFETCH(quint64, offset);
        QFETCH(quint64, length);
        const std::string bytes = pattern(100);
        const std::string other = pattern(200, 9);
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        (void)m_store->begin(m_ann, digestOf(other), other.size(), m_now);
        const std::string junk(length, 'j');
        QVERIFY(isError(m_store->chunk(m_ann, digestOf(bytes), offset, bytesOf(junk), m_now), ErrorCode::BadRequest));
        QCOMPARE(filesOnDisk(), std::size_t{1});
        QVERIFY(isFinished(sendAll(m_ann, other)));
    }

    void wrongBytesAreCorruptAndLeaveNothing()
    {
        const std::string bytes = pattern(1000);
        std::string wrong = bytes;
        wrong[500] ^= 1;
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        QVERIFY(isError(m_store->chunk(m_ann, digestOf(bytes), 0, bytesOf(wrong), m_now), ErrorCode::Corrupt));
        QVERIFY(!m_store->path(digestOf(bytes), m_now).ok());
        QCOMPARE(filesOnDisk(), std::size_t{0});
        QVERIFY(upload(m_ann, bytes));
    }

    void aRepeatedChunkIsIgnored()
    {
        const std::string bytes = pattern(2 * kChunkBytes);
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        const auto first = bytesOf(bytes).subspan(0, kChunkBytes);
        (void)m_store->chunk(m_ann, digestOf(bytes), 0, first, m_now);
        QVERIFY(!m_store->chunk(m_ann, digestOf(bytes), 0, first, m_now).has_value());
        QVERIFY(isFinished(sendAll(m_ann, bytes, kChunkBytes)));
    }

    void onlyFourAtOnceASession()
    {
        for (unsigned i = 0; i < protocol::kMaxUploadsPerSession; ++i)
            QVERIFY(std::holds_alternative<UploadStore::Grant>(
                m_store->begin(m_ann, digestOf(pattern(100, i)), 100, m_now)));
        QVERIFY(isError(m_store->begin(m_ann, digestOf(pattern(100, 50)), 100, m_now), ErrorCode::Busy));
        QVERIFY(
            std::holds_alternative<UploadStore::Grant>(m_store->begin(m_bob, digestOf(pattern(100, 50)), 100, m_now)));
        m_store->abort(m_ann, digestOf(pattern(100, 0)));
        QVERIFY(
            std::holds_alternative<UploadStore::Grant>(m_store->begin(m_ann, digestOf(pattern(100, 50)), 100, m_now)));
    }

    void onlyItsOwnSessionAborts()
    {
        const std::string bytes = pattern(100);
        (void)m_store->begin(m_ann, digestOf(bytes), bytes.size(), m_now);
        m_store->abort(m_bob, digestOf(bytes));
        m_store->abort({"session-2", "ann"}, digestOf(bytes));
        QCOMPARE(m_store->unfinishedCount(), std::size_t{1});
        m_store->abort(m_ann, digestOf(bytes));
        QCOMPARE(m_store->unfinishedCount(), std::size_t{0});
    }

    void makesRoomByTheLongestUnusedThatNobodyPins()
    {
        auto small = options();
        small.maxTotalBytes = 300;
        open(small);
        for (unsigned i = 0; i < 3; ++i) {
            m_now += Milliseconds(10);
            QVERIFY(upload(m_ann, pattern(100, i)));
        }
        QVERIFY(m_store->pin(digestOf(pattern(100, 0))));
        m_now += Milliseconds(10);
        QVERIFY(m_store->path(digestOf(pattern(100, 1)), m_now).ok()); // used: now 2 is the oldest
        QVERIFY(upload(m_ann, pattern(100, 3)));
        QVERIFY(!m_store->path(digestOf(pattern(100, 2)), m_now).ok());
        QVERIFY(m_store->path(digestOf(pattern(100, 0)), m_now).ok());
        QVERIFY(m_store->path(digestOf(pattern(100, 1)), m_now).ok());
        QVERIFY(m_store->pin(digestOf(pattern(100, 1))));
        QVERIFY(m_store->pin(digestOf(pattern(100, 3))));
        QVERIFY(isError(m_store->begin(m_ann, digestOf(pattern(100, 4)), 100, m_now), ErrorCode::Busy));
        m_store->unpin(digestOf(pattern(100, 3)));
        QVERIFY(upload(m_ann, pattern(100, 4)));
        QCOMPARE(m_store->finishedBytes(), std::uint64_t{300});
        QVERIFY(!m_store->pin(digestOf(pattern(100, 3))));
    }

    void aFullDiskIsSaidWithItsFreeBytes()
    {
        auto full = options();
        full.spareDiskBytes = 1ULL << 60;
        open(full);
        const auto answer = m_store->begin(m_ann, digestOf(pattern(100)), 100, m_now);
        QVERIFY(isError(answer, ErrorCode::Io));
        QVERIFY(std::get<Error>(answer).cause.find("bytes free") != std::string::npos);
    }

    void aFolderHasOneStoreAndStartsEmpty()
    {
        QVERIFY(upload(m_ann, pattern(100)));
        QVERIFY(UploadStore::open(options()).error().code == ErrorCode::Busy);
        QVERIFY(replaceFile(m_path / "notes.txt", "mine").ok());
        QVERIFY(replaceFile(m_path / "upload-77.part", "left over").ok());
        open(options());
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(m_path))
            names.insert(entry.path().filename().string());
        QVERIFY((names == std::set<std::string>{"lock", "notes.txt"}));
    }
};

QTEST_GUILESS_MAIN(TstChunkedTransfer)
#include "tst_chunked_transfer.moc"
