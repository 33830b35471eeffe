#pragma once
// Which GPUs of this machine NVLink joins, as their driver tells.

#include "engine/node/nvml.h"
#include "engine/plan/device.h"

#include <optional>
#include <span>
#include <vector>

namespace argus::node {

/// By GPU; nothing for one whose place on the bus is not told, since no link could be seen to end at it.
using NvLinkMap = std::vector<std::optional<std::vector<plan::NvLinks>>>;

/// `gpus`: handles, null for those that could not be opened; the numbers in the map are places in this list. A link
/// counts when both of its ends say that it works. Switches join every GPU that has links to any: inside one machine
/// they are one fabric. nvml.linkState must not be null.
[[nodiscard]] NvLinkMap nvlinkMap(const Nvml& nvml, std::span<const Nvml::Handle> gpus);

} // namespace argus::node
