#include "gui/chat/empty_state.h"

#include "gui/theme/theme.h"

#include <QEvent>
#include <QGridLayout>
#include <QLabel>
#include <QPainter>
#include <QPainterPath>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

constexpr int kPictureHeight = 104;

} // namespace

SampleCard::SampleCard(QWidget* parent) : QAbstractButton(parent)
{
    setObjectName(QStringLiteral("sampleCard"));
    setCursor(Qt::PointingHandCursor);
    setFocusPolicy(Qt::StrongFocus);
    setFixedSize(sizeHint());
}

void SampleCard::setSample(const Sample& sample)
{
    if (sample.picture != m_sample.picture)
        m_picture = QPixmap(sample.picture);
    m_sample = sample;
    setText(sample.question);
    setAccessibleName(tr("Try: %1").arg(sample.question));
    setToolTip(tr("Attach %1 and ask this").arg(sample.file));
    update();
}

void SampleCard::enterEvent(QEnterEvent* event)
{
    QAbstractButton::enterEvent(event);
    update();
}

void SampleCard::leaveEvent(QEvent* event)
{
    QAbstractButton::leaveEvent(event);
    update();
}

void SampleCard::paintEvent(QPaintEvent*)
{
    const theme::Colors& c = theme::colors();
    QPainter painter(this);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::SmoothPixmapTransform);
    const QRectF box = QRectF(rect()).adjusted(1, 1, -1, -1);
    const bool lively = underMouse() || hasFocus();
    painter.setPen(QPen(lively ? c.accent : c.line, lively ? 2 : 1));
    painter.setBrush(c.card);
    painter.drawRoundedRect(box, theme::kRadius, theme::kRadius);

    const QRect place(10, 10, width() - 20, kPictureHeight);
    const QSize size = m_picture.size().scaled(place.size(), Qt::KeepAspectRatio);
    const QRect target(place.center() - QPoint(size.width() / 2, size.height() / 2), size);
    QPainterPath outline;
    outline.addRoundedRect(target, 6, 6);
    painter.save();
    painter.setClipPath(outline);
    painter.drawPixmap(target, m_picture);
    painter.restore();
    painter.setPen(QPen(c.line, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(outline);
    if (m_sample.video) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(QColor(0, 0, 0, 150));
        const QPointF middle = QRectF(target).center();
        painter.drawEllipse(middle, 17, 17);
        painter.setBrush(Qt::white);
        painter.drawPolygon(QPolygonF{middle + QPointF(-6, -8), middle + QPointF(-6, 8), middle + QPointF(9, 0)});
    }
    painter.setPen(palette().color(QPalette::WindowText));
    painter.drawText(QRect(10, kPictureHeight + 14, width() - 20, height() - kPictureHeight - 20),
                     Qt::AlignCenter | Qt::TextWordWrap, m_sample.question);
}

EmptyState::EmptyState(QWidget* parent)
    : QWidget(parent), m_icon(new QLabel(this)), m_title(new QLabel(this)), m_text(new QLabel(this)),
      m_grid(new QGridLayout)
{
    setObjectName(QStringLiteral("pageEmpty"));
    m_icon->setPixmap(theme::programIcon().pixmap(QSize(64, 64), devicePixelRatioF()));
    m_icon->setAlignment(Qt::AlignCenter);
    QFont large = m_title->font();
    large.setPointSizeF(large.pointSizeF() * 1.7);
    large.setBold(true);
    m_title->setFont(large);
    m_title->setAlignment(Qt::AlignCenter);
    m_title->setWordWrap(true);
    m_text->setAlignment(Qt::AlignCenter);
    m_text->setWordWrap(true);
    m_grid->setSpacing(12);
    for (int i = 0; i < 4; ++i) {
        auto* card = new SampleCard(this);
        connect(card, &SampleCard::clicked, this,
                [this, card] { emit sampleChosen(card->sample().file, card->sample().question); });
        m_cards << card;
    }
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addLayout(m_grid);
    row->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setSpacing(10);
    column->addStretch(2);
    column->addWidget(m_icon);
    column->addWidget(m_title);
    column->addWidget(m_text);
    column->addSpacing(14);
    column->addLayout(row);
    column->addStretch(3);
    retranslate();
}

/// Four cards beside each other where there is room, else two; a row that has no room is not shown, and the icon gives
/// way before a row does.
void EmptyState::arrange()
{
    const QSize card = m_cards.first()->size() + QSize(12, 12);
    const int columns = width() > 4 * card.width() + 32 ? 4 : 2;
    if (columns != m_columns) {
        m_columns = columns;
        for (int i = 0; i < static_cast<int>(m_cards.size()); ++i)
            m_grid->addWidget(m_cards[i], i / columns, i % columns);
    }
    const int rows = static_cast<int>(m_cards.size()) / columns;
    const int words = m_title->sizeHint().height() + m_text->heightForWidth(std::max(1, width() - 32)) + 64;
    m_icon->setVisible(height() >= words + 74 + rows * card.height());
    const int fitting = (height() - words) / card.height();
    for (int i = 0; i < static_cast<int>(m_cards.size()); ++i)
        m_cards[i]->setVisible(i / columns < fitting);
}

void EmptyState::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void EmptyState::retranslate()
{
    m_title->setText(tr("Ask questions about pictures and clips"));
    m_text->setText(tr("Drop them anywhere in this window, paste them, or try one of these."));
    //: the sample questions have to be wordings the demo model knows: see resources/demo-model/phrases.py
    m_cards[0]->setSample({QStringLiteral(":/samples/circles.png"), QStringLiteral("two-circles-and-a-star.png"), false,
                           tr("How many circles are there?")});
    m_cards[1]->setSample({QStringLiteral(":/samples/corners.png"), QStringLiteral("four-shapes-in-the-corners.png"),
                           false, tr("Describe this image.")});
    m_cards[2]->setSample({QStringLiteral(":/samples/text.png"), QStringLiteral("text-argus-light-on-dark.png"), false,
                           tr("What does the text say?")});
    m_cards[3]->setSample({QStringLiteral(":/samples/clip.png"), QStringLiteral("red-circle-moves-left-to-right.mp4"),
                           true, tr("What happens in the video?")});
}

void EmptyState::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
}

} // namespace argus::gui
