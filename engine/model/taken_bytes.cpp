#include "engine/model/taken_bytes.h"

#include "engine/base/catalogue.h"
#include "engine/model/qwen2_5_vl.h"

#include <fmt/format.h>

#include <utility>

namespace argus::model {
namespace {

/// Adds the bytes of a part of the tensor that lies there.
void add(ByteRanges& ranges, const TakenPart& part, const SafetensorsFile::Entry& entry)
{
    const auto element = static_cast<std::uint64_t>(sizeOf(entry.dtype));
    const auto bytes = [&](std::int64_t elements) { return static_cast<std::uint64_t>(elements) * element; };
    const std::uint64_t pitch = bytes(part.columns.stored);
    const std::uint64_t width = bytes(part.columns.count);
    const auto rows = static_cast<std::uint64_t>(part.rows.count);
    if (rows == 0 || width == 0)
        return;
    const std::uint64_t begin =
        entry.begin + static_cast<std::uint64_t>(part.rows.first) * pitch + bytes(part.columns.first);
    if (pitch - width < kJoinedGap)
        return ranges.add({begin, begin + (rows - 1) * pitch + width});
    for (std::uint64_t row = 0; row < rows; ++row)
        ranges.add({begin + row * pitch, begin + row * pitch + width});
}

} // namespace

Result<FileRanges> bytesTaken(const ModelConfig& config, const Checkpoint& checkpoint, const Shard& shard)
{
    Result<std::vector<TakenPart>> parts = Qwen25VL::partsTaken(config, shard);
    if (!parts)
        return std::move(parts).error();
    FileRanges ranges;
    for (const std::shared_ptr<const SafetensorsFile>& file : checkpoint.files())
        ranges[file->name()].add({0, file->dataStart()});
    for (const TakenPart& part : *parts) {
        const Checkpoint::Place* const place = checkpoint.find(part.name);
        if (place == nullptr)
            return makeError(ErrorCode::NotFound, say("no-tensor", part.name), say("do-check-config"), "model");
        const SafetensorsFile::Entry& entry = place->entry();
        if (part.rows.stored * part.columns.stored != entry.shape.elements())
            return makeError(ErrorCode::Corrupt,
                             say("tensor-shape", place->file->name(), part.name, entry.shape.text(),
                                 fmt::format("{} x {}", part.rows.stored, part.columns.stored)),
                             say("do-check-config"), "model");
        add(ranges[place->file->name()], part, entry);
    }
    return ranges;
}

Result<Done> requireTaken(const ModelConfig& config, const Checkpoint& checkpoint, const Shard& shard)
{
    Result<FileRanges> needed = bytesTaken(config, checkpoint, shard);
    if (!needed)
        return std::move(needed).error();
    for (const std::shared_ptr<const SafetensorsFile>& file : checkpoint.files()) {
        const ByteRanges* const there = checkpoint.there(*file);
        if (there == nullptr)
            continue;
        const ByteRanges missing = (*needed)[file->name()].without(*there);
        if (!missing.empty())
            return makeError(ErrorCode::NotFound,
                             say("part-of-copy", file->name(), missing.bytes(), missing.list().front().begin),
                             say("do-deploy-fetches"), "model");
    }
    return Done{};
}

} // namespace argus::model
