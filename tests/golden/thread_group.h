#pragma once
// Groups whose ranks are threads of this program, whatever their devices: what checks divide a model with.

#include "engine/comm/communicator.h"
#include "engine/ops/ops.h"

#include <memory>
#include <vector>

namespace argus::golden {

/// The communicators of a group of the ranks with these devices, each for a thread of its own. Numbers go through the
/// host as float32, so nothing is enqueued and nothing can be recorded. They keep the group alive among them; the
/// devices outlive them.
[[nodiscard]] std::vector<std::unique_ptr<comm::Communicator>> threadGroup(const std::vector<ops::Ops*>& devices);

} // namespace argus::golden
