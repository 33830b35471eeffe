#include "engine/base/catalogue.h"
#include "engine/plan/problems.h"
#include "engine/plan/rank_memory.h"

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

Problem about(const ClusterNode& node, const char* code, bool warning, ErrorCode error, Said cause, Said remedy,
              std::string setting = {})
{
    return {.code = code,
            .warning = warning,
            .error = makeError(error, std::move(cause), std::move(remedy), std::move(setting)),
            .node = node.name};
}

void checkVersion(const ClusterNode& node, const ClusterNode& head, std::vector<Problem>& problems)
{
    if (node.version.empty() || head.version.empty() || node.version == head.version)
        return;
    problems.push_back(about(node, "VER-01", false, ErrorCode::Unsupported,
                             say("other-build", node.name, node.version, head.name, head.version),
                             say("do-install-node", head.version, node.name)));
}

/// Ranks on GPUs need one and the same NCCL.
void checkNccl(const Cluster& cluster, const PlanShape& shape, const ClusterNode& node, std::vector<Problem>& problems)
{
    if (!shape.gpus || shape.ranks < 2)
        return;
    if (node.nccl.empty()) {
        problems.push_back(about(node, "VER-02", false, ErrorCode::NotFound,
                                 say("nccl-missing", node.name, shape.ranks), say("do-install-any-nccl", node.name)));
        return;
    }
    const ClusterNode& first = cluster.nodes[shape.uses.front().node];
    if (!first.nccl.empty() && first.nccl != node.nccl)
        problems.push_back(about(node, "VER-02", false, ErrorCode::Unsupported,
                                 say("nccl-differs", first.name, first.nccl, node.name, node.nccl),
                                 say("do-install-nccl", first.nccl, node.name)));
}

void checkLimits(const PlanShape& shape, const NodeUse& use, const ClusterNode& node, std::vector<Problem>& problems)
{
    const auto ranks = static_cast<std::uint64_t>(use.ranks);
    const std::uint64_t needed = ranks * kSharedMemoryOfRank;
    if (shape.gpus && use.ranks > 1 && node.sharedMemoryBytes != 0 && node.sharedMemoryBytes < needed)
        problems.push_back(
            about(node, "GPU-09", false, ErrorCode::DoesNotFit,
                  say("shared-memory", node.name, bytesText(node.sharedMemoryBytes), bytesText(needed), use.ranks),
                  say("do-enlarge-shm", needed / kMiB)));
    const std::uint64_t files = kFilesOfNode + kFilesOfRank * static_cast<std::uint64_t>(shape.ranks);
    if (shape.ranks > 1 && node.openFiles != 0 && node.openFiles < files)
        problems.push_back(about(node, "SYS-02", true, ErrorCode::Unsupported,
                                 say("few-files", node.name, node.openFiles, shape.ranks, files),
                                 say("do-raise-files")));
}

void checkClock(const ClusterNode& node, std::vector<Problem>& problems)
{
    const double off = std::abs(node.clockAheadSeconds);
    if (off < kClockTolerance)
        return;
    const auto seconds = static_cast<long>(std::lround(off));
    const Said amount = seconds < 60 ? say("seconds", seconds) : say("minutes", seconds / 60, seconds % 60);
    problems.push_back(about(node, "SYS-01", true, ErrorCode::Unsupported,
                             node.clockAheadSeconds > 0 ? say("clock-ahead", node.name, amount)
                                                        : say("clock-behind", node.name, amount),
                             say("do-set-clock")));
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
        problems.push_back(about(
            node, "MOD-02", copy.canPull, ErrorCode::Corrupt, say("copy-differs", node.name, folder, copy.difference),
            copy.canPull ? say("do-nothing-fetched") : say("do-copy-from-head", node.name), "model"));
        return problems;
    }
    if (copy.present || (copy.missingFor && missingBytes == 0))
        return problems;
    if (copy.failure) {
        problems.push_back(about(node, "MOD-03", false, copy.failure->code,
                                 say("in", node.name, copy.failure->saidCause()), copy.failure->saidRemedy(), "model"));
        return problems;
    }
    if (missingBytes > copy.freeBytes && copy.freeBytes != 0) {
        problems.push_back(about(node, "DISK-01", false, ErrorCode::DoesNotFit,
                                 say("disk-full", node.name, bytesText(copy.freeBytes), folder, missing),
                                 say("do-free-disk", bytesText(missingBytes - copy.freeBytes), node.name), "model"));
        return problems;
    }
    if (copy.canPull) {
        const double seconds =
            node.linkBytesPerSecond > 0 ? static_cast<double>(missingBytes) / node.linkBytesPerSecond : 0;
        problems.push_back(about(
            node, copy.incomplete ? "MOD-03" : "MOD-01", true, ErrorCode::NotFound,
            model.checkpointBytes > missingBytes ? say("copy-lacks-part", node.name, missing, folder)
                                                 : say("copy-lacks", node.name, missing, folder),
            seconds > 0 ? say("do-nothing-fetched-in", std::lround(std::ceil(seconds))) : say("do-nothing-fetched"),
            "model"));
        return problems;
    }
    problems.push_back(copy.incomplete
                           ? about(node, "MOD-03", false, ErrorCode::Corrupt,
                                   say("copy-incomplete", node.name, folder, missing), say("do-copy-again"), "model")
                           : about(node, "MOD-01", false, ErrorCode::NotFound, say("copy-missing", node.name, folder),
                                   say("do-copy-there", node.name), "model"));
    return problems;
}

} // namespace argus::plan
