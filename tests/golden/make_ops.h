#pragma once
// How a check gets the device it runs on.

#include "engine/ops/ops.h"

#include <functional>
#include <memory>

namespace argus::golden {

/// A fresh device; called once for every model that is loaded. May throw.
using MakeOps = std::function<std::unique_ptr<ops::Ops>()>;

} // namespace argus::golden
