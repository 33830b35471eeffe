// Loading a model and the steps it refuses, on the reference checkpoint.

#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"

#include <QTest>

#include <algorithm>
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
    /// The tokens of one step.
    [[nodiscard]] std::vector<std::int32_t> drawn(const Batch& batch);

private slots:
    void initTestCase();
    void progressEndsAtTheWholeModel();
    void weightsOfAnotherShapeAreNamed();
    void missingWeightsAreNamed();
    void packedModelsWantPackedWeights();
    void cacheHasTheBytesItSays();
    void stepsThatDoNotFitAreRefused();
    void foreignIdsAndBlocksAreRefused();
    void foreignRowsAreRefused();
    void drawnTokensGoOnWithoutTheHost();
    void aSequenceThatBeginsHasSeenNothing();
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

void TstModelLoad::packedModelsWantPackedWeights()
{
    ModelConfig packed = tinyConfig();
    packed.awq = true;
    const auto model = Qwen25VL::load(m_ops, packed, m_checkpoint, kSizes, {});
    QVERIFY(!model.ok());
    QCOMPARE(model.error().code, ErrorCode::NotFound);
    QVERIFY2(model.error().cause.find("model.layers.0.self_attn.q_proj.qweight") != std::string::npos,
             model.error().cause.c_str());
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
    QCOMPARE(refusal(batch), std::string("decoder: id 1024 in a vocabulary of 1024"));
    id[0] = -5; // two slots a sequence, so the last is -4
    QCOMPARE(refusal(batch), std::string("decoder: id -5 in a vocabulary of 1024"));
    id[0] = 5;
    QCOMPARE(refusal(batch), std::string("nothing"));
    const std::array<std::int32_t, 1> stray{8};
    slice.blocks = stray;
    QCOMPARE(refusal({.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = {}}),
             std::string("decoder: block 8 of 8"));
    slice.blocks = m_blocks;
    slice.slot = 4;
    QVERIFY(refusal({.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = {}})
                .find("in slot 4 of 4") != std::string::npos);
}

void TstModelLoad::foreignRowsAreRefused()
{
    const std::array<std::int32_t, 1> id{5};
    const std::array<std::int32_t, 3> position{0, 0, 0};
    const BatchSlice slice{.firstRow = 0, .tokens = 1, .cached = 0, .blocks = m_blocks};
    for (const std::int32_t stray : {-1, 1}) {
        const std::array<std::int32_t, 1> row{stray};
        QCOMPARE(refusal({.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = row}),
                 "decoder: row " + std::to_string(stray) + " of 1 to score");
    }
    const std::array<std::int32_t, 1> row{0};
    const std::array<ops::SamplingRow, 2> twice{};
    QVERIFY(refusal({.ids = id,
                     .positions = position,
                     .slices = {&slice, 1},
                     .vision = {},
                     .logitRows = row,
                     .sampling = twice})
                .find("1 rows to score and 2 to draw from") != std::string::npos);
    const VisionRows late{.firstRow = 1, .embeddings = HostTensor(DType::F32, {1, 256}).view()};
    QCOMPARE(refusal({.ids = id, .positions = position, .slices = {&slice, 1}, .vision = {&late, 1}, .logitRows = row}),
             std::string("decoder: vision rows 1 + 1 in a step of 1"));
}

void TstModelLoad::anEmptyStepIsOrdinary()
{
    const ConstTensorView scores = m_model->forward({});
    QCOMPARE(scores.extent(0), 0);
}

void TstModelLoad::gridsAndPatchesMustAgree()
{
    HostTensor frame(DType::U8, {1, 56, 56, 3});
    std::fill_n(frame.view().bytes(), frame.shape().elements(), std::byte{7});
    const auto tryGrid = [&](Grid grid, Shape shape = {1, 56, 56, 3}) -> std::string {
        try {
            const ConstTensorView view(frame.view().bytes(), DType::U8, shape);
            (void)m_model->encodeVision(FrameSource({view}, {}), {&grid, 1});
        } catch (const OpsError& error) {
            return error.what();
        }
        return "nothing";
    };
    QCOMPARE(tryGrid({1, 4, 4}), std::string("nothing"));
    QVERIFY(QString::fromStdString(tryGrid({1, 4, 6})).contains("24 patches, given 16"));
    QVERIFY(QString::fromStdString(tryGrid({1, 4, 4}, {1, 42, 56, 3})).contains("are no frames"));
    QVERIFY(QString::fromStdString(tryGrid({1, 4, 4}, {1, 56, 3})).contains("are no frames"));
    QVERIFY(QString::fromStdString(tryGrid({1, 1, 16})).contains("multiples of 2"));
}

std::vector<std::int32_t> TstModelLoad::drawn(const Batch& batch)
{
    m_model->run(batch);
    std::vector<std::int32_t> ids(batch.sampling.size());
    m_ops.take(m_model->fetchDrawn(), ids);
    return ids;
}

void TstModelLoad::drawnTokensGoOnWithoutTheHost()
{
    const std::array<std::int32_t, 3> prompt{17, 4, 900};
    const std::array<std::int32_t, 9> positions{0, 1, 2, 0, 1, 2, 0, 1, 2};
    const std::array<std::int32_t, 3> next{3, 3, 3};
    const std::array<std::int32_t, 1> last{2};
    const std::array<std::int32_t, 1> only{0};
    const std::array<ops::SamplingRow, 1> sampling{{{.slot = 3, .penalty = 1.05f}}};
    const BatchSlice whole{.firstRow = 0, .tokens = 3, .cached = 0, .slot = 3, .blocks = m_blocks};
    const BatchSlice one{.firstRow = 0, .tokens = 1, .cached = 3, .slot = 3, .blocks = m_blocks};
    const Batch first{.ids = prompt,
                      .positions = positions,
                      .slices = {&whole, 1},
                      .vision = {},
                      .logitRows = last,
                      .sampling = sampling};
    const std::vector<std::int32_t> token = drawn(first);
    Batch second{
        .ids = token, .positions = next, .slices = {&one, 1}, .vision = {}, .logitRows = only, .sampling = sampling};
    const std::vector<std::int32_t> known = drawn(second);
    QCOMPARE(drawn(first), token);
    const std::array<std::int32_t, 1> whatSlot3Drew{-4};
    second.ids = whatSlot3Drew;
    QCOMPARE(drawn(second), known);
}

void TstModelLoad::aSequenceThatBeginsHasSeenNothing()
{
    const std::array<std::int32_t, 1> id{17};
    const std::array<std::int32_t, 3> position{0, 0, 0};
    const std::array<std::int32_t, 1> row{0};
    const std::array<ops::SamplingRow, 1> sampling{{{.slot = 1, .penalty = 1e6f}}}; // whatever was seen is out
    const BatchSlice slice{.firstRow = 0, .tokens = 1, .cached = 0, .slot = 1, .blocks = m_blocks};
    const Batch begin{
        .ids = id, .positions = position, .slices = {&slice, 1}, .vision = {}, .logitRows = row, .sampling = sampling};
    const std::vector<std::int32_t> fresh = drawn(begin);
    QCOMPARE(drawn(begin), fresh); // although the slot's last life drew the same token
    const std::array<std::int32_t, 3> next{1, 1, 1};
    const BatchSlice further{.firstRow = 0, .tokens = 1, .cached = 1, .slot = 1, .blocks = m_blocks};
    const Batch goOn{
        .ids = id, .positions = next, .slices = {&further, 1}, .vision = {}, .logitRows = row, .sampling = sampling};
    std::vector<std::int32_t> seen{id[0], fresh[0]};
    for (int i = 0; i < 5; ++i) {
        const std::int32_t token = drawn(goOn)[0];
        QVERIFY(std::find(seen.begin(), seen.end(), token) == seen.end());
        seen.push_back(token);
    }
}

QTEST_GUILESS_MAIN(TstModelLoad)
#include "tst_model_load.moc"
