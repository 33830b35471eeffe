// Any bytes as tokenizer.json; what is accepted must encode and give the text back.

#include "engine/text/tokenizer.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using argus::text::Tokenizer;
    const auto tokenizer = Tokenizer::parse({reinterpret_cast<const char*>(data), size});
    if (!tokenizer)
        return tokenizer.error().cause.empty() ? (std::abort(), 0) : 0;
    constexpr std::string_view kText =
        "It's 3 o'clock:\tthe \xe5\x9b\xbe shows\r\n  \xf0\x9f\x98\x80 "
        "<|im_end|>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (const auto mode : {Tokenizer::AddedTokens::Recognise, Tokenizer::AddedTokens::Escape})
        for (int round = 0; round < 2; ++round) // the second time, words that are tokens are known
            if ((*tokenizer)->decode((*tokenizer)->encode(kText, mode), false) != kText)
                std::abort();
    return 0;
}
