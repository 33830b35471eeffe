#pragma once
// From an ask's messages and pixels to the token ids, rotary positions and vision items of one sequence. Pure.

#include "engine/base/result.h"
#include "engine/base/sha256.h"
#include "engine/media/media.h"
#include "engine/model/config.h"
#include "engine/model/positions.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/executor.pb.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <span>
#include <vector>

namespace argus::node {

/// One image or clip of a conversation, in order of appearance.
struct Attachment {
    Sha256 sha256;
    wire::Part::ContentCase declared = wire::Part::kMedia; ///< image, video, or media when the head shall look
};
[[nodiscard]] std::vector<Attachment> attachmentsOf(const wire::Ask& ask);

/// Checks the declared kinds before anything is decoded, and the kinds found once it is. Errors: TooLarge naming the
/// setting and both numbers.
[[nodiscard]] Result<Done> checkCounts(std::span<const Attachment> attachments, std::uint32_t maxImages,
                                       std::uint32_t maxVideos);
[[nodiscard]] Result<Done> checkCounts(std::span<const media::Pixels> pixels, std::uint32_t maxImages,
                                       std::uint32_t maxVideos);

struct Prompt {
    std::vector<text::TokenId> ids;
    model::Positions positions;           ///< rows [3, ids]
    std::vector<wire::VisionItem> vision; ///< pixels_descriptor is the index of the pixels; the sender renumbers it
};

/// Shapes   pixels: one an attachment, in order of appearance
/// Errors   BadRequest, Unsupported (see text/chat_template.h, model/positions.h)
[[nodiscard]] Result<Prompt> buildPrompt(const text::Tokenizer& tokenizer, const model::ModelConfig& config,
                                         const wire::Ask& ask, std::span<const media::Pixels> pixels,
                                         model::PositionVariant variant);

} // namespace argus::node
