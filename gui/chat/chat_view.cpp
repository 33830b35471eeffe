#include "gui/chat/chat_view.h"

#include "gui/chat/message_widget.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QPushButton>
#include <QScrollBar>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace argus::gui {

namespace {

constexpr int kReadableWidth = 860; ///< px

} // namespace

ChatView::ChatView(TranscriptModel& model, QWidget* parent)
    : QScrollArea(parent), m_model(model), m_earlier(new QPushButton), m_newText(new QPushButton(this))
{
    setObjectName(QStringLiteral("chatView"));
    setFrameShape(QFrame::NoFrame);
    setWidgetResizable(true);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* inside = new QWidget;
    m_column = new QVBoxLayout(inside);
    m_column->setSpacing(20);
    m_column->setContentsMargins(theme::kWideGap, theme::kWideGap, theme::kWideGap, theme::kWideGap);
    m_column->addWidget(m_earlier, 0, Qt::AlignHCenter);
    m_column->addStretch(1);
    setWidget(inside); // takes ownership
    m_earlier->setObjectName(QStringLiteral("btnEarlier"));
    m_newText->setObjectName(QStringLiteral("btnNewText"));
    m_newText->setIcon(theme::icon(QStringLiteral("down")));
    m_newText->setFocusPolicy(Qt::TabFocus);
    m_newText->hide();

    m_flushTimer.setSingleShot(true);
    m_flushTimer.setInterval(kFlushMs);
    connect(&m_flushTimer, &QTimer::timeout, this, &ChatView::flush);
    connect(m_earlier, &QPushButton::clicked, this, [this] {
        m_atEnd = false;
        rebuild(static_cast<int>(m_messages.size()) + kMore);
    });
    connect(m_newText, &QPushButton::clicked, this, &ChatView::scrollToEnd);
    connect(verticalScrollBar(), &QScrollBar::rangeChanged, this, &ChatView::follow);
    connect(verticalScrollBar(), &QScrollBar::valueChanged, this, [this](int value) {
        m_atEnd = verticalScrollBar()->maximum() - value <= kNearTheEnd;
        if (m_atEnd)
            m_newText->hide();
    });
    connect(&model, &TranscriptModel::rowsInserted, this,
            [this](const QModelIndex&, int first, int last) { insert(first, last); });
    connect(&model, &TranscriptModel::rowsRemoved, this,
            [this](const QModelIndex&, int first, int last) { remove(first, last); });
    connect(&model, &TranscriptModel::modelReset, this, [this] { rebuild(kShown); });
    connect(&model, &TranscriptModel::dataChanged, this, [this](const QModelIndex& first, const QModelIndex& last) {
        for (int row = first.row(); row <= last.row(); ++row)
            m_dirty.insert(row);
        if (!m_flushTimer.isActive())
            m_flushTimer.start();
    });
    retranslate();
    rebuild(kShown);
}

MessageWidget* ChatView::message(int row) const
{
    return m_messages.value(row - m_first, nullptr);
}

void ChatView::insert(int first, int last)
{
    for (int row = first; row <= last; ++row) {
        const Message& message = m_model.at(row);
        MessageWidget* widget = message.kind == Message::Kind::Question
                                    ? static_cast<MessageWidget*>(new QuestionWidget)
                                    : new AnswerWidget;
        connect(widget, &MessageWidget::retryWanted, this, &ChatView::retryWanted);
        connect(widget, &MessageWidget::editWanted, this, &ChatView::editWanted);
        m_messages.insert(row - m_first, widget);
        m_column->insertWidget(row - m_first + 1, widget); // after the button; the column owns it
        widget->showMessage(message);
        if (message.kind == Message::Kind::Question)
            m_atEnd = true; // whoever asks wants to see the answer
    }
    while (m_messages.size() > kShown + kMore && m_atEnd) {
        m_messages.takeFirst()->deleteLater();
        ++m_first;
    }
    m_earlier->setVisible(m_first > 0);
    follow();
}

void ChatView::remove(int first, int last)
{
    for (int row = last; row >= std::max(first, m_first); --row) {
        MessageWidget* gone = m_messages.takeAt(row - m_first);
        gone->hide();
        gone->deleteLater(); // its own button may have asked for this
    }
    m_dirty.clear();
    for (int row = m_first; row < m_model.rowCount(); ++row)
        m_dirty.insert(row);
    m_flushTimer.start();
}

void ChatView::rebuild(int shown)
{
    for (MessageWidget* gone : std::exchange(m_messages, {})) {
        gone->hide();
        gone->deleteLater();
    }
    m_dirty.clear();
    m_first = std::max(0, m_model.rowCount() - shown);
    if (m_first < m_model.rowCount())
        insert(m_first, m_model.rowCount() - 1);
    m_earlier->setVisible(m_first > 0);
}

void ChatView::flush()
{
    for (const int row : std::exchange(m_dirty, {}))
        if (MessageWidget* widget = message(row); widget != nullptr && row < m_model.rowCount())
            widget->showMessage(m_model.at(row));
    if (!m_atEnd)
        m_newText->show();
    placeButton();
    emit repainted();
}

void ChatView::follow()
{
    if (m_atEnd)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
}

void ChatView::scrollToEnd()
{
    m_newText->hide(); // first: a focus it may have goes elsewhere, which scrolls
    m_atEnd = true;
    follow();
}

int ChatView::sideMargin(int width)
{
    return std::max(theme::kWideGap, (width - kReadableWidth) / 2);
}

void ChatView::placeButton()
{
    m_newText->adjustSize();
    m_newText->move((viewport()->width() - m_newText->width()) / 2,
                    viewport()->height() - m_newText->height() - theme::kGap);
    m_newText->raise();
}

void ChatView::resizeEvent(QResizeEvent* event)
{
    QScrollArea::resizeEvent(event);
    const int side = sideMargin(width());
    m_column->setContentsMargins(side, theme::kWideGap, side, theme::kWideGap);
    placeButton();
}

void ChatView::retranslate()
{
    setAccessibleName(tr("Conversation"));
    m_earlier->setText(tr("Show earlier messages"));
    m_newText->setText(tr("New text"));
    placeButton();
}

void ChatView::changeEvent(QEvent* event)
{
    QScrollArea::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
}

} // namespace argus::gui
