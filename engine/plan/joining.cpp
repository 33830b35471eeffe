#include "engine/plan/joining.h"

#include "engine/base/catalogue.h"

#include <algorithm>

namespace argus::plan {

Joint jointOf(const ClusterNode& node, std::size_t a, std::size_t b)
{
    const ClusterDevice& from = node.devices[a];
    const ClusterDevice& to = node.devices[b];
    if (a == b || !from.gpu || !to.gpu)
        return {};
    const std::vector<NvLinks>& links = from.gpu->nvlinks;
    const auto found =
        std::find_if(links.begin(), links.end(), [&](const NvLinks& each) { return each.device == to.index; });
    return found != links.end() ? Joint{.links = found->links, .switched = found->throughSwitch} : Joint();
}

Joined joinedBy(const ClusterNode& node, std::span<const std::size_t> devices)
{
    const bool known = std::all_of(devices.begin(), devices.end(), [&](std::size_t device) {
        return node.devices[device].gpu && node.devices[device].gpu->nvlinksKnown;
    });
    if (devices.size() < 2 || !known)
        return {};
    std::size_t pairs = 0;
    std::size_t linked = 0;
    bool switched = false;
    std::uint32_t fewest = ~std::uint32_t{0};
    for (std::size_t i = 0; i < devices.size(); ++i)
        for (std::size_t k = i + 1; k < devices.size(); ++k) {
            const Joint joint = jointOf(node, devices[i], devices[k]);
            ++pairs;
            linked += joint.links > 0 ? 1 : 0;
            switched = switched || joint.switched;
            fewest = std::min(fewest, joint.links);
        }
    if (linked == 0)
        return {.how = Joining::Pcie, .links = 0};
    if (linked < pairs)
        return {.how = Joining::Partly, .links = 0};
    return {.how = switched ? Joining::NvSwitch : Joining::NvLink, .links = fewest};
}

Said joinedText(const Joined& joined)
{
    switch (joined.how) {
    case Joining::Unknown:
        return {};
    case Joining::Pcie:
        return say("joined-pcie");
    case Joining::Partly:
        return say("joined-partly");
    case Joining::NvLink:
        return say("joined-nvlink", joined.links);
    case Joining::NvSwitch:
        return say("joined-nvswitch", joined.links);
    }
    return {};
}

} // namespace argus::plan
