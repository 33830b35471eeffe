// Resize and patches of the GPU against the CPU's bytes and floats.
//
//   test_image [--bench] [--seed N]

#include "kernels/cuda/image.h"
#include "kernels/resize_bicubic.h"
#include "tests/device/device_check.h"

#include <array>

using namespace argus;
using namespace argus::device_check;
namespace cuda = argus::kernels::cuda;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Size {
    int width = 0;
    int height = 0;
};
std::size_t bytesOf(Size size)
{
    return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3;
}
std::string text(Size size)
{
    return std::to_string(size.width) + "x" + std::to_string(size.height);
}

/// Noise, or hard edges, at which the filter overshoots.
Bytes randomPicture(Size size, bool edges, std::mt19937_64& random)
{
    Bytes picture(bytesOf(size));
    for (std::uint8_t& byte : picture)
        byte = edges ? (random() % 5 == 0 ? 255 : 0) : static_cast<std::uint8_t>(random());
    return picture;
}

/// Memory of the host that the device copies from without waiting.
class PinnedBytes {
public:
    explicit PinnedBytes(std::size_t bytes) { must(cudaMallocHost(&m_memory, bytes + 1), "cudaMallocHost"); }
    PinnedBytes(const PinnedBytes&) = delete;
    PinnedBytes& operator=(const PinnedBytes&) = delete;
    ~PinnedBytes() { cudaFreeHost(m_memory); }
    [[nodiscard]] void* get() const { return m_memory; }

private:
    void* m_memory = nullptr;
};

// ---- Resize --------------------------------------------------------------------------------------------------------

/// What a resize needs besides the picture, with `shift` bytes before each picture.
struct Resizer {
    Size from;
    Size to;
    std::size_t shift;
    DeviceBytes out;
    DeviceBytes scratch;
    DeviceBytes weights;
    PinnedBytes hostWeights;

    Resizer(Size from, Size to, std::size_t shift)
        : from(from), to(to), shift(shift), out(bytesOf(to) + shift), scratch(bytesOf({to.width, from.height}) + shift),
          weights(cuda::resizeWeightBytes(from.width, from.height, to.width, to.height)), hostWeights(weights.bytes())
    {
    }
    [[nodiscard]] cuda::ResizePicture work(const std::uint8_t* in) const
    {
        return {.in = in,
                .out = out.as<std::uint8_t>() + shift,
                .scratch = scratch.as<std::uint8_t>() + shift,
                .weights = weights.get(),
                .hostWeights = hostWeights.get(),
                .inWidth = from.width,
                .inHeight = from.height,
                .outWidth = to.width,
                .outHeight = to.height};
    }
};

void checkResize(Tally& tally, Size from, Size to, std::size_t shift, std::mt19937_64& random)
{
    int different = 0;
    bool guards = true;
    for (const bool edges : {false, true}) {
        const Bytes picture = randomPicture(from, edges, random);
        Bytes expected(bytesOf(to));
        const kernels::ResizeBicubic job{.in = picture.data(),
                                         .out = expected.data(),
                                         .inWidth = from.width,
                                         .inHeight = from.height,
                                         .outWidth = to.width,
                                         .outHeight = to.height,
                                         .channels = 3,
                                         .inStride = static_cast<std::size_t>(from.width) * 3,
                                         .outStride = static_cast<std::size_t>(to.width) * 3};
        if (from.width == to.width && from.height == to.height)
            kernels::resizeBicubicFixed(job); // the plain loops are for sizes that change
        else
            kernels::resizeBicubicFixedPlain(job);

        Bytes shifted(shift, 0x5A);
        shifted.insert(shifted.end(), picture.begin(), picture.end());
        const DeviceBytes in = uploadPlain(shifted);
        const Resizer resizer(from, to, shift);
        must(cuda::resizePicture(resizer.work(in.as<std::uint8_t>() + shift), nullptr), "resizePicture");
        const Bytes out = downloadPlain<std::uint8_t>(resizer.out);
        for (std::size_t i = 0; i < expected.size(); ++i)
            different += out[shift + i] == expected[i] ? 0 : 1;
        for (std::size_t i = 0; i < shift; ++i)
            guards = guards && out[i] == 0xFF; // poison
        guards = guards && downloadPlain<std::uint8_t>(in) == shifted && in.guardsIntact() &&
                 resizer.out.guardsIntact() && resizer.scratch.guardsIntact() && resizer.weights.guardsIntact();
    }
    tally.count(different == 0 && guards, "resize " + text(from) + " to " + text(to) +
                                              (shift != 0 ? ", unaligned" : "") + ": " + std::to_string(different) +
                                              " bytes differ" + (guards ? "" : ", written outside"));
}

void checkResizes(Tally& tally, std::mt19937_64& random)
{
    constexpr Size kCases[][2] = {
        {{1920, 1080}, {1932, 1092}}, {{640, 480}, {644, 476}},    {{1, 1}, {28, 28}},       {{1, 400}, {28, 392}},
        {{400, 1}, {392, 28}},        {{3, 2}, {56, 84}},          {{1000, 700}, {28, 28}},  {{2000, 30}, {56, 28}},
        {{5, 1999}, {28, 560}},       {{224, 300}, {224, 308}},    {{300, 224}, {308, 224}}, {{64, 48}, {64, 48}},
        {{97, 131}, {84, 56}},        {{150, 100}, {140, 112}},    {{33, 47}, {1, 1}},       {{50, 60}, {7, 5}},
        {{301, 203}, {299, 205}},     {{4000, 1}, {1, 1}},         {{1, 70000}, {3, 30}},    {{2, 3}, {2, 70001}},
        {{1999, 1501}, {1008, 756}},  {{4000, 3000}, {3276, 2464}}};
    for (const auto& [from, to] : kCases)
        checkResize(tally, from, to, 0, random);
    for (const std::size_t shift : {std::size_t{1}, std::size_t{2}, std::size_t{3}})
        checkResize(tally, {211, 97}, {196, 112}, shift, random);
    for (int i = 0; i < 40; ++i) {
        const auto any = [&](int most) { return 1 + static_cast<int>(random() % static_cast<unsigned>(most)); };
        const Size from{any(400), any(400)};
        const int kind = static_cast<int>(random() % 4);
        checkResize(tally, from, {kind == 0 ? from.width : any(300), kind == 1 ? from.height : any(300)}, random() % 4,
                    random);
    }
}

// ---- Patches -------------------------------------------------------------------------------------------------------

constexpr float kMean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
constexpr float kDeviation[3] = {0.26862954F, 0.26130258F, 0.27577711F};
constexpr int kColumns = 3 * 2 * 14 * 14;

/// design/qwen2_5_vl.md §6.6, value by value.
std::vector<float> patchesOf(const Bytes& frames, int count, int gridH, int gridW)
{
    std::vector<float> result;
    const int width = 14 * gridW;
    const auto valueAt = [&](int frame, int y, int x, int channel) {
        const std::size_t at =
            ((static_cast<std::size_t>(frame) * static_cast<std::size_t>(14 * gridH) + static_cast<std::size_t>(y)) *
                 static_cast<std::size_t>(width) +
             static_cast<std::size_t>(x)) *
                3 +
            static_cast<std::size_t>(channel);
        const auto unit = static_cast<float>(static_cast<double>(frames[at]) * (1.0 / 255.0));
        return (unit - kMean[channel]) / kDeviation[channel];
    };
    for (int t = 0; t < (count + 1) / 2; ++t)
        for (int blockY = 0; blockY < gridH; blockY += 2)
            for (int blockX = 0; blockX < gridW; blockX += 2)
                for (int patch = 0; patch < 4; ++patch)
                    for (int column = 0; column < kColumns; ++column) {
                        const int frame = std::min(2 * t + column / 196 % 2, count - 1);
                        const int y = (blockY + patch / 2) * 14 + column / 14 % 14;
                        const int x = (blockX + patch % 2) * 14 + column % 14;
                        result.push_back(valueAt(frame, y, x, column / 392));
                    }
    return result;
}

void checkPatches(Tally& tally, int frames, int gridH, int gridW, int padding, Format type, std::mt19937_64& random)
{
    const Bytes pixels = randomPicture({14 * gridW, 14 * gridH * frames}, false, random);
    const std::vector<float> expected = patchesOf(pixels, frames, gridH, gridW);
    const std::size_t rows = expected.size() / kColumns;
    const auto stride = static_cast<std::size_t>(kColumns + padding);
    const DeviceBytes in = uploadPlain(pixels);
    const DeviceBytes out(rows * stride * static_cast<std::size_t>(kernels::bytesOf(type)));
    cuda::Patchify work{.patches = out.get(),
                        .patchStride = static_cast<std::int64_t>(stride),
                        .frames = in.as<std::uint8_t>(),
                        .frameCount = frames,
                        .gridH = gridH,
                        .gridW = gridW,
                        .type = type};
    std::copy(std::begin(kMean), std::end(kMean), work.mean);
    std::copy(std::begin(kDeviation), std::end(kDeviation), work.deviation);
    must(cuda::patchify(work, nullptr), "patchify");
    const std::vector<double> got = download(out, type);
    int different = 0;
    int outside = 0;
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t column = 0; column < stride; ++column) {
            const double value = got[row * stride + column];
            if (column >= kColumns)
                outside += std::isnan(value) ? 0 : 1; // poison
            else
                different += value == rounded(static_cast<double>(expected[row * kColumns + column]), type) ? 0 : 1;
        }
    tally.count(different == 0 && outside == 0 && out.guardsIntact() && in.guardsIntact(),
                "patches " + std::to_string(frames) + " x " + std::to_string(gridH) + " x " + std::to_string(gridW) +
                    " " + nameOf(type) + ": " + std::to_string(different) + " values differ, " +
                    std::to_string(outside) + " written outside");
}

void checkAllPatches(Tally& tally, std::mt19937_64& random)
{
    for (const Format type : {Format::F32, Format::F16, Format::BF16})
        for (const int padding : {0, 24})
            for (const auto [frames, gridH, gridW] : {std::array{1, 2, 2}, std::array{1, 78, 138}, std::array{2, 2, 6},
                                                      std::array{3, 4, 2}, std::array{7, 6, 10}, std::array{4, 26, 36}})
                checkPatches(tally, frames, gridH, gridW, padding, type, random);
}

// ---- Speed ---------------------------------------------------------------------------------------------------------

void report(const char* name, const std::string& what, double milliseconds, double bytes)
{
    std::printf("{\"bench\": \"%s\", \"case\": \"%s\", \"ms\": %.4f, \"gb_per_s\": %.0f}\n", name, what.c_str(),
                milliseconds, bytes / milliseconds / 1e6);
    std::fflush(stdout);
}

/// Pictures that together exceed the second-level cache, one after another.
std::vector<DeviceBytes> somePictures(std::size_t bytes, std::mt19937_64& random)
{
    const std::size_t count = std::max<std::size_t>(2, (160U << 20) / bytes);
    Bytes pixels(bytes);
    for (std::uint8_t& byte : pixels)
        byte = static_cast<std::uint8_t>(random());
    std::vector<DeviceBytes> pictures;
    for (std::size_t i = 0; i < count; ++i)
        pictures.push_back(uploadPlain(pixels));
    return pictures;
}

/// Milliseconds of what `work` enqueues on a stream, without the host's part: replayed from a graph.
template <typename Work>
double replayed(Work work)
{
    work(cudaStream_t{}); // loads the kernels, which a capture must not
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t replay;
    must(cudaStreamCreate(&stream), "cudaStreamCreate");
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    work(stream);
    must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
    const double milliseconds = medianMilliseconds([&] { must(cudaGraphLaunch(replay, nullptr), "cudaGraphLaunch"); });
    must(cudaGraphExecDestroy(replay), "cudaGraphExecDestroy");
    must(cudaGraphDestroy(graph), "cudaGraphDestroy");
    must(cudaStreamDestroy(stream), "cudaStreamDestroy");
    return milliseconds;
}

/// Kernels and the copy of the weights.
void benchResize(Size from, Size to, std::mt19937_64& random)
{
    const std::vector<DeviceBytes> pictures = somePictures(bytesOf(from), random);
    const Resizer resizer(from, to, 0);
    const double milliseconds =
        replayed([&](cudaStream_t stream) {
            for (const DeviceBytes& picture : pictures)
                must(cuda::resizePicture(resizer.work(picture.as<std::uint8_t>()), stream), "resizePicture");
        }) /
        static_cast<double>(pictures.size());
    const std::size_t between = bytesOf({to.width, from.height});
    report("resize", text(from) + " to " + text(to), milliseconds,
           static_cast<double>(bytesOf(from) + 2 * between + bytesOf(to)));
}

void benchPatches(int frames, int gridH, int gridW, Format type, std::mt19937_64& random)
{
    const std::size_t pixels = bytesOf({14 * gridW, 14 * gridH}) * static_cast<std::size_t>(frames);
    const std::vector<DeviceBytes> pictures = somePictures(pixels, random);
    const std::size_t values = static_cast<std::size_t>((frames + 1) / 2) * static_cast<std::size_t>(gridH * gridW) *
                               static_cast<std::size_t>(kColumns);
    const DeviceBytes out(values * static_cast<std::size_t>(kernels::bytesOf(type)));
    const double milliseconds = replayed([&](cudaStream_t stream) {
                                    for (const DeviceBytes& picture : pictures) {
                                        cuda::Patchify work{.patches = out.get(),
                                                            .patchStride = kColumns,
                                                            .frames = picture.as<std::uint8_t>(),
                                                            .frameCount = frames,
                                                            .gridH = gridH,
                                                            .gridW = gridW,
                                                            .type = type};
                                        must(cuda::patchify(work, stream), "patchify");
                                    }
                                }) /
                                static_cast<double>(pictures.size());
    report("patchify",
           std::to_string(frames) + " x " + std::to_string(gridH) + " x " + std::to_string(gridW) + " " + nameOf(type),
           milliseconds, static_cast<double>(pixels + out.bytes()));
}

void bench(std::mt19937_64& random)
{
    benchResize({1920, 1080}, {1932, 1092}, random);
    benchResize({4000, 3000}, {3276, 2464}, random);
    benchResize({4000, 3000}, {1008, 756}, random);
    benchPatches(1, 78, 138, Format::BF16, random);
    benchPatches(1, 176, 234, Format::BF16, random);
    benchPatches(16, 40, 52, Format::BF16, random);
    benchPatches(1, 78, 138, Format::F32, random);
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    std::mt19937_64 random(options.seed);
    if (options.bench) {
        bench(random);
        return 0;
    }
    Tally tally;
    checkResizes(tally, random);
    checkAllPatches(tally, random);
    return tally.close();
}
