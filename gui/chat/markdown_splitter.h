#pragma once
// Cuts an answer into pieces that are rendered by themselves, so that a growing answer renders only its tail.

#include <QList>
#include <QString>

namespace argus::gui {

struct MarkdownBlock {
    enum class Kind { Prose, Code };
    Kind kind = Kind::Prose;
    QString text;       ///< prose: Markdown; code: what stands between the fences
    QString language;   ///< of code, as written after the fence
    bool closed = true; ///< more text can no longer change it

    bool operator==(const MarkdownBlock&) const = default;
};

/// Prose is cut at blank lines where no list, table or quote goes on, into pieces of some kProsePiece characters;
/// fenced code is a block of its own, also while its end is missing. Pure and linear; a longer text with the same
/// beginning gives the same closed blocks.
[[nodiscard]] QList<MarkdownBlock> splitMarkdown(const QString& text);

inline constexpr qsizetype kProsePiece = 1500; ///< characters: renders in about 2 ms

/// The model's own marks for people: `<|box_start|>(1,2),(3,4)<|box_end|>` and `<box>` become the corners in brackets,
/// `<ref>` disappears. Text in code is left as it is by splitting first.
[[nodiscard]] QString withoutModelMarks(const QString& prose);

} // namespace argus::gui
