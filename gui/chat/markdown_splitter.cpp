#include "gui/chat/markdown_splitter.h"

#include <QRegularExpression>

namespace argus::gui {

namespace {

/// A fence that opens code: up to three spaces, then at least three of ` or ~.
struct Fence {
    QChar mark;
    qsizetype length = 0; ///< 0: no fence
    QString info;
};

Fence fenceOf(QStringView line)
{
    qsizetype at = 0;
    while (at < line.size() && at < 4 && line[at] == QLatin1Char(' '))
        ++at;
    if (at > 3 || at >= line.size() || (line[at] != QLatin1Char('`') && line[at] != QLatin1Char('~')))
        return {};
    const QChar mark = line[at];
    const qsizetype begin = at;
    while (at < line.size() && line[at] == mark)
        ++at;
    const QStringView info = line.mid(at).trimmed();
    if (at - begin < 3 || (mark == QLatin1Char('`') && info.contains(QLatin1Char('`'))))
        return {};
    return {mark, at - begin, info.toString()};
}

bool closes(const Fence& open, QStringView line)
{
    const Fence fence = fenceOf(line);
    return fence.length >= open.length && fence.mark == open.mark && fence.info.isEmpty();
}

/// Whether a line after a blank one continues what stood before it: a list, an indented paragraph, a table or a quote.
bool continues(QStringView line)
{
    static const QRegularExpression start(QStringLiteral("^(\\s|[-*+]\\s|\\d{1,9}[.)]\\s|>|\\|)"));
    return line.isEmpty() || start.match(line.toString()).hasMatch();
}

class Splitter {
public:
    QList<MarkdownBlock> split(const QString& text)
    {
        qsizetype at = 0;
        while (at < text.size()) {
            const qsizetype end = text.indexOf(QLatin1Char('\n'), at);
            const bool complete = end >= 0;
            take(QStringView(text).mid(at, (complete ? end : text.size()) - at), complete);
            at = complete ? end + 1 : text.size();
        }
        if (m_inCode)
            m_blocks << MarkdownBlock{MarkdownBlock::Kind::Code, m_code, m_fence.info, false};
        else
            closeProse(false);
        return m_blocks;
    }

private:
    void take(QStringView line, bool complete)
    {
        if (m_inCode) {
            if (closes(m_fence, line))
                closeCode();
            else
                m_code += line.toString() + (complete ? QStringLiteral("\n") : QString());
            return;
        }
        if (const Fence fence = fenceOf(line); fence.length > 0) {
            closeProse(true);
            m_inCode = true;
            m_fence = fence;
            return;
        }
        if (m_blank && m_prose.size() >= kProsePiece && complete && !continues(line))
            closeProse(true);
        m_blank = line.trimmed().isEmpty();
        m_prose += line.toString() + (complete ? QStringLiteral("\n") : QString());
    }

    void closeProse(bool closed)
    {
        if (!m_prose.trimmed().isEmpty())
            m_blocks << MarkdownBlock{MarkdownBlock::Kind::Prose, m_prose, {}, closed};
        m_prose.clear();
        m_blank = false;
    }

    void closeCode()
    {
        if (m_code.endsWith(QLatin1Char('\n')))
            m_code.chop(1);
        m_blocks << MarkdownBlock{MarkdownBlock::Kind::Code, m_code, m_fence.info, true};
        m_code.clear();
        m_inCode = false;
    }

    QList<MarkdownBlock> m_blocks;
    QString m_prose;
    QString m_code;
    Fence m_fence;
    bool m_inCode = false;
    bool m_blank = false;
};

} // namespace

QList<MarkdownBlock> splitMarkdown(const QString& text)
{
    return Splitter().split(text);
}

QString withoutModelMarks(const QString& prose)
{
    static const QRegularExpression box(
        QStringLiteral("(?:<\\|box_start\\|>|<box>)\\s*(\\([^<>]*\\))\\s*(?:<\\|box_end\\|>|</box>)"));
    static const QRegularExpression names(QStringLiteral("<\\|(?:object_ref|quad|box)_(?:start|end)\\|>|</?ref>"));
    QString text = prose;
    text.replace(box, QStringLiteral("[\\1]"));
    text.remove(names);
    return text;
}

} // namespace argus::gui
