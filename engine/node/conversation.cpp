#include "engine/node/conversation.h"

#include "engine/base/catalogue.h"
#include "engine/text/chat_template.h"

#include <algorithm>

namespace argus::node {
namespace {

Error tooMany(Said cause, const char* setting)
{
    return makeError(ErrorCode::TooLarge, std::move(cause), say("do-take-away", setting), setting);
}

Result<Done> checkCounts(std::size_t images, std::size_t videos, std::uint32_t maxImages, std::uint32_t maxVideos)
{
    if (images > maxImages)
        return tooMany(say("too-many-images", images, maxImages), "max_images");
    if (videos > maxVideos)
        return tooMany(say("too-many-videos", videos, maxVideos), "max_videos");
    return Done{};
}

std::vector<text::ChatMessage> chatOf(const wire::Ask& ask, std::span<const media::Pixels> pixels)
{
    std::vector<text::ChatMessage> chat;
    std::size_t next = 0;
    for (const wire::ChatMessage& message : ask.messages()) {
        text::ChatMessage& said = chat.emplace_back();
        said.role = message.role();
        for (const wire::Part& part : message.parts()) {
            using Kind = text::ChatPart::Kind;
            if (part.content_case() == wire::Part::kText)
                said.parts.push_back({Kind::Text, part.text()});
            else if (next < pixels.size()) // what was found in the file, not what its sender called it
                said.parts.push_back({pixels[next++].kind == media::MediaKind::Video ? Kind::Video : Kind::Image, {}});
        }
    }
    return chat;
}

/// Where each run of pads begins, once they are expanded.
std::vector<wire::VisionItem> visionItems(std::span<const text::TokenId> ids, const model::ModelConfig& config,
                                          std::span<const media::Pixels> pixels)
{
    std::vector<wire::VisionItem> items;
    std::size_t row = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        while (row < ids.size() && ids[row] != config.imageToken && ids[row] != config.videoToken)
            ++row;
        wire::VisionItem& item = items.emplace_back();
        item.set_pixels_descriptor(static_cast<std::uint32_t>(i));
        item.set_grid_t(static_cast<std::uint32_t>(pixels[i].gridT));
        item.set_grid_h(static_cast<std::uint32_t>(pixels[i].gridH));
        item.set_grid_w(static_cast<std::uint32_t>(pixels[i].gridW));
        item.set_frames(static_cast<std::uint32_t>(pixels[i].frames));
        item.set_video(pixels[i].kind == media::MediaKind::Video);
        item.set_first_row(static_cast<std::uint32_t>(row));
        row += static_cast<std::size_t>(pixels[i].tokens());
    }
    return items;
}

} // namespace

std::vector<Attachment> attachmentsOf(const wire::Ask& ask)
{
    std::vector<Attachment> found;
    for (const wire::ChatMessage& message : ask.messages())
        for (const wire::Part& part : message.parts())
            switch (part.content_case()) {
            case wire::Part::kImage:
                found.push_back({part.image(), wire::Part::kImage});
                break;
            case wire::Part::kVideo:
                found.push_back({part.video(), wire::Part::kVideo});
                break;
            case wire::Part::kMedia:
                found.push_back({part.media(), wire::Part::kMedia});
                break;
            case wire::Part::kText:
            case wire::Part::CONTENT_NOT_SET:
                break;
            }
    return found;
}

Result<Done> checkCounts(std::span<const Attachment> attachments, std::uint32_t maxImages, std::uint32_t maxVideos)
{
    const auto count = [&](wire::Part::ContentCase kind) {
        return static_cast<std::size_t>(std::count_if(attachments.begin(), attachments.end(),
                                                      [&](const Attachment& a) { return a.declared == kind; }));
    };
    if (Result<Done> known = checkCounts(count(wire::Part::kImage), count(wire::Part::kVideo), maxImages, maxVideos);
        !known)
        return known;
    // Whatever the undeclared ones turn out to be, this many cannot all be allowed.
    if (attachments.size() > std::size_t{maxImages} + maxVideos)
        return tooMany(say("too-many-media", attachments.size(), maxImages + maxVideos), "max_images");
    return Done{};
}

Result<Done> checkCounts(std::span<const media::Pixels> pixels, std::uint32_t maxImages, std::uint32_t maxVideos)
{
    const auto videos = static_cast<std::size_t>(std::count_if(
        pixels.begin(), pixels.end(), [](const media::Pixels& p) { return p.kind == media::MediaKind::Video; }));
    return checkCounts(pixels.size() - videos, videos, maxImages, maxVideos);
}

Result<Prompt> buildPrompt(const text::Tokenizer& tokenizer, const model::ModelConfig& config, const wire::Ask& ask,
                           std::span<const media::Pixels> pixels, model::PositionVariant variant)
{
    const std::vector<text::ChatMessage> chat = chatOf(ask, pixels);
    Result<std::vector<text::TokenId>> rendered = text::renderChat(tokenizer, chat);
    if (!rendered)
        return std::move(rendered).error();
    std::vector<std::int64_t> counts;
    std::vector<model::Grid> images;
    std::vector<model::Grid> videos;
    std::vector<double> seconds;
    for (const media::Pixels& item : pixels) {
        counts.push_back(item.tokens());
        const model::Grid grid{item.gridT, item.gridH, item.gridW};
        if (item.kind == media::MediaKind::Video) {
            videos.push_back(grid);
            seconds.push_back(item.secondsPerGrid);
        } else {
            images.push_back(grid);
        }
    }
    Result<std::vector<text::TokenId>> ids = text::expandPads(*rendered, config.imageToken, config.videoToken, counts);
    if (!ids)
        return std::move(ids).error();
    Result<model::Positions> positions = model::ropePositions(config, *ids, images, videos, seconds, variant);
    if (!positions)
        return std::move(positions).error();
    Prompt prompt;
    prompt.vision = visionItems(*ids, config, pixels);
    prompt.ids = std::move(*ids);
    prompt.positions = std::move(*positions);
    return prompt;
}

} // namespace argus::node
