#pragma once
// What a load order says of one rank: its share of the model, its sizes, its threads. Pure.

#include "engine/base/result.h"
#include "engine/comm/world.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/model/shard.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <vector>

namespace argus::executor {

/// Ranks of the whole model, those of other executors included; at least 1.
[[nodiscard]] std::uint64_t ranksOfAll(const wire::LoadModel& order);

/// That the ranks of this executor can be: at least one, none twice, each where its number says. Errors: Internal, for
/// the node broke the contract.
[[nodiscard]] Result<Done> checkRanks(const wire::LoadModel& order);

/// The share of a rank that checkRanks() has passed.
[[nodiscard]] model::Shard shardOf(const wire::LoadModel& order, const wire::RankOrder& rank);

/// The ranks it computes with directly: those of its stage, and those of its place in the other stages.
[[nodiscard]] std::vector<std::uint32_t> peersOf(const wire::LoadModel& order, const wire::RankOrder& rank);

/// Where that rank stands among all.
[[nodiscard]] comm::World worldOf(const wire::LoadModel& order, const wire::RankOrder& rank, std::uint64_t epoch);

/// Errors: Internal when the sizes are impossible.
[[nodiscard]] Result<model::RuntimeSizes> sizesOf(const wire::LoadModel& order);

/// What the bytes of pictures become. Errors: Internal unless there are three numbers of each, finite and not divided
/// by zero.
[[nodiscard]] Result<ops::PixelScale> pixelScaleOf(const wire::LoadModel& order);

/// Threads of a rank on a processor: its own number, or an even share of what the executor may use, which is `asked`,
/// else what the settings say, else `cores`. At least 1.
[[nodiscard]] int threadsOf(const wire::LoadModel& order, const wire::RankOrder& rank, int asked, int cores);

} // namespace argus::executor
