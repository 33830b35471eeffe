// What a head makes of a model folder and a device: the order that its executor gets.

#include "engine/node/deployment.h"

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
        const auto read = readDeployment({}, {.gpu = {}, .hostMemoryFree = 4'096 * kMiB});
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const wire::LoadModel order = loadOrder(**read);
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
        const auto read = readDeployment(m_dummy, card(24'576 * kMiB));
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const Deployment& deployment = **read;
        const wire::LoadModel order = loadOrder(deployment);
        QCOMPARE(order.ranks(0).device_index(), 2U);
        QCOMPARE(order.settings().device(), std::string("cuda:2"));
        QCOMPARE(order.dtype(), std::string("bfloat16"));
        QCOMPARE(order.ranks(0).device_bytes(), deployment.budget.deviceBytes);
        QCOMPARE(order.ranks(0).device_bytes(), deployment.budget.weightBytes + deployment.budget.activationBytes +
                                           deployment.budget.kvBlocks * deployment.budget.kvBlockBytes);
        QCOMPARE(order.kv_blocks(), deployment.budget.kvBlocks);
        QCOMPARE(order.max_vision_patches(), 65'536U);
        QCOMPARE(deployment.preprocess.maxPixels, std::int64_t{12'845'056}); // the reference's: nothing is made smaller
    }
    void noPictureIsLargerThanAPass()
    {
        const auto read = readDeployment(m_dummy, card(1'280 * kMiB));
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        const std::int64_t patches = (*read)->budget.maxVisionPatches;
        const std::int64_t side = (*read)->config.vision.patchSize;
        QVERIFY(patches >= 4'096 && patches < 65'536);
        QCOMPARE((*read)->preprocess.maxPixels, patches * side * side);
        QVERIFY((*read)->preprocess.minPixels <= (*read)->preprocess.maxPixels);
    }
    void withoutWeightsThereIsNothingToLoad()
    {
        wire::EngineSettings settings = m_dummy;
        settings.set_load_format("auto");
        const auto missing = readDeployment(settings, card(24'576 * kMiB));
        QVERIFY(!missing.ok());
        QCOMPARE(missing.error().setting, std::string("model"));
        const auto refused = readDeployment(m_dummy, {.gpu = {}, .hostMemoryFree = 4'096 * kMiB});
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().setting, std::string("load_format"));
    }

private:
    QTemporaryDir m_folder;
    wire::EngineSettings m_dummy;
};

QTEST_GUILESS_MAIN(TstDeployment)
#include "tst_deployment.moc"
