#include "engine/plan/problems.h"
#include "engine/plan/rank_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace argus::plan {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
/// NCCL's channels between GPUs of a machine that cannot reach each other's memory.
constexpr std::uint64_t kSharedMemoryOfRank = 128 * kMiB;
/// Files and sockets of a node, and of every rank it talks to.
constexpr std::uint64_t kFilesOfNode = 512;
constexpr std::uint64_t kFilesOfRank = 128;
constexpr double kClockTolerance = 2; // seconds

Problem about(const ClusterNode& node, const char* code, bool warning, ErrorCode error, std::string cause,
              std::string remedy, std::string setting = {})
{
    return {.code = code,
            .warning = warning,
            .error = {error, std::move(cause), std::move(remedy), std::move(setting)},
            .node = node.name};
}

void checkVersion(const ClusterNode& node, const ClusterNode& head, std::vector<Problem>& problems)
{
    if (node.version.empty() || head.version.empty() || node.version == head.version)
        return;
    problems.push_back(about(
        node, "VER-01", false, ErrorCode::Unsupported,
        fmt::format("{} runs argus-node {}, the head {} runs {}", node.name, node.version, head.name, head.version),
        fmt::format("install argus-node {} on {}", head.version, node.name)));
}

/// Ranks on GPUs need one and the same NCCL.
void checkNccl(const Cluster& cluster, const PlanShape& shape, const ClusterNode& node, std::vector<Problem>& problems)
{
    if (!shape.gpus || shape.ranks < 2)
        return;
    if (node.nccl.empty()) {
        problems.push_back(
            about(node, "VER-02", false, ErrorCode::NotFound,
                  fmt::format("{} has no NCCL, which {} GPUs need to compute together", node.name, shape.ranks),
                  fmt::format("install libnccl2 on {}, or use one GPU", node.name)));
        return;
    }
    const ClusterNode& first = cluster.nodes[shape.uses.front().node];
    if (!first.nccl.empty() && first.nccl != node.nccl)
        problems.push_back(about(node, "VER-02", false, ErrorCode::Unsupported,
                                 fmt::format("NCCL differs: {} has {}, {} has {}, and all ranks need the same",
                                             first.name, first.nccl, node.name, node.nccl),
                                 fmt::format("install NCCL {} on {}", first.nccl, node.name)));
}

void checkLimits(const PlanShape& shape, const NodeUse& use, const ClusterNode& node, std::vector<Problem>& problems)
{
    const auto ranks = static_cast<std::uint64_t>(use.ranks);
    const std::uint64_t needed = ranks * kSharedMemoryOfRank;
    if (shape.gpus && use.ranks > 1 && node.sharedMemoryBytes != 0 && node.sharedMemoryBytes < needed)
        problems.push_back(
            about(node, "GPU-09", false, ErrorCode::DoesNotFit,
                  fmt::format("/dev/shm on {} is {}, but NCCL needs about {} for {} GPUs", node.name,
                              bytesText(node.sharedMemoryBytes), bytesText(needed), use.ranks),
                  fmt::format("make it larger; a container is started with --shm-size {}m", needed / kMiB)));
    const std::uint64_t files = kFilesOfNode + kFilesOfRank * static_cast<std::uint64_t>(shape.ranks);
    if (shape.ranks > 1 && node.openFiles != 0 && node.openFiles < files)
        problems.push_back(about(node, "SYS-02", true, ErrorCode::Unsupported,
                                 fmt::format("{} may open {} files, and {} ranks may need {}", node.name,
                                             node.openFiles, shape.ranks, files),
                                 "raise LimitNOFILE in the service file, or ulimit -n"));
}

void checkClock(const ClusterNode& node, std::vector<Problem>& problems)
{
    const double off = std::abs(node.clockAheadSeconds);
    if (off < kClockTolerance)
        return;
    const auto seconds = static_cast<long>(std::lround(off));
    const std::string amount =
        seconds < 60 ? fmt::format("{} s", seconds) : fmt::format("{} min {} s", seconds / 60, seconds % 60);
    problems.push_back(about(node, "SYS-01", true, ErrorCode::Unsupported,
                             fmt::format("the clock of {} is {} {} (only times in logs are affected)", node.name,
                                         amount, node.clockAheadSeconds > 0 ? "ahead" : "behind"),
                             "set it, or have it set from the network"));
}

/// Bytes that the ranks of a machine lack; where it is not known yet which they are, a share of everything.
std::uint64_t missingOf(const ModelCopy& copy, const PlanShape& shape, const NodeUse& use)
{
    const std::uint64_t missing = copy.missing(use.shards);
    if (!copy.missingFor || !use.shards.empty())
        return missing;
    const auto ranks = static_cast<std::uint64_t>(std::clamp(use.ranks, 1, std::max(shape.ranks, 1)));
    return missing / static_cast<std::uint64_t>(std::max(shape.ranks, 1)) * ranks;
}

} // namespace

std::vector<Problem> machineProblems(const Cluster& cluster, const PlanShape& shape, const NodeUse& use)
{
    const ClusterNode& node = cluster.nodes[use.node];
    std::vector<Problem> problems;
    checkVersion(node, cluster.nodes.front(), problems);
    checkNccl(cluster, shape, node, problems);
    checkLimits(shape, use, node, problems);
    checkClock(node, problems);
    return problems;
}

std::vector<Problem> modelProblems(const ModelFacts& model, const Cluster& cluster, const PlanShape& shape,
                                   const NodeUse& use)
{
    const ClusterNode& node = cluster.nodes[use.node];
    const ModelCopy& copy = node.model;
    if (!copy.asked || node.head || shape.weightless || copy.weightless)
        return {};
    std::vector<Problem> problems;
    const std::string folder = copy.folder.empty() ? model.name : copy.folder;
    const std::uint64_t missingBytes = missingOf(copy, shape, use);
    const std::string missing = bytesText(missingBytes);
    if (!copy.difference.empty()) {
        problems.push_back(about(node, "MOD-02", copy.canPull, ErrorCode::Corrupt,
                                 fmt::format("{}: {}: {}", node.name, folder, copy.difference),
                                 copy.canPull ? "nothing: it is fetched from the head first"
                                              : fmt::format("copy it from the head again, or choose another folder on "
                                                            "{}",
                                                            node.name),
                                 "model"));
        return problems;
    }
    if (copy.present || (copy.missingFor && missingBytes == 0))
        return problems;
    if (copy.failure) {
        problems.push_back(about(node, "MOD-03", false, copy.failure->code,
                                 fmt::format("{}: {}", node.name, copy.failure->cause), copy.failure->remedy, "model"));
        return problems;
    }
    if (missingBytes > copy.freeBytes && copy.freeBytes != 0) {
        problems.push_back(
            about(node, "DISK-01", false, ErrorCode::DoesNotFit,
                  fmt::format("{}: {} free for {}, {} needed", node.name, bytesText(copy.freeBytes), folder, missing),
                  fmt::format("free {} there, or choose another folder on {}", bytesText(missingBytes - copy.freeBytes),
                              node.name),
                  "model"));
        return problems;
    }
    if (copy.canPull) {
        const double seconds =
            node.linkBytesPerSecond > 0 ? static_cast<double>(missingBytes) / node.linkBytesPerSecond : 0;
        problems.push_back(
            about(node, copy.incomplete ? "MOD-03" : "MOD-01", true, ErrorCode::NotFound,
                  fmt::format("{} lacks {}{} of {}", node.name, missing,
                              model.checkpointBytes > missingBytes ? " that its ranks need" : "", folder),
                  fmt::format("nothing: it is fetched from the head first{}",
                              seconds > 0 ? fmt::format(", in about {:.0f} s", std::ceil(seconds)) : std::string()),
                  "model"));
        return problems;
    }
    problems.push_back(
        copy.incomplete
            ? about(node, "MOD-03", false, ErrorCode::Corrupt,
                    fmt::format("{}: {} is not complete, {} are missing", node.name, folder, missing),
                    "copy or download it again", "model")
            : about(node, "MOD-01", false, ErrorCode::NotFound, fmt::format("{}: {} not found", node.name, folder),
                    fmt::format("copy the model there, or choose its folder on {}", node.name), "model"));
    return problems;
}

} // namespace argus::plan
