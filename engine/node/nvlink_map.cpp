#include "engine/node/nvlink_map.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace argus::node {
namespace {

using Place = std::tuple<unsigned, unsigned, unsigned>;

Place placeOf(const Nvml::Pci& pci)
{
    return {pci.domain, pci.bus, pci.device};
}

/// Where the links of one GPU end.
struct Ends {
    std::vector<std::uint32_t> gpus; ///< links to each of them
    std::uint32_t switches = 0;      ///< links to any switch
};

class Reader {
public:
    Reader(const Nvml& nvml, std::span<const Nvml::Handle> gpus) : m_nvml(nvml), m_gpus(gpus)
    {
        for (const Nvml::Handle gpu : gpus) {
            Nvml::Pci pci;
            const bool told = gpu != nullptr && nvml.pci(gpu, &pci) == kNvmlSuccess;
            m_places.push_back(told ? std::optional(placeOf(pci)) : std::nullopt);
        }
    }

    [[nodiscard]] bool known(std::size_t gpu) const { return m_places[gpu].has_value(); }

    [[nodiscard]] Ends endsOf(std::size_t gpu) const
    {
        Ends ends{.gpus = std::vector<std::uint32_t>(m_gpus.size()), .switches = 0};
        for (unsigned link = 0; known(gpu) && link < kNvmlMostLinks; ++link)
            count(ends, gpu, link);
        return ends;
    }

private:
    void count(Ends& ends, std::size_t gpu, unsigned link) const
    {
        int active = 0;
        if (m_nvml.linkState(m_gpus[gpu], link, &active) != kNvmlSuccess || active != 1)
            return;
        int type = -1;
        if (m_nvml.linkEndType != nullptr && m_nvml.linkEndType(m_gpus[gpu], link, &type) == kNvmlSuccess &&
            type == kNvmlLinkToSwitch) {
            ++ends.switches;
            return;
        }
        Nvml::Pci pci;
        if (m_nvml.linkEnd(m_gpus[gpu], link, &pci) != kNvmlSuccess)
            return;
        const auto found = std::find(m_places.begin(), m_places.end(), std::optional(placeOf(pci)));
        if (found != m_places.end()) // else a GPU that is not to be used here
            ++ends.gpus[static_cast<std::size_t>(found - m_places.begin())];
    }

    const Nvml& m_nvml;
    std::span<const Nvml::Handle> m_gpus;
    std::vector<std::optional<Place>> m_places;
};

} // namespace

NvLinkMap nvlinkMap(const Nvml& nvml, std::span<const Nvml::Handle> gpus)
{
    const Reader reader(nvml, gpus);
    std::vector<Ends> ends;
    for (std::size_t gpu = 0; gpu < gpus.size(); ++gpu)
        ends.push_back(reader.endsOf(gpu));
    NvLinkMap map(gpus.size());
    for (std::size_t a = 0; a < gpus.size(); ++a) {
        if (!reader.known(a))
            continue;
        std::vector<plan::NvLinks>& links = map[a].emplace();
        for (std::size_t b = 0; b < gpus.size(); ++b) {
            const std::uint32_t direct = std::min(ends[a].gpus[b], ends[b].gpus[a]);
            const std::uint32_t switched = std::min(ends[a].switches, ends[b].switches);
            if (a != b && direct + switched > 0)
                links.push_back({.device = static_cast<std::uint32_t>(b),
                                 .links = direct + switched,
                                 .throughSwitch = switched > 0});
        }
    }
    return map;
}

} // namespace argus::node
