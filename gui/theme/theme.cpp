#include "gui/theme/theme.h"

#include <QApplication>
#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QStyleFactory>
#include <QSvgRenderer>
#include <QWidget>

#include <optional>

// Q_INIT_RESOURCE has to stand outside of namespaces; the resources are in a static library, which the linker would
// leave out.
static void initResources()
{
    Q_INIT_RESOURCE(argus);
    Q_INIT_RESOURCE(translations);
}

namespace argus::gui::theme {

namespace {

Mode g_mode = Mode::System;
bool g_dark = false;

bool systemIsDark()
{
    // What the platform asked for before we set a palette of our own.
    static const QPalette original = QApplication::palette();
    return original.color(QPalette::Window).lightness() < original.color(QPalette::WindowText).lightness();
}

/// Draws an SVG in the colour the palette has at that moment, so that icons follow a change of theme.
class TintedIcon final : public QIconEngine {
public:
    TintedIcon(QString name, QColor Colors::*color) : m_name(std::move(name)), m_color(color) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override
    {
        QFile file(QStringLiteral(":/icons/%1.svg").arg(m_name));
        if (!file.open(QIODevice::ReadOnly))
            return;
        QColor color = QApplication::palette().color(QPalette::ButtonText);
        if (mode == QIcon::Disabled)
            color = QApplication::palette().color(QPalette::Disabled, QPalette::ButtonText);
        else if (m_color != nullptr)
            color = colors().*m_color;
        QByteArray svg = file.readAll();
        svg.replace("currentColor", color.name().toLatin1());
        QSvgRenderer renderer(svg);
        renderer.render(painter, rect);
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(), size), mode, state);
        return pixmap;
    }

    QIconEngine* clone() const override { return new TintedIcon(*this); } // owned by the QIcon that asked for it

private:
    QString m_name;
    QColor Colors::*m_color;
};

Colors lightColors()
{
    Colors c;
    c.muted = QColor(0x5b616b);
    c.questionBubble = QColor(0xe3ecfb);
    c.card = QColor(0xffffff);
    c.line = QColor(0xd5d9e0);
    c.code = QColor(0xf1f3f6);
    c.accent = QColor(0x1d5bbf);
    c.onAccent = QColor(0xffffff);
    c.strip = QColor(0xfff1c2);
    c.stripText = QColor(0x4d3b00);
    c.alert = QColor(0xfde4e1);
    c.alertText = QColor(0x7a1710);
    c.good = QColor(0x0f7436);
    c.warning = QColor(0x8a5300);
    c.bad = QColor(0xb3261e);
    c.weights = QColor(0x2d6cdf);
    c.runtime = QColor(0x7d57c7);
    c.kvUsed = QColor(0x12945f);
    c.kvReserved = QColor(0xa8dcc3);
    c.other = QColor(0xb4bac4);
    c.free = QColor(0xeceff3);
    return c;
}

Colors darkColors()
{
    Colors c;
    c.muted = QColor(0xa4abb8);
    c.questionBubble = QColor(0x263a5c);
    c.card = QColor(0x272b33);
    c.line = QColor(0x414753);
    c.code = QColor(0x15181d);
    c.accent = QColor(0x8ab4ff);
    c.onAccent = QColor(0xffffff);
    c.strip = QColor(0x4a3d10);
    c.stripText = QColor(0xffe9a8);
    c.alert = QColor(0x4f2320);
    c.alertText = QColor(0xffd4cf);
    c.good = QColor(0x62d394);
    c.warning = QColor(0xf2b84b);
    c.bad = QColor(0xff8a80);
    c.weights = QColor(0x5b93f5);
    c.runtime = QColor(0xa585e6);
    c.kvUsed = QColor(0x3ecb8f);
    c.kvReserved = QColor(0x2b5d47);
    c.other = QColor(0x6b7280);
    c.free = QColor(0x383d47);
    return c;
}

} // namespace

QPalette palette(bool dark)
{
    const Colors& c = colors(dark);
    const QColor window(dark ? 0x1d2026 : 0xf7f8fa);
    const QColor base(dark ? 0x23272e : 0xffffff);
    const QColor text(dark ? 0xe8eaee : 0x1b1e24);
    const QColor button(dark ? 0x2f343d : 0xeff1f5);
    const QColor faint(dark ? 0x7d8492 : 0x8b929e);
    QPalette p;
    p.setColor(QPalette::Window, window);
    p.setColor(QPalette::WindowText, text);
    p.setColor(QPalette::Base, base);
    p.setColor(QPalette::AlternateBase, c.card);
    p.setColor(QPalette::Text, text);
    p.setColor(QPalette::Button, button);
    p.setColor(QPalette::ButtonText, text);
    p.setColor(QPalette::BrightText, Qt::white);
    p.setColor(QPalette::PlaceholderText, c.muted);
    p.setColor(QPalette::Highlight, dark ? QColor(0x2f64c0) : QColor(0x1d5bbf));
    p.setColor(QPalette::HighlightedText, Qt::white);
    p.setColor(QPalette::Link, c.accent);
    p.setColor(QPalette::LinkVisited, c.accent);
    p.setColor(QPalette::ToolTipBase, dark ? QColor(0x343a44) : QColor(0xffffff));
    p.setColor(QPalette::ToolTipText, text);
    p.setColor(QPalette::Light, dark ? QColor(0x3a404b) : QColor(0xffffff));
    p.setColor(QPalette::Midlight, dark ? QColor(0x343a44) : QColor(0xf3f5f8));
    p.setColor(QPalette::Mid, c.line);
    p.setColor(QPalette::Dark, dark ? QColor(0x121419) : QColor(0xc2c7d0));
    p.setColor(QPalette::Shadow, QColor(dark ? "#000000" : "#9aa1ad"));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText})
        p.setColor(QPalette::Disabled, role, faint);
    p.setColor(QPalette::Disabled, QPalette::Highlight, c.line);
    return p;
}

const Colors& colors(bool dark)
{
    static const Colors light = lightColors();
    static const Colors darkOnes = darkColors();
    return dark ? darkOnes : light;
}

const Colors& colors()
{
    return colors(g_dark);
}

bool isDark()
{
    return g_dark;
}

Mode mode()
{
    return g_mode;
}

void apply(Mode mode)
{
    initResources();
    const bool systemDark = systemIsDark(); // before anything is changed
    g_mode = mode;
    g_dark = mode == Mode::Dark || (mode == Mode::System && systemDark);
    static const bool styled = [] {
        QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
        return true;
    }();
    Q_UNUSED(styled)
    QApplication::setPalette(palette(g_dark));
}

QIcon icon(const QString& name)
{
    return QIcon(new TintedIcon(name, nullptr)); // the icon owns its engine
}

QIcon icon(const QString& name, QColor Colors::*color)
{
    return QIcon(new TintedIcon(name, color));
}

void setStyle(QWidget& widget, const QString& sheet)
{
    if (widget.styleSheet() != sheet)
        widget.setStyleSheet(sheet);
}

QIcon programIcon()
{
    return QIcon(QStringLiteral(":/icons/argus.svg"));
}

} // namespace argus::gui::theme
