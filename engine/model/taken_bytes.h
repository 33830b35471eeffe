#pragma once
// Which bytes of a checkpoint's files a rank reads: what a machine needs of a copy that it does not have. Nothing of
// the tensors is looked at but their places.

#include "engine/base/byte_ranges.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/sharding.h"

#include <map>
#include <string>

namespace argus::model {

/// By the path of the file, as SafetensorsFile::name() has it; every file of the checkpoint is there.
using FileRanges = std::map<std::string, ByteRanges>;

/// Rows of a matrix of which a rank takes some columns lie apart; gaps smaller than this are read too. Rows of no
/// published size are that long, so of a matrix whose columns are shared a rank gets all.
constexpr std::uint64_t kJoinedGap = 256 << 10;

/// The header of every file, and of the tensors what Qwen25VL::load() takes for that shard. Errors: those of
/// Qwen25VL::partsTaken(), NotFound and Corrupt when config and checkpoint are of different models.
[[nodiscard]] Result<FileRanges> bytesTaken(const ModelConfig& config, const Checkpoint& checkpoint,
                                            const Shard& shard);

/// That a checkpoint which is not whole has what that shard reads. Errors: NotFound naming file and bytes, and those of
/// bytesTaken().
[[nodiscard]] Result<Done> requireTaken(const ModelConfig& config, const Checkpoint& checkpoint, const Shard& shard);

} // namespace argus::model
