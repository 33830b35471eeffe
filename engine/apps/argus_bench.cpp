// argus-bench: how fast this GPU runs a model, beside what the GPU can do at most. One JSON line a measurement.

#include "engine/apps/bench_ranks.h"
#include "engine/apps/bench_runs.h"
#include "engine/apps/bench_sizes.h"
#include "engine/base/clock.h"
#include "engine/base/device_memory.h"
#include "engine/base/log.h"
#include "engine/model/checkpoint.h"
#include "engine/model/footprint.h"
#include "engine/model/sharding.h"
#include "engine/model/weights.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace {

using namespace argus;

struct Options {
    std::string model; ///< folder; empty: a published size with made-up weights
    std::string size = "7b";
    bool awq = false;
    std::string dtype = "bfloat16";
    int device = 0;
    int tensorRanks = 1;
    int stages = 1;
    std::int64_t ownKernelBytes = -1;
    bool eager = false;
    int maxBatchedTokens = 8192;
    int maxVisionPatches = 10764;
    int mostFewRows = ops::CudaSettings{}.mostFewRows;
    std::vector<int> batches{1, 4, 16, 64};
    std::vector<std::string> only;
};

struct Trouble {
    std::string text;
};

template <typename T>
T orStop(Result<T> result)
{
    if (!result.ok())
        throw Trouble{result.error().text()};
    return std::move(result).value();
}

bool wants(const Options& options, const std::string& name)
{
    return options.only.empty() || std::find(options.only.begin(), options.only.end(), name) != options.only.end();
}

DType typeOf(const std::string& name)
{
    return name == "float32" ? DType::F32 : name == "float16" ? DType::F16 : DType::BF16;
}

/// Bytes that a decode step reads of the weights: every layer and the head, of the embedding one row.
double bytesPerToken(const model::ModelConfig& config, DType type)
{
    double bytes = 0;
    for (const model::TensorSpec& spec : model::tensorsOf(config))
        if (spec.name.starts_with("model.layers.") || spec.name == "lm_head.weight" ||
            (config.tieWordEmbeddings && spec.name == "model.embed_tokens.weight"))
            bytes += static_cast<double>(spec.shape.elements()) * static_cast<double>(sizeOf(spec.type.value_or(type)));
    return bytes;
}

double flopsPerToken(const model::ModelConfig& config)
{
    const double hidden = config.hiddenSize;
    const double attention = hidden * config.headDim() * (2.0 * config.heads + 2.0 * config.kvHeads);
    return 2.0 * config.layers * (attention + 3.0 * hidden * config.intermediateSize);
}

model::ModelConfig configOf(const Options& options)
{
    return orStop(options.model.empty() ? apps::publishedConfig(options.size, options.awq)
                                        : model::loadConfig(options.model));
}

std::shared_ptr<const model::Checkpoint> checkpointOf(const Options& options)
{
    return options.model.empty() ? nullptr : orStop(model::Checkpoint::open(options.model));
}

std::string labelOf(const Options& options, const model::ModelConfig& config)
{
    return fmt::format("{}{} {}", options.model.empty() ? options.size : options.model, config.awq ? " awq" : "",
                       options.dtype);
}

model::RuntimeSizes sizesOf(const Options& options)
{
    const int sequences = std::max(*std::max_element(options.batches.begin(), options.batches.end()), 1);
    model::RuntimeSizes sizes{.kvBlockTokens = 64,
                              .maxBatchedTokens = options.maxBatchedTokens,
                              .maxSequences = sequences,
                              .maxModelLen = 33280,
                              .maxVisionPatches = options.maxVisionPatches,
                              .recordsSteps = !options.eager};
    // 64 conversations of 640 tokens, or one of 33,280.
    sizes.kvBlocks = std::max(sequences * 10, sizes.maxModelLen / sizes.kvBlockTokens);
    return sizes;
}

apps::BenchModel load(const Options& options)
{
    const model::ModelConfig config = configOf(options);
    const DType type = typeOf(options.dtype);
    const model::RuntimeSizes sizes = sizesOf(options);
    const model::Footprint need =
        model::footprint(config, {}, sizes, sizes.maxModelLen, options.maxVisionPatches, {.type = type});
    const std::uint64_t arena =
        need.weights + need.activations + need.kvBlock * static_cast<std::uint64_t>(sizes.kvBlocks);
    apps::BenchModel bench;
    bench.sizes = sizes;
    bench.label = labelOf(options, config);
    bench.bytesPerToken = bytesPerToken(config, type);
    bench.flopsPerToken = flopsPerToken(config);
    bench.ops = orStop(ops::openCuda({.device = options.device,
                                      .compute = type,
                                      .arenaBytes = arena,
                                      .packed = config.awq,
                                      .mostFewRows = options.mostFewRows}));
    bench.model = orStop(model::Qwen25VL::load(*bench.ops, config, checkpointOf(options), sizes, {}));
    return bench;
}

void printMemory(const apps::BenchModel& bench, const char* name)
{
    const ops::CudaMemory memory = ops::cudaMemory(*bench.ops);
    const std::uint64_t kept = bench.model->weightBytes() + bench.model->kvBytes();
    fmt::print("{{\"name\": \"{}\", \"model\": \"{}\", \"device_used_gib\": {:.3f}, \"weights_gib\": {:.3f}, "
               "\"kv_gib\": {:.3f}, \"arena_gib\": {:.3f}, \"arena_used_gib\": {:.3f}, \"overhead_gib\": {:.3f}}}\n",
               name, bench.label, static_cast<double>(memory.used) / 0x1p30,
               static_cast<double>(bench.model->weightBytes()) / 0x1p30,
               static_cast<double>(bench.model->kvBytes()) / 0x1p30, static_cast<double>(memory.arena) / 0x1p30,
               static_cast<double>(memory.arenaUsed) / 0x1p30, static_cast<double>(memory.used - kept) / 0x1p30);
}

int runRanks(const Options& options, Instant started)
{
    apps::BenchRanks bench{.config = configOf(options),
                           .checkpoint = checkpointOf(options),
                           .sizes = sizesOf(options),
                           .type = typeOf(options.dtype),
                           .label = {},
                           .tensorRanks = options.tensorRanks,
                           .stages = options.stages,
                           .firstDevice = options.device,
                           .ownKernelBytes = options.ownKernelBytes,
                           .batches = options.batches};
    bench.label = labelOf(options, bench.config);
    for (int stage = 0; stage < bench.stages; ++stage)
        (void)orStop(model::checkShard(bench.config, {.tensorSize = bench.tensorRanks,
                                                      .stage = stage,
                                                      .stages = bench.stages,
                                                      .firstLayer = bench.config.layers * stage / bench.stages,
                                                      .endLayer = bench.config.layers * (stage + 1) / bench.stages}));
    apps::benchRanks(bench, started);
    return 0;
}

int run(const Options& options, Instant started)
{
    if (options.tensorRanks * options.stages > 1)
        return runRanks(options, started);
    apps::BenchModel bench = load(options);
    const double loaded = std::chrono::duration<double>(now() - started).count();
    apps::firstToken(bench);
    const double first = std::chrono::duration<double>(now() - started).count();
    fmt::print("{{\"name\": \"start\", \"model\": \"{}\", \"device\": \"{}\", \"loaded_s\": {:.2f}, "
               "\"first_token_s\": {:.2f}}}\n",
               bench.label, bench.ops->report().name, loaded, first);
    printMemory(bench, "memory");
    std::fflush(stdout);
    // Ceilings in an arena of their own: the model's is full.
    bench.ops->synchronize();
    ops::CudaCeilings ceilings;
    {
        auto ops = orStop(ops::openCuda(
            {.device = options.device, .compute = typeOf(options.dtype), .arenaBytes = std::uint64_t{5} << 30}));
        ceilings = ops::measureCeilings(*ops);
    }
    fmt::print("{{\"name\": \"ceilings\", \"device\": \"{}\", \"copy_gigabytes_per_second\": {:.0f}, "
               "\"product_teraflops\": {:.0f}}}\n",
               bench.ops->report().name, ceilings.copyBytesPerSecond * 1e-9, ceilings.productFlops * 1e-12);
    std::fflush(stdout);
    const DeviceMemorySealed sealed; // as a rank is while it serves
    if (wants(options, "decode")) {
        for (const int batch : options.batches)
            apps::benchDecode(bench, ceilings, batch, 512);
    }
    if (wants(options, "long"))
        apps::benchDecode(bench, ceilings, 1, 32768);
    if (wants(options, "prefill"))
        for (const int tokens : {1024, 8192})
            apps::benchPrefill(bench, ceilings, tokens);
    if (wants(options, "vision"))
        for (const auto& [h, w] : {std::pair{32, 32}, std::pair{52, 92}, std::pair{78, 138}})
            apps::benchVision(bench, ceilings, h, w);
    if (wants(options, "first"))
        apps::benchFirstToken(bench, 52, 92, 34);
    bench.ops->synchronize();
    printMemory(bench, "memory at the end");
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    const Instant started = now();
    Options options;
    CLI::App app(
        "Measures a Qwen2.5-VL model on an NVIDIA GPU: one JSON line a measurement, each the median of seven runs, "
        "beside the GPU's own ceilings of this very run.",
        "argus-bench");
    app.add_option("--model", options.model, "Folder of a checkpoint; without it a published size with made-up weights")
        ->check(CLI::ExistingDirectory);
    app.add_option("--size", options.size, "3b, 7b, 32b or 72b")->capture_default_str();
    app.add_flag("--awq", options.awq, "The size with weights packed to four bits");
    app.add_option("--dtype", options.dtype, "What is computed with")
        ->capture_default_str()
        ->check(CLI::IsMember({"bfloat16", "float16", "float32"}));
    app.add_option("--device", options.device, "GPU, as CUDA counts")
        ->capture_default_str()
        ->check(CLI::Range(0, 1023));
    app.add_option("--tensor-parallel-size", options.tensorRanks,
                   "GPUs that share every layer; with more than one GPU in all, decode alone is measured, on GPUs from "
                   "--device on")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_option("--pipeline-parallel-size", options.stages, "Stages of layers, each on GPUs of its own")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_option("--own-kernel-bytes", options.ownKernelBytes,
                   "Sums of up to so many bytes go through Argus' own kernels, not NCCL; -1: as it serves")
        ->capture_default_str();
    app.add_flag("--enforce-eager", options.eager, "Record no steps");
    app.add_option("--max-batched-tokens", options.maxBatchedTokens, "Tokens of one step")
        ->capture_default_str()
        ->check(CLI::Range(64, 65536));
    app.add_option("--max-vision-patches", options.maxVisionPatches, "Patches of one pass of the vision tower")
        ->capture_default_str()
        ->check(CLI::Range(4784, 65536));
    app.add_option("--most-few-rows", options.mostFewRows,
                   "Rows of a product that go to Argus' own kernels, not to cuBLASLt")
        ->capture_default_str()
        ->check(CLI::Range(0, 64));
    app.add_option("--batches", options.batches, "Conversations at once")
        ->capture_default_str()
        ->check(CLI::Range(1, 256));
    app.add_option("--only", options.only, "decode, long, prefill, vision, first")
        ->check(CLI::IsMember({"decode", "long", "prefill", "vision", "first"}));
    CLI11_PARSE(app, argc, argv);
    log::start("argus-bench", "warn");
    try {
        return run(options, started);
    } catch (const Trouble& trouble) {
        fmt::print(stderr, "argus-bench: {}\n", trouble.text);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "argus-bench: {}\n", problem.what());
    }
    return 1;
}
