#pragma once
// The published sizes of Qwen2.5-VL, for benchmarks without a checkpoint.

#include "engine/base/result.h"
#include "engine/model/config.h"

#include <string>

namespace argus::apps {

/// "3b", "7b", "32b", "72b". Errors: BadRequest with the list. Source: design/qwen2_5_vl.md §1.1, §1.2
[[nodiscard]] Result<model::ModelConfig> publishedConfig(const std::string& size, bool awq);

} // namespace argus::apps
