// Where the ranks of a model go, and that what is planned fits.

#include "engine/model/footprint.h"
#include "engine/plan/divisibility.h"
#include "engine/plan/memory_budget.h"
#include "engine/plan/rank_memory.h"
#include "engine/plan/stage_layers.h"
#include "tests/engine/plan/clusters.h"

#include <QtTest>

#include <numeric>
#include <set>

using namespace argus;
using namespace argus::plan;
using namespace argus::plan::testing;

namespace {

/// The devices of a plan by rank, as "gpu-a cuda:0".
std::vector<std::string> placesOf(const Preflight& outcome, const Cluster& cluster)
{
    std::vector<std::string> places;
    for (const PlannedRank& rank : outcome.attempt) {
        const ClusterNode& node = cluster.nodes[rank.node];
        places.push_back(node.name + " " + node.devices[rank.device].text());
    }
    return places;
}
std::vector<int> layersOf(const Preflight& outcome)
{
    std::vector<int> layers;
    for (const PlannedRank& rank : outcome.attempt)
        if (rank.shard.tensorRank == 0)
            layers.push_back(rank.shard.endLayer - rank.shard.firstLayer);
    return layers;
}
using Places = std::vector<std::string>;

void link(ClusterNode& node, std::uint32_t a, std::uint32_t b, std::uint32_t links = 2, bool throughSwitch = false)
{
    node.devices[a].gpu->nvlinks.push_back({.device = b, .links = links, .throughSwitch = throughSwitch});
    node.devices[b].gpu->nvlinks.push_back({.device = a, .links = links, .throughSwitch = throughSwitch});
}

/// One machine whose driver tells of its links.
Cluster linkedMachine(const Card& card, int count)
{
    Cluster cluster = machines(1, card, count);
    for (ClusterDevice& device : cluster.nodes[0].devices)
        device.gpu->nvlinksKnown = true;
    return cluster;
}

/// What the plan says of how ranks are joined, stage by stage.
std::vector<std::string> jointsOf(const Preflight& outcome)
{
    std::vector<std::string> joints;
    for (const Said& remark : outcome.remarks)
        if (remark.id == "remark-joined")
            joints.push_back(english(remark));
    return joints;
}

} // namespace

class TstPlacement : public QObject {
    Q_OBJECT
private slots:
    void oneMachineIsFilledRankByRank();
    void aStageStaysOnItsMachine();
    void theHeadComesFirstWhereItHasDevices();
    void linkedCardsComeTogether();
    void allJoinedComesBeforeManyLinks();
    void aSwitchJoinsAll();
    void withoutLinksNumbersDecide();
    void whoeverNamesCardsGetsThem();
    void aBridgeOfSomeTakesNoMoreMemory();
    void freeCardsComeFirst();
    void cardsOfOneSizeShareAStage();
    void settingsLeaveDevicesOut();
    void processorsComputeTogether();
    void kindsAreNotMixed();
    void aNamedCardIsTheHeads();

    void layersFollowTheMemory();
    void layersAreSharedAsTheSettingsSay();
    void layersByRoomRaiseTheSmallestCache();

    void oneDeviceIsWhatTheBudgetSays_data();
    void oneDeviceIsWhatTheBudgetSays();
    void twoLayersTellOfEighty_data();
    void twoLayersTellOfEighty();
    void oneDtypeForAll();
    void aPlanOfAPlanIsItself();

    void seventyTwoBillionOnSixteenTurings();
    void paddedGroupsCanBeShared();
    void whatCanBeIsOfferedWhateverWasWished();
};

void TstPlacement::oneMachineIsFilledRankByRank()
{
    const Cluster cluster = machines(1, kAda, 4);
    const Preflight outcome = preflight(sevenB(), cluster, wish(2, 2));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:0", "gpu-a cuda:1", "gpu-a cuda:2", "gpu-a cuda:3"}));
    for (int i = 0; i < 4; ++i) {
        const PlannedRank& rank = outcome.placement->ranks[static_cast<std::size_t>(i)];
        QCOMPARE(rank.rank, i);
        QCOMPARE(rank.shard.stage, i / 2);
        QCOMPARE(rank.shard.tensorRank, i % 2);
        QCOMPARE(rank.shard.tensorSize, 2);
        QCOMPARE(rank.shard.stages, 2);
        QVERIFY(rank.neededBytes() <= rank.usableBytes);
        QCOMPARE(rank.kvBytes, rank.kvBlockBytes * outcome.placement->kvBlocks);
        QCOMPARE(rank.deviceBytes, rank.weightBytes + rank.activationBytes + rank.kvBytes);
    }
    QCOMPARE(outcome.placement->kvBlockTokens, 64U);
    QCOMPARE(outcome.placement->maxModelLen, 128'000U);
    QCOMPARE(outcome.placement->settings.device(), std::string("auto"));
    QCOMPARE(outcome.tensorSizes, (std::vector<int>{1, 2, 4}));
    QCOMPARE(outcome.pipelineSizes, (std::vector<int>{1, 2}));
}

void TstPlacement::aStageStaysOnItsMachine()
{
    const Cluster cluster = machines(3, kAda, 3);
    const Preflight outcome = preflight(sevenB(), cluster, wish(2, 3));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster),
             (Places{"gpu-a cuda:0", "gpu-a cuda:1", "gpu-b cuda:0", "gpu-b cuda:1", "gpu-c cuda:0", "gpu-c cuda:1"}));
    const Preflight wider = preflight(sevenB(), cluster, wish(4, 1)); // twelve cards, but never four on one machine
    QVERIFY2(find(wider, "PAR-03") != nullptr, told(wider).c_str());
    QCOMPARE(wider.tensorSizes, (std::vector<int>{1, 2}));
}

void TstPlacement::theHeadComesFirstWhereItHasDevices()
{
    Cluster cluster = machines(2, kAda, 2);
    cluster.nodes[1].devices = cards(kAda, 4);
    QCOMPARE(placesOf(preflight(sevenB(), cluster, wish(2, 1)), cluster), (Places{"gpu-a cuda:0", "gpu-a cuda:1"}));
    cluster.nodes[0].devices = parts(1, 64 * kGiB); // a head without GPUs
    const Preflight outcome = preflight(sevenB(), cluster, wish(2, 2));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster).front(), std::string("gpu-b cuda:0"));
    const Preflight one = preflight(sevenB(), cluster, {});
    QCOMPARE(placesOf(one, cluster), (Places{"gpu-b cuda:0"}));
    QCOMPARE(one.placement->settings.device(), std::string("auto")); // "cuda:0" would be the head's
    // Where the first machine's card is too small, another one is taken.
    cluster.nodes[0].devices = cards(kSmallTuring, 1);
    QCOMPARE(placesOf(preflight(sevenB(), cluster, {}), cluster), (Places{"gpu-b cuda:0"}));
}

void TstPlacement::linkedCardsComeTogether()
{
    Cluster cluster = linkedMachine(kAda, 4);
    link(cluster.nodes[0], 0, 2);
    link(cluster.nodes[0], 1, 3, 4);
    const Preflight both = preflight(sevenB(), cluster, wish(2, 2));
    QCOMPARE(placesOf(both, cluster), (Places{"gpu-a cuda:1", "gpu-a cuda:3", "gpu-a cuda:0", "gpu-a cuda:2"}));
    QCOMPARE(jointsOf(both),
             (Places{"stage 0: its 2 ranks are joined by NVLink ×4", "stage 1: its 2 ranks are joined by NVLink ×2"}));
    QCOMPARE(english(both.placement->ranks[0].joined), std::string("NVLink ×4"));
    QCOMPARE(english(both.placement->ranks[3].joined), std::string("NVLink ×2"));
    const Preflight one = preflight(sevenB(), cluster, wish(2, 1));
    QCOMPARE(placesOf(one, cluster), (Places{"gpu-a cuda:1", "gpu-a cuda:3"}));
    const Preflight all = preflight(sevenB(), cluster, wish(4, 1));
    QCOMPARE(jointsOf(all), (Places{"stage 0: its 4 ranks are joined by NVLink between some and PCIe between others"}));
    QCOMPARE(jointsOf(preflight(sevenB(), cluster, wish(1, 1))), Places{}); // alone
}

void TstPlacement::allJoinedComesBeforeManyLinks()
{
    // 1, 5, 6 and 7 reach each other by one link each; 2 reaches 0 and 4 by many, but nobody else.
    Cluster cluster = linkedMachine(kAda, 8);
    for (const auto& [a, b] : {std::pair(1U, 5U), std::pair(5U, 6U), std::pair(1U, 6U), std::pair(6U, 7U),
                               std::pair(1U, 7U), std::pair(5U, 7U)})
        link(cluster.nodes[0], a, b, 1);
    link(cluster.nodes[0], 0, 2, 9);
    link(cluster.nodes[0], 2, 4, 9);
    const Preflight outcome = preflight(sevenB(), cluster, wish(4, 1));
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:1", "gpu-a cuda:5", "gpu-a cuda:6", "gpu-a cuda:7"}));
    QCOMPARE(jointsOf(outcome), Places{"stage 0: its 4 ranks are joined by NVLink ×1"});
}

void TstPlacement::aSwitchJoinsAll()
{
    Cluster cluster = linkedMachine(kHopper, 8);
    for (std::uint32_t a = 0; a < 8; ++a)
        for (std::uint32_t b = a + 1; b < 8; ++b)
            link(cluster.nodes[0], a, b, 18, true);
    const Preflight outcome = preflight(seventyTwoB(), cluster, wish(4, 2));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:0", "gpu-a cuda:1", "gpu-a cuda:2", "gpu-a cuda:3",
                                                 "gpu-a cuda:4", "gpu-a cuda:5", "gpu-a cuda:6", "gpu-a cuda:7"}));
    QCOMPARE(jointsOf(outcome), (Places{"stage 0: its 4 ranks are joined by NVLink ×18 through a switch",
                                        "stage 1: its 4 ranks are joined by NVLink ×18 through a switch"}));
}

void TstPlacement::withoutLinksNumbersDecide()
{
    const Cluster cluster = linkedMachine(kAda, 4);
    const Preflight outcome = preflight(sevenB(), cluster, wish(2, 1));
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:0", "gpu-a cuda:1"}));
    QCOMPARE(jointsOf(outcome), Places{"stage 0: its 2 ranks are joined by PCIe"});
    // A driver that tells nothing, and processors: nothing is said of them.
    QCOMPARE(jointsOf(preflight(sevenB(), machines(1, kAda, 4), wish(2, 1))), Places{});
    QCOMPARE(jointsOf(preflight(sevenB(), cpuMachines(1, 2, 64 * kGiB), wish(2, 1))), Places{});
}

void TstPlacement::whoeverNamesCardsGetsThem()
{
    Cluster cluster = linkedMachine(kAda, 4);
    link(cluster.nodes[0], 0, 2);
    link(cluster.nodes[0], 1, 3);
    wire::EngineSettings settings = wish(2, 1);
    wire::NodeSettings& own = *settings.add_nodes();
    own.set_node("gpu-a");
    own.set_devices("0,1");
    const Preflight outcome = preflight(sevenB(), cluster, settings);
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:0", "gpu-a cuda:1"}));
    QCOMPARE(jointsOf(outcome), Places{"stage 0: its 2 ranks are joined by PCIe"});
}

/// The published machine with bridges over pairs of its cards still has room for the published model.
void TstPlacement::aBridgeOfSomeTakesNoMoreMemory()
{
    Cluster bare = linkedMachine(kTuring, 4);
    Cluster bridged = bare;
    link(bridged.nodes[0], 0, 1);
    link(bridged.nodes[0], 2, 3);
    const auto taken = [](const Preflight& outcome) { return outcome.attempt.at(0).runtimeBytes; };
    QCOMPARE(taken(preflight(sevenB(), bridged, wish(4, 1))), taken(preflight(sevenB(), bare, wish(4, 1))));
    QVERIFY(taken(preflight(sevenB(), bridged, wish(2, 1))) > taken(preflight(sevenB(), bare, wish(2, 1))));
}

void TstPlacement::freeCardsComeFirst()
{
    Cluster cluster = machines(1, kAda, 4);
    cluster.nodes[0].devices[0].memoryFree -= 6 * kGiB;
    link(cluster.nodes[0], 0, 1); // not worth a quarter of the memory
    QCOMPARE(placesOf(preflight(sevenB(), cluster, wish(2, 1)), cluster), (Places{"gpu-a cuda:1", "gpu-a cuda:2"}));
    QCOMPARE(placesOf(preflight(threeB(), cluster, {}), cluster), (Places{"gpu-a cuda:1"}));
}

void TstPlacement::cardsOfOneSizeShareAStage()
{
    Cluster cluster;
    std::vector<ClusterDevice> devices = cards(kSmallTuring, 2);
    devices.push_back(deviceWith(kTuring, 2));
    devices.push_back(deviceWith(kTuring, 3));
    cluster.nodes = {nodeWith("gpu-a", devices)};
    const Preflight outcome = preflight(threeB(), cluster, wish(2, 2));
    QVERIFY2(outcome.possible() && find(outcome, "PAR-04") == nullptr, told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:2", "gpu-a cuda:3", "gpu-a cuda:0", "gpu-a cuda:1"}));
}

void TstPlacement::settingsLeaveDevicesOut()
{
    const Cluster cluster = machines(2, kAda, 3);
    wire::EngineSettings settings = wish(1, 2);
    wire::NodeSettings& first = *settings.add_nodes();
    first.set_node("gpu-a");
    first.set_devices("2");
    QCOMPARE(placesOf(preflight(sevenB(), cluster, settings), cluster), (Places{"gpu-a cuda:2", "gpu-b cuda:0"}));
    first.set_devices("none");
    QCOMPARE(placesOf(preflight(sevenB(), cluster, settings), cluster), (Places{"gpu-b cuda:0", "gpu-b cuda:1"}));
    first.set_devices(" 1 , 2 ");
    QCOMPARE(placesOf(preflight(sevenB(), cluster, settings), cluster), (Places{"gpu-a cuda:1", "gpu-a cuda:2"}));
    first.set_devices("one");
    const Preflight refused = preflight(sevenB(), cluster, settings);
    QVERIFY2(find(refused, "SET-01", "gpu-a") != nullptr && !refused.possible(), told(refused).c_str());
    first.set_devices("all");
    settings.add_nodes()->set_node("gpu-z");
    const Preflight warned = preflight(sevenB(), cluster, settings);
    QVERIFY2(find(warned, "SET-02", "gpu-z") != nullptr && warned.possible(), told(warned).c_str());
}

void TstPlacement::processorsComputeTogether()
{
    const Cluster cluster = cpuMachines(2, 2, 16 * kGiB);
    const Preflight outcome = preflight(threeB(), cluster, wish(2, 2));
    QVERIFY2(outcome.possible() && outcome.problems.empty(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster), (Places{"box-a cpu:0", "box-a cpu:1", "box-b cpu:0", "box-b cpu:1"}));
    QCOMPARE(outcome.placement->kvBlockTokens, 16U);
    QCOMPARE(outcome.placement->settings.dtype(), std::string("float32"));
    QCOMPARE(outcome.placement->settings.device(), std::string("cpu"));
    std::uint64_t weights = 0;
    for (const PlannedRank& rank : outcome.placement->ranks) {
        QCOMPARE(rank.deviceBytes, std::uint64_t{0});
        QVERIFY(rank.neededBytes() <= rank.usableBytes);
        weights += rank.weightBytes;
    }
    // Of a checkpoint of 7.5 GB every tensor once, but for norms and the tied embeddings, which are needed twice.
    QVERIFY2(weights > 7'400'000'000 && weights < 8'400'000'000, qPrintable(QString::number(weights)));
}

void TstPlacement::kindsAreNotMixed()
{
    Cluster cluster;
    std::vector<ClusterDevice> both = cards(kAda, 1);
    both.push_back(cpuPart(0, 64 * kGiB));
    both.push_back(cpuPart(1, 64 * kGiB));
    cluster.nodes = {nodeWith("gpu-a", both)};
    QCOMPARE(placesOf(preflight(threeB(), cluster, {}), cluster), (Places{"gpu-a cuda:0"}));
    const Preflight outcome = preflight(threeB(), cluster, wish(2, 1));
    const Problem* const few = find(outcome, "PAR-03");
    QVERIFY2(few != nullptr && few->error.cause.find("not mixed") != std::string::npos, told(outcome).c_str());
    wire::EngineSettings settings = wish(2, 1);
    settings.set_device("cpu");
    QCOMPARE(placesOf(preflight(threeB(), cluster, settings), cluster), (Places{"gpu-a cpu:0", "gpu-a cpu:1"}));
}

void TstPlacement::aNamedCardIsTheHeads()
{
    const Cluster cluster = machines(2, kAda, 2);
    wire::EngineSettings settings;
    settings.set_device("cuda:1");
    const Preflight outcome = preflight(threeB(), cluster, settings);
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(placesOf(outcome, cluster), (Places{"gpu-a cuda:1"}));
    QCOMPARE(outcome.placement->settings.device(), std::string("cuda:1"));
    settings.set_device("cuda:5");
    const Preflight refused = preflight(threeB(), cluster, settings);
    const Problem* const problem = find(refused, "SET-01", "gpu-a");
    QVERIFY2(problem != nullptr && !refused.possible(), told(refused).c_str());
    QVERIFY(problem->error.cause.starts_with("there is no cuda:5"));
    QVERIFY(!problem->fixes.empty());
}

void TstPlacement::layersFollowTheMemory()
{
    Cluster cluster = machines(2, kAda, 1);
    cluster.nodes[1].devices = cards(kHopper, 1);
    const Preflight outcome = preflight(thirtyTwoB(), cluster, wish(1, 2));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    const std::vector<int> layers = layersOf(outcome);
    QCOMPARE(std::accumulate(layers.begin(), layers.end(), 0), 64);
    QVERIFY2(layers[0] >= 10 && layers[0] <= 18, qPrintable(QString::number(layers[0])));
    QCOMPARE(layersOf(preflight(threeB(), cluster, wish(1, 2))), (std::vector<int>{18, 18})); // plenty: evenly
}

void TstPlacement::layersAreSharedAsTheSettingsSay()
{
    wire::EngineSettings settings = wish(1, 2);
    settings.set_stage_layers("20, 16");
    const Cluster cluster = machines(2, kAda, 1);
    const Preflight outcome = preflight(threeB(), cluster, settings);
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(layersOf(outcome), (std::vector<int>{20, 16}));
    for (const char* text : {"20", "20,17", "36,0", "20;16", "a,b", "20,16,", "-1,37", "99999999999,1"}) {
        settings.set_stage_layers(text);
        const Preflight refused = preflight(threeB(), cluster, settings);
        const Problem* const problem = find(refused, "PAR-05");
        QVERIFY2(problem != nullptr && !problem->fixes.empty(), (text + told(refused)).c_str());
        QCOMPARE(problem->error.setting, std::string("stage_layers"));
    }
    QCOMPARE(evenLayers(3, 28), (std::vector<int>{9, 10, 9}));
    QCOMPARE(evenLayers(8, 28), (std::vector<int>{3, 3, 3, 4, 4, 4, 4, 3}));
    QCOMPARE(evenLayers(3, 80), (std::vector<int>{27, 27, 26}));
}

void TstPlacement::layersByRoomRaiseTheSmallestCache()
{
    const std::vector<StageRoom> rooms{{.bytes = 100, .bytesOfLayer = 10, .bytesOfContext = 1},
                                       {.bytes = 300, .bytesOfLayer = 10, .bytesOfContext = 1}};
    QCOMPARE(layersByRoom(rooms, 20), (std::vector<int>{5, 15}));
    QCOMPARE(layersByRoom(rooms, 2), (std::vector<int>{1, 1}));
    QCOMPARE(layersByRoom(std::vector<StageRoom>(4, rooms[0]), 10), evenLayers(4, 10));
}

void TstPlacement::oneDeviceIsWhatTheBudgetSays_data()
{
    QTest::addColumn<int>("memory"); // GiB
    QTest::addColumn<int>("context");
    QTest::addColumn<bool>("gpu");
    for (const int memory : {6, 10, 16, 24, 80})
        for (const int context : {0, 4096, 100'000})
            for (const bool gpu : {false, true})
                QTest::addRow("%d GiB, %d tokens, %s", memory, context, gpu ? "GPU" : "CPU")
                    << memory << context << gpu;
}

void TstPlacement::oneDeviceIsWhatTheBudgetSays()
{
    QFETCH(int, memory);
    QFETCH(int, context);
    QFETCH(bool, gpu);
    const ModelFacts model = threeB();
    const Card card{"NVIDIA Card", 8, 6, 84, static_cast<std::uint64_t>(memory) * kGiB};
    Cluster cluster;
    cluster.nodes = {nodeWith("gpu-a", gpu ? cards(card, 1) : parts(1, card.memory))};
    wire::EngineSettings settings;
    settings.set_max_model_len(static_cast<std::uint32_t>(context));
    Device device{.gpu = {}, .hostMemoryFree = card.memory};
    if (gpu)
        device = {.gpu = cluster.nodes[0].devices[0].gpu, .hostMemoryFree = 0};
    const auto budget = memoryBudget(model.config, model.checkpointBytes, device, settings);
    const Preflight outcome = preflight(model, cluster, settings);
    QCOMPARE(outcome.possible(), budget.ok());
    if (!budget.ok()) {
        QCOMPARE(outcome.problems.size(), std::size_t{1});
        QCOMPARE(outcome.problems[0].error.text(), budget.error().text());
        QCOMPARE(outcome.problems[0].error.setting, budget.error().setting);
        return;
    }
    const Placement& placement = *outcome.placement;
    const PlannedRank& rank = placement.ranks.at(0);
    QCOMPARE(rank.weightBytes, budget->weightBytes);
    QCOMPARE(rank.kvBlockBytes, budget->kvBlockBytes);
    QCOMPARE(rank.activationBytes, budget->activationBytes);
    QCOMPARE(rank.deviceBytes, budget->deviceBytes);
    QCOMPARE(placement.kvBlocks, budget->kvBlocks);
    QCOMPARE(placement.kvBlockTokens, budget->kvBlockTokens);
    QCOMPARE(placement.maxModelLen, budget->maxModelLen);
    QCOMPARE(placement.maxVisionPatches, budget->maxVisionPatches);
    QCOMPARE(placement.settings.device(), device.name());
    QVERIFY(rank.shard.whole());
}

void TstPlacement::twoLayersTellOfEighty_data()
{
    QTest::addColumn<int>("model");
    QTest::addColumn<int>("tensorSize");
    QTest::addColumn<int>("stage"); // of three; -1: the whole model
    const char* const names[] = {"3B", "7B", "32B", "72B", "72B-AWQ"};
    for (int model = 0; model < 5; ++model)
        for (const int stage : {-1, 0, 1, 2})
            QTest::addRow("%s, %d", names[model], stage) << model << (model < 2 ? 2 : 8) << stage;
}

void TstPlacement::twoLayersTellOfEighty()
{
    QFETCH(int, model);
    QFETCH(int, tensorSize);
    QFETCH(int, stage);
    const ModelFacts facts =
        std::vector<ModelFacts>{threeB(), sevenB(), thirtyTwoB(), seventyTwoB(), awqOf(seventyTwoB())}.at(
            static_cast<std::size_t>(model));
    const int layers = facts.config.layers;
    model::Shard shard{.tensorSize = tensorSize, .stage = std::max(stage, 0), .stages = stage < 0 ? 1 : 3};
    shard.firstLayer = stage <= 0 ? 0 : stage == 1 ? 9 : 20;
    shard.endLayer = stage < 0 || stage == 2 ? layers : stage == 0 ? 9 : 20;
    wire::EngineSettings settings;
    settings.set_dtype("float16");
    settings.set_max_batched_tokens(2048);
    settings.set_max_num_seqs(64);
    Device device{.gpu = deviceWith(kTuring, 0).gpu, .hostMemoryFree = 0};
    Footprints footprints(facts.config, facts.checkpointBytes);
    const model::Footprint quick = footprints.of(device, shard, settings, 8192, 5000);
    const model::Footprint exact =
        model::footprint(facts.config, shard, {.kvBlockTokens = 64, .maxBatchedTokens = 2048, .maxSequences = 64}, 5000,
                         8192, {.type = DType::F16, .capabilityMajor = 7, .capabilityMinor = 5, .processors = 68});
    QCOMPARE(quick.weights, exact.weights);
    QCOMPARE(quick.kvBlock, exact.kvBlock);
    QCOMPARE(quick.activations, exact.activations);
}

void TstPlacement::oneDtypeForAll()
{
    Cluster cluster = machines(2, kAda, 1);
    QCOMPARE(preflight(sevenB(), cluster, wish(1, 2)).placement->settings.dtype(), std::string("bfloat16"));
    cluster.nodes[1].devices = cards(kTuring, 1);
    const Preflight outcome = preflight(sevenB(), cluster, wish(1, 2));
    QCOMPARE(outcome.placement->settings.dtype(), std::string("float16"));
    QCOMPARE(outcome.dtypes, (std::vector<std::string>{"auto", "float16", "float32"}));
    QVERIFY2(
        told(outcome).find("float16, because gpu-b cuda:0 (NVIDIA GeForce RTX 2080 Ti) has compute capability 7.5") !=
            std::string::npos,
        told(outcome).c_str());
}

void TstPlacement::aPlanOfAPlanIsItself()
{
    for (const Cluster& cluster : {machines(2, kAda, 4), cpuMachines(2, 4, 24 * kGiB)})
        for (const auto& [tensorSize, stages] : {std::pair(1, 1), std::pair(2, 2), std::pair(4, 1)}) {
            const Preflight first = preflight(sevenB(), cluster, wish(tensorSize, stages));
            QVERIFY2(first.possible(), told(first).c_str());
            const Preflight second = preflight(sevenB(), cluster, first.placement->settings);
            QVERIFY2(second.possible(), told(second).c_str());
            QCOMPARE(second.placement->settings.SerializeAsString(), first.placement->settings.SerializeAsString());
            QCOMPARE(second.placement->kvBlocks, first.placement->kvBlocks);
            QCOMPARE(placesOf(second, cluster), placesOf(first, cluster));
        }
}

void TstPlacement::seventyTwoBillionOnSixteenTurings()
{
    const Cluster cluster = machines(2, kTuring, 8);
    wire::EngineSettings settings = wish(8, 2);
    settings.set_gpu_memory_utilization(0.95);
    const Preflight outcome = preflight(seventyTwoB(), cluster, settings);
    QVERIFY2(outcome.possible(), told(outcome).c_str());
    QCOMPARE(outcome.placement->settings.dtype(), std::string("float16"));
    QCOMPARE(outcome.placement->ranks.size(), std::size_t{16});
    std::uint64_t weights = 0;
    std::uint64_t cache = 0;
    for (const PlannedRank& rank : outcome.placement->ranks) {
        weights += rank.weightBytes;
        cache += rank.kvBytes;
    }
    // Weights of 146.8 GB and the cache of one long question: about what people see in use.
    QVERIFY2(weights > 146'800'000'000 && weights < 148'500'000'000, qPrintable(QString::number(weights)));
    QVERIFY2(weights + cache > 148'000'000'000 && weights + cache < 155'000'000'000,
             qPrintable(QString::number(weights + cache)));
    QVERIFY2(outcome.largestContext > 10'000, qPrintable(QString::number(outcome.largestContext)));
    QCOMPARE(outcome.placement->maxModelLen, outcome.largestContext);
    qInfo("weights %.1f GB, with the cache %.1f GB, contexts up to %u", static_cast<double>(weights) / 1e9,
          static_cast<double>(weights + cache) / 1e9, outcome.largestContext);
    // Two settings lead there from what is set at first; the remedy names both.
    settings = wish(1, 1);
    settings.set_gpu_memory_utilization(0.95);
    const Preflight first = preflight(seventyTwoB(), cluster, settings);
    QVERIFY2(find(first, "GPU-04") != nullptr, told(first).c_str());
    QVERIFY2(find(first, "GPU-04")
                 ->error.remedy.ends_with("it fits with tensor_parallel_size 8 with "
                                          "pipeline_parallel_size 2"),
             told(first).c_str());
    // With the share that is left to others by default it does not fit, and one change is offered that helps.
    const Preflight less = preflight(seventyTwoB(), cluster, wish(8, 2));
    const Problem* const problem = find(less, "GPU-04");
    QVERIFY2(problem != nullptr && !problem->fixes.empty(), told(less).c_str());
    QCOMPARE(problem->fixes[0].setting, std::string("gpu_memory_utilization"));
    const Preflight raised = preflight(seventyTwoB(), cluster, *withFix(wish(8, 2), problem->fixes[0]));
    QVERIFY2(raised.possible() && raised.largestContext >= 4096, told(raised).c_str());
}

void TstPlacement::paddedGroupsCanBeShared()
{
    QCOMPARE(validTensorParallelSizes(awqOf(threeB()).config), (std::vector<int>{1, 2}));
    QCOMPARE(validTensorParallelSizes(awqOf(sevenB()).config), (std::vector<int>{1, 2, 4}));
    QCOMPARE(validTensorParallelSizes(awqOf(thirtyTwoB()).config), (std::vector<int>{1, 2, 4, 8}));
    QCOMPARE(validTensorParallelSizes(awqOf(seventyTwoB()).config), (std::vector<int>{1, 2, 4, 8}));
    QCOMPARE(validTensorParallelSizes(paddedSeventyTwoB().config), (std::vector<int>{1, 2, 4, 8}));
    const auto refused = checkAwqGroups(awqOf(threeB()).config, 4);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().cause,
             std::string("down_proj: intermediate_size 11008 is 86 AWQ groups of 128, which tensor_parallel_size 4 "
                         "cannot share (21.5 each)"));
    QVERIFY(checkAwqGroups(threeB().config, 4).ok());
    for (const int size : {2, 4, 8}) {
        const Preflight outcome = preflight(awqOf(seventyTwoB()), machines(1, kHopper, 8), wish(size, 1));
        QVERIFY2(outcome.possible(), told(outcome).c_str());
    }
}

void TstPlacement::whatCanBeIsOfferedWhateverWasWished()
{
    wire::EngineSettings settings = wish(6, 5);
    settings.set_max_model_len(500'000);
    settings.set_dtype("bfloat16");
    const Preflight outcome = preflight(seventyTwoB(), machines(2, kTuring, 8), settings);
    QVERIFY(!outcome.possible());
    QVERIFY(outcome.attempt.empty());
    QCOMPARE(outcome.tensorSizes, (std::vector<int>{1, 2, 4, 8}));
    QVERIFY(!outcome.pipelineSizes.empty());
    QCOMPARE(outcome.dtypes, (std::vector<std::string>{"auto", "float16", "float32"}));
    QVERIFY(find(outcome, "PAR-01") != nullptr);
    QVERIFY2(find(outcome, "GPU-02") != nullptr, told(outcome).c_str()); // everything at once, not one after another
    QVERIFY2(find(outcome, "SET-01") != nullptr, told(outcome).c_str());
    const Preflight nothing = preflight(seventyTwoB(), {}, settings);
    QVERIFY(!nothing.possible() && !nothing.problems.empty());
}

QTEST_GUILESS_MAIN(TstPlacement)
#include "tst_placement.moc"
