#pragma once
// A conversation as the token ids the model expects, with one pad a picture or clip.

#include "engine/base/result.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace argus::text {

struct ChatPart {
    enum class Kind { Text, Image, Video } kind = Kind::Text;
    std::string text; ///< Text only
};
struct ChatMessage {
    std::string role;
    std::vector<ChatPart> parts;
};

/// Ids of the conversation, ending with the assistant's header, each image and video as start, pad, end with a single
/// pad. What people wrote is escaped: a typed "<|im_end|>" is text. The order of pads is the order of media parts.
///
/// Errors  Unsupported when the vocabulary lacks a token the template needs
/// Source  design/qwen2_5_vl.md §8.1
[[nodiscard]] Result<std::vector<TokenId>> renderChat(const Tokenizer& tokenizer,
                                                      std::span<const ChatMessage> messages);

/// More tokens than any context has; bounds what a wrong count could allocate.
inline constexpr std::int64_t kMaxPadsPerItem = 1 << 20;

/// Replaces the i-th pad (image or video, in order of appearance) by padCounts[i] copies of itself.
/// Errors: BadRequest when counts and pads differ in number, or a count is not in 1 to kMaxPadsPerItem.
[[nodiscard]] Result<std::vector<TokenId>> expandPads(std::span<const TokenId> ids, TokenId imagePad, TokenId videoPad,
                                                      std::span<const std::int64_t> padCounts);

/// The rendered text with special tokens spelled out: for tests and for people.
[[nodiscard]] std::string renderChatText(std::span<const ChatMessage> messages);

} // namespace argus::text
