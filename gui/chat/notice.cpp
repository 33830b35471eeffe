#include "gui/chat/notice.h"

#include "gui/theme/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>

namespace argus::gui {

Notice::Notice(Kind kind, QWidget* parent)
    : QFrame(parent), m_kind(kind), m_icon(new QLabel(this)), m_text(new QLabel(this)), m_action(new QPushButton(this)),
      m_close(new QToolButton(this))
{
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::PlainText);
    m_close->setAutoRaise(true);
    m_action->hide();
    m_close->hide();
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(14, 7, 10, 7);
    row->setSpacing(10);
    row->addWidget(m_icon);
    row->addWidget(m_text, 1);
    row->addWidget(m_action);
    row->addWidget(m_close);
    connect(m_action, &QPushButton::clicked, this, &Notice::activated);
    connect(m_close, &QToolButton::clicked, this, [this] { setText({}); });
    hide();
    restyle();
}

void Notice::setText(const QString& text)
{
    m_text->setText(text);
    setAccessibleName(text);
    setVisible(!text.isEmpty());
}

QString Notice::text() const
{
    return m_text->text();
}

void Notice::setActionText(const QString& text)
{
    m_action->setText(text);
    m_action->setVisible(!text.isEmpty());
}

void Notice::setClosable(const QString& accessibleName)
{
    m_close->setAccessibleName(accessibleName);
    m_close->setToolTip(accessibleName);
    m_close->show();
}

void Notice::restyle()
{
    const theme::Colors& c = theme::colors();
    const QColor back = m_kind == Kind::Hint ? c.strip : c.alert;
    const auto front = m_kind == Kind::Hint ? &theme::Colors::stripText : &theme::Colors::alertText;
    theme::setStyle(*this, QStringLiteral("argus--gui--Notice { background: %1; } QLabel { color: %2; }")
                               .arg(back.name(), (c.*front).name()));
    m_icon->setPixmap(theme::icon(m_kind == Kind::Hint ? QStringLiteral("info") : QStringLiteral("warning"), front)
                          .pixmap(QSize(18, 18), devicePixelRatioF()));
    m_close->setIcon(theme::icon(QStringLiteral("close"), front));
}

void Notice::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        restyle();
}

} // namespace argus::gui
