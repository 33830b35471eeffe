#pragma once
// Changes that make problems go away: each is tried before it is offered. Pure.

#include "engine/plan/judge.h"

#include <functional>

namespace argus::plan {

/// Judges the wish under other settings.
using Trial = std::function<Judgement(const wire::EngineSettings&)>;

/// Gives every problem of `judgement` the changes of one setting of `given` under which it is gone: those after which
/// nothing new stands in the way or, without any such, those after which something else does.
void findFixes(Judgement& judgement, const Cluster& cluster, const wire::EngineSettings& given, const Trial& trial);

} // namespace argus::plan
