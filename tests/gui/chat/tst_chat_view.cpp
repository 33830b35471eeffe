#include "gui/chat/boxed_picture.h"
#include "gui/chat/chat_view.h"
#include "gui/chat/composer.h"
#include "gui/chat/message_widget.h"
#include "gui/chat/segments.h"
#include "gui/chat/tray_view.h"
#include "gui/cluster/memory_bar.h"
#include "gui/theme/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QInputMethodEvent>
#include <QLabel>
#include <QMimeData>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include <cmath>

using namespace argus::gui;

namespace {

/// What an answer shows, prose and code together.
QString shownText(QWidget* message)
{
    QString text;
    for (auto* prose : message->findChildren<ProseSegment*>())
        text += prose->toPlainText() + '\n';
    for (auto* code : message->findChildren<CodeSegment*>())
        text += code->code() + '\n';
    return text;
}

double luminance(const QColor& color)
{
    const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

double contrast(const QColor& a, const QColor& b)
{
    const double first = luminance(a) + 0.05;
    const double second = luminance(b) + 0.05;
    return first > second ? first / second : second / first;
}

} // namespace

class TstChatView : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { theme::apply(theme::Mode::Light); }

    void htmlInAnAnswerIsShownNotSwallowed()
    {
        ProseSegment prose;
        prose.setProse("I see a <box> tag <b>bold</b> and <div>.\n\npara two <script>alert(1)</script>\n\nend");
        const QString text = prose.toPlainText();
        for (const char* piece : {"<box>", "<div>", "para two", "alert(1)", "end"})
            QVERIFY2(text.contains(piece), qPrintable(text));
    }

    void anAnswerLoadsNoFilesAndNoPages()
    {
        QTemporaryDir folder;
        const QString file = folder.filePath("secret.png");
        QImage secret(40, 40, QImage::Format_RGB32);
        secret.fill(Qt::red);
        QVERIFY(secret.save(file));
        ProseSegment prose;
        prose.resize(300, 100);
        prose.setProse("![x](file://" + file + ") ![y](http://127.0.0.1:1/y.png) text");
        prose.show();
        QVERIFY(QTest::qWaitForWindowExposed(&prose));
        const QImage seen = prose.grab().toImage();
        int red = 0;
        for (int y = 0; y < seen.height(); ++y)
            for (int x = 0; x < seen.width(); ++x)
                red += seen.pixelColor(x, y) == QColor(Qt::red) ? 1 : 0;
        QCOMPARE(red, 0);
        // Something harmless in its place: for an empty answer Qt opens the file by itself.
        const QImage instead =
            prose.loadResource(QTextDocument::ImageResource, QUrl::fromLocalFile(file)).value<QImage>();
        QVERIFY(!instead.isNull() && instead.size() != secret.size());
        QVERIFY(prose.toPlainText().contains("text"));
    }

    void aLongAnswerStreamsWithoutRenderingItAllAgain()
    {
        TranscriptModel model;
        ChatView view(model);
        view.resize(700, 500);
        view.show();
        model.addQuestion("Tell me", {});
        model.begin("a");
        QString whole;
        QSignalSpy repainted(&view, &ChatView::repainted);
        for (int i = 0; i < 400; ++i) {
            const QString piece = QString("Paragraph %1 with **bold** words and a number of others.\n\n").arg(i);
            whole += piece;
            model.append("a", piece);
            if (i % 40 == 0)
                QVERIFY(repainted.wait());
        }
        model.finish("a", AskOutcome::Complete, whole, {});
        QVERIFY(repainted.wait());
        QVERIFY(repainted.count() < 60); // not once a piece
        auto* answer = view.message(1);
        QVERIFY(answer->findChildren<ProseSegment*>().size() > 5);
        QVERIFY(shownText(answer).contains("Paragraph 399 with bold words"));
    }

    void codeHasALanguageAndACopyButton()
    {
        TranscriptModel model;
        ChatView view(model);
        view.resize(700, 500);
        view.show();
        model.addQuestion("Boxes?", {});
        model.begin("a");
        model.finish("a", AskOutcome::Complete, "Here:\n```json\n[1, 2]\n```\n", {});
        QTRY_VERIFY(view.message(1)->findChild<CodeSegment*>() != nullptr);
        auto* code = view.message(1)->findChild<CodeSegment*>();
        QCOMPARE(code->code(), "[1, 2]");
        auto* copy = code->findChild<QToolButton*>("btnCopyCode");
        QVERIFY(!copy->accessibleName().isEmpty());
        copy->click();
        QCOMPARE(QApplication::clipboard()->text(), "[1, 2]");
    }

    void boxesAreDrawnWhereTheModelSawThem()
    {
        QCOMPARE(boxesIn("not json").size(), 0);
        QCOMPARE(boxesIn("[{\"bbox_2d\": [1, 2, 3]}, {\"label\": \"x\"}, {\"bbox_2d\": [5, 5, 5, 9]}]").size(), 0);
        TranscriptModel model;
        ChatView view(model);
        view.resize(700, 700);
        view.show();
        Attachment picture{1, "street.jpg", "/street.jpg", {}};
        picture.facts.size = {1920, 1080};
        picture.facts.modelSize = {420, 210};
        picture.facts.thumbnail = QImage(192, 108, QImage::Format_RGB32);
        picture.facts.thumbnail.fill(Qt::white);
        model.addQuestion("Where?", {picture});
        model.begin("a");
        model.append("a", "```json\n[{\"bbox_2d\": [42, 21, 84, 42], \"label\": \"car\"}, {\"bbox_2d\": [400, 10, 999, "
                          "50], \"label\": \"bus\"}]\n```\n");
        QTRY_VERIFY(view.message(1)->findChild<BoxedPicture*>() != nullptr);
        auto* boxed = view.message(1)->findChild<BoxedPicture*>();
        QCOMPARE(boxed->size(), QSize(420, 210));
        QCOMPARE(boxed->placeOf(boxed->boxes()[0].box), QRectF(42, 21, 42, 21));
        QCOMPARE(boxed->placeOf(boxed->boxes()[1].box).right(), 420.0); // cut at the edge
        QVERIFY(boxed->accessibleName().contains("car"));
        const QImage seen = boxed->grab().toImage();
        QVERIFY(seen.pixelColor(63, 42) != QColor(Qt::white)); // the lower edge of the first box
        QCOMPARE(seen.pixelColor(63, 36), QColor(Qt::white));  // inside it
    }

    void whoScrolledUpIsLeftAlone()
    {
        TranscriptModel model;
        ChatView view(model);
        view.resize(600, 300);
        view.show();
        QString text;
        for (int i = 0; i < 60; ++i)
            text += QString("Line %1\n\n").arg(i);
        model.addQuestion("q", {});
        model.begin("a");
        model.append("a", text);
        QTRY_VERIFY(view.verticalScrollBar()->maximum() > 300);
        QTRY_COMPARE(view.verticalScrollBar()->value(), view.verticalScrollBar()->maximum());
        const int place = view.verticalScrollBar()->maximum() - 250;
        view.verticalScrollBar()->setValue(place);
        QSignalSpy repainted(&view, &ChatView::repainted);
        model.append("a", "More\n\nand more\n\n");
        QVERIFY(repainted.wait());
        QCOMPARE(view.verticalScrollBar()->value(), place);
        auto* button = view.findChild<QWidget*>("btnNewText");
        QVERIFY(button->isVisible());
        QTest::mouseClick(button, Qt::LeftButton);
        QTRY_COMPARE(view.verticalScrollBar()->value(), view.verticalScrollBar()->maximum());
        QVERIFY(!button->isVisible());
    }

    void onlyTheNewestMessagesAreWidgets()
    {
        TranscriptModel model;
        for (int i = 0; i < 100; ++i) {
            model.addQuestion(QString("Question %1").arg(i), {});
            model.begin(QString::number(i));
            model.finish(QString::number(i), AskOutcome::Complete, "Answer", {});
        }
        ChatView view(model);
        view.show();
        QVERIFY(view.message(0) == nullptr);
        QVERIFY(view.message(199) != nullptr);
        QCOMPARE(view.findChildren<MessageWidget*>().size(), ChatView::kShown);
    }

    void anErrorSaysWhatAndWhatToDo()
    {
        TranscriptModel model;
        ChatView view(model);
        view.show();
        model.addQuestion("q", {});
        model.begin("a");
        model.append("a", "Part");
        model.fail("a", {"DoesNotFit", QString("71,020 of 68,839 tokens"), QString("send fewer pictures"), ""});
        QTRY_VERIFY(view.message(1)->findChild<ErrorCard*>() != nullptr);
        auto* card = view.message(1)->findChild<ErrorCard*>();
        QString all;
        for (auto* label : card->findChildren<QLabel*>())
            all += label->text() + '\n';
        QVERIFY(all.contains("71,020 of 68,839") && all.contains("send fewer pictures"));
        QCOMPARE(card->findChild<QLabel*>("errorTitle")->text(), ErrorCard::titleOf("DoesNotFit"));
        QVERIFY(shownText(view.message(1)).contains("Part"));
        QSignalSpy retry(&view, &ChatView::retryWanted);
        QTest::mouseClick(card->findChild<QWidget*>("btnRetry"), Qt::LeftButton);
        QCOMPARE(retry.count(), 1);
    }

    void enterSendsButNotWhileComposing()
    {
        Composer composer;
        composer.show();
        QSignalSpy sent(&composer, &Composer::submitted);
        QTest::keyClicks(&composer, "Hi");
        QTest::keyClick(&composer, Qt::Key_Return, Qt::ShiftModifier);
        QCOMPARE(composer.toPlainText(), "Hi\n");
        QCOMPARE(sent.count(), 0);
        QTest::keyClick(&composer, Qt::Key_Return);
        QCOMPARE(sent.count(), 1);
        QInputMethodEvent composing("ni", {});
        QApplication::sendEvent(&composer, &composing);
        QTest::keyClick(&composer, Qt::Key_Return);
        QCOMPARE(sent.count(), 1);
        QInputMethodEvent commit;
        commit.setCommitString(QString::fromUtf8("你"));
        QApplication::sendEvent(&composer, &commit);
        QTest::keyClick(&composer, Qt::Key_Return);
        QCOMPARE(sent.count(), 2);
    }

    void picturesAndFilesArePastedAsAttachments()
    {
        Composer composer;
        QSignalSpy image(&composer, &Composer::imagePasted);
        QSignalSpy files(&composer, &Composer::filesPasted);
        auto* data = new QMimeData;
        QImage picture(8, 8, QImage::Format_RGB32);
        picture.fill(Qt::blue);
        data->setImageData(picture);
        QApplication::clipboard()->setMimeData(data);
        composer.paste();
        QCOMPARE(image.count(), 1);
        auto* named = new QMimeData;
        named->setUrls({QUrl::fromLocalFile("/tmp/a.png")});
        QApplication::clipboard()->setMimeData(named);
        composer.paste();
        QCOMPARE(files.value(0).value(0).toStringList(), QStringList{"/tmp/a.png"});
        QCOMPARE(composer.toPlainText(), "");
    }

    void thePartsOfABarAddUp()
    {
        DeviceFacts device;
        device.name = QString("GPU");
        device.kind = "cuda";
        device.total = 1000;
        device.free = 300;
        device.weights = 400;
        device.runtime = 50;
        device.kvReserved = 200;
        device.kvUsed = 80;
        quint64 sum = 0;
        for (const MemoryPart& part : memoryParts(device))
            sum += part.bytes;
        QCOMPARE(sum, 1000ull);
        QCOMPARE(memoryInUse(device), 530ull);
        device.free = 990; // weights that are mapped and not yet read count as free to the system
        sum = 0;
        for (const MemoryPart& part : memoryParts(device))
            sum += part.bytes;
        QCOMPARE(sum, 1000ull);
        MemoryBar bar;
        bar.setDevice(device, false);
        QVERIFY(bar.accessibleName().contains("GPU") && bar.toolTip().contains("50"));
    }

    void everyTextColourCanBeRead_data()
    {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }

    void everyTextColourCanBeRead()
    {
        QFETCH(bool, dark);
        const theme::Colors& c = theme::colors(dark);
        const QPalette p = theme::palette(dark);
        const QColor text = p.color(QPalette::WindowText);
        const QColor window = p.color(QPalette::Window);
        const QList<QPair<QColor, QColor>> pairs{{text, window},
                                                 {text, p.color(QPalette::Base)},
                                                 {text, c.questionBubble},
                                                 {text, c.card},
                                                 {text, c.code},
                                                 {p.color(QPalette::ButtonText), p.color(QPalette::Button)},
                                                 {c.muted, window},
                                                 {c.muted, c.card},
                                                 {c.muted, c.code},
                                                 {c.muted, p.color(QPalette::Base)},
                                                 {c.accent, window},
                                                 {c.accent, p.color(QPalette::Base)},
                                                 {c.stripText, c.strip},
                                                 {c.alertText, c.alert},
                                                 {c.good, window},
                                                 {c.good, c.card},
                                                 {c.warning, window},
                                                 {c.warning, c.card},
                                                 {c.bad, window},
                                                 {c.bad, c.card},
                                                 {p.color(QPalette::HighlightedText), p.color(QPalette::Highlight)},
                                                 {p.color(QPalette::ToolTipText), p.color(QPalette::ToolTipBase)}};
        for (const auto& [front, back] : pairs)
            QVERIFY2(contrast(front, back) >= 4.5,
                     qPrintable(QString("%1 on %2: %3").arg(front.name(), back.name()).arg(contrast(front, back))));
    }

    void aChipOffersAnotherTryWhereItMayHelp()
    {
        AttachmentsModel tray;
        TrayView view(tray);
        QSignalSpy retried(&tray, &AttachmentsModel::retried);
        tray.add({1, "a.png", "/tmp/a.png", {}});
        auto* again = view.chip(0)->findChild<QToolButton*>("btnRetryAttachment");
        QVERIFY(again->isHidden());
        tray.fail(1, {"Corrupt", QString("it is no picture"), {}, {}});
        QVERIFY(again->isHidden());
        tray.fail(1, {"Timeout", QString("the head has said nothing"), {}, {}});
        QVERIFY(!again->isHidden());
        QCOMPARE(again->accessibleName(), "Try a.png again");
        again->click();
        QCOMPARE(retried.size(), 1);
        QCOMPARE(retried[0].at(1).toString(), "/tmp/a.png");
        QVERIFY(again->isHidden());
    }
};

QTEST_MAIN(TstChatView)
#include "tst_chat_view.moc"
