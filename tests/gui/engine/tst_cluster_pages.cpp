// The engine page, the dock of machines and their dialogs in the real window, against a scripted head behind real
// sockets.

#include "gui/chat/composer.h"
#include "gui/cluster/add_worker_dialog.h"
#include "gui/cluster/cluster_desk.h"
#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/state_look.h"
#include "gui/engine/engine_page.h"
#include "gui/link/engine_link.h"
#include "gui/main_window.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "gui/theme/theme.h"
#include "tests/gui/support/desk.h"
#include "tests/gui/support/home.h"

#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <QToolButton>

using namespace argus;
using namespace argus::gui;
using namespace argus::gui::testing;
using Heard = argus::wire::ClientMessage;

namespace {

QList<int> dataOf(const QComboBox& combo)
{
    QList<int> values;
    for (int i = 0; i < combo.count(); ++i)
        values << combo.itemData(i).toInt();
    return values;
}

} // namespace

class TstClusterPages : public QObject {
    Q_OBJECT

    Home m_home;
    /// On the engine page, its first check done.
    void openEngine(Desk& desk)
    {
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.find<QAction>("actEngine")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(desk.isChecked(), kPatienceMs);
    }

    /// The last rank's device says what joins it to the others of its stage.
    static void joinLastRank(Desk& desk)
    {
        desk.head.change([](wire::Status& status) {
            wire::DeviceStatus& device = *status.mutable_nodes(0)->mutable_devices(1);
            device.set_joined(english(say("joined-nvswitch", 18)));
            *device.mutable_joined_said() = protocol::toWire(say("joined-nvswitch", 18));
        });
    }
    static Error silentAtUpload()
    {
        return makeError(ErrorCode::Timeout, say("upload-unanswered", 180), say("do-attach-again"));
    }
    /// A file whose upload fails before anybody looks into it.
    static QString written(const QString& folder, const QString& name)
    {
        QFile file(folder + '/' + name);
        if (file.open(QFile::WriteOnly))
            file.write("not looked at: " + name.toUtf8());
        return file.fileName();
    }
    /// No button is cut off, no editor stands outside of its page, everything has a name.
    static void fits(Desk& desk, const QString& scene)
    {
        keepPicture(*desk.window, scene);
        for (auto* button : desk.window->findChildren<QAbstractButton*>()) {
            if (!button->isVisible() || button->objectName().startsWith(QLatin1String("qt_")))
                continue;
            QVERIFY2(!button->text().isEmpty() || !button->accessibleName().isEmpty(),
                     qPrintable(button->objectName()));
            QVERIFY2(button->width() >= button->minimumSizeHint().width(),
                     qPrintable(button->objectName() + ": " + button->text()));
        }
        const auto* scroll = desk.find<QScrollArea>("engineScroll");
        QVERIFY2(
            scroll->widget()->width() <= scroll->viewport()->width() || !scroll->isVisible(),
            qPrintable(
                QString("%1: %2 px in %3").arg(scene).arg(scroll->widget()->width()).arg(scroll->viewport()->width())));
        const auto* dock = desk.find<QScrollArea>("clusterScroll");
        QVERIFY2(dock->widget()->width() <= dock->viewport()->width(), qPrintable(QString("%1: %2 px in the dock's %3")
                                                                                      .arg(scene)
                                                                                      .arg(dock->widget()->width())
                                                                                      .arg(dock->viewport()->width())));
        for (auto* editor : scroll->findChildren<QWidget*>())
            if (editor->isVisible() && editor->objectName().startsWith(QLatin1String("edit_")))
                QVERIFY2(!editor->accessibleName().isEmpty() || qobject_cast<QCheckBox*>(editor) != nullptr,
                         qPrintable(editor->objectName()));
    }

private slots:
    void initTestCase()
    {
        QVERIFY(m_home.enter());
        QFont font = QApplication::font();
        font.setPointSizeF(10);
        QApplication::setFont(font);
        theme::apply(theme::Mode::Light);
    }

    void onlyPossibleSizesAreOffered()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        QCOMPARE(dataOf(*desk.find<QComboBox>("edit_tensor_parallel_size")), (QList<int>{1, 2, 4}));
        QCOMPARE(dataOf(*desk.find<QComboBox>("edit_pipeline_parallel_size")), (QList<int>{1, 2}));
        QCOMPARE(desk.find<QComboBox>("edit_tensor_parallel_size")->currentData().toInt(), 2);
        QCOMPARE(desk.find<QSpinBox>("edit_max_model_len")->value(), 32'768);
        QVERIFY(desk.texts("checkVerdict").value(0).contains("possible"));
        QVERIFY(desk.find<QLabel>("hint_max_model_len")->text().contains("68,839"));
        QCOMPARE(desk.texts("planSum").size(), 4);
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
        QVERIFY(desk.find<QPushButton>("btnApply")->toolTip().contains("Nothing has changed"));
        QVERIFY(!desk.find<QPushButton>("btnRevert")->isEnabled());
        // What the desktop does not edit goes to the head as it came.
        QCOMPARE(desk.head.last(Heard::kPreflight).preflight().settings().threads(), 7U);
    }

    void aValueThatBecameImpossibleStaysVisible()
    {
        Desk desk(m_home.freshFolder());
        desk.head.change(
            [](wire::Status& status) { status.mutable_deployment()->mutable_settings()->set_tensor_parallel_size(5); });
        openEngine(desk);
        QTRY_COMPARE(desk.find<QComboBox>("edit_tensor_parallel_size")->currentData().toInt(), 5);
        QTRY_VERIFY(desk.find<QComboBox>("edit_tensor_parallel_size")->currentText().contains("not possible"));
        QTRY_VERIFY(desk.texts("problemTitle").value(0).contains("PAR-01"));
        QVERIFY(desk.texts("problemCause").value(0).contains("40 attention heads"));
        QVERIFY(desk.find<QComboBox>("edit_tensor_parallel_size")->accessibleDescription().contains("40 attention"));
        QCOMPARE(desk.fixes().size(), 2);
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
    }

    void pressingAFixClearsTheProblem()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        const std::size_t before = desk.head.heardCount(Heard::kPreflight);
        auto* length = desk.find<QSpinBox>("edit_max_model_len");
        length->setFocus();
        length->selectAll();
        QTest::keyClicks(length, "128000");
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("problemTitle").size(), 1, kPatienceMs);
        QCOMPARE(desk.head.heardCount(Heard::kPreflight), before + 1); // six keys, one check
        QVERIFY(desk.texts("problemTitle").value(0).contains("gpu-a"));
        QVERIFY(desk.texts("problemRemedy").value(0).contains("Set max_model_len to 68839 or less"));
        QVERIFY(desk.texts("checkVerdict").value(0).contains("not possible"));
        QVERIFY(desk.texts("engineDirty").value(0).contains("Unsaved"));
        QCOMPARE(desk.fixes().size(), 2);
        QVERIFY2(desk.fixes()[0]->text().contains("68,839"), qPrintable(desk.fixes()[0]->text()));
        desk.fixes()[0]->click();
        QCOMPARE(length->value(), 68'839);
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("problemTitle").isEmpty(), kPatienceMs);
        QVERIFY(desk.texts("checkVerdict").value(0).contains("These settings are possible"));
        QVERIFY(desk.find<QPushButton>("btnApply")->isEnabled());
        desk.find<QPushButton>("btnRevert")->click();
        QCOMPARE(length->value(), 32'768);
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
    }

    void aStalePreflightIsIgnored()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        desk.head.holdPreflights();
        const std::size_t before = desk.head.heardCount(Heard::kPreflight);
        auto* length = desk.find<QSpinBox>("edit_max_model_len");
        length->setValue(128'000); // refused by the rule
        QTRY_COMPARE(desk.head.heardCount(Heard::kPreflight), before + 1);
        length->setValue(4096); // possible
        QTRY_COMPARE(desk.head.heardCount(Heard::kPreflight), before + 2);
        QVERIFY(desk.form().isChecking());
        const QSignalSpy answers(&desk.link, &Link::preflightArrived);
        desk.head.release(); // the newer first, then the stale one
        QTRY_COMPARE_WITH_TIMEOUT(answers.count(), 2, kPatienceMs);
        QVERIFY(desk.texts("problemTitle").isEmpty());
        QVERIFY(desk.form().preflight()->possible);
        QVERIFY(desk.find<QPushButton>("btnApply")->isEnabled());
    }

    void warningsStandApartAndDoNotStop()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        auto* interfaces = desk.find<QComboBox>("edit_interface_gpu-b");
        interfaces->setCurrentIndex(interfaces->findData("wlan0"));
        emit interfaces->activated(interfaces->currentIndex());
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("problemTitle").size(), 1, kPatienceMs);
        QVERIFY(desk.texts("problemTitle").value(0).startsWith(QString::fromUtf8("▲")));
        QVERIFY(desk.find<QPushButton>("btnApply")->isEnabled());
        QVERIFY(desk.texts("applyText").value(0).contains("Machines"));
        QVERIFY(interfaces->accessibleDescription().contains("0.02 GB/s"));
        desk.fixes()[0]->click();
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("problemTitle").isEmpty(), kPatienceMs);
        QCOMPARE(interfaces->currentData().toString(), "eno1");
    }

    void devicesAreChosenByBoxes()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        auto* second = desk.find<QCheckBox>("edit_device_gpu-b_1");
        QVERIFY(second->isChecked());
        second->click();
        QCOMPARE(desk.form().settings().choiceOf("gpu-b").devices, "0");
        desk.find<QCheckBox>("edit_device_gpu-b_0")->click();
        QCOMPARE(desk.form().settings().choiceOf("gpu-b").devices, "none");
        second->click();
        QCOMPARE(desk.form().settings().choiceOf("gpu-b").devices, "1");
        desk.find<QCheckBox>("edit_device_gpu-b_0")->click();
        QVERIFY(!desk.form().isChanged()); // all is what it was
    }

    void applyAsksThenDeploysAndFollowsTheStart()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        desk.choose("edit_tensor_parallel_size", 4);
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QPushButton>("btnApply")->isEnabled(), kPatienceMs);
        desk.find<QPushButton>("btnApply")->click();
        QVERIFY(desk.find<QPushButton>("btnRestartNow")->isVisible());
        QVERIFY2(desk.texts("applyText").value(0).contains("gpu-a, gpu-b"),
                 qPrintable(desk.texts("applyText").join(' ')));
        QVERIFY(desk.texts("applyText").value(0).contains("3 questions"));
        desk.find<QPushButton>("btnKeepRunning")->click();
        QVERIFY(!desk.find<QPushButton>("btnRestartNow")->isVisible());
        QCOMPARE(desk.head.heardCount(Heard::kDeploy), std::size_t{0});
        desk.find<QPushButton>("btnApply")->click();
        desk.find<QPushButton>("btnRestartNow")->click();
        QTRY_COMPARE_WITH_TIMEOUT(desk.head.heardCount(Heard::kDeploy), std::size_t{1}, kPatienceMs);
        const wire::EngineSettings sent = desk.head.last(Heard::kDeploy).deploy().settings();
        QCOMPARE(sent.tensor_parallel_size(), 4U);
        QCOMPARE(sent.threads(), 7U);

        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_state("loading");
            for (wire::NodeStatus& node : *status.mutable_nodes()) {
                node.set_state("starting");
                for (wire::DeviceStatus& device : *node.mutable_devices()) {
                    device.set_load_total_bytes(10 * argus::testing::kGiB);
                    device.set_load_done_bytes(5 * argus::testing::kGiB);
                }
            }
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("startState").size(), 2, kPatienceMs);
        QVERIFY2(desk.texts("startState").value(0).contains("10.0 GiB of 20.0 GiB"),
                 qPrintable(desk.texts("startState").value(0)));
        QVERIFY(desk.texts("deviceLoad").value(0).contains("5.0 GiB of 10.0 GiB"));
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_state("ready");
            status.mutable_deployment()->set_number(2);
            status.mutable_deployment()->mutable_settings()->set_tensor_parallel_size(4);
        });
        QTRY_VERIFY_WITH_TIMEOUT(!desk.form().isChanged(), kPatienceMs);
        QVERIFY(desk.texts("startTitle").isEmpty());
        QVERIFY(desk.texts("engineDirty").value(0).isEmpty());
    }

    void aRollbackKeepsWhatWasTyped()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        desk.choose("edit_tensor_parallel_size", 4);
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QPushButton>("btnApply")->isEnabled(), kPatienceMs);
        desk.find<QPushButton>("btnApply")->click();
        desk.find<QPushButton>("btnRestartNow")->click();
        QTRY_COMPARE_WITH_TIMEOUT(desk.head.heardCount(Heard::kDeploy), std::size_t{1}, kPatienceMs);
        desk.head.change([](wire::Status& status) {
            wire::Deployment& d = *status.mutable_deployment();
            d.set_rolled_back(true);
            *d.mutable_error() = protocol::toWire(endedOnB());
        });
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("startTitle").value(0).contains("did not work"), kPatienceMs);
        QVERIFY(desk.texts("startCause")
                    .value(0)
                    .contains("The executor ended 3 times in a row; the last time the executor on gpu-b"));
        QCOMPARE(desk.find<QComboBox>("edit_tensor_parallel_size")->currentData().toInt(), 4);
        QVERIFY(desk.form().isChanged());
        QVERIFY(desk.texts("deploymentTrouble").value(0).contains("The executor"));
    }

    void escapeLeadsBackToTheChat()
    {
        Desk desk(m_home.freshFolder());
        openEngine(desk);
        QApplication::setActiveWindow(desk.window.get());
        for (const char* name : {"edit_model", "edit_max_model_len", "edit_dtype"}) {
            desk.window->desk().showEngine();
            auto* editor = desk.find<QWidget>(name);
            editor->setFocus();
            QTest::keyClick(editor, Qt::Key_Escape);
            QVERIFY2(desk.window->desk().isChat(), name);
        }
        desk.find<QPushButton>("btnEngine")->click();
        QVERIFY(!desk.window->desk().isChat());
        QVERIFY(desk.find<QAction>("actEngine")->isChecked());
        desk.find<QToolButton>("btnBackToChat")->click();
        QVERIFY(desk.window->desk().isChat());
    }

    void everyStateHasAWord_data()
    {
        QTest::addColumn<QString>("state");
        QTest::addColumn<QString>("english");
        QTest::addColumn<QString>("chinese");
        const auto row = [](const char* state, const char* english, const char* chinese) {
            QTest::newRow(state) << QString(state) << QString(english) << QString::fromUtf8(chinese);
        };
        row("joining", "Joining", "正在加入");
        row("idle", "Idle", "空闲");
        row("fetching", "Fetching the model", "正在获取模型");
        row("starting", "Starting", "正在启动");
        row("ready", "Ready", "就绪");
        row("restarting", "Restarting", "正在重启");
        row("failed", "Failed", "失败");
        row("suspect", "Not answering", "没有响应");
        row("lost", "Lost", "已失联");
        row("draining", "Draining", "正在排空");
    }
    void everyStateHasAWord()
    {
        QFETCH(QString, state);
        QFETCH(QString, english);
        QFETCH(QString, chinese);
        if (!m_states)
            m_states = std::make_unique<Desk>(m_home.freshFolder());
        Desk& desk = *m_states;
        desk.language.set("en");
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.head.change([&](wire::Status& status) { status.mutable_nodes(0)->set_state(state.toStdString()); });
        const auto shown = [&] { return desk.texts("nodeState").value(1); }; // the worker comes behind the head
        QTRY_VERIFY2_WITH_TIMEOUT(shown().contains(english), qPrintable(shown()), kPatienceMs);
        QVERIFY(!shown().startsWith('?') && !shown().startsWith(english)); // a shape stands before it
        QVERIFY(shown().contains("3 h 12 min"));
        desk.language.set("zh_CN");
        QTRY_VERIFY2_WITH_TIMEOUT(shown().contains(chinese), qPrintable(shown()), kPatienceMs);
        desk.language.set("en");
    }

    void theDockTellsAllOfAMachine()
    {
        Desk desk(m_home.freshFolder());
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        QTRY_COMPARE(desk.texts("nodeName"), (QStringList{"gpu-a", "gpu-b"})); // the head first
        QCOMPARE(desk.texts("nodeRole"), (QStringList{"Head", "Worker"}));
        const QString about = desk.texts("nodeAbout").value(1);
        for (const char* part : {"192.168.1.6:47701", "eno1", "round trip 0.3 ms", "9.4 Gbit/s", "0.1.0"})
            QVERIFY2(about.contains(part), qPrintable(about));
        QCOMPARE(desk.texts("devicePlace").value(3),
                 QString::fromUtf8("Rank 3 · stage 1 · tensor rank 1 · layers 32–63"));
        QVERIFY(desk.texts("deviceUse").value(0).contains("KV cache 33 %"));
        QVERIFY(desk.texts("deviceSummary").value(0).contains("Weights 16.0 GiB"));
        joinLastRank(desk);
        const QString joined = QString::fromUtf8("tensor rank 1 · NVLink ×18 through a switch · layers 32–63");
        QTRY_VERIFY2_WITH_TIMEOUT(desk.texts("devicePlace").value(3).endsWith(joined),
                                  qPrintable(desk.texts("devicePlace").value(3)), kPatienceMs);
        desk.language.set("zh_CN");
        QTRY_VERIFY2_WITH_TIMEOUT(
            desk.texts("devicePlace").value(3).contains(QString::fromUtf8("18 条 NVLink 链路（经交换芯片）")),
            qPrintable(desk.texts("devicePlace").value(3)), kPatienceMs);
        desk.language.set("en");
        desk.head.change([](wire::Status& status) {
            status.mutable_nodes(0)->set_fetch_done_bytes(3ULL << 30);
            status.mutable_nodes(0)->set_fetch_total_bytes(8ULL << 30);
        });
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("nodeState").value(1).contains("3.0 GiB of 8.0 GiB fetched from the head"),
                                 kPatienceMs);
        desk.head.change([](wire::Status& status) {
            wire::NodeStatus& node = *status.mutable_nodes(0);
            node.set_state("lost");
            node.set_age_seconds(6);
            *node.mutable_problem() = protocol::toWire(silentB());
            node.mutable_devices(0)->set_problem("is divided into instances (MIG), which this release cannot use");
            *node.mutable_devices(0)->mutable_problem_said() = protocol::toWire(say("gpu-mig"));
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("nodeTrouble").size(), 1, kPatienceMs);
        QVERIFY(desk.texts("nodeTrouble").value(0).contains("Look whether argus-node runs there"));
        QVERIFY(desk.texts("nodeState").value(1).contains("s ago"));
        QCOMPARE(desk.texts("deviceTrouble"),
                 QStringList{"Is divided into instances (MIG), which this release cannot use."});
    }

    void anObserverSeesAllAndChangesNothing()
    {
        Desk desk(m_home.freshFolder(), "en", "observer");
        openEngine(desk);
        const auto saysWhy = [](const QString& text) { return text.contains("may only watch"); };
        desk.choose("edit_tensor_parallel_size", 4);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isChecked() && desk.form().preflight()->possible, kPatienceMs); // it may look
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
        QVERIFY(saysWhy(desk.find<QPushButton>("btnApply")->toolTip()));
        QVERIFY(!desk.find<QPushButton>("btnAddWorker")->isEnabled());
        QVERIFY(saysWhy(desk.find<QPushButton>("btnAddWorker")->toolTip()));
        QVERIFY(!desk.find<QAction>("actAddWorker")->isEnabled());
        QVERIFY(desk.find<QPushButton>("btnLogs")->isEnabled());
        for (auto* menu : desk.window->findChildren<QMenu*>())
            emit menu->aboutToShow(); // they are filled then
        int removals = 0;
        for (auto* action : desk.window->findChildren<QAction*>("actRemoveNode")) {
            QVERIFY(!action->isEnabled());
            removals += saysWhy(action->toolTip()) ? 1 : 0; // the head's own cannot be anyway
        }
        QCOMPARE(removals, 1);
        desk.window->desk().showChat();
        for (const char* name : {"actSend", "actAttach", "actRegenerate"}) {
            QVERIFY2(!desk.find<QAction>(name)->isEnabled(), name);
            QVERIFY2(saysWhy(desk.find<QAction>(name)->toolTip()), name);
        }
        desk.window->page().composer()->setPlainText("Hello?");
        desk.window->page().send();
        desk.window->page().attachFiles({"/tmp/a.png"});
        QTest::qWait(200);
        QCOMPARE(desk.head.heardCount(Heard::kAsk), std::size_t{0});
        QCOMPARE(desk.head.heardCount(Heard::kUploadBegin), std::size_t{0});
        QCOMPARE(desk.window->page().composer()->toPlainText(), "Hello?"); // nothing is lost
        desk.language.set("zh_CN");
        QTRY_VERIFY_WITH_TIMEOUT(
            desk.find<QPushButton>("btnAddWorker")->toolTip().contains(QString::fromUtf8("只能观察")), kPatienceMs);
        QVERIFY(desk.find<QAction>("actSend")->toolTip().contains(QString::fromUtf8("只能观察")));
        QVERIFY(desk.find<QAction>("actAddWorker")->toolTip().contains(QString::fromUtf8("只能观察")));
        fits(desk, "observer");
    }

    void aWorkerIsAddedWithALine()
    {
        Desk desk(m_home.freshFolder());
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.find<QPushButton>("btnAddWorker")->click();
        auto* dialog = desk.find<AddWorkerDialog>("dlgAddWorker");
        QVERIFY(dialog != nullptr && dialog->isVisible() && !dialog->isModal());
        QTRY_VERIFY_WITH_TIMEOUT(dialog->line().startsWith("argus-node start --join argus://"), kPatienceMs);
        QCOMPARE(desk.find<QPlainTextEdit>("joinLine")->toPlainText(), dialog->line());
        QVERIFY(desk.texts("joinValidity").value(0).contains("min"));
        desk.find<QPushButton>("btnCopyLine")->click();
        QCOMPARE(QApplication::clipboard()->text(), dialog->line());
        QVERIFY(!desk.texts("joinWaiting").isEmpty());
        desk.head.change([](wire::Status& status) {
            *status.add_nodes() = argus::testing::nodeStatus("gpu-c", "worker", "joining", 1);
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("joinedNode").size(), 1, kPatienceMs);
        QVERIFY(desk.texts("joinedNode").value(0).contains("gpu-c: Joining"));
        desk.head.change([](wire::Status& status) { status.mutable_nodes(2)->set_state("idle"); });
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("joinedNode").value(0).contains("gpu-c: Idle"), kPatienceMs);
        QVERIFY(desk.texts("joinWaiting").isEmpty());
        const QString first = dialog->line();
        desk.find<QPushButton>("btnNewLine")->click();
        QTRY_VERIFY_WITH_TIMEOUT(dialog->line() != first && !dialog->line().isEmpty(), kPatienceMs);
    }

    void whyThereIsNoLineIsTold()
    {
        Desk desk(m_home.freshFolder());
        desk.head.refuseJoinLines(
            makeError(ErrorCode::Unsupported, say("head-is-private"), say("do-listening-head"), "listen"));
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.find<QAction>("actAddWorker")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("joinError").size(), 1, kPatienceMs);
        QVERIFY(desk.texts("joinError").value(0).contains("only this computer"));
        QVERIFY(desk.texts("joinError").value(0).contains("--listen"));
        QVERIFY(!desk.find<QPlainTextEdit>("joinLine")->isVisible());
    }

    void aLogIsReadAndAMachineRemoved()
    {
        Desk desk(m_home.freshFolder());
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        (void)desk.window->desk().openLogs("gpu-b");
        auto* text = desk.find<QPlainTextEdit>("logText");
        QTRY_VERIFY_WITH_TIMEOUT(text->toPlainText().contains("gpu-b: rank 2"), kPatienceMs);
        QVERIFY(text->isReadOnly());
        QTRY_VERIFY(desk.texts("logAbout").value(0).contains("2 lines"));
        auto* nodes = desk.find<QComboBox>("logNode");
        nodes->setCurrentText("gpu-a");
        emit nodes->activated(nodes->currentIndex());
        QTRY_VERIFY_WITH_TIMEOUT(text->toPlainText().contains("gpu-a: rank 2"), kPatienceMs);

        desk.window->desk().askToRemove("gpu-b");
        QVERIFY(desk.find<QWidget>("boxRemoveNode")->isVisible());
        QCOMPARE(desk.head.heardCount(Heard::kRemoveNode), std::size_t{0}); // asked first
        desk.find<QPushButton>("btnRemoveNow")->click();
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("nodeName"), QStringList{"gpu-a"}, kPatienceMs);
        QVERIFY(nodes->findText("gpu-b") >= 0); // its last lines can still be read
        desk.window->desk().askToRemove("gpu-x");
        desk.find<QPushButton>("btnRemoveNow")->click();
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QWidget>("clusterNotice")->isVisible(), kPatienceMs);
    }

    void aRefusedPlanIsChinese()
    {
        Desk desk(m_home.freshFolder(), "zh_CN");
        desk.head.change([](wire::Status& status) {
            wire::DeviceStatus& device = *status.mutable_nodes(0)->add_devices();
            device.set_kind("cpu");
            const Said name = say("device-threads", "AMD EPYC", 2);
            device.set_name(english(name));
            *device.mutable_name_said() = protocol::toWire(name);
        });
        openEngine(desk);
        desk.form().use({"", "tensor_parallel_size", "5", {}});
        desk.form().use({"", "max_model_len", "128000", {}});
        desk.form().use({"", "interface", "wlan0", "gpu-b"});
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("problemTitle").size(), 3, kPatienceMs);
        QCOMPARE(desk.texts("problemCause").value(0),
                 QString::fromUtf8("40 个注意力头无法被 tensor_parallel_size 5 均分。"));
        QCOMPARE(desk.texts("problemRemedy").value(0), QString::fromUtf8("解决办法：使用其中之一：1, 2, 4。"));
        QVERIFY2(desk.texts("problemCause").value(1).contains(QString::fromUtf8("KV 缓存 9.8 GiB，工作内存")),
                 qPrintable(desk.texts("problemCause").value(1)));
        QVERIFY2(desk.texts("checkRemarks").value(0).contains(QString::fromUtf8("秩之间的通信经由")),
                 qPrintable(desk.texts("checkRemarks").value(0)));
        QVERIFY2(!desk.texts("deviceName").filter(QString::fromUtf8("AMD EPYC，2 个线程")).isEmpty(),
                 qPrintable(desk.texts("deviceName").join('/')));
        QVERIFY2(englishIn(*desk.window).isEmpty(), qPrintable(englishIn(*desk.window).join("\n")));
        // The same cards, when the language changes under them.
        desk.language.set("en");
        QTRY_COMPARE(desk.texts("problemCause").value(0),
                     QString("40 attention heads cannot be shared by tensor_parallel_size 5."));
        QTRY_VERIFY(desk.texts("checkRemarks").value(0).contains("carries the traffic"));
        QVERIFY(!englishIn(*desk.window).isEmpty()); // it can tell the difference
        desk.language.set("zh_CN");
        QTRY_VERIFY2_WITH_TIMEOUT(englishIn(*desk.window).isEmpty(), qPrintable(englishIn(*desk.window).join("\n")),
                                  kPatienceMs);

        desk.form().revert();
        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_rolled_back(true);
            *status.mutable_deployment()->mutable_error() = protocol::toWire(endedOnB());
            status.mutable_nodes(0)->set_state("lost");
            *status.mutable_nodes(0)->mutable_problem() = protocol::toWire(silentB());
            *status.mutable_nodes(0)->mutable_devices(0)->mutable_problem_said() = protocol::toWire(say("gpu-mig"));
            status.mutable_nodes(0)->mutable_devices(0)->set_problem(english(say("gpu-mig")));
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("nodeTrouble").size(), 1, kPatienceMs);
        QVERIFY2(desk.texts("nodeTrouble").value(0).contains(QString::fromUtf8("已 7 秒没有消息")),
                 qPrintable(desk.texts("nodeTrouble").value(0)));
        QVERIFY(!desk.texts("deploymentTrouble").isEmpty());
        QVERIFY2(englishIn(*desk.window).isEmpty(), qPrintable(englishIn(*desk.window).join("\n")));
    }

    void everythingFitsAndHasAName_data()
    {
        QTest::addColumn<QString>("code");
        QTest::addColumn<QSize>("size");
        QTest::addColumn<bool>("dark");
        for (const char* code : {"en", "zh_CN"}) {
            QTest::addRow("%s, usual, light", code) << QString(code) << QSize(1280, 800) << false;
            QTest::addRow("%s, small, dark", code) << QString(code) << QSize(900, 600) << true;
        }
    }
    /// With ARGUS_PICTURES=FOLDER, pictures of every scene are kept there to be looked at.
    void everythingFitsAndHasAName()
    {
        QFETCH(QString, code);
        QFETCH(QSize, size);
        QFETCH(bool, dark);
        theme::apply(dark ? theme::Mode::Dark : theme::Mode::Light);
        const QString folder = m_home.freshFolder();
        Desk desk(folder, code);
        desk.window->resize(size);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        fits(desk, "chat");
        joinLastRank(desk);
        QTRY_VERIFY_WITH_TIMEOUT(desk.texts("devicePlace").value(3).contains("NVLink"), kPatienceMs);
        auto* dock = desk.find<QScrollArea>("clusterScroll")->verticalScrollBar();
        dock->setValue(dock->maximum());
        desk.head.failUploads(silentAtUpload());
        AttachmentsModel& tray = *desk.window->conversation().tray();
        desk.window->conversation().attach(written(folder, "harbour.png"));
        QTRY_VERIFY_WITH_TIMEOUT(tray.at(0).mayRetry(), kPatienceMs);
        fits(desk, "not-sent");
        tray.removeRow(0);
        dock->setValue(0);
        openEngine(desk);
        fits(desk, "engine");
        desk.form().use({"", "max_model_len", "128000", {}});
        desk.form().use({"", "interface", "wlan0", "gpu-b"});
        QTRY_VERIFY_WITH_TIMEOUT(desk.isChecked(), kPatienceMs);
        fits(desk, "problems");
        auto* scroll = desk.find<QScrollArea>("engineScroll")->verticalScrollBar();
        scroll->setValue(scroll->maximum() / 2);
        fits(desk, "plan");
        scroll->setValue(scroll->maximum());
        fits(desk, "machines");
        desk.form().revert();
        desk.form().use({"", "max_model_len", "16384", {}});
        QTRY_VERIFY_WITH_TIMEOUT(desk.isChecked(), kPatienceMs);
        scroll->setValue(0);
        desk.find<QPushButton>("btnApply")->click();
        fits(desk, "question");
        desk.find<QPushButton>("btnRestartNow")->click();
        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_state("loading");
            for (wire::NodeStatus& node : *status.mutable_nodes()) {
                node.set_state("starting");
                for (wire::DeviceStatus& device : *node.mutable_devices()) {
                    device.set_load_total_bytes(16 * argus::testing::kGiB);
                    device.set_load_done_bytes((node.role() == "head" ? 11 : 5) * argus::testing::kGiB);
                }
            }
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("startState").size(), 2, kPatienceMs);
        fits(desk, "starting");
        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_state("ready");
            status.mutable_deployment()->set_rolled_back(true);
            *status.mutable_deployment()->mutable_error() = protocol::toWire(endedOnB());
            status.mutable_nodes(0)->set_state("lost");
            status.mutable_nodes(0)->set_age_seconds(7);
            *status.mutable_nodes(0)->mutable_problem() = protocol::toWire(silentB());
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("startCause").size(), 1, kPatienceMs);
        fits(desk, "rolled-back");
        auto* add = desk.window->desk().openAddWorker();
        QTRY_VERIFY_WITH_TIMEOUT(!static_cast<AddWorkerDialog*>(add)->line().isEmpty(), kPatienceMs);
        desk.head.change([](wire::Status& status) {
            *status.add_nodes() = argus::testing::nodeStatus("gpu-c", "worker", "idle", 1);
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("joinedNode").size(), 1, kPatienceMs);
        keepPicture(*add, "add-worker");
        add->close();
        auto* logs = desk.window->desk().openLogs("gpu-b");
        QTRY_VERIFY_WITH_TIMEOUT(!desk.find<QPlainTextEdit>("logText")->toPlainText().isEmpty(), kPatienceMs);
        keepPicture(*logs, "logs");
        theme::apply(theme::Mode::Light);
    }

    void anAttachmentThatMetASilentHeadGoesWithTheNextTry()
    {
        const QString folder = m_home.freshFolder();
        Desk desk(folder);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        Conversation& conversation = desk.window->conversation();
        // By its button.
        desk.head.failUploads(silentAtUpload());
        conversation.attach(written(folder, "a.png"));
        QTRY_VERIFY_WITH_TIMEOUT(conversation.tray()->at(0).mayRetry(), kPatienceMs);
        desk.head.failUploads(std::nullopt);
        auto* again = desk.find<QToolButton>("btnRetryAttachment");
        QVERIFY(again->isVisible());
        again->click();
        QTRY_COMPARE_WITH_TIMEOUT(conversation.tray()->at(0).state, TrayItem::State::Inspecting, kPatienceMs);
        // With a question that failed for it, when that is asked again.
        desk.head.failUploads(silentAtUpload());
        conversation.attach(written(folder, "b.png"));
        conversation.send("What is this?");
        const auto last = [&] { return conversation.transcript()->at(conversation.transcript()->rowCount() - 1); };
        QTRY_COMPARE_WITH_TIMEOUT(last().state, AnswerState::Failed, kPatienceMs);
        QCOMPARE(desk.head.heardCount(Heard::kAsk), std::size_t{0});
        desk.head.failUploads(std::nullopt);
        conversation.regenerate();
        QTRY_COMPARE_WITH_TIMEOUT(desk.head.heardCount(Heard::kAsk), std::size_t{1}, kPatienceMs);
        QCOMPARE(last().state, AnswerState::Waiting);
    }

    void cleanupTestCase() { m_states.reset(); }

private:
    std::unique_ptr<Desk> m_states;
};

QTEST_MAIN(TstClusterPages)
#include "tst_cluster_pages.moc"
