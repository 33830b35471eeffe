// Frames to patches, in pieces and whole, and where the vision tower keeps them meanwhile.

#include "engine/model/patch_source.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/model/weights.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/safetensors_writer.h"
#include "tests/golden/stored_patches.h"

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

using namespace argus;
using namespace argus::model;

namespace {

struct Size {
    int frames = 1;
    int h = 2; ///< in patches
    int w = 2;
    [[nodiscard]] Grid grid() const { return {.t = (frames + 1) / 2, .h = h, .w = w}; }
};

HostTensor noise(const Size& size, std::mt19937& random)
{
    HostTensor frames(DType::U8, {size.frames, size.h * 14, size.w * 14, 3});
    for (std::int64_t i = 0; i < frames.shape().elements(); ++i)
        frames.view().data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random());
    return frames;
}

/// The tiny model's shape with a vision tower of another width.
ModelConfig configOf(int visionHidden)
{
    std::ifstream file(ARGUS_SOURCE_DIR "/tests/data/reference/tiny.config.json");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    ModelConfig config = parseConfig(text, "tiny").value();
    config.vision.hiddenSize = visionHidden;
    config.vision.heads = visionHidden / 80;
    return config;
}

/// Weights of that shape, made up.
std::shared_ptr<const Checkpoint> writeCheckpoint(const ModelConfig& config, const std::string& file)
{
    std::vector<golden::SafetensorsWriter::Entry> entries;
    const auto specs = tensorsOf(config);
    for (const TensorSpec& spec : specs)
        entries.push_back({.name = spec.name, .type = DType::F32, .shape = spec.shape});
    golden::SafetensorsWriter writer(file, entries);
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 0.06F);
    for (const TensorSpec& spec : specs) {
        HostTensor tensor(DType::F32, spec.shape);
        for (std::int64_t i = 0; i < spec.shape.elements(); ++i)
            tensor.view().data<float>()[i] = normal(random);
        writer.append(tensor.view());
    }
    writer.close();
    return Checkpoint::openFile(file).value();
}

std::string complaint(const std::function<void()>& work)
{
    try {
        work();
    } catch (const OpsError& error) {
        return error.what();
    }
    return "nothing";
}

} // namespace

class TstPatchSource : public QObject {
    Q_OBJECT

    /// What m_source puts into fresh, poisoned memory.
    [[nodiscard]] HostTensor put(const PatchSource& source, std::int64_t first, std::int64_t count)
    {
        HostTensor patches(DType::F32, {count, 1176});
        std::memset(patches.view().bytes(), 0xFF, static_cast<std::size_t>(count) * 1176 * sizeof(float));
        HostTensor scratch(DType::U8, {count * 1176});
        source.put(m_ops, patches.view(), scratch.view(), first);
        return patches;
    }
    ops::CpuOps m_ops{2};

private slots:
    void piecesAreTheWhole()
    {
        std::mt19937 random(5);
        const std::vector<Size> sizes{{5, 4, 6}, {1, 2, 8}, {4, 4, 4}};
        std::vector<HostTensor> frames;
        std::vector<ConstTensorView> views;
        for (const Size& size : sizes)
            frames.push_back(noise(size, random));
        for (const HostTensor& each : frames)
            views.push_back(each.view());
        const FrameSource all(views, {});
        QCOMPARE(all.patches(), std::int64_t{3 * 24 + 16 + 2 * 16});
        const HostTensor whole = put(all, 0, all.patches());
        const auto same = [&](const HostTensor& piece, std::int64_t first) {
            return std::memcmp(piece.view().bytes(), whole.view().rows(first, piece.shape()[0]).bytes(),
                               static_cast<std::size_t>(piece.shape().elements()) * sizeof(float)) == 0;
        };
        std::int64_t first = 0;
        for (const std::int64_t count : {24, 48, 16, 16, 16}) {
            QVERIFY(same(put(all, first, count), first));
            first += count;
        }
        QVERIFY(same(put(all, 48, 24 + 16 + 16), 48)); // the end of one item to the middle of another
        std::int64_t start = 0;
        for (const ConstTensorView& view : views) {
            const FrameSource one({view}, {});
            QVERIFY(same(put(one, 0, one.patches()), start));
            start += one.patches();
        }
        for (std::int64_t i = 0; i < whole.shape().elements(); ++i)
            QVERIFY(!std::isnan(whole.view().data<const float>()[i]));
        QVERIFY(complaint([&] { (void)put(all, 0, 20); }).find("cutPatches") != std::string::npos); // inside a frame
    }

    void theScaleIsTheCallers()
    {
        HostTensor black(DType::U8, {1, 28, 28, 3});
        std::memset(black.view().bytes(), 51, 28 * 28 * 3); // a fifth
        const ops::PixelScale scale{.mean = {0, 1, -1}, .deviation = {1, 2, 0.5F}};
        const HostTensor patches = put(FrameSource({black.view()}, scale), 0, 4);
        const float* const values = patches.view().data<const float>();
        QCOMPARE(values[0], 0.2F);
        QCOMPARE(values[392], (0.2F - 1) / 2);
        QCOMPARE(values[2 * 392 + 391], (0.2F + 1) / 0.5F);
    }

    void framesWaitWhereTheyFit_data()
    {
        QTest::addColumn<int>("hidden");
        QTest::newRow("beside narrow rows") << 160; // 640 bytes
        QTest::newRow("in wide rows") << 320;       // 1280 bytes, enough for the 1176 of a patch
    }
    void framesWaitWhereTheyFit()
    {
        QFETCH(int, hidden);
        const QTemporaryDir folder;
        const ModelConfig config = configOf(hidden);
        const auto weights = writeCheckpoint(config, folder.filePath("made-up.safetensors").toStdString());
        std::mt19937 random(7);
        for (const int most : {0, 64}) { // as much as comes, or memory placed before and passes of 64 patches
            const auto model = Qwen25VL::load(m_ops, config, weights,
                                              {.kvBlocks = 8,
                                               .kvBlockTokens = 16,
                                               .maxBatchedTokens = 32,
                                               .maxSequences = 1,
                                               .maxVisionPatches = most},
                                              {});
            QVERIFY2(model.ok(), model.ok() ? "" : model.error().text().c_str());
            const std::vector<Size> sizes{{1, 8, 8}, {7, 4, 6}, {1, 2, 2}};
            std::vector<HostTensor> frames;
            std::vector<ConstTensorView> views;
            std::vector<Grid> grids;
            for (const Size& size : sizes) {
                frames.push_back(noise(size, random));
                grids.push_back(size.grid());
            }
            for (const HostTensor& each : frames)
                views.push_back(each.view());
            const FrameSource source(views, {});
            const HostTensor patches = put(source, 0, source.patches());
            const auto expected = (*model)->encodeVision(golden::StoredPatches(patches.view()), grids);
            const auto got = (*model)->encodeVision(source, grids);
            const auto bytes = static_cast<std::size_t>(expected.view().shape().elements()) * sizeof(float);
            QVERIFY(bytes > 0);
            QVERIFY(std::memcmp(got.view().bytes(), expected.view().bytes(), bytes) == 0);
        }
    }
};

QTEST_APPLESS_MAIN(TstPatchSource)
#include "tst_patch_source.moc"
