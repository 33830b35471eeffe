#include "gui/chat/tray_view.h"

#include "gui/chat/media_text.h"
#include "gui/chat/message_widget.h"
#include "gui/theme/media_frame.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QScrollBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

constexpr int kThumbnail = 48;
constexpr int kTextWidth = 190;

} // namespace

AttachmentChip::AttachmentChip(QWidget* parent)
    : QFrame(parent), m_picture(new MediaFrame(this)), m_name(new QLabel(this)), m_about(new QLabel(this)),
      m_progress(new QProgressBar(this)), m_retry(new QToolButton(this)), m_remove(new QToolButton(this))
{
    setObjectName(QStringLiteral("attachmentChip"));
    m_name->setObjectName(QStringLiteral("chipName"));
    m_about->setObjectName(QStringLiteral("chipAbout"));
    m_retry->setObjectName(QStringLiteral("btnRetryAttachment"));
    m_retry->setIcon(theme::icon(QStringLiteral("regenerate")));
    m_retry->setAutoRaise(true);
    m_retry->hide();
    m_remove->setObjectName(QStringLiteral("btnRemoveAttachment"));
    m_remove->setIcon(theme::icon(QStringLiteral("close")));
    m_remove->setAutoRaise(true);
    m_progress->setTextVisible(false);
    m_progress->setFixedHeight(4);
    m_progress->setRange(0, 100);
    m_name->setTextFormat(Qt::PlainText);
    m_about->setTextFormat(Qt::PlainText);
    QFont small = m_about->font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    m_about->setFont(small);

    auto* text = new QVBoxLayout;
    text->setSpacing(2);
    text->addStretch();
    text->addWidget(m_name);
    text->addWidget(m_about);
    text->addWidget(m_progress);
    text->addStretch();
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(8, 6, 4, 6);
    row->setSpacing(theme::kGap);
    row->addWidget(m_picture);
    row->addLayout(text);
    row->addWidget(m_retry, 0, Qt::AlignTop);
    row->addWidget(m_remove, 0, Qt::AlignTop);
    connect(m_retry, &QToolButton::clicked, this, &AttachmentChip::retryWanted);
    connect(m_remove, &QToolButton::clicked, this, &AttachmentChip::removeWanted);
    restyle();
}

void AttachmentChip::showItem(const TrayItem& item)
{
    m_item = item;
    if (item.state == TrayItem::State::Failed)
        m_picture->setBroken(kThumbnail);
    else
        m_picture->setSquare(item.attachment.facts, kThumbnail);
    m_progress->setVisible(item.state == TrayItem::State::Uploading && item.progress > 0);
    m_retry->setVisible(item.mayRetry());
    m_progress->setValue(static_cast<int>(item.progress * 100));
    restyle();
    retranslate();
}

void AttachmentChip::retranslate()
{
    QString about;
    switch (m_item.state) {
    case TrayItem::State::Uploading:
        about = tr("Sending to the head…");
        break;
    case TrayItem::State::Inspecting:
        about = tr("Looking at it…");
        break;
    case TrayItem::State::Ready:
        about = describeMedia(m_item.attachment.facts);
        break;
    case TrayItem::State::Failed:
        about = ErrorCard::titleOf(m_item.trouble.code);
        break;
    }
    m_name->setText(m_name->fontMetrics().elidedText(m_item.attachment.name, Qt::ElideMiddle, kTextWidth));
    m_about->setText(about);
    m_remove->setToolTip(tr("Remove %1").arg(m_item.attachment.name));
    m_remove->setAccessibleName(tr("Remove %1").arg(m_item.attachment.name));
    //: %1: name of a file that has not reached the head
    m_retry->setToolTip(tr("Try %1 again").arg(m_item.attachment.name));
    m_retry->setAccessibleName(tr("Try %1 again").arg(m_item.attachment.name));
    QString whole = m_item.attachment.name + QLatin1Char('\n') + about;
    if (m_item.state == TrayItem::State::Failed)
        whole += QLatin1Char('\n') + m_item.trouble.cause.text() +
                 (m_item.trouble.remedy.isEmpty() ? QString() : QLatin1Char('\n') + m_item.trouble.remedy.text());
    setToolTip(whole);
    setAccessibleName(whole);
}

void AttachmentChip::restyle()
{
    const theme::Colors& c = theme::colors();
    const bool failed = m_item.state == TrayItem::State::Failed;
    theme::setStyle(
        *this,
        QStringLiteral(
            "#attachmentChip { background: %1; border: 1px solid %2; border-radius: 10px; } #chipAbout { color: %3; }")
            .arg(c.card.name(), failed ? c.bad.name() : c.line.name(), failed ? c.bad.name() : c.muted.name()));
}

void AttachmentChip::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

TrayView::TrayView(AttachmentsModel& model, QWidget* parent) : QScrollArea(parent), m_model(model)
{
    setObjectName(QStringLiteral("trayAttachments"));
    setFrameShape(QFrame::NoFrame);
    setWidgetResizable(true);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setFocusPolicy(Qt::NoFocus);
    viewport()->setAutoFillBackground(false);
    auto* inside = new QWidget;
    inside->setAutoFillBackground(false);
    m_row = new QHBoxLayout(inside);
    m_row->setContentsMargins(0, 0, 0, 0);
    m_row->setSpacing(theme::kGap);
    m_row->addStretch(1);
    setWidget(inside); // takes ownership
    connect(&model, &AttachmentsModel::rowsInserted, this,
            [this](const QModelIndex&, int first, int last) { insert(first, last); });
    connect(&model, &AttachmentsModel::rowsRemoved, this,
            [this](const QModelIndex&, int first, int last) { remove(first, last); });
    connect(&model, &AttachmentsModel::dataChanged, this,
            [this](const QModelIndex& first, const QModelIndex& last) { refresh(first.row(), last.row()); });
    connect(&model, &AttachmentsModel::modelReset, this, &TrayView::reset);
    connect(horizontalScrollBar(), &QScrollBar::rangeChanged, this, &TrayView::fitHeight);
    reset();
}

/// As high as a chip, and the scroll bar below when there is one.
void TrayView::fitHeight()
{
    const int bar = horizontalScrollBar()->maximum() > 0 ? horizontalScrollBar()->sizeHint().height() + 2 : 0;
    setFixedHeight(m_row->minimumSize().height() + bar);
}

void TrayView::insert(int first, int last)
{
    for (int row = first; row <= last; ++row) {
        auto* chip = new AttachmentChip(widget());
        chip->showItem(m_model.at(row));
        connect(chip, &AttachmentChip::removeWanted, this,
                [this, chip] { m_model.removeRow(static_cast<int>(m_chips.indexOf(chip))); });
        connect(chip, &AttachmentChip::retryWanted, this,
                [this, chip] { m_model.retry(static_cast<int>(m_chips.indexOf(chip))); });
        m_chips.insert(row, chip);
        m_row->insertWidget(row, chip);
    }
    setVisible(!m_chips.isEmpty());
    fitHeight();
}

void TrayView::remove(int first, int last)
{
    for (int row = last; row >= first; --row) {
        AttachmentChip* chip = m_chips.takeAt(row);
        chip->hide();
        chip->deleteLater(); // its own button may have asked for this
    }
    setVisible(!m_chips.isEmpty());
}

void TrayView::refresh(int first, int last)
{
    for (int row = first; row <= last; ++row)
        m_chips[row]->showItem(m_model.at(row));
}

void TrayView::reset()
{
    if (!m_chips.isEmpty())
        remove(0, static_cast<int>(m_chips.size()) - 1);
    insert(0, m_model.rowCount() - 1);
}

} // namespace argus::gui
