// From a 1080p JPEG to patches, and the resize's vectors against its plain loops. One JSON line a measurement: the best
// and the median of the rounds.

#include "engine/decoder/size_rules.h"
#include "engine/executor/pixels.h"
#include "engine/media/media.h"
#include "engine/model/patch_source.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "kernels/cpu/team.h"
#include "kernels/patchify.h"
#include "kernels/resize_bicubic.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include <jpeglib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace argus;

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;

struct Times {
    double best = 0;
    double median = 0;
    double processor =
        0; ///< of this process and its children, the mean of a round: what a busy machine cannot blur as much
};

double processorSeconds()
{
    double sum = 0;
    for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage usage{};
        getrusage(who, &usage);
        for (const timeval& part : {usage.ru_utime, usage.ru_stime})
            sum += static_cast<double>(part.tv_sec) + 1e-6 * static_cast<double>(part.tv_usec);
    }
    return sum;
}

Times measure(int rounds, const std::function<void()>& work)
{
    std::vector<double> times;
    const double before = processorSeconds();
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    return {times.front(), times[times.size() / 2], (processorSeconds() - before) * 1000 / rounds};
}

void print(const char* name, Times times)
{
    std::printf("{\"name\":\"%s\",\"best_ms\":%.2f,\"median_ms\":%.2f,\"processor_ms\":%.2f}\n", name, times.best,
                times.median, times.processor);
}

/// Waves and a little noise: about as hard to unpack as a photograph (some 700 kB at quality 90).
std::vector<std::uint8_t> scene()
{
    std::vector<std::uint8_t> rgb;
    std::uint32_t s = 1;
    for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x)
            for (int c = 0; c < 3; ++c) {
                s = s * 1664525U + 1013904223U;
                const double wave = 110 * std::sin(0.011 * x * (c + 1) + 0.017 * y) + static_cast<double>(s >> 28) +
                                    (x / 40 + y / 40) % 2 * 12;
                rgb.push_back(static_cast<std::uint8_t>(std::clamp(128 + wave, 0.0, 255.0)));
            }
    return rgb;
}

std::vector<unsigned char> jpegOf(std::vector<std::uint8_t> rgb)
{
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = kWidth;
    info.image_height = kHeight;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 90, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = rgb.data() + static_cast<std::size_t>(info.next_scanline) * kWidth * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::vector<unsigned char> file(memory, memory + size);
    std::free(memory);
    return file;
}

void decode(const std::vector<unsigned char>& file, std::vector<std::uint8_t>& rgb)
{
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, file.data(), file.size());
    jpeg_read_header(&info, TRUE);
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = rgb.data() + static_cast<std::size_t>(info.output_scanline) * kWidth * 3;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
}

void inOneProcess(const std::vector<std::uint8_t>& rgb, const std::vector<unsigned char>& file)
{
    const auto size = *decoder::imageSize({kWidth, kHeight}, {});
    std::vector<std::uint8_t> small(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3);
    const kernels::ResizeBicubic job{.in = rgb.data(),
                                     .out = small.data(),
                                     .inWidth = kWidth,
                                     .inHeight = kHeight,
                                     .outWidth = size.width,
                                     .outHeight = size.height,
                                     .channels = 3,
                                     .inStride = kWidth * 3,
                                     .outStride = static_cast<std::size_t>(size.width) * 3};
    kernels::cpu::Team alone(1);
    std::vector<float> patches(static_cast<std::size_t>(size.width / 14 * (size.height / 14)) * 1176);
    std::vector<std::uint8_t> decoded(rgb.size());
    const auto cut = [&] {
        kernels::cpu::patchify({.patches = patches.data(),
                                .patchStride = 1176,
                                .frames = small.data(),
                                .frameCount = 1,
                                .gridH = size.height / 14,
                                .gridW = size.width / 14},
                               alone);
    };

    print("jpeg 1080p: decode", measure(30, [&] { decode(file, decoded); }));
    const Times vectors = measure(30, [&] { kernels::resizeBicubicFixed(job); });
    const Times plain = measure(7, [&] { kernels::resizeBicubicFixedPlain(job); });
    print("resize 1080p to 1092x1932: vectors", vectors);
    print("resize 1080p to 1092x1932: plain loops", plain);
    std::printf("{\"name\":\"resize 1080p: plain / vectors\",\"ratio\":%.2f}\n", plain.median / vectors.median);
    print("patchify 1092x1932", measure(30, cut));
    print("jpeg 1080p to patches, in one process", measure(30, [&] {
              decode(file, decoded);
              auto own = job;
              own.in = decoded.data();
              kernels::resizeBicubicFixed(own);
              cut();
          }));
}

/// What an executor on a processor does with the pixels: the memory of its pass is there already.
class Executor {
public:
    bool cut(const media::Pixels& pixels)
    {
        const model::Grid grid{.t = pixels.gridT, .h = pixels.gridH, .w = pixels.gridW};
        const auto frames = executor::readPixels(pixels.memory.get(), grid, pixels.frames, 14);
        if (!frames.ok())
            return false;
        if (grid.patches() > m_patches.extent(0)) {
            m_patches = m_ops.allocate(DType::F32, {grid.patches(), 1176});
            m_scratch = m_ops.allocate(DType::U8, {grid.patches() * 1176});
        }
        model::FrameSource({frames->view()}, {}).put(m_ops, m_patches.rows(0, grid.patches()), m_scratch.view(), 0);
        return true;
    }

private:
    ops::CpuOps m_ops{1};
    ops::DeviceTensor m_patches = m_ops.allocate(DType::F32, {1, 1176});
    ops::DeviceTensor m_scratch;
};

/// As a head does it: with next to no memory of its own, since a child starts as a copy of its parent's.
bool withTheDecoder(const std::filesystem::path& photograph)
{
    const media::MediaReader reader(ARGUS_DECODER, {}, {});
    bool fine = true;
    const auto read = [&](const std::filesystem::path& path) { fine = reader.read(path).ok() && fine; };
    print("jpeg 1080p to pixels, with the sandboxed decoder, first of all", measure(1, [&] { read(photograph); }));
    print("jpeg 1080p to pixels, with the sandboxed decoder", measure(30, [&] { read(photograph); }));
    print("jpeg 1080p thumbnail of 96, with the sandboxed decoder",
          measure(15, [&] { fine = reader.inspect(photograph, 96).ok() && fine; }));
    const std::filesystem::path samples = ARGUS_SOURCE_DIR "/resources/samples";
    print("png sample to pixels, with the sandboxed decoder",
          measure(15, [&] { read(samples / "four-shapes-in-the-corners.png"); }));
    print("clip sample (mkv) to pixels, with the sandboxed decoder",
          measure(15, [&] { read(samples / "green-square-grows.mkv"); }));
    // Last, and apart: in the head this memory belongs to another process.
    const auto pixels = reader.read(photograph);
    Executor executor;
    print("jpeg 1080p: its pixels to patches, as an executor does",
          measure(30, [&] { fine = pixels.ok() && executor.cut(*pixels) && fine; }));
    return fine;
}

} // namespace

int main()
{
    cpu_set_t one; // this core for the whole program, and for the decoder it starts
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(std::max(sched_getcpu(), 0)), &one);
    sched_setaffinity(0, sizeof one, &one);

    const auto path = std::filesystem::temp_directory_path() / ("bench_media." + std::to_string(::getpid()) + ".jpg");
    {
        const std::vector<std::uint8_t> rgb = scene();
        const std::vector<unsigned char> file = jpegOf(rgb);
        inOneProcess(rgb, file);
        std::FILE* out = std::fopen(path.c_str(), "wb");
        if (out == nullptr || std::fwrite(file.data(), 1, file.size(), out) != file.size())
            return 1;
        std::fclose(out);
    }
    const bool fine = withTheDecoder(path);
    std::filesystem::remove(path);
    return fine ? 0 : 1;
}
