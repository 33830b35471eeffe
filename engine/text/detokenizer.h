#pragma once
// Ids to text while they arrive: whole UTF-8 characters only, stop strings withheld.

#include "engine/text/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace argus::text {

/// One answer's stream. Not thread safe; one thread feeds it.
/// Source  design/qwen2_5_vl.md §9.5
class Detokenizer {
public:
    Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stopStrings,
                bool skipSpecial = true);

    struct Piece {
        std::string text; ///< may be empty: a character or a stop string is still open
        bool stopped =
            false; ///< a stop string was completed; `text` ends before it, and everything after it is dropped
    };
    [[nodiscard]] Piece add(TokenId id);
    /// What was withheld, at the end of generation; an incomplete character becomes one U+FFFD.
    [[nodiscard]] std::string finish();

private:
    void takeWhole(bool last);
    [[nodiscard]] Piece release(bool last);
    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::vector<std::string> m_stops;
    bool m_skipSpecial = true;
    bool m_stopped = false;
    std::string m_bytes;   ///< tail that is not yet a whole character
    std::string m_pending; ///< valid text that may become a stop string
};

} // namespace argus::text
