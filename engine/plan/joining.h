#pragma once
// How GPUs of one machine are joined, and what is said of it. Pure.

#include "engine/base/said.h"
#include "engine/plan/cluster.h"

#include <cstdint>
#include <span>

namespace argus::plan {

/// Links in one direction between two devices of a node; 0: none, or nobody knows. `switched`: through a switch.
struct Joint {
    std::uint32_t links = 0;
    bool switched = false;
};
/// `a`, `b`: indices in ClusterNode::devices.
[[nodiscard]] Joint jointOf(const ClusterNode& node, std::size_t a, std::size_t b);

/// What joins a group of devices: the weakest way between any two of them.
enum class Joining {
    Unknown,  ///< fewer than two, CPU devices, or a driver that does not tell
    Pcie,     ///< no NVLink between any two
    Partly,   ///< NVLink between some, PCIe between others
    NvLink,   ///< every two directly
    NvSwitch, ///< every two, some of them through a switch
};
struct Joined {
    Joining how = Joining::Unknown;
    std::uint32_t links = 0; ///< the fewest between two of them
};
[[nodiscard]] Joined joinedBy(const ClusterNode& node, std::span<const std::size_t> devices);

/// "NVLink ×4", "PCIe"; empty for Unknown.
[[nodiscard]] Said joinedText(const Joined& joined);

} // namespace argus::plan
