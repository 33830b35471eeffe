#pragma once
// A model on several GPUs of this machine: ranks as threads, driven as an executor and its node drive them.

#include "engine/base/clock.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/qwen2_5_vl.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace argus::apps {

struct BenchRanks {
    model::ModelConfig config;
    std::shared_ptr<const model::Checkpoint> checkpoint; ///< none: weights are made up
    model::RuntimeSizes sizes;
    DType type = DType::BF16;
    std::string label; ///< "7b bfloat16"
    int tensorRanks = 1;
    int stages = 1;
    int firstDevice = 0;              ///< rank 0 has this one, rank 1 the next
    std::int64_t ownKernelBytes = -1; ///< see comm::NcclSettings
    std::vector<int> batches;
    int context = 512; ///< tokens before the first that is drawn

    [[nodiscard]] int ranks() const { return tensorRanks * stages; }
};

/// Loads, then measures greedy tokens of each batch; prints one JSON line a measurement. With stages the conversations
/// go through them in as many steps, and every token comes back to the host before its conversation goes on. Throws
/// OpsError before there are ranks; a rank that fails later says why and ends the program, since the others would only
/// wait for it.
void benchRanks(const BenchRanks& bench, Instant started);

} // namespace argus::apps
