#include "gui/models/attachments_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

using namespace argus::gui;

class TstAttachmentsModel : public QObject {
    Q_OBJECT

private slots:
    void anItemGoesFromUploadToReady()
    {
        AttachmentsModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.add({1, "a.png", "/a.png", {}});
        model.setProgress(1, 50, 200);
        QCOMPARE(model.at(0).progress, 0.25);
        QCOMPARE(model.at(0).state, TrayItem::State::Uploading);
        model.setProgress(1, 200, 200);
        QCOMPARE(model.at(0).state, TrayItem::State::Inspecting);
        MediaFacts facts;
        facts.size = {1920, 1080};
        facts.tokens = 2691;
        model.setFacts(1, facts);
        QCOMPARE(model.at(0).state, TrayItem::State::Ready);
        QCOMPARE(model.tokens(), 2691);
        model.setProgress(1, 0, 200); // sent again to a new head: the chip stays as it is
        QCOMPARE(model.at(0).state, TrayItem::State::Ready);
    }

    void aFailedItemIsNamedAndCanBeRemoved()
    {
        AttachmentsModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QSignalSpy removed(&model, &AttachmentsModel::removed);
        model.add({1, "a", "a", {}});
        model.add({2, "b", "b", {}});
        model.fail(1, {"Corrupt", QString("a: not a picture"), {}, ""});
        QVERIFY(model.hasUnreadable());
        QCOMPARE(model.data(model.index(0), AttachmentsModel::TroubleRole).value<Trouble>().cause.text(),
                 "a: not a picture");
        model.removeRow(0);
        QVERIFY(!model.hasUnreadable());
        QCOMPARE(removed.value(0).value(0).toULongLong(), 1ull);
        QCOMPARE(model.paths(), QStringList{"b"});
    }

    void takingEmptiesTheTrayInOrder()
    {
        AttachmentsModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QSignalSpy removed(&model, &AttachmentsModel::removed);
        model.add({1, "a", "a", {}});
        model.add({2, "b", "b", {}});
        const QList<Attachment> taken = model.take();
        QCOMPARE(taken.size(), 2);
        QCOMPARE(taken[0].name, "a");
        QVERIFY(model.isEmpty());
        QCOMPARE(removed.count(), 0); // they belong to the question now
    }
};

QTEST_GUILESS_MAIN(TstAttachmentsModel)
#include "tst_attachments_model.moc"
