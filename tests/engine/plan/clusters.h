#pragma once
// Published models and machines of all kinds, made in code, for the tests of the plan.

#include "engine/model/weights.h"
#include "engine/plan/preflight.h"

#include <algorithm>
#include <string>

namespace argus::plan::testing {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// ---- models. Source: design/qwen2_5_vl.md §1.1, §1.2 ----

inline model::ModelConfig published(int hidden, int layers, int heads, int kvHeads, int intermediate, int vocabulary)
{
    model::ModelConfig config;
    config.hiddenSize = hidden;
    config.layers = layers;
    config.heads = heads;
    config.kvHeads = kvHeads;
    config.intermediateSize = intermediate;
    config.vocabSize = vocabulary;
    config.maxPositions = 128000;
    config.rmsNormEpsilon = 1e-6;
    config.vision.outHiddenSize = hidden;
    config.vision.intermediateSize = hidden > 4096 ? 3456 : 3420;
    config.vision.tokensPerSecond = 2;
    return config;
}

inline ModelFacts factsOf(model::ModelConfig config, std::string name)
{
    const std::uint64_t bytes = model::weightBytesOf(config, DType::BF16);
    return {.config = std::move(config), .checkpointBytes = bytes, .name = std::move(name)};
}
inline ModelFacts awqOf(ModelFacts facts)
{
    facts.config.awq = true;
    facts.config.dtype = "float16";
    return factsOf(facts.config, facts.name + "-AWQ");
}

inline ModelFacts threeB()
{
    model::ModelConfig config = published(2048, 36, 16, 2, 11008, 151936);
    config.tieWordEmbeddings = true;
    return factsOf(config, "Qwen2.5-VL-3B");
}
inline ModelFacts sevenB()
{
    return factsOf(published(3584, 28, 28, 4, 18944, 152064), "Qwen2.5-VL-7B");
}
inline ModelFacts thirtyTwoB()
{
    return factsOf(published(5120, 64, 40, 8, 27648, 152064), "Qwen2.5-VL-32B");
}
inline ModelFacts seventyTwoB()
{
    return factsOf(published(8192, 80, 64, 8, 29568, 152064), "Qwen2.5-VL-72B");
}
/// The official file, whose intermediate size was padded before it was quantised.
inline ModelFacts paddedSeventyTwoB()
{
    return awqOf(factsOf(published(8192, 80, 64, 8, 29696, 152064), "Qwen2.5-VL-72B"));
}

// ---- machines ----

struct Card {
    const char* name;
    int major;
    int minor;
    int processors;
    std::uint64_t memory;
};
constexpr Card kTuring{"NVIDIA GeForce RTX 2080 Ti", 7, 5, 68, 11'019 * kMiB};
constexpr Card kAda{"NVIDIA GeForce RTX 4090", 8, 9, 128, 24'564 * kMiB};
constexpr Card kHopper{"NVIDIA H100 80GB HBM3", 9, 0, 132, 81'559 * kMiB};
constexpr Card kSmallTuring{"NVIDIA GeForce RTX 2070", 7, 5, 36, 7'982 * kMiB};
constexpr Card kPascal{"NVIDIA GeForce GTX 1080 Ti", 6, 1, 28, 11'178 * kMiB};

inline ClusterDevice deviceWith(const Card& card, std::uint32_t index, std::uint64_t taken = 50 * kMiB)
{
    Gpu gpu;
    gpu.index = index;
    gpu.name = card.name;
    gpu.capabilityMajor = card.major;
    gpu.capabilityMinor = card.minor;
    gpu.processors = card.processors;
    gpu.memoryTotal = card.memory;
    gpu.memoryFree = card.memory - std::min(card.memory, taken);
    return {
        .gpu = gpu, .index = index, .name = card.name, .memoryTotal = gpu.memoryTotal, .memoryFree = gpu.memoryFree};
}
inline ClusterDevice cpuPart(std::uint32_t index, std::uint64_t bytes)
{
    return {.gpu = {}, .index = index, .name = "AMD EPYC 9654", .memoryTotal = bytes, .memoryFree = bytes};
}

/// A machine without fault; the first one made is the head.
inline ClusterNode nodeWith(std::string name, std::vector<ClusterDevice> devices, int number = 0)
{
    ClusterNode node;
    node.name = std::move(name);
    node.head = number == 0;
    node.devices = std::move(devices);
    node.interface = "eno1";
    node.address = "192.168.10." + std::to_string(5 + number);
    node.prefixBits = 24;
    node.mtu = 1500;
    node.roundTripSeconds = number == 0 ? 0 : 0.0002;
    node.linkBytesPerSecond = number == 0 ? 0 : 1.1e9;
    node.version = "0.4.0";
    node.nccl = "2.27.7";
    node.driver = "580.65.06";
    node.driverCuda = 13000;
    node.cudaNeeded = 13;
    node.cudaInstalled = true;
    node.sharedMemoryBytes = 64 * kGiB;
    node.openFiles = 1'048'576;
    node.model.asked = true;
    node.model.folder = "/models/qwen";
    node.model.present = true;
    return node;
}
inline std::vector<ClusterDevice> cards(const Card& card, int count)
{
    std::vector<ClusterDevice> devices;
    for (int i = 0; i < count; ++i)
        devices.push_back(deviceWith(card, static_cast<std::uint32_t>(i)));
    return devices;
}
inline std::vector<ClusterDevice> parts(int count, std::uint64_t bytes)
{
    std::vector<ClusterDevice> devices;
    for (int i = 0; i < count; ++i)
        devices.push_back(cpuPart(static_cast<std::uint32_t>(i), bytes));
    return devices;
}
/// gpu-a, gpu-b, ... with equal cards.
inline Cluster machines(int count, const Card& card, int each)
{
    Cluster cluster;
    for (int i = 0; i < count; ++i)
        cluster.nodes.push_back(nodeWith("gpu-" + std::string(1, static_cast<char>('a' + i)), cards(card, each), i));
    return cluster;
}
inline Cluster cpuMachines(int count, int partsEach, std::uint64_t bytesEach)
{
    Cluster cluster;
    for (int i = 0; i < count; ++i) {
        ClusterNode node =
            nodeWith("box-" + std::string(1, static_cast<char>('a' + i)), parts(partsEach, bytesEach), i);
        node.cudaInstalled = false;
        node.nccl.clear();
        cluster.nodes.push_back(std::move(node));
    }
    return cluster;
}

inline wire::EngineSettings wish(int tensorSize, int stages)
{
    wire::EngineSettings settings;
    settings.set_tensor_parallel_size(static_cast<std::uint32_t>(tensorSize));
    settings.set_pipeline_parallel_size(static_cast<std::uint32_t>(stages));
    return settings;
}

// ---- outcomes ----

inline const Problem* find(const Preflight& outcome, const std::string& code, const std::string& node = {})
{
    for (const Problem& problem : outcome.problems)
        if (problem.code == code && (node.empty() || problem.node == node))
            return &problem;
    return nullptr;
}

/// Everything that was said, for a failing test.
inline std::string told(const Preflight& outcome)
{
    std::string text;
    for (const Problem& problem : outcome.problems) {
        text += (problem.warning ? "warning " : "problem ") + problem.code + " " + problem.node + ": " +
                problem.error.text() + "\n";
        for (const Fix& fix : problem.fixes)
            text += "    fix: " + fix.text + "\n";
    }
    for (const Said& remark : outcome.remarks)
        text += "remark: " + english(remark) + "\n";
    return text.empty() ? "nothing" : text;
}

} // namespace argus::plan::testing
