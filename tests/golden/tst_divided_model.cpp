// A made-up model divided in every way against the same model whole: heads that are repeated, groups and units that do
// not divide, tied embeddings, towers that cannot be shared, marks that have to reach the last stage.

#include "engine/model/sharding.h"
#include "engine/model/weights.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/model_ranks.h"
#include "tests/golden/safetensors_writer.h"
#include "tests/golden/stored_patches.h"

#include <QTemporaryDir>
#include <QTest>

#include <array>
#include <cmath>
#include <cstring>
#include <random>

using namespace argus;
using namespace argus::golden;

namespace {

constexpr model::RuntimeSizes kSizes{.kvBlocks = 8, .kvBlockTokens = 16, .maxBatchedTokens = 64, .maxSequences = 2};
constexpr int kPromptTokens = 20;
constexpr int kAnswerTokens = 8;
const model::Grid kGrid{.t = 1, .h = 6, .w = 4};

/// Four heads of two key heads, seven units of 64 in the MLP, a tower of four heads and as many units.
model::ModelConfig madeUp()
{
    model::ModelConfig config;
    config.hiddenSize = 512;
    config.layers = 3;
    config.heads = 4;
    config.kvHeads = 2;
    config.intermediateSize = 448;
    config.vocabSize = 256;
    config.vision.depth = 2;
    config.vision.hiddenSize = 128;
    config.vision.heads = 4;
    config.vision.intermediateSize = 200;
    config.vision.outHiddenSize = 512;
    config.vision.fullAttentionBlocks = {1};
    return config;
}

model::ModelConfig tied()
{
    model::ModelConfig config = madeUp();
    config.tieWordEmbeddings = true;
    return config;
}

model::ModelConfig threeHeadsInTheTower()
{
    model::ModelConfig config = madeUp();
    config.vision.hiddenSize = 96;
    config.vision.heads = 3;
    return config;
}

model::ModelConfig oddVocabulary(bool tiedEmbeddings)
{
    model::ModelConfig config = madeUp();
    config.vocabSize = 251;
    config.tieWordEmbeddings = tiedEmbeddings;
    return config;
}

model::ModelConfig packed()
{
    model::ModelConfig config = madeUp();
    config.awq = true;
    config.intermediateSize = 7 * 128;
    return config;
}

/// Any words are codes; scales are such that weights are as large as those of the other layers.
HostTensor madeUpTensor(const model::TensorSpec& spec, std::mt19937& random)
{
    HostTensor tensor(spec.type.value_or(DType::F32), spec.shape);
    std::normal_distribution<float> normal(0, 0.06f);
    for (std::int64_t i = 0; i < spec.shape.elements(); ++i) {
        if (tensor.dtype() == DType::I32)
            tensor.view().data<std::int32_t>()[i] = static_cast<std::int32_t>(random());
        else if (tensor.dtype() == DType::F16)
            tensor.view().data<std::uint16_t>()[i] = toF16(0.01f);
        else
            tensor.view().data<float>()[i] = spec.shape.rank() == 1 ? 1 + normal(random) : normal(random);
    }
    return tensor;
}

std::shared_ptr<const model::Checkpoint> writeCheckpoint(const model::ModelConfig& config,
                                                         const std::filesystem::path& file)
{
    std::vector<SafetensorsWriter::Entry> entries;
    const auto specs = model::tensorsOf(config);
    for (const model::TensorSpec& spec : specs)
        entries.push_back({.name = spec.name, .type = spec.type.value_or(DType::F32), .shape = spec.shape});
    SafetensorsWriter writer(file, entries);
    std::mt19937 random(7);
    for (const model::TensorSpec& spec : specs)
        writer.append(madeUpTensor(spec, random).view());
    writer.close();
    return model::Checkpoint::openFile(file).value();
}

MakeOps processor()
{
    return [] { return std::make_unique<ops::CpuOps>(1); };
}

/// What a model says to a prompt with a picture in it, the prompt in two pieces.
struct Scores {
    std::vector<std::int32_t> ids;
    std::vector<float> embeddings;
    std::vector<float> scores; ///< of every step's last row
};

class Talk {
public:
    explicit Talk(ModelRanks& ranks) : m_ranks(ranks) {}

    Scores run()
    {
        const HostTensor patches = pixels();
        const ops::DeviceTensor encoded = m_ranks.encodeVision(StoredPatches(patches.view()), {&kGrid, 1});
        const HostTensor onHost = m_ranks.onHost(encoded);
        append(m_said.embeddings, onHost.view());
        const model::VisionRows first{.firstRow = 7, .embeddings = encoded.rows(0, 4)};
        const model::VisionRows second{.firstRow = 0, .embeddings = encoded.rows(4, 2)};
        step(11, {&first, 1});
        step(kPromptTokens - 11, {&second, 1});
        for (int i = 0; i < kAnswerTokens; ++i)
            step(1, {});
        return m_said;
    }

private:
    static HostTensor pixels()
    {
        HostTensor patches(DType::F32, {kGrid.patches(), 1176});
        std::mt19937 random(3);
        std::normal_distribution<float> normal;
        for (std::int64_t i = 0; i < patches.shape().elements(); ++i)
            patches.view().data<float>()[i] = normal(random);
        return patches;
    }
    static void append(std::vector<float>& to, ConstTensorView from)
    {
        const auto* const values = from.data<const float>();
        to.insert(to.end(), values, values + from.shape().elements());
    }

    /// Ids of the prompt are 0, 11, 22, …; what was seen is as good as out.
    void step(int tokens, std::span<const model::VisionRows> vision)
    {
        std::vector<std::int32_t> ids;
        std::vector<std::int32_t> positions;
        for (int i = m_cached; i < m_cached + tokens; ++i)
            ids.push_back(i < kPromptTokens ? i * 11 : m_said.ids[static_cast<std::size_t>(i - kPromptTokens)]);
        for (int axis = 0; axis < 3; ++axis)
            for (int i = m_cached; i < m_cached + tokens; ++i)
                positions.push_back(i);
        const std::array<std::int32_t, 8> blocks{7, 5, 3, 1, 0, 2, 4, 6};
        const model::BatchSlice slice{.firstRow = 0, .tokens = tokens, .cached = m_cached, .slot = 1, .blocks = blocks};
        const std::array<std::int32_t, 1> last{tokens - 1};
        const bool draws = m_cached + tokens >= kPromptTokens;
        const ops::SamplingRow sampling{.slot = draws ? 1 : -1, .penalty = 1e6f};
        m_ranks.run({.ids = ids,
                     .positions = positions,
                     .slices = {&slice, 1},
                     .vision = vision,
                     .logitRows = last,
                     .sampling = {&sampling, 1}});
        append(m_said.scores, m_ranks.scores());
        if (draws)
            m_said.ids.push_back(m_ranks.drawn()[0]);
        m_cached += tokens;
    }

    ModelRanks& m_ranks;
    Scores m_said;
    int m_cached = 0;
};

/// |a - b| / |b|
double apart(const std::vector<float>& a, const std::vector<float>& b)
{
    double differences = 0;
    double total = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        differences += std::pow(double{a.at(i)} - double{b[i]}, 2);
        total += std::pow(double{b[i]}, 2);
    }
    return a.size() == b.size() && total > 0 ? std::sqrt(differences / total) : 1;
}

template <typename Operation>
std::string refusal(const Operation& operation)
{
    try {
        operation();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "nothing";
}

} // namespace

class TstDividedModel : public QObject {
    Q_OBJECT

private slots:
    void dividedSaysWhatWholeSays_data();
    void dividedSaysWhatWholeSays();
    void progressEndsAtThePartOfARank();
    void aPartAloneIsRefused();
    void onlyTheEndsDoWhatEndsDo();
    void idsComeFromTheNode();
    void aRankThatFailsEndsTheOthers();

private:
    std::shared_ptr<const model::Checkpoint> checkpoint(const model::ModelConfig& config)
    {
        return writeCheckpoint(config, m_folder.filePath("made-up.safetensors").toStdString());
    }

    QTemporaryDir m_folder;
};

void TstDividedModel::dividedSaysWhatWholeSays_data()
{
    QTest::addColumn<model::ModelConfig>("config");
    QTest::addColumn<Division>("division");
    QTest::newRow("two ranks") << madeUp() << Division{.tensorSize = 2};
    QTest::newRow("key heads are repeated") << madeUp() << Division{.tensorSize = 4};
    QTest::newRow("a stage a layer") << madeUp() << Division{.stages = 3};
    QTest::newRow("uneven stages") << madeUp() << Division{.stages = 2, .stageLayers = {2, 1}};
    QTest::newRow("four ranks a stage") << madeUp() << Division{.tensorSize = 4, .stages = 3};
    QTest::newRow("tied embeddings, stages") << tied() << Division{.stages = 2};
    QTest::newRow("tied embeddings, ranks and stages") << tied() << Division{.tensorSize = 2, .stages = 2};
    QTest::newRow("a tower that is not shared") << threeHeadsInTheTower() << Division{.tensorSize = 2, .stages = 2};
    QTest::newRow("a vocabulary that does not divide") << oddVocabulary(false) << Division{.tensorSize = 4};
    QTest::newRow("a tied one, stages") << oddVocabulary(true) << Division{.tensorSize = 2, .stages = 2};
    QTest::newRow("packed") << packed() << Division{.tensorSize = 2};
    QTest::newRow("packed, 7 groups for 4 ranks") << packed() << Division{.tensorSize = 4, .stages = 2};
}

void TstDividedModel::dividedSaysWhatWholeSays()
{
    QFETCH(model::ModelConfig, config);
    QFETCH(Division, division);
    const auto weights = checkpoint(config);
    ModelRanks whole(config, weights, kSizes, {}, {}, processor());
    ModelRanks divided(config, weights, kSizes, {}, division, processor());
    const Scores expected = Talk(whole).run();
    const Scores said = Talk(divided).run();
    QCOMPARE(divided.size(), static_cast<std::size_t>(division.tensorSize * division.stages));
    QVERIFY2(apart(said.embeddings, expected.embeddings) < 1e-5,
             qPrintable(QString::number(apart(said.embeddings, expected.embeddings))));
    QVERIFY2(apart(said.scores, expected.scores) < 1e-5,
             qPrintable(QString::number(apart(said.scores, expected.scores))));
    QCOMPARE(said.ids, expected.ids);
}

void TstDividedModel::progressEndsAtThePartOfARank()
{
    for (const model::ModelConfig& config : {tied(), packed(), threeHeadsInTheTower(), oddVocabulary(true)}) {
        const auto weights = checkpoint(config);
        for (const model::Shard& shard : shardsOf(config, {.tensorSize = 4, .stages = 2})) {
            ops::CpuOps ops(1);
            std::uint64_t last = 0;
            std::uint64_t total = 0;
            const auto part = model::Qwen25VL::load(
                ops, config, weights, kSizes,
                [&](std::uint64_t done, std::uint64_t all, const std::string&) {
                    QVERIFY(done > last);
                    last = done;
                    total = all;
                },
                {}, shard);
            QVERIFY2(part.ok(), part.ok() ? "" : part.error().text().c_str());
            QCOMPARE(last, total);
            QCOMPARE((*part)->weightBytes(), total);
            QCOMPARE(total, model::checkTensors(config, *weights, shard).value());
            QCOMPARE((*part)->shard(), shard);
        }
    }
}

void TstDividedModel::aPartAloneIsRefused()
{
    const model::ModelConfig config = madeUp();
    ops::CpuOps ops(1);
    const auto part =
        model::Qwen25VL::load(ops, config, checkpoint(config), kSizes, {}, {}, {.tensorRank = 1, .tensorSize = 2});
    QVERIFY(part.ok());
    QCOMPARE(refusal([&] { (*part)->run({}); }),
             std::string("decoder: a part of a model computes nothing without the others"));
    const auto impossible = model::Qwen25VL::load(ops, config, checkpoint(config), kSizes, {}, {}, {.tensorSize = 3});
    QVERIFY(!impossible.ok());
    QCOMPARE(impossible.error().setting, std::string("tensor_parallel_size"));
}

void TstDividedModel::onlyTheEndsDoWhatEndsDo()
{
    const model::ModelConfig config = madeUp();
    const auto weights = checkpoint(config);
    ops::CpuOps ops(1);
    const auto first = model::Qwen25VL::load(ops, config, weights, kSizes, {}, {}, {.stages = 2, .endLayer = 1});
    QCOMPARE(refusal([&] { (void)(*first)->scores(); }),
             std::string("decoder: only the last stage has scores and tokens"));
    QCOMPARE(refusal([&] { (void)(*first)->fetchDrawn(); }),
             std::string("decoder: only the last stage has scores and tokens"));
    const auto last = model::Qwen25VL::load(ops, config, weights, kSizes, {}, {},
                                            {.stage = 1, .stages = 2, .firstLayer = 1, .endLayer = 3});
    QCOMPARE(refusal([&] {
                 const HostTensor patches(DType::F32, {24, 1176});
                 (void)(*last)->encodeVision(StoredPatches(patches.view()), {&kGrid, 1});
             }),
             std::string("vision tower: only the first stage has one"));
    QCOMPARE((*first)->kvBytes() * 2, (*last)->kvBytes());
}

void TstDividedModel::idsComeFromTheNode()
{
    const model::ModelConfig config = madeUp();
    ModelRanks ranks(config, checkpoint(config), kSizes, {}, {.stages = 2}, processor());
    const std::array<std::int32_t, 1> follows{-1};
    const std::array<std::int32_t, 3> positions{0, 0, 0};
    const std::array<std::int32_t, 1> blocks{0};
    const model::BatchSlice slice{.firstRow = 0, .tokens = 1, .cached = 0, .slot = 0, .blocks = blocks};
    const model::Batch batch{
        .ids = follows, .positions = positions, .slices = {&slice, 1}, .vision = {}, .logitRows = {}};
    QCOMPARE(refusal([&] { ranks.run(batch); }),
             std::string("decoder: the first of several stages is told every id: the last one draws them"));
}

void TstDividedModel::aRankThatFailsEndsTheOthers()
{
    const model::ModelConfig config = madeUp();
    ModelRanks ranks(config, checkpoint(config), kSizes, {}, {.tensorSize = 2, .stages = 2}, processor());
    const std::array<std::int32_t, 1> id{3};
    const std::array<std::int32_t, 3> positions{0, 0, 0};
    const std::array<std::int32_t, 1> blocks{0};
    const model::BatchSlice slice{.firstRow = 0, .tokens = 1, .cached = 0, .slot = 0, .blocks = blocks};
    const HostTensor narrow(DType::F32, {1, 511});
    const model::VisionRows vision{.firstRow = 0, .embeddings = narrow.view()}; // only the first stage copies it
    const model::Batch batch{
        .ids = id, .positions = positions, .slices = {&slice, 1}, .vision = {&vision, 1}, .logitRows = {}};
    QVERIFY(refusal([&] { ranks.run(batch); }) != "nothing");
}

QTEST_GUILESS_MAIN(TstDividedModel)
#include "tst_divided_model.moc"
