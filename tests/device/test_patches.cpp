// Pictures and clips to patches, and on to embeddings, as an executor has the GPU do it: engine/model/patch_source.h.
//
//     test_patches DIR [--dtype bfloat16|float16|float32] [--device N]
//
// DIR holds the tiny reference's shape (tests/data/reference). Patches are compared in bits with the processor's,
// rounded to the type that is computed with; embeddings in bits with those of the processor's patches, uploaded.

#include "engine/base/files.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/device/device_check.h"
#include "tests/device/device_options.h"
#include "tests/golden/stored_patches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

using namespace argus;
using namespace argus::device_check;

namespace {

constexpr std::int64_t kElements = 1176;

struct Size {
    int frames = 1;
    int h = 2; ///< in patches
    int w = 2;
    [[nodiscard]] model::Grid grid() const { return {.t = (frames + 1) / 2, .h = h, .w = w}; }
};

std::string text(std::span<const Size> sizes)
{
    std::vector<std::string> all;
    for (const Size& size : sizes)
        all.push_back(fmt::format("{} x {} x {}", size.frames, size.h, size.w));
    return fmt::format("{}", fmt::join(all, ", "));
}

HostTensor noise(const Size& size, std::mt19937_64& random)
{
    HostTensor frames(DType::U8, {size.frames, size.h * 14, size.w * 14, 3});
    std::uint8_t* const bytes = frames.view().data<std::uint8_t>();
    for (std::int64_t i = 0; i < frames.shape().elements(); ++i)
        bytes[i] = static_cast<std::uint8_t>(random());
    return frames;
}

/// Some pictures and clips, and what both devices make of them.
class Case {
public:
    Case(std::vector<Size> sizes, const ops::PixelScale& scale, std::mt19937_64& random) : m_sizes(std::move(sizes))
    {
        std::vector<ConstTensorView> views;
        for (const Size& size : m_sizes)
            views.push_back(m_frames.emplace_back(noise(size, random)).view());
        m_source = std::make_unique<model::FrameSource>(std::move(views), scale);
    }
    [[nodiscard]] const model::FrameSource& source() const { return *m_source; }
    [[nodiscard]] const std::vector<Size>& sizes() const { return m_sizes; }
    [[nodiscard]] std::vector<model::Grid> grids() const
    {
        std::vector<model::Grid> grids;
        for (const Size& size : m_sizes)
            grids.push_back(size.grid());
        return grids;
    }
    /// Patches [first, first + count) as float32 on the host.
    [[nodiscard]] HostTensor patches(ops::Ops& ops, std::int64_t first, std::int64_t count) const
    {
        const ops::DeviceTensor patches = ops.allocate(ops.computeType(), {count, kElements});
        const ops::DeviceTensor scratch = ops.allocate(DType::U8, {count * kElements});
        m_source->put(ops, patches.view(), scratch.view(), first);
        HostTensor host(DType::F32, {count, kElements});
        ops.download(host.view(), patches.view());
        return host;
    }

private:
    std::vector<Size> m_sizes;
    std::vector<HostTensor> m_frames;
    std::unique_ptr<model::FrameSource> m_source;
};

float rounded(float value, DType type)
{
    return type == DType::BF16 ? fromBf16(toBf16(value)) : type == DType::F16 ? fromF16(toF16(value)) : value;
}

std::int64_t different(const HostTensor& got, const HostTensor& expected, DType type)
{
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < expected.shape().elements(); ++i)
        count += got.view().data<const float>()[i] == rounded(expected.view().data<const float>()[i], type) ? 0 : 1;
    return count;
}

void checkPatches(Tally& tally, ops::Ops& gpu, ops::Ops& cpu, const Case& seen, std::int64_t first, std::int64_t count)
{
    const std::int64_t wrong =
        different(seen.patches(gpu, first, count), seen.patches(cpu, first, count), gpu.computeType());
    tally.count(wrong == 0, fmt::format("patches {} to {} of {}: {} values differ", first, first + count,
                                        text(seen.sizes()), wrong));
}

void checkAllPatches(Tally& tally, ops::Ops& gpu, ops::Ops& cpu, std::mt19937_64& random)
{
    const ops::PixelScale published;
    const ops::PixelScale other{.mean = {0.5F, 0.1F, -2.0F}, .deviation = {0.5F, 1.0F / 255.0F, 3.0F}};
    for (const ops::PixelScale& scale : {published, other})
        for (const std::vector<Size>& sizes :
             {std::vector{Size{1, 2, 2}}, std::vector{Size{1, 78, 138}}, std::vector{Size{7, 6, 10}},
              std::vector{Size{1, 4, 6}, Size{3, 2, 8}, Size{2, 4, 4}}}) {
            const Case seen(sizes, scale, random);
            checkPatches(tally, gpu, cpu, seen, 0, seen.source().patches());
        }
    // Larger than what copies go through, and pieces of a clip: the odd last frame alone, and the end of one item with
    // the begin of the next.
    const Case large({{1, 176, 234}}, published, random);
    checkPatches(tally, gpu, cpu, large, 0, large.source().patches());
    const Case clips({{5, 4, 6}, {4, 2, 8}}, published, random);
    for (const auto& [first, count] : {std::pair{0, 24}, std::pair{24, 24}, std::pair{48, 24}, std::pair{48, 40}})
        checkPatches(tally, gpu, cpu, clips, first, count);
}

template <typename T>
T orThrow(Result<T> result)
{
    if (!result.ok())
        throw std::runtime_error(result.error().text());
    return std::move(result).value();
}

HostTensor onHost(ops::Ops& ops, const ops::DeviceTensor& tensor)
{
    HostTensor host(DType::F32, tensor.view().shape());
    ops.download(host.view(), tensor.view());
    return host;
}

/// Passes of at most 64 patches, in memory that was placed before; weights are made up. Frames wait in the hidden rows
/// where those are wide enough.
void checkEmbeddings(Tally& tally, ops::Ops& gpu, ops::Ops& cpu, const std::string& folder, int hidden,
                     std::mt19937_64& random)
{
    auto config = orThrow(model::parseConfig(orThrow(readFile(folder + "/tiny.config.json", 1 << 20)), "tiny"));
    config.vision.hiddenSize = hidden;
    config.vision.heads = hidden / 80;
    const auto tower = orThrow(
        model::Qwen25VL::load(gpu, std::move(config), nullptr,
                              {.kvBlocks = 16, .maxBatchedTokens = 64, .maxSequences = 1, .maxVisionPatches = 64}, {}));
    for (const std::vector<Size>& sizes : {std::vector{Size{1, 8, 8}}, std::vector{Size{9, 4, 6}},
                                           std::vector{Size{1, 4, 6}, Size{5, 4, 8}, Size{1, 2, 2}}}) {
        const Case seen(sizes, {}, random);
        const HostTensor patches = seen.patches(cpu, 0, seen.source().patches());
        const HostTensor expected =
            onHost(gpu, tower->encodeVision(golden::StoredPatches(patches.view()), seen.grids()));
        const HostTensor got = onHost(gpu, tower->encodeVision(seen.source(), seen.grids()));
        const std::int64_t wrong = different(got, expected, DType::F32);
        tally.count(wrong == 0, fmt::format("embeddings of {}, {} wide: {} values differ", text(sizes), hidden, wrong));
    }
}

} // namespace

int main(int argc, char** argv)
{
    CLI::App app{"Pictures to patches on a GPU against a processor's"};
    std::string folder;
    DeviceOptions device;
    app.add_option("DIR", folder, "Folder of the tiny reference")->required()->check(CLI::ExistingDirectory);
    addDeviceOptions(app, device);
    CLI11_PARSE(app, argc, argv);
    try {
        const auto gpu = openDevice(device);
        ops::CpuOps cpu(0);
        std::mt19937_64 random(1);
        Tally tally;
        checkAllPatches(tally, *gpu, cpu, random);
        for (const int hidden : {160, 640}) // rows of 640 and 2560 bytes in float32; a patch has 1176
            checkEmbeddings(tally, *gpu, cpu, folder, hidden, random);
        return tally.close();
    } catch (const std::exception& problem) {
        fmt::print(stderr, "test_patches: {}\n", problem.what());
        return 1;
    }
}
