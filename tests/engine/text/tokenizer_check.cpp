// tokenizer_check TOKENIZER_DIR VECTORS
// Compares the ids of every line of VECTORS ({"text":..., "ids":[...]}, one object a line) with what the tokenizer in
// TOKENIZER_DIR makes of the text, and checks that decoding them gives the text in NFC. Prints each mismatch and a
// count; exit status 1 when anything differs.

#include "engine/text/tokenizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

using argus::text::TokenId;
using argus::text::Tokenizer;

namespace {

std::string nfc(const std::string& text)
{
    UErrorCode status = U_ZERO_ERROR;
    std::string result;
    icu::StringByteSink<std::string> sink(&result);
    icu::Normalizer2::getNFCInstance(status)->normalizeUTF8(0, text, sink, nullptr, status);
    return result;
}

bool check(const Tokenizer& tokenizer, const std::string& text, const std::vector<TokenId>& wanted, std::size_t line)
{
    const std::vector<TokenId> ids = tokenizer.encode(text, Tokenizer::AddedTokens::Recognise);
    if (ids != wanted) {
        fmt::print("line {}: {}\n  wanted {}\n  got    {}\n", line, text, wanted, ids);
        return false;
    }
    const std::string decoded = tokenizer.decode(ids, false);
    // Text is normalised between added tokens, so a combining mark right behind one stays apart from its '>'; elsewhere
    // bytes must agree.
    const bool cut = std::any_of(ids.begin(), ids.end(),
                                 [&](TokenId id) { return tokenizer.addedToken(tokenizer.bytesOf(id)).has_value(); });
    if ((cut ? nfc(decoded) : decoded) != nfc(text)) {
        fmt::print("line {}: {} decodes to {}\n", line, text, decoded);
        return false;
    }
    return true;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3) {
        fmt::print(stderr, "usage: tokenizer_check TOKENIZER_DIR VECTORS\n");
        return 2;
    }
    const auto tokenizer = Tokenizer::load(argv[1]);
    if (!tokenizer) {
        fmt::print(stderr, "{}\n", tokenizer.error().text());
        return 2;
    }
    std::ifstream vectors(argv[2]);
    int passed = 0;
    int failed = 0;
    std::size_t number = 0;
    for (std::string line; std::getline(vectors, line);) {
        const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        const bool usable = json.is_object() && json.contains("text") && json.contains("ids");
        if (!usable)
            fmt::print("line {}: not a vector\n", number + 1);
        (usable && check(**tokenizer, json["text"], json["ids"], ++number) ? passed : failed)++;
    }
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
