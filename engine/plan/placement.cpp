#include "engine/plan/placement.h"

#include "engine/plan/joining.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace argus::plan {
namespace {

/// Devices whose free memory is this near to the best are as good.
constexpr double kNearlyAsMuch = 0.9;

class Groups {
public:
    Groups(const ClusterNode& node, std::vector<std::size_t> devices) : m_node(node), m_left(std::move(devices)) {}

    /// The next best group; its devices are gone then.
    std::vector<std::size_t> take(std::size_t size)
    {
        std::sort(m_left.begin(), m_left.end(),
                  [&](std::size_t a, std::size_t b) { return std::tuple(~free(a), a) < std::tuple(~free(b), b); });
        const auto enough = static_cast<std::uint64_t>(kNearlyAsMuch * static_cast<double>(free(m_left[size - 1])));
        std::vector<std::size_t> best;
        for (const std::size_t seed : m_left) {
            std::vector<std::size_t> group = grown(seed, size, enough);
            if (group.size() == size && (best.empty() || isBetter(group, best)))
                best = std::move(group);
        }
        for (const std::size_t device : best)
            m_left.erase(std::find(m_left.begin(), m_left.end(), device));
        std::sort(best.begin(), best.end());
        return best;
    }

private:
    [[nodiscard]] std::uint64_t free(std::size_t device) const { return m_node.devices[device].memoryFree; }
    /// How many of the group a device is joined to, and by how many links in all: a group is as fast as the slowest
    /// way in it, so one that lacks no way comes before one with many links.
    struct Ties {
        int devices = 0;
        std::uint64_t links = 0;
        auto operator<=>(const Ties&) const = default;
    };
    [[nodiscard]] Ties tiesOf(std::size_t device, const std::vector<std::size_t>& group) const
    {
        Ties ties;
        for (const std::size_t each : group)
            if (const std::uint32_t links = jointOf(m_node, device, each).links; links > 0) {
                ++ties.devices;
                ties.links += links;
            }
        return ties;
    }

    /// From `seed`, always with the device that is best joined to those before it.
    [[nodiscard]] std::vector<std::size_t> grown(std::size_t seed, std::size_t size, std::uint64_t enough) const
    {
        std::vector<std::size_t> group;
        if (free(seed) < enough)
            return group;
        group.push_back(seed);
        while (group.size() < size) {
            std::size_t next = seed;
            for (const std::size_t device : m_left)
                if (free(device) >= enough && std::find(group.begin(), group.end(), device) == group.end() &&
                    (next == seed || tiesOf(device, group) > tiesOf(next, group)))
                    next = device;
            if (next == seed)
                break;
            group.push_back(next);
        }
        return group;
    }

    [[nodiscard]] bool isBetter(const std::vector<std::size_t>& group, const std::vector<std::size_t>& than) const
    {
        const auto worth = [&](const std::vector<std::size_t>& each) {
            Ties all;
            std::uint64_t least = ~std::uint64_t{0};
            for (const std::size_t device : each) {
                const Ties ties = tiesOf(device, each);
                all.devices += ties.devices;
                all.links += ties.links;
                least = std::min(least, free(device));
            }
            return std::tuple(all, least);
        };
        return worth(group) > worth(than); // of equals the first, which has the lowest numbers
    }

    const ClusterNode& m_node;
    std::vector<std::size_t> m_left;
};

} // namespace

int stagesThatFit(const Survey& survey, bool gpus, int tensorSize)
{
    int stages = 0;
    for (std::size_t node = 0; node < survey.nodes.size(); ++node)
        stages += static_cast<int>(survey.devices(node, gpus).size()) / std::max(tensorSize, 1);
    return stages;
}

StageSites stageSites(const Cluster& cluster, const Survey& survey, bool gpus, int tensorSize, int stages,
                      std::span<const std::size_t> order)
{
    StageSites sites;
    const auto size = static_cast<std::size_t>(tensorSize);
    for (const std::size_t node : order) {
        Groups groups(cluster.nodes[node], survey.devices(node, gpus));
        const std::size_t here = survey.devices(node, gpus).size() / size;
        for (std::size_t i = 0; i < here && sites.size() < static_cast<std::size_t>(stages); ++i)
            sites.push_back({.node = node, .devices = groups.take(size)});
    }
    return sites.size() == static_cast<std::size_t>(stages) ? sites : StageSites();
}

} // namespace argus::plan
