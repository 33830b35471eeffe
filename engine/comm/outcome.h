#pragma once
// What a broken group is called outside a rank's thread.

#include "engine/base/error.h"
#include "engine/comm/communicator.h"
#include "engine/comm/world.h"

namespace argus::comm {

[[nodiscard]] Error errorOf(const GroupBroken& broken);
[[nodiscard]] Error badWorld(const World& world);

} // namespace argus::comm
