#include "gui/theme/look.h"

#include "gui/theme/theme.h"

#include <QPainter>
#include <QRegularExpression>

namespace argus::gui {

namespace {

QString unbreakable(QString text)
{
    text.replace(QLatin1Char(' '), QChar(QChar::Nbsp));
    for (qsizetype i = text.size() - 1; i > 0; --i)
        text.insert(i, QChar(0x2060)); // word joiner
    return text;
}

} // namespace

void paintText(QLabel& label, const QColor& color)
{
    QPalette palette = label.palette();
    if (palette.color(QPalette::WindowText) == color)
        return;
    palette.setColor(QPalette::WindowText, color);
    label.setPalette(palette);
}

void paintCard(QFrame& card)
{
    const theme::Colors& c = theme::colors();
    theme::setStyle(card, QStringLiteral("#card { background: %1; border: 1px solid %2; border-radius: 10px; }")
                              .arg(c.card.name(), c.line.name()));
}

QFont scaled(const QFont& font, double factor, bool bold)
{
    QFont other = font;
    other.setPointSizeF(font.pointSizeF() * factor);
    other.setBold(bold);
    return other;
}

QPixmap swatch(const QColor& color, qreal ratio)
{
    QPixmap pixmap(QSize(10, 10) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(theme::colors().line);
    painter.setBrush(color);
    painter.drawRoundedRect(QRectF(0.5, 0.5, 9, 9), 2, 2);
    return pixmap;
}

QString breakingAtDots(const QString& facts)
{
    QStringList whole;
    for (const QString& fact : facts.split(QStringLiteral(" · ")))
        whole << unbreakable(fact);
    return whole.join(QStringLiteral("\u00a0· "));
}

void makeRoomy(QPushButton& button)
{
    button.setMinimumWidth(0);
    button.setMinimumWidth(button.sizeHint().width() + 16);
}

QString legendEntry(const QColor& color, const QString& text)
{
    return QStringLiteral("<span style=\"color:%1\">■</span>&nbsp;%2")
        .arg(color.name(), unbreakable(text).toHtmlEscaped());
}

QString sentence(const QString& text)
{
    static const QRegularExpression word(QStringLiteral("^[a-z]+[ ,]"));
    static const QRegularExpression chinese(QStringLiteral("\\p{Han}"));
    QString whole = text.trimmed();
    if (whole.isEmpty())
        return whole;
    const bool isChinese = chinese.match(whole).hasMatch();
    if (!isChinese && word.match(whole).hasMatch())
        whole[0] = whole[0].toUpper();
    static const QRegularExpression end(QStringLiteral("[.?!。？！]$"));
    if (end.match(whole).hasMatch())
        return whole;
    return whole + (isChinese ? QChar(0x3002) : QLatin1Char('.'));
}

QLabel* wrapping(QWidget* parent, const char* name)
{
    auto* label = new QLabel(parent);
    label->setObjectName(QLatin1String(name));
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

} // namespace argus::gui
