#include "gui/chat/message_widget.h"

#include "gui/chat/boxed_picture.h"
#include "gui/chat/media_text.h"
#include "gui/chat/segments.h"
#include "gui/theme/media_frame.h"
#include "gui/theme/theme.h"

#include <QAccessible>
#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QGridLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QToolButton>

#include <algorithm>
#include <numeric>
#include <utility>

namespace argus::gui {

namespace {

constexpr int kThumbnail = 148;       ///< longest side in a question, px
constexpr double kBubbleShare = 0.78; ///< of the width, at most

} // namespace

QuestionWidget::QuestionWidget(QWidget* parent)
    : MessageWidget(parent), m_bubble(new QFrame(this)), m_media(new QGridLayout), m_text(new ProseSegment(m_bubble))
{
    m_bubble->setObjectName(QStringLiteral("questionBubble"));
    m_media->setSpacing(theme::kGap);
    auto* inside = new QVBoxLayout(m_bubble);
    inside->setContentsMargins(14, 10, 14, 10);
    inside->setSpacing(theme::kGap);
    inside->addLayout(m_media);
    inside->addWidget(m_text);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->addStretch(1);
    row->addWidget(m_bubble);
    restyle();
}

void QuestionWidget::showMessage(const Message& message)
{
    m_message = message;
    m_text->setVisible(!message.text.isEmpty());
    m_text->setPlain(message.text);
    showMedia(message.attachments);
    fit();
}

void QuestionWidget::showMedia(const QList<Attachment>& attachments)
{
    for (MediaFrame* frame : std::exchange(m_frames, {})) {
        frame->hide();
        frame->deleteLater();
    }
    for (const Attachment& attachment : attachments) {
        auto* frame = new MediaFrame(m_bubble);
        frame->setMedia(attachment.facts, kThumbnail);
        const QString about = attachment.facts.isKnown()
                                  ? attachment.name + QLatin1Char('\n') + describeMedia(attachment.facts)
                                  : attachment.name;
        frame->setToolTip(about);
        frame->setAccessibleName(about);
        m_frames << frame;
    }
}

/// The bubble is as wide as its longest line or its pictures, up to a share of the chat; pictures go into rows.
void QuestionWidget::fit()
{
    const int most = std::max(kThumbnail + 40, static_cast<int>(width() * kBubbleShare));
    const QMargins margins = m_bubble->layout()->contentsMargins();
    const int frame = margins.left() + margins.right();
    const int columns = std::max(1, (most - frame + theme::kGap) / (kThumbnail + theme::kGap));
    QList<int> widest(columns, 0);
    for (int i = 0; i < static_cast<int>(m_frames.size()); ++i) {
        m_media->addWidget(m_frames[i], i / columns, i % columns, Qt::AlignLeft | Qt::AlignTop);
        widest[i % columns] = std::max(widest[i % columns], m_frames[i]->width());
    }
    const int used = std::min(columns, static_cast<int>(m_frames.size()));
    int inner = std::accumulate(widest.begin(), widest.end(), 0) + std::max(0, used - 1) * theme::kGap;
    if (!m_message.text.isEmpty())
        inner = std::max(inner, m_text->naturalWidth(most - frame));
    m_bubble->setFixedWidth(std::min(most, inner + frame));
}

void QuestionWidget::resizeEvent(QResizeEvent* event)
{
    MessageWidget::resizeEvent(event);
    fit();
}

void QuestionWidget::restyle()
{
    theme::setStyle(*m_bubble, QStringLiteral("#questionBubble { background: %1; border-radius: 14px; }")
                                   .arg(theme::colors().questionBubble.name()));
}

void QuestionWidget::changeEvent(QEvent* event)
{
    MessageWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        restyle();
    else if (event->type() == QEvent::LanguageChange && !m_message.attachments.isEmpty())
        showMedia(m_message.attachments);
}

AnswerWidget::AnswerWidget(QWidget* parent)
    : MessageWidget(parent), m_name(new QLabel(this)), m_segments(new QVBoxLayout), m_phase(new QLabel(this)),
      m_column(new QVBoxLayout(this)), m_footer(new QLabel(this)), m_copy(new QToolButton(this))
{
    m_name->setObjectName(QStringLiteral("answerName"));
    m_phase->setObjectName(QStringLiteral("answerPhase"));
    m_footer->setObjectName(QStringLiteral("answerFooter"));
    m_copy->setObjectName(QStringLiteral("btnCopyAnswer"));
    m_copy->setAutoRaise(true);
    m_copy->setIcon(theme::icon(QStringLiteral("copy"), &theme::Colors::muted));
    QFont bold = m_name->font();
    bold.setBold(true);
    m_name->setFont(bold);
    m_footer->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_footer->setWordWrap(true);

    auto* footer = new QHBoxLayout;
    footer->setContentsMargins(0, 0, 0, 0);
    footer->addWidget(m_copy);
    footer->addWidget(m_footer, 1);
    m_segments->setSpacing(theme::kGap);
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->setSpacing(6);
    m_column->addWidget(m_name);
    m_column->addLayout(m_segments);
    m_column->addWidget(m_phase);
    m_column->addLayout(footer);
    m_copy->hide();
    m_footer->hide();
    connect(m_copy, &QToolButton::clicked, this, [this] { QApplication::clipboard()->setText(m_message.text); });
    restyle();
    retranslate();
}

void AnswerWidget::showMessage(const Message& message)
{
    const bool wasOpen = m_message.state == AnswerState::Waiting || m_message.state == AnswerState::Streaming;
    m_message = message;
    showText(message.text);
    const bool open = message.state == AnswerState::Waiting || message.state == AnswerState::Streaming;
    m_phase->setVisible(message.state == AnswerState::Waiting);
    m_phase->setText(phaseText());
    if (message.state == AnswerState::Failed) {
        if (m_error == nullptr) {
            m_error = new ErrorCard(this);
            m_column->insertWidget(m_column->indexOf(m_phase), m_error);
            connect(m_error, &ErrorCard::retryWanted, this, &MessageWidget::retryWanted);
            connect(m_error, &ErrorCard::editWanted, this, &MessageWidget::editWanted);
        }
        m_error->setTrouble(message.trouble);
        m_error->show();
    }
    m_copy->setVisible(!open && !message.text.isEmpty());
    showFooter();
    if (wasOpen && !open) { // screen readers say it
        QAccessibleEvent alert(this, QAccessible::Alert);
        QAccessible::updateAccessibility(&alert);
    }
}

void AnswerWidget::showText(const QString& text)
{
    const QList<MarkdownBlock> blocks = splitMarkdown(text);
    for (qsizetype i = 0; i < blocks.size(); ++i) {
        const MarkdownBlock& block = blocks[i];
        const bool code = block.kind == MarkdownBlock::Kind::Code;
        QWidget* present = i < m_widgets.size() ? m_widgets[i] : nullptr;
        if (present != nullptr && (qobject_cast<CodeSegment*>(present) != nullptr) != code) {
            while (m_widgets.size() > i) { // the text changed its shape from here on
                QWidget* gone = m_widgets.takeLast();
                gone->hide();
                gone->deleteLater();
            }
            present = nullptr;
        }
        if (present == nullptr) {
            present = code ? static_cast<QWidget*>(new CodeSegment(this)) : new ProseSegment(this);
            m_segments->addWidget(present);
            m_widgets << present;
        }
        if (code)
            static_cast<CodeSegment*>(present)->setCode(block.text, block.language);
        else
            static_cast<ProseSegment*>(present)->setProse(block.text);
    }
    while (m_widgets.size() > blocks.size()) {
        QWidget* gone = m_widgets.takeLast();
        gone->hide();
        gone->deleteLater();
    }
    showBoxes(text);
    setAccessibleName(tr("Answer"));
    setAccessibleDescription(text);
}

/// Boxes in the answer are drawn on the picture, when it is clear which one is meant.
void AnswerWidget::showBoxes(const QString& text)
{
    QList<NamedBox> boxes;
    const MediaFacts facts = m_message.attachments.value(0).facts;
    if (facts.isKnown() && !facts.video && !facts.thumbnail.isNull())
        for (const MarkdownBlock& block : splitMarkdown(text))
            if (block.kind == MarkdownBlock::Kind::Code && block.closed)
                boxes << boxesIn(block.text);
    if (m_boxes == nullptr && !boxes.isEmpty()) {
        m_boxes = new BoxedPicture(this);
        m_column->insertWidget(m_column->indexOf(m_phase), m_boxes);
    }
    if (boxes.isEmpty() && m_boxes != nullptr)
        m_boxes->hide();
    else if (!boxes.isEmpty() && boxes != m_boxes->boxes())
        m_boxes->show(facts, boxes);
}

QString AnswerWidget::phaseText() const
{
    const QLocale locale;
    switch (m_message.phase) {
    case AskPhase::Sending:
        return tr("Sending…");
    case AskPhase::Queued:
        return m_message.done > 0 ? tr("Waiting: number %1 in line").arg(m_message.done) : tr("Waiting for its turn…");
    case AskPhase::ReadingMedia:
        return m_message.total > 1 ? tr("Looking at attachment %1 of %2…")
                                         .arg(std::min(m_message.done + 1, m_message.total))
                                         .arg(m_message.total)
                                   : tr("Looking at the attachment…");
    case AskPhase::Prompt:
        return m_message.total > 0 ? tr("Reading the prompt: %1 of %2 tokens")
                                         .arg(locale.toString(m_message.done), locale.toString(m_message.total))
                                   : tr("Reading the prompt…");
    case AskPhase::Answering:
        return tr("Answering…");
    }
    return {};
}

void AnswerWidget::showFooter()
{
    const QLocale locale;
    const AnswerStats& stats = m_message.stats;
    QStringList parts;
    if (m_message.state == AnswerState::Stopped)
        parts << tr("Stopped");
    if (m_message.state == AnswerState::LengthLimit)
        parts << tr("Cut off at the longest answer allowed");
    if (stats.answerTokens > 0) {
        parts << tr("first token after %1 s").arg(locale.toString(stats.secondsToFirstToken, 'f', 2));
        if (stats.tokensPerSecond > 0)
            parts << tr("%1 tokens/s").arg(locale.toString(stats.tokensPerSecond, 'f', 1));
        parts << tr("%Ln token(s)", "length of the answer", stats.answerTokens);
        parts << tr("prompt %Ln token(s)", "length of the prompt", stats.promptTokens);
    }
    m_footer->setText(parts.join(QStringLiteral(" · ")));
    m_footer->setVisible(!parts.isEmpty());
}

void AnswerWidget::restyle()
{
    QPalette muted = palette();
    muted.setColor(QPalette::WindowText, theme::colors().muted);
    m_footer->setPalette(muted);
    m_phase->setPalette(muted);
    QPalette accent = palette();
    accent.setColor(QPalette::WindowText, theme::colors().accent);
    m_name->setPalette(accent);
}

void AnswerWidget::retranslate()
{
    m_name->setText(tr("Argus"));
    m_copy->setToolTip(tr("Copy answer"));
    m_copy->setAccessibleName(tr("Copy answer"));
    m_phase->setText(phaseText());
    showFooter();
}

void AnswerWidget::changeEvent(QEvent* event)
{
    MessageWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

ErrorCard::ErrorCard(QWidget* parent)
    : QFrame(parent), m_title(new QLabel(this)), m_cause(new QLabel(this)), m_remedy(new QLabel(this)),
      m_retry(new QPushButton(this)), m_edit(new QPushButton(this)), m_copy(new QPushButton(this))
{
    setObjectName(QStringLiteral("errorCard"));
    m_title->setObjectName(QStringLiteral("errorTitle"));
    m_retry->setObjectName(QStringLiteral("btnRetry"));
    m_edit->setObjectName(QStringLiteral("btnEditQuestion"));
    m_copy->setObjectName(QStringLiteral("btnCopyDetails"));
    QFont bold = m_title->font();
    bold.setBold(true);
    m_title->setFont(bold);
    for (QLabel* label : {m_title, m_cause, m_remedy}) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    }
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_retry);
    buttons->addWidget(m_edit);
    buttons->addWidget(m_copy);
    buttons->addStretch();
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 12, 14, 12);
    column->addWidget(m_title);
    column->addWidget(m_cause);
    column->addWidget(m_remedy);
    column->addLayout(buttons);
    connect(m_retry, &QPushButton::clicked, this, &ErrorCard::retryWanted);
    connect(m_edit, &QPushButton::clicked, this, &ErrorCard::editWanted);
    connect(m_copy, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(QStringLiteral("%1: %2\n%3")
                                               .arg(m_trouble.code, m_trouble.cause.text(), m_trouble.remedy.text())
                                               .trimmed());
    });
    restyle();
}

QString ErrorCard::titleOf(const QString& code)
{
    static const QList<std::pair<const char*, const char*>> titles{
        {"BadRequest", QT_TR_NOOP("This cannot be asked like that")},
        {"Corrupt", QT_TR_NOOP("A file cannot be read")},
        {"Unsupported", QT_TR_NOOP("This is not supported")},
        {"TooLarge", QT_TR_NOOP("This is too large")},
        {"NotFound", QT_TR_NOOP("Something is missing")},
        {"DoesNotFit", QT_TR_NOOP("This does not fit into memory or context")},
        {"DoesNotDivide", QT_TR_NOOP("The model cannot be split this way")},
        {"Denied", QT_TR_NOOP("Not allowed")},
        {"Unreachable", QT_TR_NOOP("The head does not answer")},
        {"Timeout", QT_TR_NOOP("It took too long")},
        {"Cancelled", QT_TR_NOOP("Stopped")},
        {"Crashed", QT_TR_NOOP("The engine stopped unexpectedly")},
        {"Busy", QT_TR_NOOP("The engine is busy")},
        {"Io", QT_TR_NOOP("Reading or writing failed")},
    };
    for (const auto& [name, title] : titles)
        if (code == QLatin1String(name))
            return tr(title);
    return tr("Something went wrong");
}

void ErrorCard::setTrouble(const Trouble& trouble)
{
    m_trouble = trouble;
    retranslate();
}

void ErrorCard::retranslate()
{
    m_title->setText(titleOf(m_trouble.code));
    m_cause->setText(m_trouble.cause.text());
    m_remedy->setText(m_trouble.remedy.isEmpty() ? QString() : tr("What to do: %1").arg(m_trouble.remedy.text()));
    m_remedy->setVisible(!m_trouble.remedy.isEmpty());
    m_retry->setText(tr("Try again"));
    m_edit->setText(tr("Edit the question"));
    m_copy->setText(tr("Copy details"));
    setAccessibleName(m_title->text());
    setAccessibleDescription(m_trouble.cause.text());
}

void ErrorCard::restyle()
{
    const theme::Colors& c = theme::colors();
    theme::setStyle(
        *this, QStringLiteral("#errorCard { background: %1; border-radius: 10px; } #errorCard QLabel { color: %2; }")
                   .arg(c.alert.name(), c.alertText.name()));
}

void ErrorCard::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

} // namespace argus::gui
