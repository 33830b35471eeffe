#include "gui/chat/segments.h"

#include "gui/theme/theme.h"

#include <QAbstractTextDocumentLayout>
#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QEvent>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextTable>
#include <QToolButton>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace argus::gui {

namespace {

constexpr qsizetype kMostCodeShown = 200'000; ///< characters; more is cut with a line that says so

/// What Qt 6.4's Markdown leaves plain: borders of tables, air between lines, a background for inline code.
void dress(QTextDocument& document)
{
    for (QTextFrame* frame : document.rootFrame()->childFrames()) {
        auto* table = qobject_cast<QTextTable*>(frame);
        if (table == nullptr)
            continue;
        QTextTableFormat format = table->format();
        format.setBorder(1);
        format.setBorderCollapse(true);
        format.setBorderBrush(theme::colors().line);
        format.setCellPadding(5);
        format.setCellSpacing(0);
        table->setFormat(format);
    }
    for (QTextBlock block = document.begin(); block.isValid(); block = block.next()) {
        QTextCursor cursor(block);
        QTextBlockFormat format;
        format.setLineHeight(118, QTextBlockFormat::ProportionalHeight);
        cursor.mergeBlockFormat(format);
        for (auto at = block.begin(); !at.atEnd(); ++at) {
            if (!at.fragment().charFormat().fontFixedPitch())
                continue;
            QTextCursor piece(&document);
            piece.setPosition(at.fragment().position());
            piece.setPosition(at.fragment().position() + at.fragment().length(), QTextCursor::KeepAnchor);
            QTextCharFormat code;
            code.setBackground(theme::colors().code);
            piece.mergeCharFormat(code);
        }
    }
}

} // namespace

ProseSegment::ProseSegment(QWidget* parent) : QTextBrowser(parent)
{
    setFrameShape(QFrame::NoFrame);
    setOpenLinks(false);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAcceptDrops(false);
    setUndoRedoEnabled(false);
    viewport()->setAutoFillBackground(false);
    setTextInteractionFlags(Qt::TextBrowserInteraction | Qt::TextSelectableByKeyboard);
    connect(this, &QTextBrowser::anchorClicked, this, &ProseSegment::follow);
}

void ProseSegment::setProse(const QString& markdown)
{
    if (m_isMarkdown && markdown == m_markdown)
        return;
    m_markdown = markdown;
    m_isMarkdown = true;
    // Rendered apart from the widget: laid out once, instead of again after every block.
    auto* fresh = new QTextDocument(this);
    fresh->setUndoRedoEnabled(false);
    fresh->setDefaultFont(font());
    fresh->setDocumentMargin(0);
    fresh->setMarkdown(withoutModelMarks(markdown),
                       QTextDocument::MarkdownFeatures(QTextDocument::MarkdownDialectGitHub) |
                           QTextDocument::MarkdownNoHTML);
    dress(*fresh);
    adoptDocument(fresh);
}

void ProseSegment::setPlain(const QString& text)
{
    m_markdown = text;
    m_isMarkdown = false;
    auto* fresh = new QTextDocument(this);
    fresh->setUndoRedoEnabled(false);
    fresh->setDefaultFont(font());
    fresh->setDocumentMargin(0);
    fresh->setPlainText(text);
    adoptDocument(fresh);
}

void ProseSegment::adoptDocument(QTextDocument* fresh)
{
    QTextDocument* old = document();
    const bool ours = old->parent() == this; // the first one belongs to the text control, which deletes it
    setDocument(fresh);
    if (ours)
        old->deleteLater();
    setAccessibleName(fresh->toPlainText());
    fitHeight();
}

int ProseSegment::naturalWidth(int most) const
{
    QTextDocument* copy = document();
    const qreal before = copy->textWidth();
    copy->setTextWidth(most);
    const qreal ideal = copy->idealWidth();
    copy->setTextWidth(before);
    return std::min(most, static_cast<int>(std::ceil(ideal)) + 1);
}

QVariant ProseSegment::loadResource(int, const QUrl&)
{
    // Never empty-handed: for nothing, Qt's image handler falls back to opening the URL as a file by itself.
    static const QImage placeholder = theme::icon(QStringLiteral("broken")).pixmap(QSize(20, 20)).toImage();
    return placeholder;
}

QSize ProseSegment::sizeHint() const
{
    return {200, height()};
}

QSize ProseSegment::minimumSizeHint() const
{
    return {40, 10};
}

void ProseSegment::fitHeight()
{
    document()->setTextWidth(viewport()->width());
    const int wanted = std::max(1, static_cast<int>(std::ceil(document()->size().height())));
    if (wanted != minimumHeight() || wanted != maximumHeight())
        setFixedHeight(wanted);
}

void ProseSegment::resizeEvent(QResizeEvent* event)
{
    QTextBrowser::resizeEvent(event);
    fitHeight();
}

void ProseSegment::wheelEvent(QWheelEvent* event)
{
    event->ignore(); // the chat scrolls, not a message
}

void ProseSegment::changeEvent(QEvent* event)
{
    QTextBrowser::changeEvent(event);
    if ((event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) && !m_markdown.isEmpty()) {
        const QString again = std::exchange(m_markdown, QString());
        m_isMarkdown ? setProse(again) : setPlain(again);
    }
}

void ProseSegment::follow(const QUrl& link)
{
    const QString scheme = link.scheme();
    if (scheme != QLatin1String("http") && scheme != QLatin1String("https") && scheme != QLatin1String("mailto"))
        return;
    auto* question = new QMessageBox(QMessageBox::Question, tr("Open link"), tr("Open this link in the browser?"),
                                     QMessageBox::Open | QMessageBox::Cancel, window());
    question->setInformativeText(link.toDisplayString());
    question->setAttribute(Qt::WA_DeleteOnClose);
    connect(question, &QMessageBox::accepted, question, [link] { QDesktopServices::openUrl(link); });
    question->open();
}

CodeSegment::CodeSegment(QWidget* parent)
    : QFrame(parent), m_title(new QLabel(this)), m_copy(new QToolButton(this)), m_text(new QPlainTextEdit(this))
{
    setObjectName(QStringLiteral("codeSegment"));
    m_copy->setObjectName(QStringLiteral("btnCopyCode"));
    m_copy->setAutoRaise(true);
    m_copy->setIcon(theme::icon(QStringLiteral("copy")));
    m_copy->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_text->setReadOnly(true);
    m_text->setFrameShape(QFrame::NoFrame);
    m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
    m_text->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setTabStopDistance(4 * m_text->fontMetrics().horizontalAdvance(QLatin1Char(' ')));
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_text->setAcceptDrops(false);
    m_text->document()->setDocumentMargin(theme::kGap);
    m_text->viewport()->setAutoFillBackground(false);

    auto* header = new QHBoxLayout;
    header->setContentsMargins(theme::kGap, 2, 2, 0);
    header->addWidget(m_title);
    header->addStretch();
    header->addWidget(m_copy);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(2, 2, 2, 2);
    column->setSpacing(0);
    column->addLayout(header);
    column->addWidget(m_text);

    connect(m_copy, &QToolButton::clicked, this, [this] { QApplication::clipboard()->setText(code()); });
    restyle();
    retranslate();
}

QString CodeSegment::code() const
{
    return m_text->toPlainText();
}

void CodeSegment::setCode(const QString& code, const QString& language)
{
    if (language != m_language) {
        m_language = language;
        retranslate();
    }
    const QString shown = code.size() <= kMostCodeShown ? code : code.left(kMostCodeShown) + QLatin1String("\n…");
    const QString present = m_text->toPlainText();
    if (shown == present)
        return;
    if (shown.startsWith(present)) { // while it streams: no second layout of what is there
        QTextCursor end(m_text->document());
        end.movePosition(QTextCursor::End);
        end.insertText(shown.mid(present.size()));
    } else {
        m_text->setPlainText(shown);
    }
    fitHeight();
}

void CodeSegment::fitHeight()
{
    const int lines = std::max(1, m_text->document()->blockCount());
    const int line = m_text->fontMetrics().lineSpacing();
    const int bar = m_text->horizontalScrollBar()->sizeHint().height();
    m_text->setFixedHeight(lines * line + 2 * theme::kGap + bar);
}

void CodeSegment::restyle()
{
    const theme::Colors& c = theme::colors();
    theme::setStyle(*this, QStringLiteral("#codeSegment { background: %1; border: 1px solid %2; border-radius: 8px; }"
                                          "#codeSegment QPlainTextEdit { background: transparent; }"
                                          "#codeSegment QLabel { color: %3; }")
                               .arg(c.code.name(), c.line.name(), c.muted.name()));
}

void CodeSegment::retranslate()
{
    m_title->setText(m_language.isEmpty() ? tr("Code") : m_language);
    m_copy->setText(tr("Copy"));
    m_copy->setAccessibleName(tr("Copy code"));
    m_text->setAccessibleName(tr("Code"));
}

void CodeSegment::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

} // namespace argus::gui
