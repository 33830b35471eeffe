// The bytes that ranks read: together everything, each no more than it says; a copy that has only them loads like the
// whole, and one that lacks some of them is refused.

#include "engine/model/qwen2_5_vl.h"
#include "engine/model/taken_bytes.h"
#include "engine/model/weights.h"
#include "engine/ops/cpu/cpu_ops.h"

#include <QTemporaryDir>
#include <QTest>

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

using namespace argus;
using namespace argus::model;

namespace {

const std::string kTiny = ARGUS_SOURCE_DIR "/tests/data/reference/tiny";
const std::string kDemo = ARGUS_SOURCE_DIR "/resources/demo-model";
constexpr std::uint64_t kBlock = 4096;

ModelConfig tinyConfig()
{
    std::ifstream file(kTiny + ".config.json");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parseConfig(text, "tiny").value();
}

/// A checkpoint of that config in one file, made up; or all zeros, which take no room.
void writeMadeUp(const ModelConfig& config, const std::filesystem::path& path, bool zeros = false)
{
    std::string header(1, '{');
    std::uint64_t at = 0;
    for (const TensorSpec& spec : tensorsOf(config)) {
        const DType type = spec.type.value_or(DType::F16);
        std::vector<std::int64_t> shape;
        for (int i = 0; i < spec.shape.rank(); ++i)
            shape.push_back(spec.shape[i]);
        const std::uint64_t bytes = static_cast<std::uint64_t>(spec.shape.elements()) * sizeOf(type);
        header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                              at > 0 ? "," : "", spec.name, nameOf(type), fmt::join(shape, ","), at, at + bytes);
        at += bytes;
    }
    header += '}';
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::ofstream file(path, std::ios::binary);
    const std::uint64_t length = header.size();
    for (int i = 0; i < 8; ++i)
        file.put(static_cast<char>(length >> (8 * i)));
    file << header;
    if (zeros) {
        file.close();
        std::filesystem::resize_file(path, 8 + header.size() + at);
        return;
    }
    std::mt19937 random(5);
    std::string data(at, '\0');
    for (char& byte : data)
        byte = static_cast<char>(random() & 0x3b); // as float16 small and finite
    file << data;
}

/// Every rank of a random layout of that model.
std::vector<Shard> randomLayout(const ModelConfig& config, std::mt19937& random)
{
    const auto upTo = [&](int most) { return std::uniform_int_distribution<int>(1, most)(random); };
    for (;;) {
        const int tensor = upTo(4);
        const int stages = upTo(config.layers);
        std::vector<int> edges{0, config.layers};
        while (static_cast<int>(edges.size()) < stages + 1) {
            const int edge = upTo(config.layers - 1);
            if (std::find(edges.begin(), edges.end(), edge) == edges.end())
                edges.push_back(edge);
        }
        std::sort(edges.begin(), edges.end());
        std::vector<Shard> shards;
        for (int stage = 0; stage < stages; ++stage)
            for (int rank = 0; rank < tensor; ++rank)
                shards.push_back({.tensorRank = rank,
                                  .tensorSize = tensor,
                                  .stage = stage,
                                  .stages = stages,
                                  .firstLayer = edges[static_cast<std::size_t>(stage)],
                                  .endLayer = edges[static_cast<std::size_t>(stage) + 1]});
        if (std::all_of(shards.begin(), shards.end(), [&](const Shard& each) { return checkShard(config, each).ok(); }))
            return shards;
    }
}

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A processor that remembers every number it is given to load.
class ReadingOps final : public ops::CpuOps {
public:
    ReadingOps() : CpuOps(1) {}
    ops::Weight placeTable(ConstTensorView host) override { return read(host), CpuOps::placeTable(host); }
    ops::Weight placeVector(ConstTensorView host) override { return read(host), CpuOps::placeVector(host); }
    ops::ProductPtr placeProduct(std::span<const ops::StoredLinear> parts) override
    {
        std::for_each(parts.begin(), parts.end(), [this](const ops::StoredLinear& each) { read(each); });
        return CpuOps::placeProduct(parts);
    }
    ops::ProductPtr placeGatedProduct(const ops::StoredLinear& gate, const ops::StoredLinear& up) override
    {
        read(gate);
        read(up);
        return CpuOps::placeGatedProduct(gate, up);
    }
    Sha256 digest() { return m_seen.finish(); }

private:
    void read(const ops::StoredLinear& layer)
    {
        for (const ConstTensorView& each :
             {layer.weight, layer.bias, layer.awq.qweight, layer.awq.qzeros, layer.awq.scales})
            read(each);
    }
    void read(const ConstTensorView& view)
    {
        if (view.bytes() == nullptr || view.rank() == 0)
            return;
        const std::size_t element = sizeOf(view.dtype());
        const std::int64_t columns = view.rank() == 1 ? 1 : view.extent(1);
        for (std::int64_t row = 0; row < view.extent(0); ++row)
            m_seen.add({view.bytes() + static_cast<std::size_t>(row * view.rowStride()) * element,
                        static_cast<std::size_t>(columns) * element});
    }
    Sha256Hasher m_seen;
};

/// Digest of everything that loading that shard reads; the error's text when it is refused.
std::string loadedFrom(const std::shared_ptr<const Checkpoint>& checkpoint, const ModelConfig& config,
                       const Shard& shard)
{
    ReadingOps ops;
    const RuntimeSizes sizes{.kvBlocks = 8, .kvBlockTokens = 16, .maxBatchedTokens = 32, .maxSequences = 2};
    const auto loaded = Qwen25VL::load(ops, config, checkpoint, sizes, {}, {}, shard);
    return loaded.ok() ? hexOf(ops.digest()) : loaded.error().text();
}

} // namespace

class TstTakenBytes final : public QObject {
    Q_OBJECT

    QTemporaryDir m_home;
    /// A copy of one file that has those bytes and zeros elsewhere.
    static void writePart(const std::filesystem::path& from, const std::filesystem::path& to, const ByteRanges& there)
    {
        const std::string whole = contentOf(from);
        std::string part(whole.size(), '\0');
        for (const ByteRange& each : there.list())
            std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(each.begin), each.size(),
                        part.begin() + static_cast<std::ptrdiff_t>(each.begin));
        std::ofstream(to, std::ios::binary) << part;
        QVERIFY(writeParts(to, {.identity = sha256({}), .size = whole.size(), .there = there}).ok());
    }
private slots:
    void rangesAreSetsOfBytes()
    {
        std::mt19937 random(3);
        for (int round = 0; round < 300; ++round) {
            std::vector<bool> a(64);
            std::vector<bool> b(64);
            ByteRanges as;
            ByteRanges bs;
            for (int i = 0; i < 8; ++i) {
                const std::uint64_t begin = random() % 60;
                const std::uint64_t end = begin + random() % 6;
                (i % 2 == 0 ? as : bs).add({begin, end});
                for (std::uint64_t at = begin; at < std::min<std::uint64_t>(end, 64); ++at)
                    (i % 2 == 0 ? a : b)[at] = true;
            }
            const ByteRanges rest = as.without(bs);
            ByteRanges both = as;
            both.add(bs);
            const ByteRanges wide = as.inBlocks(8, 70);
            for (std::uint64_t at = 0; at < 64; ++at) {
                QCOMPARE(as.contain({at, at + 1}), bool(a[at]));
                QCOMPARE(rest.contain({at, at + 1}), a[at] && !b[at]);
                QCOMPARE(both.contain({at, at + 1}), a[at] || b[at]);
                const auto block = a.begin() + static_cast<std::ptrdiff_t>(at / 8 * 8);
                if (at < 56)
                    QCOMPARE(wide.contain({at, at + 1}), std::find(block, block + 8, true) != block + 8);
            }
            for (std::size_t i = 1; i < both.list().size(); ++i)
                QVERIFY(both.list()[i - 1].end < both.list()[i].begin);
        }
    }
    void ranksTogetherReadEverything_data()
    {
        QTest::addColumn<bool>("awq");
        QTest::newRow("tiny") << false;
        QTest::newRow("AWQ") << true;
    }
    void ranksTogetherReadEverything()
    {
        QFETCH(bool, awq);
        ModelConfig config = tinyConfig();
        config.awq = awq;
        if (awq)
            config.intermediateSize = 640;
        const std::filesystem::path file = m_home.filePath(awq ? "awq.safetensors" : "plain.safetensors").toStdString();
        writeMadeUp(config, file);
        const auto checkpoint = Checkpoint::openFile(file);
        QVERIFY2(checkpoint.ok(), checkpoint.ok() ? "" : checkpoint.error().text().c_str());
        const std::uint64_t size = std::filesystem::file_size(file);
        std::mt19937 random(11);
        for (int round = 0; round < 12; ++round) {
            ByteRanges all;
            for (const Shard& shard : randomLayout(config, random)) {
                const auto needed = bytesTaken(config, **checkpoint, shard);
                QVERIFY2(needed.ok(), needed.ok() ? "" : needed.error().text().c_str());
                const ByteRanges& ranges = needed->at(file.string());
                const auto least = checkTensors(config, **checkpoint, shard);
                QVERIFY(ranges.bytes() >= least.value() + (*checkpoint)->files().front()->dataStart());
                if (shard.whole())
                    QCOMPARE(ranges.bytes(), size);
                all.add(ranges);
            }
            QVERIFY2(all.contain({0, size}), "some byte is read by no rank");
            QCOMPARE(all.bytes(), size);
        }
    }
    void aPartLoadsLikeTheWhole_data() { ranksTogetherReadEverything_data(); }
    void aPartLoadsLikeTheWhole()
    {
        QFETCH(bool, awq);
        ModelConfig config = tinyConfig();
        config.awq = awq;
        if (awq)
            config.intermediateSize = 640;
        const std::filesystem::path file = m_home.filePath("whole.safetensors").toStdString();
        writeMadeUp(config, file);
        const auto whole = Checkpoint::openFile(file);
        QVERIFY(whole.ok());
        std::mt19937 random(17);
        for (int round = 0; round < 6; ++round)
            for (const Shard& shard : randomLayout(config, random)) {
                const ByteRanges needed = bytesTaken(config, **whole, shard)->at(file.string());
                const ByteRanges there = needed.inBlocks(kBlock, std::filesystem::file_size(file));
                const std::filesystem::path part = m_home.filePath("part.safetensors").toStdString();
                writePart(file, part, there);
                const auto partial = Checkpoint::openFile(part);
                QVERIFY2(partial.ok(), partial.ok() ? "" : partial.error().text().c_str());
                QCOMPARE((*partial)->partial(), !shard.whole() && there.bytes() != std::filesystem::file_size(file));
                const std::string read = loadedFrom(*partial, config, shard);
                QCOMPARE(read, loadedFrom(*whole, config, shard));
                QCOMPARE(read.size(), std::size_t{64});
                ByteRanges lacking = there; // any block of it
                const ByteRange& some = there.list()[random() % there.list().size()];
                const std::uint64_t hole = some.begin + random() % some.size() / kBlock * kBlock;
                lacking = there.without(ByteRanges({hole, hole + kBlock}));
                writePart(file, part, lacking);
                const auto holed = Checkpoint::openFile(part);
                if (!holed.ok()) { // its header
                    QVERIFY(holed.error().cause.find("part.safetensors") != std::string::npos);
                    continue;
                }
                const std::string refused = loadedFrom(*holed, config, shard);
                QVERIFY2(refused.find("part.safetensors") != std::string::npos, refused.c_str());
                QVERIFY2(refused.find("deploy again") != std::string::npos, refused.c_str());
            }
    }
    void aStageReadsAboutItsShare()
    {
        const auto config = loadConfig(kDemo);
        const auto checkpoint = Checkpoint::open(kDemo);
        QVERIFY(config.ok() && checkpoint.ok());
        const int half = config->layers / 2;
        const Shard last{.stage = 1, .stages = 2, .firstLayer = half, .endLayer = config->layers};
        std::uint64_t read = 0;
        std::uint64_t size = 0;
        const auto needed = bytesTaken(*config, **checkpoint, last);
        QVERIFY(needed.ok());
        for (const auto& [file, ranges] : *needed) {
            read += ranges.bytes();
            size += std::filesystem::file_size(file);
        }
        qInfo("the last of two stages reads %llu of %llu bytes", static_cast<unsigned long long>(read),
              static_cast<unsigned long long>(size));
        QVERIFY(read < size * 6 / 10);
    }
    /// What machines fetch of the published sizes, as docs/operating.md and docs/decisions/0012 tell it.
    void sharesOfPublishedSizes_data()
    {
        QTest::addColumn<bool>("awq");
        QTest::addColumn<Shard>("shard");
        QTest::addColumn<int>("most"); // in hundredths
        const Shard lastHalf{.stage = 1, .stages = 2, .firstLayer = 14, .endLayer = 28};
        const Shard firstHalf{.stage = 0, .stages = 2, .firstLayer = 0, .endLayer = 14};
        QTest::newRow("7B, the first of two stages") << false << firstHalf << 55;
        QTest::newRow("7B, the second of two stages") << false << lastHalf << 47;
        QTest::newRow("7B, one of two tensor ranks") << false << Shard{.tensorRank = 1, .tensorSize = 2} << 66;
        QTest::newRow("7B, one of four tensor ranks") << false << Shard{.tensorRank = 1, .tensorSize = 4} << 49;
        QTest::newRow("7B AWQ, the second of two stages") << true << lastHalf << 42;
        QTest::newRow("7B AWQ, one of two tensor ranks") << true << Shard{.tensorRank = 1, .tensorSize = 2} << 70;
    }
    void sharesOfPublishedSizes()
    {
        QFETCH(bool, awq);
        QFETCH(Shard, shard);
        QFETCH(int, most);
        ModelConfig config;
        config.hiddenSize = 3584;
        config.layers = 28;
        config.heads = 28;
        config.kvHeads = 4;
        config.intermediateSize = 18944;
        config.awq = awq;
        const std::filesystem::path file = m_home.filePath("published.safetensors").toStdString();
        writeMadeUp(config, file, true);
        const auto checkpoint = Checkpoint::openFile(file);
        QVERIFY2(checkpoint.ok(), checkpoint.ok() ? "" : checkpoint.error().text().c_str());
        const auto needed = bytesTaken(config, **checkpoint, shard);
        QVERIFY(needed.ok());
        const double share = 100.0 * static_cast<double>(needed->begin()->second.bytes()) /
                             static_cast<double>(std::filesystem::file_size(file));
        qInfo("%.1f %% of %.1f GB, in %zu ranges", share, static_cast<double>(std::filesystem::file_size(file)) / 1e9,
              needed->begin()->second.list().size());
        QVERIFY(share < most);
    }
    void badPartsAreRefused()
    {
        const std::filesystem::path file = m_home.filePath("bad.safetensors").toStdString();
        for (const char* text : {"", "[]", "{}", R"({"identity":"00","size":4,"there":[]})",
                                 R"({"identity":7,"size":4,"there":[[0,5]]})"}) {
            std::ofstream(file) << "1234";
            std::ofstream(partsFileOf(file)) << text;
            const auto opened = Checkpoint::openFile(file);
            QVERIFY(!opened.ok());
            QVERIFY2(opened.error().cause.find(".argus-parts") != std::string::npos, opened.error().cause.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TstTakenBytes)
#include "tst_taken_bytes.moc"
