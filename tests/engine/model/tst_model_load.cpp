// Loading a model and the steps it refuses, on the reference checkpoint.

#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"

#include <QTest>

#include <array>
#include <fstream>
#include <iterator>
#include <numeric>

using namespace argus;
using namespace argus::model;

namespace {

const std::string kFolder = ARGUS_SOURCE_DIR "/tests/data/reference/";
const RuntimeSizes kSizes{.kvBlocks = 8, .kvBlockTokens = 16, .maxBatchedTokens = 32, .maxSequences = 2};

ModelConfig tinyConfig()
{
    std::ifstream file(kFolder + "tiny.config.json");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parseConfig(text, "tiny").value();
}

} // namespace

class TstModelLoad : public QObject {
    Q_OBJECT

    ops::CpuOps m_ops{2};
    std::shared_ptr<const Checkpoint> m_checkpoint;
    std::unique_ptr<Qwen25VL> m_model;
    std::array<std::int32_t, 8> m_blocks{7, 6, 5, 4, 3, 2, 1, 0};

    [[nodiscard]] std::string refusal(const Batch& batch);

private slots:
    void initTestCase();
    void progressEndsAtTheWholeModel();
    void weightsOfAnotherShapeAreNamed();
    void missingWeightsAreNamed();
    void cacheHasTheBytesItSays();
    void stepsThatDoNotFitAreRefused();
    void foreignIdsAndBlocksAreRefused();
    void anEmptyStepIsOrdinary();
    void gridsAndPatchesMustAgree();
};

void TstModelLoad::initTestCase()
{
    m_checkpoint = Checkpoint::openFile(kFolder + "tiny.model.safetensors").value();
    m_model = Qwen25VL::load(m_ops, tinyConfig(), m_checkpoint, kSizes, {}).value();
}

std::string TstModelLoad::refusal(const Batch& batch)
{
    try {
        (void)m_model->forward(batch);
    } catch (const OpsError& error) {
        return error.what();
    }
    return "nothing";
}

void TstModelLoad::progressEndsAtTheWholeModel()
{
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    int calls = 0;
    const auto model = Qwen25VL::load(m_ops, tinyConfig(), m_checkpoint, kSizes,
                                      [&](std::uint64_t done, std::uint64_t all, const std::string& name) {
                                          QVERIFY(done > last);
                                          QVERIFY(!name.empty());
                                          last = done;
                                          total = all;
                                          ++calls;
                                      });
    QVERIFY(model.ok());
    QCOMPARE(last, total);
    QCOMPARE((*model)->weightBytes(), total);
    QCOMPARE(static_cast<std::size_t>(calls), m_checkpoint->names().size());
}

void TstModelLoad::weightsOfAnotherShapeAreNamed()
{
    ModelConfig other = tinyConfig();
    other.intermediateSize += 2;
    const auto model = Qwen25VL::load(m_ops, other, m_checkpoint, kSizes, {});
    QVERIFY(!model.ok());
    QCOMPARE(model.error().code, ErrorCode::Corrupt);
    QVERIFY2(model.error().cause.find("model.layers.0.mlp.gate_proj.weight") != std::string::npos,
             model.error().cause.c_str());
}

void TstModelLoad::missingWeightsAreNamed()
{
    ModelConfig deeper = tinyConfig();
    deeper.layers += 1;
    const auto model = Qwen25VL::load(m_ops, deeper, m_checkpoint, kSizes, {});
    QVERIFY(!model.ok());
    QCOMPARE(model.error().code, ErrorCode::NotFound);
    QVERIFY2(model.error().cause.find("model.layers.4.") != std::string::npos, model.error().cause.c_str());
}

void TstModelLoad::cacheHasTheBytesItSays()
{
    // layers · (keys, values) · blocks · tokens · heads · head · float
    QCOMPARE(m_model->kvBytes(), std::uint64_t{4 * 2 * 8 * 16 * 2 * 128 * 4});
}

void TstModelLoad::stepsThatDoNotFitAreRefused()
{
    std::vector<std::int32_t> ids(33, 1);
    std::vector<std::int32_t> positions(99, 0);
    BatchSlice slice{.firstRow = 0, .tokens = 33, .cached = 0, .blocks = m_blocks};
    QVERIFY(QString::fromStdString(
                refusal({.ids = ids, .positions = positions, .slices = {&slice, 1}, .vision = {}, .logitRows = {}}))
                .contains("at most 32"));
    ids.resize(4);
    positions.resize(12);
    slice.tokens = 3;
    QVERIFY(QString::fromStdString(
                refusal({.ids = ids, .positions = positions, .slices = {&slice, 1}, .vision = {}, .logitRows = {}}))
                .contains("cover 3 of 4"));
    slice.tokens = 4;
    slice.cached = 125; // nine blocks of sixteen
    QVERIFY(QString::fromStdString(
                refusal({.ids = ids, .positions = positions, .slices = {&slice, 1}, .vision = {}, .logitRows = {}}))
                .contains("9 blocks needed"));
    slice.cached = 0;
    const std::array<std::int32_t, 3> rows{0, 1, 2};
    QVERIFY(QString::fromStdString(
                refusal({.ids = ids, .positions = positions, .slices = {&slice, 1}, .vision = {}, .logitRows = rows}))
                .contains("at most 2"));
}

void TstModelLoad::foreignIdsAndBlocksAreRefused()
{
    std::array<std::int32_t, 1> id{1024}; // the vocabulary ends at 1023
    const std::array<std::int32_t, 3> position{0, 0, 0};
    BatchSlice slice{.firstRow = 0, .tokens = 1, .cached = 0, .blocks = m_blocks};
    const Batch batch{.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = {}};
    QCOMPARE(refusal(batch), std::string("gatherRows: ids[0] = 1024 is not below 1024"));
    id[0] = 5;
    QCOMPARE(refusal(batch), std::string("nothing"));
    const std::array<std::int32_t, 1> stray{8};
    slice.blocks = stray;
    QVERIFY2(QString::fromStdString(
                 refusal({.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = {}}))
                 .contains("is not below"),
             "");
}

void TstModelLoad::anEmptyStepIsOrdinary()
{
    const ConstTensorView scores = m_model->forward({});
    QCOMPARE(scores.extent(0), 0);
}

void TstModelLoad::gridsAndPatchesMustAgree()
{
    const HostTensor patches(DType::F32, {16, 1176});
    const auto tryGrid = [&](Grid grid) -> std::string {
        try {
            (void)m_model->encodeVision(patches.view(), {&grid, 1});
        } catch (const OpsError& error) {
            return error.what();
        }
        return "nothing";
    };
    QVERIFY(QString::fromStdString(tryGrid({1, 4, 6})).contains("24 patches of 1176 numbers, given [16, 1176]"));
    QVERIFY(QString::fromStdString(tryGrid({1, 1, 16})).contains("multiples of 2"));
}

QTEST_GUILESS_MAIN(TstModelLoad)
#include "tst_model_load.moc"
