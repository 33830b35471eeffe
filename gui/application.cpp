#include "gui/application.h"

#include "gui/link/passing.h"
#include "gui/main_window.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "gui/theme/theme.h"

#include "gui/chat/chat_view.h"
#include "gui/chat/composer.h"
#include "gui/cluster/cluster_desk.h"

#include "engine/base/files.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QPainter>
#include <QPointer>
#include <QTimer>

#include <chrono>
#include <cstdio>

namespace argus::gui {

namespace {

/// A head that is restarted, or a cable that is put back, takes less.
constexpr std::chrono::seconds kAwayPatience{15};

/// Milliseconds since runDesktop() began; what came before is the loader and QApplication.
class StartClock {
public:
    explicit StartClock(bool speaks) : m_speaks(speaks) { m_since.start(); }
    void step(const char* name) const
    {
        if (m_speaks)
            std::fprintf(stderr, "argus: %s: %lld ms\n", name, static_cast<long long>(m_since.elapsed()));
    }

private:
    bool m_speaks;
    QElapsedTimer m_since;
};

theme::Mode themeOf(const QString& name, const QVariant& remembered)
{
    if (name == QLatin1String("light"))
        return theme::Mode::Light;
    if (name == QLatin1String("dark"))
        return theme::Mode::Dark;
    if (name == QLatin1String("system"))
        return theme::Mode::System;
    const int kept = remembered.toInt();
    return kept >= 0 && kept <= static_cast<int>(theme::Mode::Dark) ? static_cast<theme::Mode>(kept)
                                                                    : theme::Mode::System;
}

QString samplesFolder()
{
    const auto folder = resourceFolder();
    return folder ? QString::fromStdString((folder.value() / "samples").string()) : QString();
}

/// The window, and over its middle the dialog that is open.
QPixmap pictureOf(QWidget& window, QWidget* dialog)
{
    QPixmap picture = window.grab();
    if (dialog == nullptr || !dialog->isVisible())
        return picture;
    const QPixmap over = dialog->grab();
    const QSize room = (window.size() - dialog->size()) / 2;
    QPainter painter(&picture);
    painter.drawPixmap(room.width(), room.height(), over);
    painter.setPen(theme::colors().line);
    painter.drawRect(QRect(QPoint(room.width(), room.height()), dialog->size()));
    return picture;
}

/// Does what --page, --open, --ask, --screenshot and --quit-after-answer say, once.
class Script final : public QObject {
public:
    Script(const ProgramOptions& options, MainWindow& window, Link& link, const StartClock& clock)
        : QObject(&window), m_options(options), m_window(window), m_clock(clock)
    {
        connect(&link, &Link::textArrived, this, [this] { firstText(); });
        connect(window.conversation().transcript(), &TranscriptModel::settled, this, [this] { answered(); });
        connect(&link, &Link::statusArrived, this, [this](const ClusterFacts& facts) {
            if (facts.deployment.state == QLatin1String("ready"))
                ready();
            else if (facts.deployment.state == QLatin1String("failed"))
                failed(facts.deployment.trouble);
        });
        connect(&link, &Link::stateChanged, this, [this](LinkState state, const Trouble& why) {
            if (state == LinkState::Connected)
                m_patience.stop();
            else if (!why.isEmpty())
                away(why);
        });
        m_patience.setSingleShot(true);
        connect(&m_patience, &QTimer::timeout, this, [this] { failed(m_away); });
        connect(&link, &Link::attachmentFailed, this,
                [this](AttachmentId /*id*/, const Trouble& trouble) { failed(trouble); });
    }

    void begin()
    {
        if (m_options.page == QLatin1String("engine"))
            m_window.desk().showEngine();
        m_window.conversation().setSampling(m_options.sampling);
        if (!m_options.ask.isEmpty() || !m_options.attachments.isEmpty())
            m_window.page().forgetDraft(); // what is asked here goes without what was left from another time
        if (!m_options.attachments.isEmpty())
            m_window.page().attachFiles(m_options.attachments);
        if (m_options.ask.isEmpty())
            return;
        m_window.page().composer()->setPlainText(m_options.ask);
        m_window.page().send();
    }

private:
    void firstText()
    {
        if (!std::exchange(m_spoke, true))
            m_clock.step("first token");
    }

    /// A head that is away may come back, with its answer; one that wants none of us says the same again.
    void away(const Trouble& why)
    {
        if (!mayPass(why) && why.code != QLatin1String("Crashed")) // a private head is started again
            return failed(why);
        if (!m_options.quitAfterAnswer || m_done)
            return;
        m_away = why;
        if (m_patience.isActive())
            return;
        std::fprintf(stderr, "argus: the connection is away, for %lld s at most: %s\n",
                     static_cast<long long>(kAwayPatience.count()), qPrintable(why.cause.text()));
        m_patience.start(kAwayPatience);
    }

    /// What nobody will answer. With --quit-after-answer somebody waits for the program's end and not for the window.
    void failed(const Trouble& why)
    {
        if (!m_options.quitAfterAnswer || m_done)
            return;
        std::fprintf(stderr, "argus: %s\n", qPrintable(why.cause.text()));
        m_failed = true;
        photograph();
    }

    void ready()
    {
        if (!std::exchange(m_ready, true))
            m_clock.step("model ready");
        if (!m_options.open.isEmpty() && m_dialog == nullptr) // not earlier: the head has to be there
            m_dialog =
                m_options.open == QLatin1String("logs") ? m_window.desk().openLogs() : m_window.desk().openAddWorker();
        if (m_options.ask.isEmpty() && (!m_options.screenshot.isEmpty() || m_options.quitAfterAnswer))
            QTimer::singleShot(m_options.screenshot.isEmpty() ? 0 : 1500, this,
                               [this] { photograph(); }); // what was asked of the head comes
    }

    void answered()
    {
        TranscriptModel& transcript = *m_window.conversation().transcript();
        m_failed = transcript.at(transcript.rowCount() - 1).state == AnswerState::Failed;
        m_clock.step("answer");
        QTimer::singleShot(m_options.screenshot.isEmpty() ? 50 : 1500, this,
                           [this] { photograph(); }); // the figures of the machines settle
    }

    void photograph()
    {
        if (std::exchange(m_done, true))
            return;
        if (!m_options.screenshot.isEmpty())
            m_failed = !pictureOf(m_window, m_dialog).save(m_options.screenshot) || m_failed;
        if (m_options.quitAfterAnswer)
            QCoreApplication::exit(m_failed ? 1 : 0);
    }

    const ProgramOptions& m_options;
    MainWindow& m_window;
    const StartClock& m_clock;
    QPointer<QWidget> m_dialog;
    QTimer m_patience; ///< with a connection that is away
    Trouble m_away;
    bool m_spoke = false;
    bool m_ready = false;
    bool m_failed = false;
    bool m_done = false;
};

} // namespace

int runDesktop(const ProgramOptions& options)
{
    const StartClock clock(options.traceStartup);
    SettingsStore settings;
    theme::apply(themeOf(options.theme, settings.value(QStringLiteral("view/theme"))));
    Language language;
    language.set(!options.language.isEmpty()
                     ? options.language
                     : settings.value(QStringLiteral("view/language"), Language::ofSystem()).toString());
    EngineLink link(options.link);
    MainWindow window(link, settings, language, samplesFolder());
    Script script(options, window, link, clock);
    QObject::connect(&window, &MainWindow::usable, &window, [&] { clock.step("window usable"); });
    window.show();
    link.start(); // only hands work to the keeper's thread
    QTimer::singleShot(0, &window, [&script] { script.begin(); });
    return QApplication::exec();
}

} // namespace argus::gui
