// What a head makes of a model folder and a device: the order that its executor gets.

#include "tests/engine/node/deployed.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

using namespace argus;
using namespace argus::node;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

plan::Device card(std::uint64_t total)
{
    plan::Gpu gpu;
    gpu.index = 2;
    gpu.name = "NVIDIA Card";
    gpu.capabilityMajor = 8;
    gpu.processors = 100;
    gpu.memoryTotal = total;
    gpu.memoryFree = total;
    return {.gpu = gpu, .hostMemoryFree = 0};
}

} // namespace

class TstDeployment final : public QObject {
    Q_OBJECT
private slots:
    /// The demo model without its weights and without its limits for pictures.
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json"})
            QVERIFY2(QFile::copy(QString(ARGUS_SOURCE_DIR "/resources/demo-model/") + file, m_folder.filePath(file)),
                     file);
        m_dummy.set_model(m_folder.path().toStdString());
        m_dummy.set_load_format("dummy");
    }

    void aCpuIsOrderedAsEver()
    {
        const auto read = deployed({}, plan::Device{.gpu = {}, .hostMemoryFree = 4'096 * kMiB});
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const wire::LoadModel order = (*read)->seats.front().order;
        QCOMPARE(order.dtype(), std::string("float32"));
        QCOMPARE(order.settings().device(), std::string("cpu"));
        QCOMPARE(order.kv_block_tokens(), 16U);
        QCOMPARE(order.max_num_seqs(), 8U);
        QCOMPARE(order.max_batched_tokens(), 2'048U);
        QCOMPARE(order.ranks(0).device_bytes(), std::uint64_t{0});
        QCOMPARE(order.max_vision_patches(), 0U);
    }
    void aGpuGetsItsNumbers()
    {
        const auto read = deployed(m_dummy, card(24'576 * kMiB));
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const Deployment& deployment = **read;
        const wire::LoadModel order = deployment.seats.front().order;
        QCOMPARE(order.ranks(0).device_index(), 2U);
        QCOMPARE(order.settings().device(), std::string("cuda:2"));
        QCOMPARE(order.dtype(), std::string("bfloat16"));
        const plan::PlannedRank& rank = deployment.placement.ranks.front();
        QCOMPARE(order.ranks(0).device_bytes(), rank.deviceBytes);
        QCOMPARE(order.ranks(0).device_bytes(),
                 rank.weightBytes + rank.activationBytes + deployment.placement.kvBlocks * rank.kvBlockBytes);
        QCOMPARE(order.kv_blocks(), deployment.placement.kvBlocks);
        QCOMPARE(order.max_vision_patches(), 65'536U);
        QCOMPARE(deployment.preprocess.maxPixels, std::int64_t{12'845'056}); // the reference's: nothing is made smaller
    }
    void noPictureIsLargerThanAPass()
    {
        const auto read = deployed(m_dummy, card(1'280 * kMiB));
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const std::int64_t patches = (*read)->placement.maxVisionPatches;
        const std::int64_t side = (*read)->model->config.vision.patchSize;
        QVERIFY(patches >= 4'096 && patches < 65'536);
        QCOMPARE((*read)->preprocess.maxPixels, patches * side * side);
        QVERIFY((*read)->preprocess.minPixels <= (*read)->preprocess.maxPixels);
    }
    void withoutWeightsThereIsNothingToLoad()
    {
        wire::EngineSettings settings = m_dummy;
        settings.set_load_format("auto");
        const auto missing = deployed(settings, card(24'576 * kMiB));
        QVERIFY(!missing.ok());
        QCOMPARE(missing.error().setting, std::string("model"));
        const auto refused = deployed(m_dummy, plan::Device{.gpu = {}, .hostMemoryFree = 4'096 * kMiB});
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().setting, std::string("load_format"));
    }

    void everyMachineGetsItsRanks()
    {
        plan::Cluster cluster = clusterOf({.gpu = {}, .hostMemoryFree = 4'096 * kMiB});
        cluster.nodes.front().devices.push_back(cluster.nodes.front().devices.front());
        cluster.nodes.front().devices.back().index = 1;
        cluster.nodes.push_back(cluster.nodes.front());
        for (plan::ClusterNode& node : cluster.nodes) {
            node.interface = "eth0";
            node.prefixBits = 24;
        }
        cluster.nodes[0].address = "10.0.0.1";
        cluster.nodes[1].address = "10.0.0.2";
        cluster.nodes[1].name = "beta";
        cluster.nodes[1].head = false;
        cluster.nodes[1].model = {.asked = true, .folder = "/elsewhere/demo", .present = true};
        wire::EngineSettings settings;
        settings.set_tensor_parallel_size(2);
        settings.set_pipeline_parallel_size(2);
        const auto read = deployed(settings, cluster);
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const std::vector<Seat>& seats = (*read)->seats;
        QCOMPARE(seats.size(), std::size_t{2});
        QCOMPARE(seats[0].node, std::string("alpha"));
        QVERIFY(seats[0].first && !seats[1].first); // only the first stage looks at pixels
        QCOMPARE(seats[1].order.ranks_size(), 2);
        QCOMPARE(seats[1].order.ranks(1).rank(), 3U);
        QCOMPARE(seats[1].order.ranks(1).stage(), 1U);
        QCOMPARE(seats[1].order.ranks(1).device_index(), 1U);
        QCOMPARE(seats[1].order.settings().model(), std::string("/elsewhere/demo"));
        QCOMPARE(seats[1].order.address(), std::string("10.0.0.2"));
        QCOMPARE(seats[0].order.kv_blocks(), seats[1].order.kv_blocks());
        QCOMPARE(seats[0].order.ranks(0).end_layer(), seats[1].order.ranks(0).first_layer());
    }

private:
    QTemporaryDir m_folder;
    wire::EngineSettings m_dummy;
};

QTEST_GUILESS_MAIN(TstDeployment)
#include "tst_deployment.moc"
