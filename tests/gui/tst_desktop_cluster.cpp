// The window on a real cluster: a head and a worker that are processes on loopback, with two devices each. Everything
// happens by clicks. With ARGUS_PICTURES=FOLDER pictures of what is seen are kept there, in both languages.

#include "gui/application.h"
#include "gui/chat/chat_page.h"
#include "gui/chat/composer.h"
#include "gui/cluster/cluster_desk.h"
#include "gui/engine/engine_page.h"
#include "gui/link/engine_link.h"
#include "gui/main_window.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "tests/system/running_head.h"

#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>

#include <signal.h>

#include <memory>

using namespace argus::gui;
using argus::tests::RunningHead;
using argus::tests::RunningWorker;

namespace {

constexpr int kPatienceMs = 60'000;

} // namespace

class TstDesktopCluster final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};
    QTemporaryDir m_home;
    Language m_language;
    std::unique_ptr<SettingsStore> m_settings;
    std::unique_ptr<EngineLink> m_link;
    std::unique_ptr<MainWindow> m_window;

    template <typename Widget>
    [[nodiscard]] Widget* find(const char* name) const
    {
        return m_window->findChild<Widget*>(QLatin1String(name));
    }
    [[nodiscard]] EngineForm& form() const { return m_window->desk().enginePage().form(); }
    [[nodiscard]] const ClusterFacts& facts() const { return form().cluster(); }
    [[nodiscard]] bool settled() const { return !form().isChecking() && form().preflight().has_value(); }
    void choose(const char* combo, int value)
    {
        auto* box = find<QComboBox>(combo);
        const int row = box->findData(value);
        QVERIFY2(row >= 0, qPrintable(QString("%1 does not offer %2").arg(combo).arg(value)));
        box->setFocus();
        box->setCurrentIndex(row);
        emit box->activated(row);
    }
    void apply()
    {
        QTRY_VERIFY_WITH_TIMEOUT(find<QPushButton>("btnApply")->isEnabled(), kPatienceMs);
        const quint64 number = facts().deployment.number;
        QTest::mouseClick(find<QPushButton>("btnApply"), Qt::LeftButton);
        QTest::mouseClick(find<QPushButton>("btnRestartNow"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(facts().deployment.number > number && facts().deployment.state == "ready",
                                 kPatienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(settled(), kPatienceMs);
    }
    void ask()
    {
        m_window->page().composer()->setPlainText("Hello!");
        m_window->page().send();
        const TranscriptModel& transcript = *m_window->conversation().transcript();
        QTRY_COMPARE_WITH_TIMEOUT(transcript.at(transcript.rowCount() - 1).state, AnswerState::Complete, kPatienceMs);
        QVERIFY(transcript.at(transcript.rowCount() - 1).text.startsWith("Hello! I am Argus"));
    }
    void photograph(const QString& what)
    {
        const QString folder = qEnvironmentVariable("ARGUS_PICTURES");
        if (folder.isEmpty())
            return;
        for (const char* language : {"en", "zh_CN"}) {
            m_language.set(language);
            QTest::qWait(300);
            QVERIFY(m_window->grab().save(QString("%1/real, %2, %3.png").arg(folder, language, what)));
        }
        m_language.set("en");
    }
    [[nodiscard]] QStringList words() const
    {
        QStringList all;
        for (const QLabel* label : m_window->findChildren<QLabel*>())
            if (label->isVisible())
                all << label->text();
        return all;
    }

private slots:
    void initTestCase()
    {
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}), qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        // The window belongs to the user whose head it is.
        qputenv("ARGUS_CONFIG_HOME", (m_head.folder() + "/config").toUtf8());
        m_language.set("en");
        ProgramOptions options;
        QCOMPARE(readOptions({"argus", "--head", m_head.endpoint(), "--head-key", m_head.publicKey()}, options),
                 std::nullopt);
        m_settings = std::make_unique<SettingsStore>(m_home.path());
        m_link = std::make_unique<EngineLink>(options.link);
        m_window = std::make_unique<MainWindow>(*m_link, *m_settings, m_language, QString());
        m_window->resize(1280, 800);
        m_window->show();
        m_link->start();
        QTRY_COMPARE_WITH_TIMEOUT(m_link->state(), LinkState::Connected, kPatienceMs);
        QTRY_COMPARE_WITH_TIMEOUT(facts().deployment.state, "ready", kPatienceMs);
        m_window->findChild<QAction*>("actEngine")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(settled(), kPatienceMs);
    }
    void bothMachinesAreShown()
    {
        QTRY_VERIFY_WITH_TIMEOUT(words().contains("alpha") && words().contains("beta"), kPatienceMs);
        photograph("two machines");
    }
    void fromOneDeviceToTwo()
    {
        choose("edit_tensor_parallel_size", 2);
        apply();
        QCOMPARE(facts().deployment.tensorParallel, 2);
        ask();
    }
    void aRefusedValueIsMendedByItsButton()
    {
        find<QSpinBox>("edit_max_model_len")->setValue(500'000);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && !form().preflight()->possible, kPatienceMs);
        QVERIFY(!find<QPushButton>("btnApply")->isEnabled());
        QTRY_VERIFY(find<QPushButton>("btnFix") != nullptr);
        photograph("refused");
        QTest::mouseClick(find<QPushButton>("btnFix"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && form().preflight()->possible, kPatienceMs);
        QVERIFY(find<QSpinBox>("edit_max_model_len")->value() < 500'000);
    }
    void fromOneMachineToTwo()
    {
        choose("edit_pipeline_parallel_size", 2);
        QTRY_VERIFY_WITH_TIMEOUT(settled() && form().preflight()->possible, kPatienceMs);
        QCOMPARE(form().preflight()->ranks.size(), 4);
        photograph("plan for two machines");
        apply();
        QCOMPARE(facts().deployment.pipelineParallel, 2);
        photograph("two machines serve");
        ask();
    }
    void aMachineIsKilledUnderTheWindow()
    {
        ::kill(static_cast<int>(m_beta.pid()), SIGKILL);
        QVERIFY(m_beta.process().waitForFinished(5'000));
        const auto stateOf = [&](const QString& node) {
            for (const NodeFacts& each : facts().nodes)
                if (each.name == node)
                    return each.state;
            return QString();
        };
        QTRY_COMPARE_WITH_TIMEOUT(stateOf("beta"), "lost", kPatienceMs);
        QTRY_VERIFY(words().filter("Lost").size() > 0);
        QTRY_VERIFY(facts().deployment.state != "ready");
        photograph("a machine is lost");
        QVERIFY(m_beta.rejoin());
        QTRY_COMPARE_WITH_TIMEOUT(facts().deployment.state, "ready", kPatienceMs);
        ask();
    }
    void cleanupTestCase()
    {
        m_window.reset();
        m_link.reset();
    }
};

QTEST_MAIN(TstDesktopCluster)
#include "tst_desktop_cluster.moc"
