#include "engine/plan/stage_plan.h"

#include "engine/plan/joining.h"
#include "engine/plan/stage_layers.h"

#include <algorithm>
#include <limits>

namespace argus::plan {
namespace {

/// Memory from which on a card is one of a server, with NVLink to its neighbours.
constexpr std::uint64_t kServerCard = std::uint64_t{32} << 30;

class Planner {
public:
    Planner(Footprints& footprints, const Cluster& cluster, const StageSites& stages,
            const wire::EngineSettings& settings)
        : m_footprints(footprints), m_cluster(cluster), m_stages(stages), m_settings(settings),
          m_layers(footprints.model().layers)
    {
    }

    [[nodiscard]] StagePlan with(const std::vector<int>& layers)
    {
        StagePlan plan{.stages = m_stages, .ranks = {}, .sizes = {}};
        int first = 0;
        for (std::size_t stage = 0; stage < m_stages.size(); ++stage) {
            const int end = first + layers[stage];
            for (std::size_t rank = 0; rank < m_stages[stage].devices.size(); ++rank)
                plan.ranks.push_back(siteOf(stage, rank, first, end));
            first = end;
        }
        if (plan.ranks.size() == 1) {
            plan.ranks.front().shard = {};
            if (m_cluster.nodes.size() == 1)
                plan.ranks.front().name.clear();
        }
        plan.sizes = agreedSizes(m_footprints, plan.ranks, m_settings);
        return plan;
    }

    [[nodiscard]] StagePlan best()
    {
        StagePlan even = with(evenLayers(static_cast<int>(m_stages.size()), m_layers));
        if (m_stages.size() == 1 || reachesTheContext(even.sizes))
            return even;
        StagePlan best = std::move(even);
        const auto most = static_cast<std::uint32_t>(std::max(m_footprints.model().maxPositions, 1));
        std::uint32_t context = m_settings.max_model_len() != 0 ? m_settings.max_model_len() : most;
        for (int round = 0; round < 3; ++round) { // what the first stage holds besides depends on the context found
            StagePlan next = with(layersByRoom(roomsAt(context), m_layers));
            context = std::max(next.sizes.largestContext, kSmallestContext);
            if (isBetter(next.sizes, best.sizes))
                best = std::move(next);
        }
        return best;
    }

private:
    [[nodiscard]] model::Shard shardOf(std::size_t stage, std::size_t rank, int first, int end) const
    {
        return {.tensorRank = static_cast<int>(rank),
                .tensorSize = static_cast<int>(m_stages[stage].devices.size()),
                .stage = static_cast<int>(stage),
                .stages = static_cast<int>(m_stages.size()),
                .firstLayer = first,
                .endLayer = end};
    }

    [[nodiscard]] RankSite siteOf(std::size_t stage, std::size_t rank, int first, int end) const
    {
        const ClusterNode& node = m_cluster.nodes[m_stages[stage].node];
        const ClusterDevice& device = node.devices[m_stages[stage].devices[rank]];
        return {.device = deviceOf(device),
                .shard = shardOf(stage, rank, first, end),
                .communication = communicationOf(stage, device),
                .name = nameOf(node, device)};
    }

    /// Of a rank's groups, those in which it is not alone.
    [[nodiscard]] std::uint64_t communicationOf(std::size_t stage, const ClusterDevice& device) const
    {
        const bool gpus = device.gpu.has_value();
        // Where the driver's topology is not known, size tells: NCCL opens all its channels on cards of servers. A
        // group that NVLink joins only in part has as few as PCIe carries, because its rings pass over both.
        const bool server = device.memoryTotal >= kServerCard;
        const Joining how = joinedBy(m_cluster.nodes[m_stages[stage].node], m_stages[stage].devices).how;
        std::uint64_t bytes = 0;
        if (m_stages[stage].devices.size() > 1)
            bytes += groupBytes(gpus, server || how == Joining::NvLink || how == Joining::NvSwitch);
        if (m_stages.size() > 1)
            bytes += groupBytes(gpus, server || (gpus && !device.gpu->nvlinks.empty()));
        return bytes;
    }

    /// A stage with some layers, wherever they are.
    [[nodiscard]] model::Shard sample(std::size_t stage, int layers) const
    {
        if (stage == 0)
            return shardOf(stage, 0, 0, layers);
        if (stage + 1 == m_stages.size())
            return shardOf(stage, 0, m_layers - layers, m_layers);
        return shardOf(stage, 0, 1, 1 + layers);
    }

    [[nodiscard]] std::vector<StageRoom> roomsAt(std::uint32_t context)
    {
        std::vector<StageRoom> rooms;
        for (std::size_t stage = 0; stage < m_stages.size(); ++stage) {
            std::uint64_t usable = std::numeric_limits<std::uint64_t>::max();
            for (std::size_t rank = 0; rank < m_stages[stage].devices.size(); ++rank) {
                const RankSite site = siteOf(stage, rank, 0, m_layers);
                usable = std::min(
                    usable, roomOn(site.device, m_settings.gpu_memory_utilization(), site.communication).usable());
            }
            const RankSite site = siteOf(stage, 0, 0, m_layers);
            const auto parts = [&](int layers) {
                return m_footprints.of(site.device, sample(stage, layers), m_settings, smallestPassPatches(), context);
            };
            const model::Footprint one = parts(1);
            const double layer = static_cast<double>(parts(2).weights) - static_cast<double>(one.weights);
            const double fixed = static_cast<double>(one.weights) - layer + static_cast<double>(one.activations);
            const double tokens = site.device.gpu ? kGpuBlockTokens : kCpuBlockTokens;
            rooms.push_back({.bytes = static_cast<double>(usable) - fixed,
                             .bytesOfLayer = layer,
                             .bytesOfContext = static_cast<double>(one.kvBlock) / tokens});
        }
        return rooms;
    }

    [[nodiscard]] bool reachesTheContext(const AgreedSizes& sizes) const
    {
        const auto most = static_cast<std::uint32_t>(std::max(m_footprints.model().maxPositions, 1));
        return !sizes.problem && (m_settings.max_model_len() != 0 || sizes.maxModelLen == most);
    }

    [[nodiscard]] static bool isBetter(const AgreedSizes& sizes, const AgreedSizes& than)
    {
        if (sizes.problem.has_value() != than.problem.has_value())
            return !sizes.problem;
        if (sizes.largestContext != than.largestContext)
            return sizes.largestContext > than.largestContext;
        return !sizes.problem && sizes.kvBlocks > than.kvBlocks;
    }

    Footprints& m_footprints;
    const Cluster& m_cluster;
    const StageSites& m_stages;
    const wire::EngineSettings& m_settings;
    int m_layers = 1;
};

} // namespace

StagePlan stagePlan(Footprints& footprints, const Cluster& cluster, const StageSites& stages,
                    const wire::EngineSettings& settings, const std::vector<int>& layers)
{
    Planner planner(footprints, cluster, stages, settings);
    return layers.empty() ? planner.best() : planner.with(layers);
}

std::vector<Device> devicesOf(const Cluster& cluster, const StageSites& stages)
{
    std::vector<Device> devices;
    for (const StageSite& stage : stages)
        for (const std::size_t device : stage.devices)
            devices.push_back(deviceOf(cluster.nodes[stage.node].devices[device]));
    return devices;
}

} // namespace argus::plan
