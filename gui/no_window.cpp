#include "gui/no_window.h"

#include <QStringList>
#include <QTranslator>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace argus::gui {

namespace {

NoWindow* listening = nullptr; // a message handler of Qt has no argument for it

} // namespace

NoWindow::NoWindow(const QString& language)
{
    const char* const nothing = QT_TRANSLATE_NOOP(
        "NoWindow", "there is no display here for a window (DISPLAY and WAYLAND_DISPLAY are not set); "
                    "start argus in a desktop session, or ask without a window: argus-node ask "
                    "'QUESTION'");
    const char* const because =
        QT_TRANSLATE_NOOP("NoWindow", "no window can be opened here: %1; start argus in a desktop session, or ask "
                                      "without a window: argus-node ask 'QUESTION'");
    QTranslator translator; // of its own: one that is installed would have to wait for an application
    const bool loaded = translator.load(QStringLiteral(":/i18n/argus_%1.qm").arg(language));
    const auto said = [&](const char* english) {
        const QString words = loaded ? translator.translate("NoWindow", english) : QString();
        return words.isEmpty() ? QString::fromUtf8(english) : words;
    };
    m_nothing = said(nothing);
    m_because = said(because);
    listening = this;
    m_before = qInstallMessageHandler(hear);
}

NoWindow::~NoWindow()
{
    qInstallMessageHandler(m_before);
    listening = nullptr;
    for (const Heard& each : std::as_const(m_heard))
        m_before(each.type, QMessageLogContext(nullptr, 0, nullptr, each.category.constData()), each.words);
}

void NoWindow::hear(QtMsgType type, const QMessageLogContext& context, const QString& words)
{
    if (type == QtFatalMsg) { // Qt would abort after it
        std::fprintf(stderr, "argus: %s\n", qPrintable(listening->sentence(words)));
        std::_Exit(1);
    }
    if (type == QtDebugMsg) // somebody asked for it, as with QT_DEBUG_PLUGINS
        listening->m_before(type, context, words);
    else
        listening->m_heard.append({type, context.category, words.trimmed()});
}

QString NoWindow::sentence(const QString& last) const
{
    const bool display = !qEnvironmentVariableIsEmpty("DISPLAY") || !qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY");
    QStringList reasons;
    for (const Heard& each : m_heard) {
        if (!display && each.category == "qt.qpa.xcb" && each.words == QLatin1String("could not connect to display"))
            return m_nothing;
        if (!each.words.contains(QLatin1String("even though it was found"))) // says no more than the one before it
            reasons << each.words;
    }
    if (reasons.isEmpty())
        reasons << (m_heard.isEmpty() ? last.section(QLatin1Char('\n'), 0, 0) : m_heard.front().words);
    return m_because.arg(reasons.join(QLatin1String("; ")));
}

} // namespace argus::gui
