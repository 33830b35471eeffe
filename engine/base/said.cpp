#include "engine/base/said.h"

#include "engine/base/catalogue.h"

#include <algorithm>

namespace argus {

Said::Said(std::string words) : id(words.empty() ? "" : "literal")
{
    if (!words.empty())
        values.push_back({.name = "words", .text = std::move(words)});
}

Said::Said(const char* words) : Said(std::string(words)) {}

bool Said::operator==(const Said& other) const
{
    return id == other.id && values == other.values;
}

const SaidTemplate* findTemplate(std::string_view id)
{
    const auto found =
        std::find_if(kCatalogue.begin(), kCatalogue.end(), [&](const SaidTemplate& each) { return each.id == id; });
    return found == kCatalogue.end() ? nullptr : &*found;
}

std::string english(const Said& said)
{
    const SaidTemplate* const entry = findTemplate(said.id);
    if (entry == nullptr)
        return said.id;
    std::string text;
    forEachPiece(entry->english, [&](std::string_view words, const Placeholder* place) {
        const SaidValue* value = nullptr;
        if (place != nullptr)
            for (const SaidValue& each : said.values)
                value = each.name == place->name ? &each : value;
        if (value == nullptr) {
            text += words;
            return;
        }
        text += value->text;
        for (std::size_t i = 0; i < value->parts.size(); ++i) {
            if (i > 0)
                text += place->between;
            text += english(value->parts[i]);
        }
    });
    return text;
}

} // namespace argus
