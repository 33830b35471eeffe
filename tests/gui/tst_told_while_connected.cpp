// What a window that is connected says when something happens to it or to the cluster: its key is revoked, its role
// changes, a line between two workers breaks. In both languages, against a scripted head behind real sockets.

#include "tests/gui/support/desk.h"
#include "tests/gui/support/home.h"

#include "gui/chat/chat_page.h"
#include "gui/chat/composer.h"
#include "gui/chat/notice.h"
#include "gui/theme/theme.h"

#include <QAction>
#include <QApplication>
#include <QTest>

using namespace argus;
using namespace argus::gui;
using namespace argus::gui::testing;
using Heard = argus::wire::ClientMessage;

namespace {

const QString kSystemWords = QStringLiteral("readError: Connection timed out, remote=[10.78.0.3]:41712");

/// As the supervisor says it (tests/engine/node/tst_supervisor.cpp).
Error lineBetweenWorkersBroken()
{
    return makeError(
        ErrorCode::Crashed,
        say("executor-ended-on", "gpu-b",
            say("how-gave-up", say("rank-lost", 2, std::vector<Said>{"0", "3"},
                                   say("rank-lost-another", 1, "7/pipeline0", kSystemWords.toStdString())))),
        say("then", say("do-look-at-line"), say("starts-again-in", 5)));
}

} // namespace

class TstToldWhileConnected : public QObject {
    Q_OBJECT

    Home m_home;
    static void inBothLanguages()
    {
        QTest::addColumn<QString>("code");
        QTest::newRow("en") << "en";
        QTest::newRow("zh_CN") << "zh_CN";
    }
    /// The notice above the conversation, as it is read out.
    static QString banner(Desk& desk, const char* name = "bannerConnection")
    {
        auto* notice = desk.find<Notice>(name);
        return notice->isVisible() ? Desk::plain(notice->text()) : QString();
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

    void aRevokedKeyIsTold_data() { inBothLanguages(); }
    void aRevokedKeyIsTold()
    {
        QFETCH(QString, code);
        const bool chinese = code == "zh_CN";
        Desk desk(m_home.freshFolder(), code);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        QVERIFY(banner(desk).isEmpty());
        desk.window->page().composer()->setPlainText("Hello?");
        desk.head.revoke();
        QTRY_VERIFY_WITH_TIMEOUT(!banner(desk).isEmpty(), kPatienceMs);
        const QString cause = chinese ? QString::fromUtf8("主节点已撤销本机的密钥")
                                      : QStringLiteral("the key of this computer has been revoked on the head");
        QVERIFY2(banner(desk).contains(cause, Qt::CaseInsensitive), qPrintable(banner(desk)));
        QVERIFY2(banner(desk).contains("argus-node keys allow '" + desk.head.clientKey() + "' "),
                 qPrintable(banner(desk))); // as it is typed on the head
        QVERIFY2(!banner(desk).contains(chinese ? QString::fromUtf8("没有响应") : QStringLiteral("does not answer")),
                 qPrintable(banner(desk))); // it does
        QVERIFY2(desk.find<QLabel>("statusConnection")
                     ->accessibleName()
                     .contains(chinese ? QString::fromUtf8("未连接") : QStringLiteral("Not connected")),
                 qPrintable(desk.find<QLabel>("statusConnection")->accessibleName()));
        QCOMPARE(desk.window->page().composer()->toPlainText(), "Hello?"); // nothing is lost
        keepPicture(*desk.window, "revoked");
        if (chinese)
            QVERIFY2(englishIn(*desk.window, {desk.head.clientKey()}).isEmpty(),
                     qPrintable(englishIn(*desk.window, {desk.head.clientKey()}).join("\n")));
        // It knocks again, and hears that nobody knows it.
        const QString unknown = chinese ? QString::fromUtf8("不认识") : QStringLiteral("does not know this computer");
        QTRY_VERIFY2_WITH_TIMEOUT(banner(desk).contains(unknown), qPrintable(banner(desk)), kPatienceMs);
        desk.head.allowAgain();
        QTRY_VERIFY_WITH_TIMEOUT(desk.link.state() == LinkState::Connected, kPatienceMs);
        QVERIFY2(banner(desk).isEmpty(), qPrintable(banner(desk)));
        QCOMPARE(desk.window->page().composer()->toPlainText(), "Hello?");
    }

    void aRoleThatChangesIsTold_data() { inBothLanguages(); }
    void aRoleThatChangesIsTold()
    {
        QFETCH(QString, code);
        const QString mayOnlyWatch = code == "zh_CN" ? QString::fromUtf8("只能观察") : QStringLiteral("may only watch");
        Desk desk(m_home.freshFolder(), code);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.window->page().composer()->setPlainText("Hello?");
        const auto saysWhy = [&](const char* name) {
            const auto* action = desk.find<QAction>(name);
            return !action->isEnabled() && action->toolTip().contains(mayOnlyWatch);
        };
        QVERIFY(desk.find<QAction>("actSend")->isEnabled());
        desk.head.changeRole("observer");
        QTRY_VERIFY_WITH_TIMEOUT(saysWhy("actSend"), kPatienceMs);
        QVERIFY(saysWhy("actAttach"));
        QVERIFY(saysWhy("actAddWorker"));
        QCOMPARE(desk.link.state(), LinkState::Connected);
        // Who tries all the same reads it on the page.
        desk.window->page().attachFiles({"/tmp/a.png"});
        QTRY_VERIFY2_WITH_TIMEOUT(banner(desk, "bannerRefused").contains(mayOnlyWatch),
                                  qPrintable(banner(desk, "bannerRefused")), kPatienceMs);
        keepPicture(*desk.window, "observer");
        if (code == "zh_CN")
            QVERIFY2(englishIn(*desk.window).isEmpty(), qPrintable(englishIn(*desk.window).join("\n")));
        desk.head.changeRole("client");
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QAction>("actSend")->isEnabled(), kPatienceMs);
        QVERIFY(!desk.find<QAction>("actSend")->toolTip().contains(mayOnlyWatch));
        QVERIFY(desk.find<QAction>("actAddWorker")->isEnabled());
        QVERIFY2(banner(desk, "bannerRefused").isEmpty(), qPrintable(banner(desk, "bannerRefused"))); // it may again
        QCOMPARE(desk.window->page().composer()->toPlainText(), "Hello?");
        QCOMPARE(desk.head.heardCount(Heard::kUploadBegin), std::size_t{0});
    }

    void theRemedyOfABrokenLineIsShown_data() { inBothLanguages(); }
    void theRemedyOfABrokenLineIsShown()
    {
        QFETCH(QString, code);
        const bool chinese = code == "zh_CN";
        Desk desk(m_home.freshFolder(), code);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isConnected(), kPatienceMs);
        desk.find<QAction>("actEngine")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(desk.isChecked(), kPatienceMs);
        desk.head.change([](wire::Status& status) {
            status.mutable_deployment()->set_state("restarting");
            *status.mutable_deployment()->mutable_error() = protocol::toWire(lineBetweenWorkersBroken());
            for (wire::NodeStatus& node : *status.mutable_nodes())
                node.set_state("restarting");
        });
        QTRY_COMPARE_WITH_TIMEOUT(desk.texts("startRemedy").size(), 1, kPatienceMs);
        const QStringList wanted =
            chinese ? QStringList{QString::fromUtf8("秩 2 失去了秩 0 或 3"),
                                  QString::fromUtf8("请检查这些机器之间的网络：网线、交换机、防火墙、网络接口"),
                                  QString::fromUtf8("5 秒后")}
                    : QStringList{"rank 2 has lost rank 0 or 3",
                                  "look at the network between those machines: cable, switch, firewall, interface",
                                  "it starts again in 5 s"};
        for (const QString& shown : {(desk.texts("startCause") + desk.texts("startRemedy")).join('\n'),
                                     desk.texts("deploymentTrouble").join('\n')}) {
            for (const QString& each : wanted)
                QVERIFY2(shown.contains(each, Qt::CaseInsensitive), qPrintable(shown));
            QVERIFY2(shown.contains(kSystemWords), qPrintable(shown)); // which address it was
        }
        keepPicture(*desk.window, "line broken");
        if (chinese)
            QVERIFY2(englishIn(*desk.window, {kSystemWords}).isEmpty(),
                     qPrintable(englishIn(*desk.window, {kSystemWords}).join("\n")));
    }
};

QTEST_MAIN(TstToldWhileConnected)
#include "tst_told_while_connected.moc"
