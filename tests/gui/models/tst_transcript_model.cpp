#include "gui/models/transcript_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

using namespace argus::gui;

class TstTranscriptModel : public QObject {
    Q_OBJECT

private slots:
    void anAnswerGrowsAndSettlesOnce()
    {
        TranscriptModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QSignalSpy settled(&model, &TranscriptModel::settled);
        model.addQuestion("How many?", {});
        model.begin("a");
        QCOMPARE(model.openAsk(), "a");
        model.append("a", "There are ");
        model.append("a", "2.");
        QCOMPARE(model.at(1).text, "There are 2.");
        QCOMPARE(model.at(1).state, AnswerState::Streaming);
        model.finish("a", AskOutcome::Complete, "There are 2.", {});
        model.finish("a", AskOutcome::Stopped, "other", {});
        model.fail("a", {"Crashed", QString("x"), QString(), ""});
        QCOMPARE(model.at(1).state, AnswerState::Complete);
        QCOMPARE(model.at(1).text, "There are 2.");
        QCOMPARE(settled.count(), 1);
        QVERIFY(model.openAsk().isEmpty());
    }

    void lateTextIsIgnored()
    {
        TranscriptModel model;
        model.addQuestion("q", {});
        model.begin("a");
        model.append("a", "one");
        model.finish("a", AskOutcome::Stopped, {}, {});
        model.append("a", " two");
        QCOMPARE(model.at(1).text, "one");
        model.dropLastAnswer();
        model.begin("b");
        model.append("a", "late");
        QCOMPARE(model.at(1).text, "");
    }

    void turnsHoldTheWholeConversation()
    {
        TranscriptModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.addQuestion("What?", {Attachment{7, "a.png", "/a.png", {}}});
        model.begin("a");
        model.finish("a", AskOutcome::Complete, "A star.", {});
        model.addQuestion("Where?", {});
        const QList<Turn> turns = model.turns();
        QCOMPARE(turns.size(), 3);
        QCOMPARE(turns[0].attachments, QList<AttachmentId>{7});
        QCOMPARE(turns[1].role, Turn::Role::Assistant);
        QCOMPARE(turns[1].text, "A star.");
        QCOMPARE(turns[2].text, "Where?");
    }

    void aQuestionWithoutAnAnswerJoinsTheNext()
    {
        TranscriptModel model;
        model.addQuestion("First", {Attachment{1, "a", "a", {}}});
        model.begin("a");
        model.fail("a", {"Crashed", QString("gone"), QString(), ""});
        model.addQuestion("Second", {Attachment{2, "b", "b", {}}});
        const QList<Turn> turns = model.turns();
        QCOMPARE(turns.size(), 1); // roles alternate, whatever failed
        QCOMPARE(turns[0].text, "First\n\nSecond");
        QCOMPARE(turns[0].attachments, (QList<AttachmentId>{1, 2}));
    }
};

QTEST_GUILESS_MAIN(TstTranscriptModel)
#include "tst_transcript_model.moc"
