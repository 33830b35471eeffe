// A model that comes in pieces: only what is wanted and not there, resumed where it stopped, and nothing counts whose
// digest is wrong.

#include "engine/base/file_parts.h"
#include "engine/cluster/block_digests.h"
#include "engine/cluster/manifest.h"
#include "engine/node/copy_hold.h"
#include "engine/node/model_pull.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

using namespace argus;
using namespace argus::node;

namespace {

constexpr std::uint64_t kBlock = cluster::kBlockBytes;
constexpr std::uint64_t kSize = 3'000'000; ///< twelve blocks, the last one shorter
const std::string kWeights = "model.safetensors";

std::string noise(std::uint64_t size, unsigned seed)
{
    std::mt19937 random(seed);
    std::string text(size, '\0');
    for (char& c : text)
        c = static_cast<char>(random());
    return text;
}

std::string digestsOf(const std::string& bytes)
{
    return cluster::blockDigests(std::as_bytes(std::span(bytes)));
}

/// A head with two files in memory.
struct Head {
    std::map<std::string, std::string> files{{"config.json", "{}"}, {kWeights, noise(kSize, 1)}};
    std::map<std::string, std::string> lists; ///< as they were when the manifest was made
    std::deque<wire::PullChunks> asked;
    std::vector<wire::ModelReport> reports;
    std::uint64_t sent = 0; ///< bytes of weights
    int done = 0;
    bool heldWhenDone = false;
    ModelPull pull{{.ask = [this](wire::PullChunks each) { asked.push_back(std::move(each)); },
                    .report = [this](wire::ModelReport each) { reports.push_back(std::move(each)); },
                    .done =
                        [this](std::uint64_t) {
                            ++done;
                            heldWhenDone = CopyHold::isHeld(pulledFolder("m"), CopyHold::Use::Fetched);
                        }}};

    /// The weights are wanted in these ranges.
    void start(const ByteRanges& ranges, std::uint64_t ticket = 1)
    {
        wire::PullModel order;
        order.set_ticket(ticket);
        order.set_name("m");
        for (const auto& [name, bytes] : files) {
            wire::ManifestFile& file = *order.add_files();
            file.set_name(name);
            file.set_size(bytes.size());
            lists[name] = digestsOf(bytes);
            file.set_sha256(cluster::identityOf(lists[name]));
            file.set_partial(name == kWeights);
            if (file.partial())
                cluster::setRanges(file, ranges);
        }
        pull.start(order);
    }
    void startWhole(std::uint64_t ticket = 1) { start(ByteRanges({0, kSize}), ticket); }
    /// Answers at most so many pieces of files, and lists besides.
    void answer(int most = 1000)
    {
        while (!asked.empty() && most > 0) {
            const wire::PullChunks ask = asked.front();
            asked.pop_front();
            const std::string& bytes = ask.digests() ? lists.at(ask.file()) : files.at(ask.file());
            std::uint64_t offset = ask.offset();
            for (std::uint32_t i = 0; i < ask.chunks() && offset < bytes.size() && most > 0; ++i) {
                wire::ModelChunk chunk;
                chunk.set_ticket(ask.ticket());
                chunk.set_file(ask.file());
                chunk.set_digests(ask.digests());
                chunk.set_offset(offset);
                chunk.set_data(bytes.substr(offset, kBlock));
                offset += chunk.data().size();
                if (!ask.digests()) {
                    --most;
                    sent += ask.file() == kWeights ? chunk.data().size() : 0;
                }
                pull.chunk(chunk);
            }
        }
    }
    [[nodiscard]] std::string trouble() const { return reports.back().error().cause(); }
};

} // namespace

class TstModelPull final : public QObject {
    Q_OBJECT

    QTemporaryDir m_home;
    [[nodiscard]] static std::filesystem::path at(const std::string& name) { return pulledFolder("m") / name; }
    [[nodiscard]] static std::string contentOf(const std::filesystem::path& path)
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] static ByteRanges there()
    {
        const auto parts = readParts(at(kWeights));
        return parts.ok() && parts.value() ? parts.value()->there : ByteRanges();
    }
    [[nodiscard]] static ByteRanges blocks(std::uint64_t first, std::uint64_t end)
    {
        return ByteRanges({first * kBlock, std::min(end * kBlock, kSize)});
    }
    /// The copy has these bytes of the weights, and nothing else.
    static bool hasExactly(const Head& head, const ByteRanges& ranges)
    {
        const std::string& whole = head.files.at(kWeights);
        std::string expected(whole.size(), '\0');
        for (const ByteRange& each : ranges.list())
            expected.replace(each.begin, each.size(), whole, each.begin, each.size());
        return there() == ranges && contentOf(at(kWeights)) == expected;
    }

private slots:
    void init()
    {
        qputenv("ARGUS_CACHE_HOME", m_home.path().toUtf8());
        std::filesystem::remove_all(pulledFolder("m"));
    }
    void everythingComes()
    {
        Head head;
        head.startWhole();
        head.answer();
        QCOMPARE(head.done, 1);
        QCOMPARE(contentOf(at("config.json")), std::string("{}"));
        QVERIFY(hasExactly(head, ByteRanges({0, kSize})));
        QVERIFY(!std::filesystem::exists(at("config.json.part")));
        QCOMPARE(head.reports.back().hashed_bytes(), kSize + 2);
        QCOMPARE(head.reports.back().total_bytes(), kSize + 2);
    }
    void onlyWhatIsWantedComes()
    {
        Head head;
        ByteRanges wanted = blocks(0, 1);
        wanted.add({3 * kBlock + 100, 4 * kBlock + 1}); // blocks 3 and 4
        wanted.add({kSize - 5, kSize});
        head.start(wanted);
        head.answer();
        QCOMPARE(head.done, 1);
        ByteRanges came = blocks(0, 1);
        came.add(blocks(3, 5));
        came.add(blocks(11, 12));
        QVERIFY(hasExactly(head, came));
        QCOMPARE(head.sent, came.bytes());
        QCOMPARE(head.reports.back().total_bytes(), came.bytes() + 2); // progress counts what comes
        struct stat info = {};
        QCOMPARE(::stat(at(kWeights).c_str(), &info), 0);
        QCOMPARE(static_cast<std::uint64_t>(info.st_size), kSize);
        QVERIFY(static_cast<std::uint64_t>(info.st_blocks) * 512 < kSize * 2 / 3); // the rest takes no room
    }
    void anotherDeploymentFetchesWhatIsMissing()
    {
        Head head;
        head.start(blocks(0, 5));
        head.answer();
        QCOMPARE(head.sent, 5 * kBlock);
        Head second;
        second.start(blocks(3, 8), 2);
        second.answer();
        QCOMPARE(second.done, 1);
        QCOMPARE(second.sent, 3 * kBlock);
        QCOMPARE(second.reports.back().total_bytes(), 3 * kBlock); // config.json is there too
        QVERIFY(hasExactly(second, blocks(0, 8)));
        Head third; // has all of that
        third.start(blocks(1, 7), 3);
        QVERIFY(third.asked.empty());
        QCOMPARE(third.done, 1);
        QVERIFY(hasExactly(third, blocks(0, 8)));
    }
    void nobodyRemovesWhatIsBeingFetched()
    {
        const std::filesystem::path folder = pulledFolder("m");
        const auto refusal = [&] {
            const Result<CopyHold> removing = CopyHold::toRemove(folder);
            return removing ? std::string() : removing.error().text();
        };
        Head head;
        head.startWhole();
        head.answer(1); // config.json
        QVERIFY(refusal().find("m is being fetched by argus-node on this machine") != std::string::npos);
        QVERIFY(refusal().find("wait until its deployment is ready") != std::string::npos); // what to do
        head.answer();
        QCOMPARE(head.done, 1);
        QVERIFY(head.heldWhenDone); // so that whoever goes on with it can hold it in turn, without a gap
        QCOMPARE(refusal(), std::string());
        // One that was ended, and one that failed, hold it no longer.
        Head ended;
        std::filesystem::remove_all(folder);
        ended.startWhole(2);
        QVERIFY(!refusal().empty());
        ended.pull.cancel();
        QCOMPARE(refusal(), std::string());
        Head failed;
        failed.startWhole(3);
        failed.files[kWeights] = noise(kSize, 2);
        failed.answer();
        QCOMPARE(failed.done, 0);
        QCOMPARE(refusal(), std::string());
    }
    void whatADeploymentNeedsIsHeldByAny()
    {
        using Use = CopyHold::Use;
        const std::filesystem::path folder = pulledFolder("m");
        std::filesystem::create_directories(folder);
        std::optional<Result<CopyHold>> one = CopyHold::take(folder, Use::Deployed);
        std::optional<Result<CopyHold>> other = CopyHold::take(folder, Use::Deployed);
        QVERIFY(one->ok() && other->ok());
        one.reset();
        const Result<CopyHold> refused = CopyHold::toRemove(folder);
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().code, ErrorCode::Busy);
        QVERIFY(refused.error().cause.find("the head's deployment has ranks on this machine") != std::string::npos);
        QVERIFY(refused.error().remedy.find("deploy another model") != std::string::npos);
        QVERIFY(CopyHold::isHeld(folder, Use::Deployed) && !CopyHold::isHeld(folder, Use::Fetched));
        other.reset();
        const Result<CopyHold> removing = CopyHold::toRemove(folder);
        QVERIFY(removing.ok());
        // Who comes meanwhile waits for the next deployment instead of reading half a copy.
        QCOMPARE(CopyHold::take(folder, Use::Deployed).error().code, ErrorCode::Busy);
        Head head;
        head.startWhole();
        QVERIFY2(head.trouble().find("is being removed at this moment") != std::string::npos, head.trouble().c_str());
        QVERIFY(head.asked.empty());
    }
    void whatALineHasLostIsAskedForAgain()
    {
        Head head;
        head.startWhole();
        head.answer(4); // config.json and three blocks
        head.asked.clear();
        head.pull.again();
        QVERIFY(head.pull.busy() && !head.asked.empty());
        QCOMPARE(head.asked.front().offset(), 3 * kBlock);
        head.answer();
        QCOMPARE(head.done, 1);
        QCOMPARE(head.sent, kSize); // not a byte twice
        QVERIFY(hasExactly(head, ByteRanges({0, kSize})));
        head.pull.again(); // of nothing
        head.pull.broken({ErrorCode::Unreachable, "the line is gone", "mend it", {}});
        QVERIFY(head.asked.empty() && !head.pull.busy());
        QVERIFY(head.reports.back().error().code().empty());
        Head broken;
        std::filesystem::remove_all(pulledFolder("m"));
        broken.startWhole();
        broken.answer(2);
        broken.pull.broken({ErrorCode::Unreachable, "the line is gone", "mend it", {}});
        QCOMPARE(broken.trouble(), std::string("the line is gone"));
        QVERIFY(!broken.pull.busy());
    }
    void itGoesOnWhereItStopped()
    {
        {
            Head head;
            head.startWhole();
            head.answer(6); // config.json and five blocks of the other
            QCOMPARE(head.done, 0);
        }
        QCOMPARE(there(), blocks(0, 5));
        Head head;
        head.startWhole(2);
        QCOMPARE(head.asked.front().file(), kWeights); // the small one is there, and the list
        QVERIFY(!head.asked.front().digests());
        QCOMPARE(head.asked.front().offset(), 5 * kBlock);
        head.answer();
        QCOMPARE(head.done, 1);
        QCOMPARE(head.sent, kSize - 5 * kBlock);
        QVERIFY(hasExactly(head, ByteRanges({0, kSize})));
    }
    /// The list of what is there is behind: what it does not name does not count, and is fetched again.
    void aKilledPullLosesOnlyWhatWasNotKept()
    {
        const std::filesystem::path before = m_home.filePath("before").toStdString();
        {
            Head head;
            head.startWhole();
            head.answer(6);
            std::filesystem::copy_file(partsFileOf(at(kWeights)), before,
                                       std::filesystem::copy_options::overwrite_existing);
        } // keeps five blocks
        std::filesystem::copy_file(before, partsFileOf(at(kWeights)),
                                   std::filesystem::copy_options::overwrite_existing);
        QCOMPARE(there(), ByteRanges());
        Head head;
        head.startWhole(2);
        head.answer();
        QCOMPARE(head.sent, kSize);
        QVERIFY(hasExactly(head, ByteRanges({0, kSize})));
    }
    void aSmallFileGoesOnToo()
    {
        Head head;
        head.files["config.json"] = noise(kBlock + 7, 3);
        head.startWhole();
        head.answer(1);
        QVERIFY(!std::filesystem::exists(at("config.json")));
        Head again;
        again.files = head.files;
        again.startWhole(2);
        QCOMPARE(again.asked.front().offset(), kBlock);
        again.answer();
        QCOMPARE(again.done, 1);
        QCOMPARE(contentOf(at("config.json")), again.files["config.json"]);
    }
    void aWrongBlockIsRefused()
    {
        Head head;
        head.startWhole();
        head.files[kWeights][7 * kBlock + 9] ^= 1; // after the manifest was made
        head.answer();
        QCOMPARE(head.done, 0);
        QVERIFY2(head.trouble().find(kWeights) != std::string::npos, head.trouble().c_str());
        QVERIFY2(head.trouble().find("the block at 1835008") != std::string::npos, head.trouble().c_str());
        QVERIFY(head.reports.back().error().remedy().find("deploy again") != std::string::npos);
        QCOMPARE(there(), blocks(0, 7)); // and those before it are kept
        head.files[kWeights][7 * kBlock + 9] ^= 1;
        head.sent = 0;
        head.asked.clear();
        head.startWhole(2);
        head.answer();
        QCOMPARE(head.done, 1);
        QCOMPARE(head.sent, kSize - 7 * kBlock);
        QVERIFY(hasExactly(head, ByteRanges({0, kSize})));
    }
    void aWrongListIsRefused()
    {
        Head head;
        head.startWhole();
        head.lists[kWeights][40] ^= 1;
        head.answer();
        QCOMPARE(head.done, 0);
        QVERIFY2(head.trouble().find("the list of blocks of model.safetensors") != std::string::npos,
                 head.trouble().c_str());
        QCOMPARE(head.sent, std::uint64_t{0});
    }
    void aWrongSmallFileIsRefused()
    {
        Head head;
        head.startWhole();
        head.files["config.json"] = "[]";
        head.answer();
        QCOMPARE(head.done, 0);
        QVERIFY(head.trouble().find("config.json") != std::string::npos);
        QVERIFY(!std::filesystem::exists(at("config.json")) && !std::filesystem::exists(at("config.json.part")));
    }
    void anotherVersionBeginsAnew()
    {
        Head head;
        head.start(blocks(0, 6));
        head.answer();
        QFile reading(QString::fromStdString(at(kWeights).string())); // an executor, still
        QVERIFY(reading.open(QIODevice::ReadOnly));
        Head other;
        other.files[kWeights] = noise(kSize, 2);
        other.start(blocks(2, 4), 2);
        other.answer();
        QCOMPARE(other.done, 1);
        QVERIFY(hasExactly(other, blocks(2, 4)));
        QCOMPARE(reading.readAll().left(kBlock).toStdString(), head.files[kWeights].substr(0, kBlock));
    }
    void piecesOutOfPlaceAreRefused()
    {
        Head head;
        head.startWhole();
        head.answer(2);
        wire::ModelChunk chunk;
        chunk.set_ticket(1);
        chunk.set_file(kWeights);
        chunk.set_offset(7);
        chunk.set_data("x");
        head.pull.chunk(chunk);
        QVERIFY(head.trouble().find("do not fit") != std::string::npos);
        head.pull.chunk(chunk); // nothing is pulled any more
        QCOMPARE(head.done, 0);
        QCOMPARE(there(), blocks(0, 1));
    }
    void roomIsNeededForWhatComes()
    {
        const std::uint64_t more = std::filesystem::space(m_home.path().toStdString()).available + (1ULL << 30);
        wire::PullModel order;
        order.set_ticket(1);
        order.set_name("m");
        wire::ManifestFile& file = *order.add_files();
        file.set_name(kWeights);
        file.set_size(more);
        file.set_sha256(std::string(32, 'x'));
        file.set_partial(true);
        cluster::setRanges(file, ByteRanges({0, more}));
        Head head;
        head.pull.start(order);
        QVERIFY2(head.trouble().find("are to be fetched") != std::string::npos, head.trouble().c_str());
        QVERIFY(head.asked.empty());
        cluster::setRanges(file, ByteRanges({0, 1}));
        head.reports.clear();
        head.pull.start(order); // one block of it
        QCOMPARE(head.trouble(), std::string());
        QVERIFY(!head.asked.empty());
    }
    void aNameStaysInItsFolder()
    {
        QVERIFY(pulledFolder("../../etc").parent_path() == pulledFolder("m").parent_path());
        QVERIFY(pulledFolder("").parent_path() == pulledFolder("m").parent_path());
    }

    // ---- what the machine then says of its copy ----

    void aCopyInPartsIsToldOf()
    {
        Head head;
        head.start(blocks(2, 6));
        head.answer();
        const auto files = cluster::manifestOf(pulledFolder("m"), {.pulled = true});
        QVERIFY2(files.ok(), files.ok() ? "" : files.error().text().c_str());
        QCOMPARE(files->size(), std::size_t{2});
        const wire::ManifestFile& weights = files->back();
        QCOMPARE(weights.sha256(), cluster::identityOf(head.lists[kWeights]));
        QCOMPARE(weights.size(), kSize);
        QVERIFY(weights.partial() && !files->front().partial());
        QCOMPARE(cluster::rangesOf(weights), blocks(2, 6));
        const auto whole = cluster::manifestOf(pulledFolder("m"), {}); // as a model to serve from it is not enough
        QVERIFY(!whole.ok());
        QVERIFY2(whole.error().cause.find("part of another machine's copy") != std::string::npos,
                 whole.error().cause.c_str());
    }
    void aBlockThatHasChangedOnTheDiskIsFetchedAgain()
    {
        Head head;
        head.start(blocks(2, 6));
        head.answer();
        {
            std::fstream file(at(kWeights), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(3 * kBlock + 5));
            file.put(static_cast<char>(head.files[kWeights][3 * kBlock + 5] ^ 1));
        }
        const auto files = cluster::manifestOf(pulledFolder("m"), {.pulled = true});
        QVERIFY(files.ok());
        ByteRanges right = blocks(2, 3);
        right.add(blocks(4, 6));
        QCOMPARE(cluster::rangesOf(files->back()), right);
        Head again;
        again.start(blocks(2, 6), 2);
        again.answer();
        QCOMPARE(again.sent, kBlock);
        QVERIFY(hasExactly(again, blocks(2, 6)));
    }
};

QTEST_GUILESS_MAIN(TstModelPull)
#include "tst_model_pull.moc"
