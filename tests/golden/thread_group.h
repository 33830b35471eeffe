#pragma once
// Groups whose ranks are threads of this program and whose tensors lie in its memory: what checks divide a model with.

#include "engine/comm/communicator.h"

#include <memory>
#include <vector>

namespace argus::golden {

/// The communicators of a group of `size` by rank, each for a thread of its own. Float32 tensors only. They keep the
/// group alive among them.
[[nodiscard]] std::vector<std::unique_ptr<comm::Communicator>> threadGroup(int size);

} // namespace argus::golden
