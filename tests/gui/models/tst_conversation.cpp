#include "gui/models/conversation.h"
#include "tests/gui/support/scripted_link.h"

#include <QSignalSpy>
#include <QTest>

using namespace argus::gui;

class TstConversation : public QObject {
    Q_OBJECT

private slots:
    void sendingTakesTextAndTray()
    {
        ScriptedLink link;
        Conversation conversation(link);
        QVERIFY(!conversation.canSend("  "));
        conversation.attach("/tmp/a.png");
        QCOMPARE(link.attached.size(), 1);
        QVERIFY(conversation.canSend(""));
        conversation.send(" What is this? ");
        QCOMPARE(link.asked.size(), 1);
        QCOMPARE(link.asked[0].turns.size(), 1);
        QCOMPARE(link.asked[0].turns[0].text, "What is this?");
        QCOMPARE(link.asked[0].turns[0].attachments, QList<AttachmentId>{link.attached[0].first});
        QVERIFY(conversation.tray()->isEmpty());
        QVERIFY(conversation.isAnswering());
        QVERIFY(!conversation.canSend("more"));
    }

    void anAttachmentThatDidNotReachTheHeadIsTriedAgain_data()
    {
        QTest::addColumn<QString>("by");
        QTest::newRow("when the connection is back") << "connection";
        QTest::newRow("by its button") << "button";
        QTest::newRow("on sending") << "sending";
    }
    void anAttachmentThatDidNotReachTheHeadIsTriedAgain()
    {
        QFETCH(QString, by);
        ScriptedLink link;
        Conversation conversation(link);
        conversation.attach("/tmp/a.png");
        conversation.attach("/tmp/b.png");
        const auto [id, path] = link.attached[1];
        emit link.attachmentFailed(id,
                                   {"Timeout", QString("the head has said nothing"), QString("attach it again"), {}});
        QVERIFY(conversation.tray()->at(1).mayRetry() && !conversation.tray()->at(0).mayRetry());
        QVERIFY(conversation.canSend("What is this?")); // it need not be attached anew
        QSignalSpy changed(conversation.tray(), &AttachmentsModel::dataChanged);
        if (by == "connection") {
            link.change(LinkState::Away, {"Unreachable", QString("the head is away"), {}, {}});
            QCOMPARE(link.attached.size(), 2);
            link.change(LinkState::Connected);
        } else if (by == "button") {
            conversation.tray()->retry(0); // on its way: nothing happens
            conversation.tray()->retry(1);
        } else {
            conversation.send("What is this?");
            QCOMPARE(link.asked.size(), 1);
            QCOMPARE(link.asked[0].turns[0].attachments, (QList<AttachmentId>{link.attached[0].first, id}));
        }
        QCOMPARE(link.attached.size(), 3);
        QCOMPARE(link.attached[2], qMakePair(id, path));
        if (by == "sending")
            return;
        QCOMPARE(changed.size(), 1);
        QCOMPARE(conversation.tray()->at(1).state, TrayItem::State::Uploading);
        QVERIFY(conversation.tray()->at(1).trouble.isEmpty());
        emit link.attachmentReady(id, {});
        QCOMPARE(conversation.tray()->at(1).state, TrayItem::State::Ready);
        link.change(LinkState::Connected);
        QCOMPARE(link.attached.size(), 3); // there is nothing to try
    }

    void anAttachmentThatCannotBeReadIsNot()
    {
        ScriptedLink link;
        Conversation conversation(link);
        conversation.attach("/tmp/a.png");
        emit link.attachmentFailed(link.attached[0].first, {"Corrupt", QString("it is no picture"), {}, {}});
        QVERIFY(!conversation.canSend("What is this?"));
        link.change(LinkState::Connected);
        conversation.tray()->retry(0);
        QCOMPARE(link.attached.size(), 1);
        QCOMPARE(conversation.tray()->at(0).state, TrayItem::State::Failed);
    }

    void everyTurnIsSentAgain()
    {
        ScriptedLink link;
        Conversation conversation(link);
        conversation.send("One");
        link.say("1");
        link.finish();
        conversation.send("Two");
        QCOMPARE(link.asked.size(), 2);
        QCOMPARE(link.asked[1].turns.size(), 3);
        QCOMPARE(link.asked[1].turns[1].text, "1");
        QVERIFY(link.asked[0].id != link.asked[1].id);
    }

    void regenerateAsksTheSameWithoutTheAnswer()
    {
        ScriptedLink link;
        Conversation conversation(link);
        QVERIFY(!conversation.canRegenerate());
        conversation.send("One");
        link.say("1");
        QVERIFY(!conversation.canRegenerate());
        link.finish();
        conversation.regenerate();
        QCOMPARE(link.asked.size(), 2);
        QCOMPARE(link.asked[1].turns.size(), 1);
        QCOMPARE(conversation.transcript()->rowCount(), 2);
    }

    void stopWaitsForTheHeadUnlessItIsAway()
    {
        ScriptedLink link;
        Conversation conversation(link);
        conversation.send("One");
        link.say("par");
        conversation.stop();
        QCOMPARE(link.cancelled, QStringList{link.asked[0].id});
        QVERIFY(conversation.isAnswering());
        link.finish(AskOutcome::Stopped);
        QCOMPARE(conversation.transcript()->at(1).state, AnswerState::Stopped);
        QCOMPARE(conversation.transcript()->at(1).text, "par");

        conversation.send("Two");
        link.change(LinkState::Away);
        conversation.stop();
        QVERIFY(!conversation.isAnswering());
        QCOMPARE(conversation.transcript()->at(3).state, AnswerState::Stopped);
    }

    void aFailedQuestionCanBeTakenBack()
    {
        ScriptedLink link;
        Conversation conversation(link);
        QSignalSpy returned(&conversation, &Conversation::draftReturned);
        conversation.attach("/tmp/a.png");
        conversation.send("Why?");
        emit link.askFailed(link.asked[0].id, {"Corrupt", QString("a.png: broken"), QString("take another"), ""});
        conversation.takeBackQuestion();
        QVERIFY(conversation.transcript()->isEmpty());
        QCOMPARE(conversation.tray()->rowCount(), 1);
        QCOMPARE(returned.value(0).value(0).toString(), "Why?");
        conversation.tray()->removeRow(0);
        QCOMPARE(link.forgotten.size(), 1);
        QVERIFY(conversation.canSend("Why?"));
    }

    void clearingForgetsTheFiles()
    {
        ScriptedLink link;
        Conversation conversation(link);
        conversation.attach("/tmp/a.png");
        conversation.send("One");
        conversation.clear();
        QVERIFY(conversation.transcript()->isEmpty());
        QCOMPARE(link.cancelled.size(), 1);
        QCOMPARE(link.forgotten.size(), 1);
        link.say("late"); // of the answer that was dropped
        QVERIFY(conversation.transcript()->isEmpty());
    }
};

QTEST_GUILESS_MAIN(TstConversation)
#include "tst_conversation.moc"
