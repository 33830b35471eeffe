#include "engine/text/chat_template.h"

#include "engine/base/catalogue.h"

#include <algorithm>
#include <array>
#include <functional>

namespace argus::text {
namespace {

constexpr std::string_view kDefaultSystemPrompt = "You are a helpful assistant.";
constexpr std::string_view kMessageStart = "<|im_start|>";
constexpr std::string_view kMessageEnd = "<|im_end|>";
constexpr std::string_view kVisionStart = "<|vision_start|>";
constexpr std::string_view kVisionEnd = "<|vision_end|>";
constexpr std::string_view kImagePad = "<|image_pad|>";
constexpr std::string_view kVideoPad = "<|video_pad|>";

/// Takes a conversation in order: markers of the template, the template's own words, and what people wrote.
struct Sink {
    std::function<void(std::string_view)> marker;
    std::function<void(std::string_view)> words; ///< of the template: recognised like any text around markers
    std::function<void(std::string_view)> typed; ///< of people: never a marker
};

/// The template, once for both outputs. Source: design/qwen2_5_vl.md §8.1
void walkChat(std::span<const ChatMessage> messages, const Sink& sink)
{
    const auto open = [&](std::string_view role) {
        sink.marker(kMessageStart);
        sink.words(std::string(role) + "\n");
    };
    const auto close = [&] {
        sink.marker(kMessageEnd);
        sink.words("\n");
    };
    if (!messages.empty() && messages.front().role != "system") {
        open("system");
        sink.words(kDefaultSystemPrompt);
        close();
    }
    for (const ChatMessage& message : messages) {
        sink.marker(kMessageStart);
        sink.typed(message.role);
        sink.words("\n");
        for (const ChatPart& part : message.parts) {
            if (part.kind == ChatPart::Kind::Text) {
                sink.typed(part.text);
                continue;
            }
            sink.marker(kVisionStart);
            sink.marker(part.kind == ChatPart::Kind::Image ? kImagePad : kVideoPad);
            sink.marker(kVisionEnd);
        }
        close();
    }
    open("assistant");
}

} // namespace

std::string renderChatText(std::span<const ChatMessage> messages)
{
    std::string text;
    const auto append = [&](std::string_view part) { text += part; };
    walkChat(messages, {.marker = append, .words = append, .typed = append});
    return text;
}

Result<std::vector<TokenId>> renderChat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages)
{
    for (const std::string_view marker : {kMessageStart, kMessageEnd, kVisionStart, kVisionEnd, kImagePad, kVideoPad})
        if (!tokenizer.addedToken(marker))
            return makeError(ErrorCode::Unsupported, say("template-token-missing", marker),
                             say("do-published-tokenizer"));
    std::vector<TokenId> ids;
    // Text between two markers is tokenised as one: a merge may cross from the template's newline into what people
    // wrote.
    std::string plain;
    const auto text = [&](std::string_view part) { plain += part; };
    const auto flush = [&] {
        tokenizer.encode(plain, Tokenizer::AddedTokens::Escape, ids);
        plain.clear();
    };
    const auto marker = [&](std::string_view name) {
        flush();
        ids.push_back(*tokenizer.addedToken(name));
    };
    walkChat(messages, {.marker = marker, .words = text, .typed = text});
    flush();
    return ids;
}

Result<std::vector<TokenId>> expandPads(std::span<const TokenId> ids, TokenId imagePad, TokenId videoPad,
                                        std::span<const std::int64_t> padCounts)
{
    const auto isPad = [&](TokenId id) { return id == imagePad || id == videoPad; };
    const auto pads = static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), isPad));
    if (pads != padCounts.size())
        return makeError(ErrorCode::BadRequest, say("places-differ", pads, padCounts.size()), say("do-attach-once"));
    std::vector<TokenId> expanded;
    std::size_t item = 0;
    for (const TokenId id : ids) {
        if (!isPad(id)) {
            expanded.push_back(id);
            continue;
        }
        const std::int64_t count = padCounts[item++];
        if (count < 1 || count > kMaxPadsPerItem)
            return makeError(ErrorCode::BadRequest, say("item-too-large", item, count, kMaxPadsPerItem),
                             say("do-smaller-item"));
        expanded.insert(expanded.end(), static_cast<std::size_t>(count), id);
    }
    return expanded;
}

} // namespace argus::text
