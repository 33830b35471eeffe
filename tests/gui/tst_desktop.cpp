// The real window driven against a real private head with the demo model: what a person does, and what happens when
// things die.

#include "gui/application.h"
#include "gui/chat/chat_page.h"
#include "gui/chat/chat_view.h"
#include "gui/chat/composer.h"
#include "gui/chat/message_widget.h"
#include "gui/chat/segments.h"
#include "gui/chat/tray_view.h"
#include "gui/cluster/cluster_desk.h"
#include "gui/engine/engine_page.h"
#include "gui/link/engine_link.h"
#include "gui/main_window.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "gui/theme/theme.h"
#include "tests/gui/support/home.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDragEnterEvent>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <QTextBoundaryFinder>
#include <QToolButton>

#include <csignal>
#include <memory>

using namespace argus::gui;
using argus::gui::testing::Home;

namespace {

constexpr int kPatienceMs = 30'000;

const QString kSamples = QStringLiteral(ARGUS_SOURCE_DIR "/resources/samples/");

/// The stored questions about the sample pictures, with their answers.
QJsonArray sampleCases()
{
    QFile file(kSamples + "cases.json");
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object()["cases"].toArray()
                                          : QJsonArray();
}

/// What transformers answers to one of them: tests hold whichever weights the demo model has.
QString storedAnswer(const QString& name)
{
    for (const QJsonValue& sample : sampleCases())
        if (sample["name"] == name)
            return sample["answer"].toString();
    return "no sample is called " + name;
}

/// A desktop as main() builds it, with its own head.
struct Desk {
    explicit Desk(const QString& folder) : settings(folder)
    {
        language.set(QStringLiteral("en"));
        window = std::make_unique<MainWindow>(link, settings, language, kSamples);
        Sampling greedy;
        greedy.temperature = 0;
        greedy.repetitionPenalty = 1;
        window->conversation().setSampling(greedy);
        window->resize(1180, 800);
        window->show();
        link.start();
    }

    ~Desk() { window.reset(); }

    template <typename T>
    T* find(const char* name)
    {
        return window->findChild<T*>(QLatin1String(name));
    }
    QAction* action(const char* name) { return find<QAction>(name); }
    Conversation& conversation() { return window->conversation(); }
    TranscriptModel& transcript() { return *window->conversation().transcript(); }
    const Message& last() { return transcript().at(transcript().rowCount() - 1); }
    Composer& composer() { return *find<Composer>("editComposer"); }
    void ask(const QString& question)
    {
        composer().setPlainText(question);
        QTest::keyClick(&composer(), Qt::Key_Return);
    }
    QString shown()
    {
        QString text;
        auto* widget = find<ChatView>("chatView")->message(transcript().rowCount() - 1);
        for (auto* prose : widget->findChildren<ProseSegment*>())
            text += prose->toPlainText();
        return text;
    }

    SettingsStore settings;
    Language language;
    EngineLink link{LinkOptions{{}, {}, {"--device", "cpu"}, 512}}; // the same device on every machine
    std::unique_ptr<MainWindow> window;
};

/// A head that is not this desktop's own.
struct OtherHead {
    explicit OtherHead(const QStringList& more = {})
    {
        process.start(
            qEnvironmentVariable("ARGUS_NODE_PROGRAM"),
            QStringList{"start", "--head", "--listen", "127.0.0.1:*", "--device", "cpu", "--log-level", "off"} + more);
        address = next("tcp://");
        key = next("its key is ");
    }
    [[nodiscard]] bool stop()
    {
        process.terminate();
        return process.waitForFinished(kPatienceMs);
    }
    void signal(int number) const { ::kill(static_cast<pid_t>(process.processId()), number); }

    QProcess process;
    QString address, key;

private:
    /// What follows these words in the next line, up to a space.
    QString next(const char* words)
    {
        return process.canReadLine() || process.waitForReadyRead(kPatienceMs)
                   ? QString::fromUtf8(process.readLine()).section(words, 1).section(' ', 0, 0).trimmed()
                   : QString();
    }
};

void drop(QWidget& window, const QList<QUrl>& urls)
{
    QMimeData data;
    data.setUrls(urls);
    QDragEnterEvent enter(QPoint(300, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &enter);
    QVERIFY(enter.isAccepted());
    QVERIFY(window.findChild<QWidget*>(QStringLiteral("dropOverlay"))->isVisible());
    QDropEvent event(QPointF(300, 300), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &event);
    QVERIFY(!window.findChild<QWidget*>(QStringLiteral("dropOverlay"))->isVisible());
}

/// Every text a person can see now, by the widget or action that shows it.
QHash<QObject*, QString> visibleTexts(MainWindow& window)
{
    QHash<QObject*, QString> texts;
    for (auto* label : window.findChildren<QLabel*>())
        if (label->isVisible())
            texts[label] = label->text();
    for (auto* button : window.findChildren<QAbstractButton*>())
        if (button->isVisible())
            texts[button] = button->text() + '|' + button->accessibleName() + '|' + button->toolTip();
    for (auto* action : window.findChildren<QAction*>())
        if (!action->text().isEmpty() && !action->objectName().startsWith(QLatin1String("actLanguage_")))
            texts[action] = action->text() + '|' + action->toolTip();
    texts[window.findChild<Composer*>()] = window.findChild<Composer*>()->placeholderText();
    return texts;
}

/// What is wrong with the first attachment; empty when it is ready or still on its way.
QString trayTrouble(Desk& desk)
{
    const TrayItem& item = desk.conversation().tray()->at(0);
    return item.state == TrayItem::State::Failed ? item.trouble.code + ": " + item.trouble.cause.text() : QString();
}

} // namespace

class TstDesktop : public QObject {
    Q_OBJECT

    Home m_home;

private slots:
    void initTestCase()
    {
        QVERIFY(m_home.enter());
        qputenv("ARGUS_RESOURCES", ARGUS_SOURCE_DIR "/resources");
        if (qEnvironmentVariableIsEmpty("ARGUS_NODE_PROGRAM"))
            qputenv("ARGUS_NODE_PROGRAM", ARGUS_BINARY_DIR "/bin/argus-node");
        theme::apply(theme::Mode::Light);
    }

    void aDroppedPictureIsAnswered()
    {
        Desk desk(m_home.freshFolder());
        QVERIFY(desk.find<QWidget>("pageEmpty")->isVisible());
        drop(*desk.window, {QUrl::fromLocalFile(kSamples + "two-circles-and-a-star.png")});
        auto* tray = desk.find<TrayView>("trayAttachments");
        QVERIFY(tray->isVisible());
        QTRY_COMPARE_WITH_TIMEOUT(desk.conversation().tray()->at(0).state, TrayItem::State::Ready, kPatienceMs);
        const MediaFacts facts = desk.conversation().tray()->at(0).attachment.facts;
        QCOMPARE(facts.size, QSize(336, 252));
        QCOMPARE(facts.modelSize, QSize(336, 252));
        QCOMPARE(facts.tokens, 108);
        QVERIFY(!facts.thumbnail.isNull());
        QVERIFY(tray->chip(0)
                    ->findChild<QLabel*>("chipAbout")
                    ->text()
                    .contains(QString::fromUtf8("336×252 → 336×252 · 108 tokens")));
        desk.ask("How many circles are there?");
        QCOMPARE(desk.composer().toPlainText(), "");
        QVERIFY(!tray->isVisible());
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, storedAnswer("two-circles-and-a-star"));
        QTRY_COMPARE(desk.shown(), storedAnswer("two-circles-and-a-star"));
        QVERIFY(desk.last().stats.answerTokens > 0);
        QVERIFY(desk.find<QLabel>("answerFooter")->text().contains("tokens"));
        QTRY_VERIFY(desk.find<QWidget>("stripDemo")->isVisible());
        QTRY_VERIFY(desk.find<QLabel>("nodeState") != nullptr &&
                    desk.find<QLabel>("nodeState")->text().contains("Ready"));
        QTRY_VERIFY(desk.find<QWidget>("memoryBar")->accessibleName().contains("in use"));
    }

    void anAnswerStreamsAndStops()
    {
        Desk desk(m_home.freshFolder());
        desk.window->page().attachFiles({kSamples + "three-rings-to-box.png"});
        QStringList seen;
        const QSignalSpy pieces(&desk.link, &Link::textArrived);
        connect(desk.find<ChatView>("chatView"), &ChatView::repainted, this, [&] {
            if (!seen.contains(desk.last().text) && desk.last().state == AnswerState::Streaming)
                seen << desk.last().text;
        });
        desk.ask(QString::fromUtf8("框出所有圆环。"));
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        const QString whole = desk.last().text;
        QVERIFY(pieces.count() > 1);
        QVERIFY(!seen.isEmpty()); // it grew while it was watched
        QVERIFY(whole.startsWith(seen.first()) && seen.first().size() < whole.size());
        QVERIFY(desk.window->findChild<CodeSegment*>() != nullptr);

        // Regenerate: the same question, one answer again.
        desk.action("actRegenerate")->trigger();
        QCOMPARE(desk.transcript().rowCount(), 2);
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, whole);

        // Stop at the first piece: what was said stays.
        QMetaObject::Connection stopping =
            connect(&desk.link, &Link::textArrived, this, [&] { QTest::keyClick(desk.window.get(), Qt::Key_Escape); });
        desk.action("actRegenerate")->trigger();
        QVERIFY(desk.find<QToolButton>("btnStop")->isVisible());
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Stopped, kPatienceMs);
        disconnect(stopping);
        QVERIFY(!desk.last().text.isEmpty());
        QVERIFY(desk.last().text.size() < whole.size());
        QVERIFY(whole.startsWith(desk.last().text));
        QTRY_VERIFY(desk.find<QLabel>("answerFooter")->text().startsWith("Stopped"));
        QVERIFY(!desk.action("actStop")->isEnabled());
        QVERIFY(desk.find<QToolButton>("btnSend")->isVisible());

        // Clear: a new conversation that knows nothing of the picture.
        desk.action("actClear")->trigger();
        QVERIFY(desk.transcript().isEmpty());
        QVERIFY(desk.find<QWidget>("pageEmpty")->isVisible());
        desk.ask("Hello!");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QVERIFY(desk.last().text.startsWith("Hello! I am Argus"));
    }

    void thePictureIsRememberedInTheNextQuestion()
    {
        Desk desk(m_home.freshFolder());
        desk.window->page().attachFiles({kSamples + "blue-square-left-of-green-triangle.png"});
        desk.ask("What shape is the green object?");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, "The green object is a triangle.");
        desk.ask("Where is it?");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, "The green triangle is on the right.");
    }

    void aPastedPictureIsAttached()
    {
        Desk desk(m_home.freshFolder());
        auto* data = new QMimeData;
        data->setImageData(QImage(kSamples + "red-circle-on-white.png"));
        QApplication::clipboard()->setMimeData(data);
        desk.composer().paste();
        QTRY_COMPARE_WITH_TIMEOUT(desk.conversation().tray()->rowCount(), 1, kPatienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(desk.conversation().tray()->at(0).state >= TrayItem::State::Ready, kPatienceMs);
        QCOMPARE(trayTrouble(desk), QString());
        desk.ask("Describe this image.");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, storedAnswer("red-circle-on-white"));
    }

    void whatIsNoPictureIsRefusedWithAReason()
    {
        Desk desk(m_home.freshFolder());
        const QString text = m_home.filePath("clip.mp4");
        QFile file(text);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("this is not a clip at all, whatever its name says\n");
        file.close();
        drop(*desk.window, {QUrl::fromLocalFile(text)});
        QTRY_COMPARE_WITH_TIMEOUT(desk.conversation().tray()->at(0).state, TrayItem::State::Failed, kPatienceMs);
        auto* chip = desk.find<TrayView>("trayAttachments")->chip(0);
        QVERIFY2(desk.conversation().tray()->at(0).trouble.cause.text().contains("clip.mp4"),
                 qPrintable(desk.conversation().tray()->at(0).trouble.cause.text()));
        QVERIFY(chip->toolTip().contains(desk.conversation().tray()->at(0).trouble.cause.text()));
        desk.composer().setPlainText("What happens?");
        QVERIFY(!desk.action("actSend")->isEnabled());
        QVERIFY(desk.action("actSend")->toolTip().contains("cannot be read"));
        QTest::mouseClick(chip->findChild<QToolButton*>("btnRemoveAttachment"), Qt::LeftButton);
        QCOMPARE(desk.conversation().tray()->rowCount(), 0);
        QVERIFY(desk.action("actSend")->isEnabled());

        drop(*desk.window, {QUrl::fromLocalFile(m_home.filePath("program.exe"))});
        QCOMPARE(desk.conversation().tray()->rowCount(), 0);
        auto* strip = desk.find<QWidget>("bannerRefused");
        QVERIFY(strip->isVisible() && strip->accessibleName().contains("program.exe"));
    }

    void theLanguageChangesEverywhere()
    {
        Desk desk(m_home.freshFolder());
        desk.window->page().attachFiles({kSamples + "two-circles-and-a-star.png"});
        desk.ask("How many circles are there?");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QTRY_VERIFY(desk.find<QLabel>("nodeState") != nullptr);
        desk.window->page().attachFiles({kSamples + "text-hello.png"});
        QTRY_COMPARE_WITH_TIMEOUT(desk.conversation().tray()->at(0).state, TrayItem::State::Ready, kPatienceMs);
        const auto english = visibleTexts(*desk.window);
        desk.action("actLanguage_zh_CN")->trigger();
        QTRY_COMPARE(desk.action("actSend")->text(), QString::fromUtf8("发送(&S)"));
        const auto chinese = visibleTexts(*desk.window);
        // Names of files, machines, models and formats are the same in every language.
        static const QRegularExpression word("[A-Za-z]{3,}");
        const QStringList names{"text-hello.png", "two-circles-and-a-star.png"};
        const ClusterFacts facts = [&] {
            ClusterFacts latest;
            QSignalSpy status(&desk.link, &Link::statusArrived);
            if (status.wait(5000))
                latest = status.last().at(0).value<ClusterFacts>();
            return latest;
        }();
        QVERIFY(!facts.nodes.isEmpty());
        QStringList same;
        for (auto text = chinese.begin(); text != chinese.end(); ++text) {
            if (english.value(text.key()) != text.value() || !word.match(text.value()).hasMatch())
                continue;
            if (names.contains(text.value()) || text.value() == facts.nodes[0].name ||
                text.value() == facts.deployment.model || text.value().endsWith("iB"))
                continue;
            same << text.value();
        }
        QVERIFY2(same.isEmpty(), qPrintable(same.join(" / ")));
        QVERIFY(chinese.size() > 40);
        QCOMPARE(desk.window->windowTitle(), QString::fromUtf8("百目"));
        // A line of facts breaks behind its dots and nowhere else.
        const QString layout = desk.find<QLabel>("deploymentLayout")->text();
        QTextBoundaryFinder breaks(QTextBoundaryFinder::Line, layout);
        int count = 0;
        for (qsizetype at = breaks.toNextBoundary(); at > 0 && at < layout.size();
             at = breaks.toNextBoundary(), ++count)
            QVERIFY2(layout.left(at).endsWith(QString::fromUtf8("· ")), qPrintable(layout.left(at)));
        QCOMPARE(count, 3);
        QCOMPARE(desk.settings.value("view/language").toString(), "zh_CN");
        desk.action("actLanguage_en")->trigger();
        QTRY_COMPARE(desk.action("actSend")->text(), "&Send");
    }

    void aKilledHeadComesBackAndNothingTypedIsLost()
    {
        const QString folder = m_home.freshFolder();
        Desk desk(folder);
        QTRY_COMPARE_WITH_TIMEOUT(desk.link.state(), LinkState::Connected, kPatienceMs);
        desk.window->page().attachFiles({kSamples + "text-hello.png"});
        QTRY_COMPARE_WITH_TIMEOUT(desk.conversation().tray()->at(0).state, TrayItem::State::Ready, kPatienceMs);
        desk.composer().setPlainText("What does the text say?");
        const qint64 first = desk.link.headPid();
        QVERIFY(first > 0);
        QVERIFY(!desk.find<QWidget>("bannerConnection")->isVisible());
        QVERIFY(::kill(static_cast<pid_t>(first), SIGKILL) == 0);
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QWidget>("bannerConnection")->isVisible(), kPatienceMs);
        QCOMPARE(desk.composer().toPlainText(), "What does the text say?");
        QCOMPARE(desk.conversation().tray()->rowCount(), 1);
        QTRY_COMPARE_WITH_TIMEOUT(desk.link.state(), LinkState::Connected, kPatienceMs);
        QVERIFY(!desk.find<QWidget>("bannerConnection")->isVisible());
        QVERIFY(desk.link.headPid() != first);
        desk.action("actSend")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, "The text reads \"HELLO\".");
    }

    void aHeadThatCannotStartSaysWhyAndIsTriedAgain()
    {
        const QByteArray real = qgetenv("ARGUS_NODE_PROGRAM");
        const QString missing = m_home.filePath("argus-node");
        qputenv("ARGUS_NODE_PROGRAM", missing.toLocal8Bit());
        Desk desk(m_home.freshFolder());
        auto* banner = desk.find<QWidget>("bannerConnection");
        QTRY_VERIFY_WITH_TIMEOUT(banner->isVisible(), kPatienceMs);
        QVERIFY2(banner->accessibleName().contains(missing), qPrintable(banner->accessibleName()));
        QVERIFY(banner->accessibleName().contains("What to do"));
        desk.ask("Hello!"); // waits for the head to come
        QVERIFY(QFile::link(QString::fromLocal8Bit(real), missing));
        QTest::mouseClick(banner->findChild<QPushButton*>(), Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QVERIFY(!banner->isVisible());
        const auto head = static_cast<pid_t>(desk.link.headPid());
        QVERIFY(head > 0 && ::kill(head, 0) == 0);
        desk.window->close();
        qputenv("ARGUS_NODE_PROGRAM", real);
    }

    void theHeadEndsWithTheDesktop()
    {
        pid_t head = 0;
        {
            Desk desk(m_home.freshFolder());
            QTRY_COMPARE_WITH_TIMEOUT(desk.link.state(), LinkState::Connected, kPatienceMs);
            head = static_cast<pid_t>(desk.link.headPid());
            QVERIFY(::kill(head, 0) == 0);
        }
        QVERIFY(::kill(head, 0) != 0);
    }

    void aDeviceThatCannotBeIsRefusedAtOnce()
    {
        ProgramOptions options;
        QCOMPARE(readOptions({"argus", "--device", "gpu"}, options), std::optional(2));
        QCOMPARE(readOptions({"argus", "--device", "cuda:"}, options), std::optional(2));
        QCOMPARE(options.link.headSettings, QStringList());
        QCOMPARE(readOptions({"argus", "--device", "cuda:1"}, options), std::nullopt);
        QCOMPARE(options.link.headSettings, QStringList({"--device", "cuda:1"}));
    }

    void aProgramThatIsToQuitDoesSo_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("status");
        QTest::addColumn<QString>("says");
        const QStringList cpu{"--device", "cpu"};
        QTest::newRow("no such device") << QStringList{"--device", "WRONG"} << 2 << "device is \"WRONG\"";
        QTest::newRow("a device that is not there") << QStringList{"--device", "cuda:9999"} << 1 << "cuda:9999";
        QTest::newRow("and a question") << QStringList{"--device", "cuda:9999", "--ask", "Hello!"} << 1 << "cuda:9999";
        QTest::newRow("a model that is not there") << cpu + QStringList{"--model", "/nowhere"} << 1 << "/nowhere";
        QTest::newRow("a file that is not there")
            << cpu + QStringList{"--image", "/nowhere.png", "--ask", "What is this?"} << 1 << "nowhere.png";
        QTest::newRow("a head that does not answer")
            << QStringList{"--head", "127.0.0.1:1", "--head-key", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"} << 1
            << "127.0.0.1:1";
        QTest::newRow("nothing to ask") << cpu << 0 << "";
        QTest::newRow("a question") << cpu + QStringList{"--ask", "Hello!"} << 0 << "";
    }
    void aProgramThatIsToQuitDoesSo()
    {
        QFETCH(QStringList, arguments);
        QFETCH(int, status);
        QFETCH(QString, says);
        const QTemporaryDir home;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        for (const char* folder : {"ARGUS_CONFIG_HOME", "ARGUS_RUNTIME_DIR", "ARGUS_CACHE_HOME"})
            environment.insert(folder, home.filePath(folder));
        QProcess desktop;
        desktop.setProcessEnvironment(environment);
        desktop.start(ARGUS_BINARY_DIR "/bin/argus",
                      QStringList{"--quit-after-answer", "--language", "en"} + arguments);
        QVERIFY2(desktop.waitForFinished(2 * kPatienceMs), "it still runs"); // it waits for a head that may come
        const QString errors = QString::fromUtf8(desktop.readAllStandardError());
        QVERIFY2(desktop.exitStatus() == QProcess::NormalExit && desktop.exitCode() == status, qPrintable(errors));
        QVERIFY2(errors.contains(says), qPrintable(errors));
    }

    void aProgramThatIsToQuitWaitsForAHeadThatComesBack()
    {
        OtherHead head;
        QVERIFY(!head.address.isEmpty());
        head.signal(SIGSTOP);
        QProcess desktop;
        desktop.setReadChannel(QProcess::StandardError);
        desktop.start(ARGUS_BINARY_DIR "/bin/argus", {"--quit-after-answer", "--language", "en", "--head", head.address,
                                                      "--head-key", head.key, "--ask", "Hello!"});
        QByteArray said;
        while (!said.contains("the connection is away") && desktop.waitForReadyRead(kPatienceMs))
            said += desktop.readAllStandardError();
        QVERIFY2(said.contains("the connection is away, for 15 s at most: "), said.constData());
        head.signal(SIGCONT);
        QVERIFY2(desktop.waitForFinished(2 * kPatienceMs), "it still runs");
        said += desktop.readAllStandardError();
        QVERIFY2(desktop.exitStatus() == QProcess::NormalExit && desktop.exitCode() == 0, said.constData());
        QVERIFY(head.stop());
    }

    void aRemoteHeadIsNamedAndAnswers()
    {
        OtherHead head({"--name", "attic"});
        QVERIFY(!head.address.isEmpty());
        ProgramOptions options;
        QCOMPARE(readOptions({"argus", "--head", head.address, "--head-key", head.key}, options), std::nullopt);
        SettingsStore settings(m_home.freshFolder());
        Language language;
        language.set("en");
        EngineLink link(options.link);
        MainWindow window(link, settings, language, kSamples);
        window.show();
        link.start();
        QTRY_COMPARE_WITH_TIMEOUT(link.state(), LinkState::Connected, kPatienceMs);
        QCOMPARE(window.findChild<QLabel*>("statusConnection")->accessibleName(), "Connected to attic");
        window.page().composer()->setPlainText("Hello!");
        window.page().send();
        const TranscriptModel& transcript = *window.conversation().transcript();
        QTRY_COMPARE_WITH_TIMEOUT(transcript.at(transcript.rowCount() - 1).state, AnswerState::Complete, kPatienceMs);
        QVERIFY(head.stop());
    }

    void aRemoteHeadThatDoesNotAnswerIsNamed()
    {
        SettingsStore settings(m_home.freshFolder());
        Language language;
        language.set("en");
        EngineLink link(LinkOptions{"tcp://127.0.0.1:1", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", {}, 64});
        MainWindow window(link, settings, language, kSamples);
        window.show();
        link.start();
        auto* banner = window.findChild<QWidget*>("bannerConnection");
        QTRY_VERIFY_WITH_TIMEOUT(banner->isVisible(), kPatienceMs);
        QVERIFY2(banner->accessibleName().contains("127.0.0.1:1"), qPrintable(banner->accessibleName()));
        window.page().composer()->setPlainText("kept");
        QVERIFY(window.findChild<QAction*>("actSend")->isEnabled());
    }

    void anAnswerThatDiesWithTheHeadCanBeAskedAgain()
    {
        Desk desk(m_home.freshFolder());
        desk.window->page().attachFiles({kSamples + "three-rings-to-box.png"});
        bool killed = false;
        connect(&desk.link, &Link::textArrived, this, [&] {
            if (!std::exchange(killed, true))
                ::kill(static_cast<pid_t>(desk.link.headPid()), SIGKILL);
        });
        desk.ask(QString::fromUtf8("框出所有圆环。"));
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Failed, kPatienceMs);
        QCOMPARE(desk.last().trouble.code, "Crashed");
        QTRY_VERIFY(desk.window->findChild<ErrorCard*>() != nullptr);
        auto* retry = desk.window->findChild<ErrorCard*>()->findChild<QWidget*>("btnRetry");
        QTRY_VERIFY(retry->isVisible());
        QTest::mouseClick(retry, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QVERIFY(desk.last().text.contains("bbox_2d"));
    }

    void theEngineIsChangedFromItsPage()
    {
        Desk desk(m_home.freshFolder());
        const auto facts = [&] { return desk.window->desk().enginePage().form().cluster(); };
        QTRY_COMPARE_WITH_TIMEOUT(facts().deployment.state, "ready", kPatienceMs);
        desk.action("actEngine")->trigger();
        EngineForm& form = desk.window->desk().enginePage().form();
        const auto settled = [&] { return !form.isChecking() && form.preflight().has_value(); };
        QTRY_VERIFY_WITH_TIMEOUT(settled(), kPatienceMs);
        QVERIFY(form.preflight()->possible);
        QVERIFY(!form.preflight()->ranks.isEmpty());
        QCOMPARE(desk.find<QComboBox>("edit_tensor_parallel_size")->itemData(0).toInt(), 1);
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());

        // A folder without a model is a problem with its reason.
        auto* model = desk.find<QLineEdit>("edit_model");
        model->setFocus();
        QTest::keyClicks(model, m_home.filePath("no-such-model"));
        QTRY_VERIFY_WITH_TIMEOUT(settled() && !form.preflight()->possible, kPatienceMs);
        QTRY_VERIFY(desk.find<QLabel>("problemCause") != nullptr);
        QVERIFY(desk.find<QLabel>("problemCause")->text().contains("no-such-model"));
        QVERIFY(!desk.find<QPushButton>("btnApply")->isEnabled());
        QTest::mouseClick(desk.find<QPushButton>("btnDemoModel"), Qt::LeftButton);

        // A shorter context is served after a restart, and answers come from it.
        desk.find<QSpinBox>("edit_max_model_len")->setValue(4096);
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QPushButton>("btnApply")->isEnabled(), kPatienceMs);
        const quint64 number = facts().deployment.number;
        QTest::mouseClick(desk.find<QPushButton>("btnApply"), Qt::LeftButton);
        QTest::mouseClick(desk.find<QPushButton>("btnRestartNow"), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(facts().deployment.number > number && facts().deployment.state == "ready",
                                 kPatienceMs);
        QCOMPARE(facts().deployment.maxModelLen, 4096);
        QTRY_VERIFY(!form.isChanged());
        QTest::keyClick(model, Qt::Key_Escape);
        QVERIFY(desk.window->desk().isChat());
        desk.ask("Hello!");
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QVERIFY(desk.last().text.startsWith("Hello! I am Argus"));

        // A head of our own lets nobody in from elsewhere, and says how one does.
        desk.action("actAddWorker")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QLabel>("joinError")->text().contains("--listen"), kPatienceMs);
        desk.action("actLogs")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(desk.find<QPlainTextEdit>("logText")->toPlainText().contains("argus-"), kPatienceMs);
    }

    void aDraftOutlivesTheDesktop()
    {
        const QString folder = m_home.freshFolder();
        {
            Desk desk(folder);
            desk.window->page().attachFiles({kSamples + "text-hello.png"});
            QTest::keyClicks(&desk.composer(), "half a quest");
            // Another reader of the file sees it without the desktop being closed: it may be killed from here on.
            QTRY_COMPARE(SettingsStore(folder).loadDraft().text, "half a quest");
        }
        Desk again(folder);
        QCOMPARE(again.composer().toPlainText(), "half a quest");
        QTRY_COMPARE_WITH_TIMEOUT(again.conversation().tray()->rowCount(), 1, kPatienceMs);
        QTRY_COMPARE_WITH_TIMEOUT(again.conversation().tray()->at(0).state, TrayItem::State::Ready, kPatienceMs);
    }

    void everyControlHasANameAndTabReachesThem()
    {
        Desk desk(m_home.freshFolder());
        for (auto* button : desk.window->findChildren<QAbstractButton*>()) {
            if (!button->isVisible() || button->objectName().startsWith(QLatin1String("qt_")))
                continue;
            QVERIFY2(!button->text().isEmpty() || !button->accessibleName().isEmpty(),
                     qPrintable(button->objectName()));
        }
        QSet<QString> shortcuts;
        for (auto* action : desk.window->findChildren<QAction*>()) {
            const QString keys = action->shortcut().toString();
            QVERIFY2(keys.isEmpty() || !shortcuts.contains(keys), qPrintable(keys));
            shortcuts << keys;
        }
        QApplication::setActiveWindow(desk.window.get());
        QVERIFY(QTest::qWaitForWindowActive(desk.window.get()));
        desk.composer().setFocus();
        QSet<QWidget*> reached;
        for (int i = 0; i < 40; ++i) {
            QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
            reached << QApplication::focusWidget();
        }
        QStringList names;
        for (auto* widget : reached)
            names << widget->objectName();
        QVERIFY2(names.contains("btnAttach"), qPrintable(names.join(' ')));
        QVERIFY(reached.contains(&desk.composer())); // no trap: it comes round
    }

    void everySampleIsAnsweredAsStored_data()
    {
        QTest::addColumn<QJsonObject>("sample");
        const QJsonArray cases = sampleCases();
        QCOMPARE(cases.size(), 28);
        for (const QJsonValue& sample : cases)
            QTest::newRow(qPrintable(sample["name"].toString())) << sample.toObject();
    }

    void everySampleIsAnsweredAsStored()
    {
        QFETCH(QJsonObject, sample);
        if (!m_samplesDesk)
            m_samplesDesk = std::make_unique<Desk>(m_home.freshFolder());
        Desk& desk = *m_samplesDesk;
        desk.conversation().clear();
        QStringList files;
        for (const QJsonValue& name : sample["media"].toArray())
            files << kSamples + (name.toString().endsWith(".png") ? name.toString() : name.toString() + ".mkv");
        desk.window->page().attachFiles(files);
        int turn = 0;
        for (const QJsonValue& past : sample["history"].toArray()) { // what was said before, as it was said then
            desk.transcript().addQuestion(past[0].toString(), desk.conversation().tray()->take());
            const QString id = QStringLiteral("past%1").arg(turn++);
            desk.transcript().begin(id);
            desk.transcript().finish(id, AskOutcome::Complete, past[1].toString(), {});
        }
        desk.ask(sample["question"].toString());
        QTRY_COMPARE_WITH_TIMEOUT(desk.last().state, AnswerState::Complete, kPatienceMs);
        QCOMPARE(desk.last().text, sample["answer"].toString());
    }

    void cleanupTestCase() { m_samplesDesk.reset(); }

private:
    std::unique_ptr<Desk> m_samplesDesk;
};

QTEST_MAIN(TstDesktop)
#include "tst_desktop.moc"
