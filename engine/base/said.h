#pragma once
// A sentence for people as data: its place in the catalogue and the values of its placeholders. Logs and terminals read
// it in English; the desktop says it in its own language. See engine/base/catalogue.h for how to make one.

#include <string>
#include <string_view>
#include <vector>

namespace argus {

struct SaidValue;

/// Empty `id`: nothing is said.
struct Said {
    Said() = default;
    /// Words that are in no catalogue, as of a library or the operating system: the same in every language.
    Said(std::string words);
    Said(const char* words);

    std::string id; ///< of the catalogue: "clock-ahead"
    std::vector<SaidValue> values;

    [[nodiscard]] bool empty() const { return id.empty(); }
    bool operator==(const Said& other) const;
};

/// What stands for one placeholder: a text, or sentences of the catalogue.
struct SaidValue {
    std::string name;
    std::string text;
    std::vector<Said> parts{}; ///< instead of `text`; several where the template gives what stands between them

    bool operator==(const SaidValue&) const = default;
};

/// The template's words with its values in their places; empty for an empty one. A placeholder that has no value, and
/// an id of another release, stay visible.
[[nodiscard]] std::string english(const Said& said);

} // namespace argus
