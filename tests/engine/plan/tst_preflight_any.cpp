// Whatever there is and whatever is wished: no crash, and a plan that is given keeps its promises.

#include "tests/engine/plan/clusters.h"

#include <QtTest>

#include <random>
#include <set>

using namespace argus;
using namespace argus::plan;
using namespace argus::plan::testing;

namespace {

class Dice {
public:
    explicit Dice(unsigned seed) : m_engine(seed) {}
    int upTo(int most) { return static_cast<int>(m_engine() % static_cast<unsigned>(most + 1)); }
    bool in(int chances) { return upTo(chances - 1) == 0; }
    template <typename T>
    const T& of(const std::vector<T>& choices)
    {
        return choices[static_cast<std::size_t>(upTo(static_cast<int>(choices.size()) - 1))];
    }

private:
    std::mt19937 m_engine;
};

ClusterDevice anyDevice(Dice& dice, std::uint32_t index)
{
    static const std::vector<Card> kCards{kTuring, kTuring, kAda, kAda, kHopper, kHopper, kSmallTuring, kPascal};
    if (dice.in(4))
        return cpuPart(index, static_cast<std::uint64_t>(dice.upTo(64)) * kGiB);
    ClusterDevice device = deviceWith(dice.of(kCards), index, static_cast<std::uint64_t>(dice.upTo(12)) * kGiB);
    if (dice.in(8))
        device.gpu->problem = "is ill";
    if (dice.in(8))
        device.users = {"process 4711 \"python3\""};
    if (dice.in(4))
        device.gpu->nvlinks = {{.device = static_cast<std::uint32_t>(dice.upTo(8)),
                                .links = static_cast<std::uint32_t>(dice.upTo(18)),
                                .throughSwitch = dice.in(2)}};
    device.gpu->nvlinksKnown = dice.in(2);
    return device;
}

ClusterNode anyNode(Dice& dice, int number)
{
    std::vector<ClusterDevice> devices;
    const ClusterDevice alike = anyDevice(dice, 0);
    const bool equal = !dice.in(4);
    for (int i = dice.in(2) ? 4 : dice.upTo(8); i > 0; --i) {
        const auto index = static_cast<std::uint32_t>(devices.size());
        devices.push_back(equal ? alike : anyDevice(dice, index));
        devices.back().index = index;
    }
    ClusterNode node = nodeWith("node-" + std::to_string(number), devices, number);
    if (dice.in(2))
        return node; // without fault
    node.present = number == 0 || !dice.in(8);
    node.cudaInstalled = !dice.in(8);
    node.publicAddress = dice.in(16);
    node.nccl = dice.in(8) ? "" : "2.27.7";
    node.version = dice.in(16) ? "0.3.9" : "0.4.0";
    node.model.present = !dice.in(8);
    node.model.canPull = dice.in(2);
    node.model.missingBytes = static_cast<std::uint64_t>(dice.upTo(20)) * kGiB;
    node.sharedMemoryBytes = dice.in(8) ? 64 * kMiB : 0;
    node.address = dice.in(8) ? dice.of<std::string>({"", "127.0.0.1", "10.1.2.3", "fe80::1", "1.2.3"}) : node.address;
    node.linkBytesPerSecond = dice.in(4) ? 1e7 : 1e9;
    return node;
}

wire::EngineSettings anySettings(Dice& dice)
{
    wire::EngineSettings settings =
        wish(dice.of<int>({0, 1, 2, 3, 4, 6, 8, 64, 999}), dice.of<int>({0, 1, 2, 3, 5, 40}));
    settings.set_dtype(dice.of<std::string>({"", "auto", "float16", "bfloat16", "float32", "int3"}));
    settings.set_device(dice.of<std::string>({"", "auto", "auto", "cpu", "cuda:0", "cuda:3", "tpu"}));
    settings.set_max_model_len(static_cast<std::uint32_t>(dice.of<int>({0, 0, 3, 4096, 100'000, 2'000'000})));
    settings.set_max_num_seqs(static_cast<std::uint32_t>(dice.of<int>({0, 1, 16, 256, 9999})));
    settings.set_max_batched_tokens(static_cast<std::uint32_t>(dice.of<int>({0, 64, 8192})));
    settings.set_gpu_memory_utilization(dice.of<double>({0, 0.05, 0.5, 0.95, 1, 7}));
    settings.set_load_format(dice.of<std::string>({"", "auto", "dummy"}));
    if (dice.in(6))
        settings.set_stage_layers(dice.of<std::string>({"18,18", "40,40", "1", "x", ","}));
    if (dice.in(3)) {
        wire::NodeSettings& node = *settings.add_nodes();
        node.set_node("node-" + std::to_string(dice.upTo(4)));
        node.set_devices(dice.of<std::string>({"", "all", "none", "0,1", "0,1,2,3", "9", "0,,1"}));
    }
    return settings;
}

} // namespace

class TstPreflightAny : public QObject {
    Q_OBJECT
private slots:
    void aPlanKeepsItsPromises();

private:
    void checkPlacement(const ModelFacts& model, const Cluster& cluster, const Placement& placement);
};

void TstPreflightAny::checkPlacement(const ModelFacts& model, const Cluster& cluster, const Placement& placement)
{
    std::set<std::pair<std::size_t, std::size_t>> used;
    std::set<std::string> kinds;
    std::vector<int> covered(static_cast<std::size_t>(model.config.layers));
    const auto tensorSize = static_cast<int>(placement.settings.tensor_parallel_size());
    const auto stages = static_cast<int>(placement.settings.pipeline_parallel_size());
    QCOMPARE(static_cast<int>(placement.ranks.size()), tensorSize * stages);
    for (std::size_t i = 0; i < placement.ranks.size(); ++i) {
        const PlannedRank& rank = placement.ranks[i];
        QCOMPARE(rank.rank, static_cast<int>(i));
        QCOMPARE(rank.rank, rank.shard.stage * tensorSize + rank.shard.tensorRank);
        QVERIFY(cluster.nodes.at(rank.node).present);
        kinds.insert(cluster.nodes.at(rank.node).devices.at(rank.device).kind());
        QVERIFY2(used.emplace(rank.node, rank.device).second, "a device is used twice");
        QCOMPARE(rank.node, placement.ranks[i - static_cast<std::size_t>(rank.shard.tensorRank)].node);
        QVERIFY2(rank.neededBytes() <= rank.usableBytes, "a rank does not fit");
        if (const auto& gpu = cluster.nodes.at(rank.node).devices.at(rank.device).gpu) {
            QVERIFY(rank.usableBytes <= gpu->memoryFree);
            QVERIFY(gpu->problem.empty());
            QVERIFY(placement.settings.dtype() != "bfloat16" || gpu->capabilityMajor >= 8);
        }
        if (rank.shard.tensorRank != 0)
            continue;
        const int end = rank.shard.endLayer == 0 ? model.config.layers : rank.shard.endLayer;
        QVERIFY(end > rank.shard.firstLayer);
        for (int layer = rank.shard.firstLayer; layer < end; ++layer)
            ++covered.at(static_cast<std::size_t>(layer));
    }
    QCOMPARE(kinds.size(), std::size_t{1});
    for (const int times : covered)
        QCOMPARE(times, 1);
    QVERIFY(placement.maxModelLen >= 16 && placement.maxModelLen <= 128'000);
    QVERIFY(std::uint64_t{placement.kvBlocks} * placement.kvBlockTokens >= placement.maxModelLen);
}

void TstPreflightAny::aPlanKeepsItsPromises()
{
    const std::vector<ModelFacts> models{threeB(), threeB(), sevenB(), awqOf(threeB()), awqOf(seventyTwoB())};
    int plans = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        Dice dice(seed);
        const ModelFacts& model = dice.of(models);
        Cluster cluster;
        for (int i = 0; i <= dice.upTo(3); ++i)
            cluster.nodes.push_back(anyNode(dice, i));
        const wire::EngineSettings settings =
            dice.in(3) ? anySettings(dice) : wish(dice.of<int>({1, 1, 2, 2, 4}), 1 + dice.upTo(2));
        const Preflight outcome = preflight(model, cluster, settings);
        const std::string all = "seed " + std::to_string(seed) + "\n" + told(outcome);
        const bool stands = std::any_of(outcome.problems.begin(), outcome.problems.end(),
                                        [](const Problem& problem) { return !problem.warning; });
        QVERIFY2(outcome.possible() != stands, all.c_str());
        for (const Problem& problem : outcome.problems)
            QVERIFY2(!problem.code.empty() && !problem.error.cause.empty(), all.c_str());
        for (const int size : outcome.tensorSizes)
            QVERIFY2(model.config.heads % size == 0, all.c_str());
        if (!outcome.possible())
            continue;
        ++plans;
        checkPlacement(model, cluster, *outcome.placement);
        if (QTest::currentTestFailed())
            QFAIL(all.c_str());
    }
    QVERIFY2(plans > 30, qPrintable(QString::number(plans)));
}

QTEST_GUILESS_MAIN(TstPreflightAny)
#include "tst_preflight_any.moc"
