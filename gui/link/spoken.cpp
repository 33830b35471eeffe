#include "gui/link/spoken.h"

#include "engine/base/catalogue.h"

#include <QCoreApplication>

#include <algorithm>
#include <optional>

namespace argus::gui {

namespace {

/// Nothing where this release has no such sentence, or its head has not said all that the sentence needs.
std::optional<std::string> translated(const Said& said)
{
    const SaidTemplate* const entry = findTemplate(said.id);
    if (entry == nullptr)
        return std::nullopt;
    const std::string words = QCoreApplication::translate("Said", entry->english).toStdString();
    std::optional<std::string> whole(std::in_place);
    forEachPiece(words, [&](std::string_view piece, const Placeholder* place) {
        if (!whole)
            return;
        if (place == nullptr) {
            *whole += piece;
            return;
        }
        const auto value = std::find_if(said.values.begin(), said.values.end(),
                                        [&](const SaidValue& each) { return each.name == place->name; });
        if (value == said.values.end()) {
            whole.reset();
            return;
        }
        *whole += value->text;
        for (std::size_t i = 0; whole && i < value->parts.size(); ++i) {
            const std::optional<std::string> part = translated(value->parts[i]);
            if (part)
                *whole += (i > 0 ? std::string(place->between) : std::string()) + *part;
            else
                whole.reset();
        }
    });
    return whole;
}

void replaceIn(Said& said, const std::string& before, const std::string& after)
{
    for (SaidValue& value : said.values) {
        for (std::size_t at = value.text.find(before); at != std::string::npos;
             at = value.text.find(before, at + after.size()))
            value.text.replace(at, before.size(), after);
        for (Said& part : value.parts)
            replaceIn(part, before, after);
    }
}

} // namespace

Spoken::Spoken(QString english, Said said) : m_english(std::move(english)), m_said(std::move(said)) {}

QString Spoken::text() const
{
    const std::optional<std::string> words = m_said.empty() ? std::nullopt : translated(m_said);
    return words ? QString::fromStdString(*words) : m_english;
}

void Spoken::replace(const QString& before, const QString& after)
{
    m_english.replace(before, after);
    if (!before.isEmpty())
        replaceIn(m_said, before.toStdString(), after.toStdString());
}

} // namespace argus::gui
