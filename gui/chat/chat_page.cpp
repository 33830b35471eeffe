#include "gui/chat/chat_page.h"

#include "gui/chat/chat_view.h"
#include "gui/chat/composer.h"
#include "gui/chat/empty_state.h"
#include "gui/chat/notice.h"
#include "gui/chat/tray_view.h"
#include "gui/settings/settings_store.h"
#include "gui/theme/theme.h"

#include <QAction>
#include <QApplication>
#include <QDateTime>
#include <QDir>
#include <QEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QMimeDatabase>
#include <QPointer>
#include <QStackedWidget>
#include <QThreadPool>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

/// By name only: the desktop opens no media. What the name does not tell, the head's decoder will.
bool mayBeMedia(const QString& path)
{
    const QList<QMimeType> types = QMimeDatabase().mimeTypesForFileName(QFileInfo(path).fileName());
    return types.isEmpty() || std::any_of(types.begin(), types.end(), [](const QMimeType& type) {
               const QString name = type.name();
               return name.startsWith(QLatin1String("image/")) || name.startsWith(QLatin1String("video/")) ||
                      name.contains(QLatin1String("ms-asf")) || name.contains(QLatin1String("realmedia")) ||
                      name.contains(QLatin1String("mxf"));
           });
}

QToolButton* makeButton(QAction* action, const char* name, QWidget* parent)
{
    auto* button = new QToolButton(parent);
    button->setObjectName(QLatin1String(name));
    button->setDefaultAction(action);
    button->setAutoRaise(true);
    button->setIconSize(QSize(20, 20));
    button->setFocusPolicy(Qt::TabFocus);
    return button;
}

} // namespace

ChatPage::ChatPage(Conversation& conversation, SettingsStore& settings, const ChatActions& actions,
                   const QString& samplesFolder, QWidget* parent)
    : QWidget(parent), m_conversation(conversation), m_settings(settings), m_samplesFolder(samplesFolder),
      m_connection(new Notice(Notice::Kind::Alert, this)), m_demo(new Notice(Notice::Kind::Hint, this)),
      m_refused(new Notice(Notice::Kind::Alert, this)), m_stack(new QStackedWidget(this)), m_empty(new EmptyState),
      m_view(new ChatView(*conversation.transcript())), m_tray(new TrayView(*conversation.tray())),
      m_composer(new Composer), m_cost(new QLabel), m_input(makeInput(actions))
{
    m_connection->setObjectName(QStringLiteral("bannerConnection"));
    m_demo->setObjectName(QStringLiteral("stripDemo"));
    m_refused->setObjectName(QStringLiteral("bannerRefused"));
    m_stack->addWidget(m_empty);
    m_stack->addWidget(m_view);
    m_foot = new QHBoxLayout;
    m_foot->addWidget(m_input);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(m_demo);
    column->addWidget(m_connection);
    column->addWidget(m_stack, 1);
    column->addWidget(m_refused);
    column->addSpacing(6);
    column->addLayout(m_foot);

    connect(m_connection, &Notice::activated, this, &ChatPage::reconnectWanted);
    connect(m_composer, &Composer::submitted, actions.send, &QAction::trigger);
    connect(m_composer, &Composer::filesPasted, this, &ChatPage::attachFiles);
    connect(m_composer, &Composer::imagePasted, this, &ChatPage::attachImage);
    connect(m_composer, &QPlainTextEdit::textChanged, this, &ChatPage::refresh);
    connect(m_view, &ChatView::retryWanted, &m_conversation, &Conversation::regenerate);
    connect(m_view, &ChatView::editWanted, &m_conversation, &Conversation::takeBackQuestion);
    connect(&m_conversation, &Conversation::draftReturned, this, [this](const QString& text) {
        m_composer->setPlainText(
            m_composer->toPlainText().isEmpty() ? text : text + QLatin1Char('\n') + m_composer->toPlainText());
        m_composer->setFocus();
    });
    connect(&m_conversation, &Conversation::changed, this, &ChatPage::refresh);
    connect(m_empty, &EmptyState::sampleChosen, this, [this](const QString& file, const QString& question) {
        if (!m_watching.isEmpty())
            return m_refused->setText(m_watching);
        forgetDraft();
        m_conversation.attach(m_samplesFolder + QLatin1Char('/') + file);
        m_composer->setPlainText(question);
        m_composer->moveCursor(QTextCursor::End);
        m_composer->setFocus();
    });
    QWidget* before = m_composer;
    for (const char* name : {"btnSend", "btnStop", "btnAttach", "btnRegenerate", "btnClear"}) {
        auto* button = m_input->findChild<QWidget*>(QLatin1String(name));
        setTabOrder(before, button);
        before = button;
    }
    restyle();
    retranslate();
    refresh();
}

QFrame* ChatPage::makeInput(const ChatActions& actions)
{
    auto* input = new QFrame(this);
    input->setObjectName(QStringLiteral("inputCard"));
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(4);
    buttons->addWidget(makeButton(actions.attach, "btnAttach", input));
    buttons->addWidget(makeButton(actions.regenerate, "btnRegenerate", input));
    buttons->addWidget(makeButton(actions.clear, "btnClear", input));
    m_cost->setObjectName(QStringLiteral("labelCost"));
    buttons->addSpacing(6);
    buttons->addWidget(m_cost, 1);
    m_stop = makeButton(actions.stop, "btnStop", input);
    m_send = makeButton(actions.send, "btnSend", input);
    for (QToolButton* button : {m_stop, m_send}) {
        button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        button->setAutoRaise(false);
        buttons->addWidget(button);
    }
    auto* column = new QVBoxLayout(input);
    column->setContentsMargins(10, 10, 10, 8);
    column->setSpacing(6);
    column->addWidget(m_tray);
    column->addWidget(m_composer);
    column->addLayout(buttons);
    return input;
}

void ChatPage::attachFiles(const QStringList& paths)
{
    if (!m_watching.isEmpty())
        return m_refused->setText(m_watching);
    QStringList refused;
    for (const QString& path : paths) {
        if (QFileInfo(path).isDir() || !mayBeMedia(path))
            refused << QFileInfo(path).fileName();
        else
            m_conversation.attach(path);
    }
    m_refused->setText(refused.isEmpty() ? QString()
                                         //: %1: names of files
                                         : tr("Only pictures (PNG, JPEG, WebP, GIF, BMP, TIFF) and clips (MP4, MKV, "
                                              "MOV, WebM, AVI and others) can be attached, not %1.")
                                               .arg(refused.join(QStringLiteral(", "))));
    m_composer->setFocus();
}

void ChatPage::attachImage(const QImage& image)
{
    if (image.isNull())
        return;
    const QString folder = m_settings.pastedFolder();
    //: name of a picture that was pasted, followed by the time of day
    const QString name = tr("pasted") + QDateTime::currentDateTime().toString(QStringLiteral("-yyyyMMdd-HHmmss-zzz")) +
                         QStringLiteral(".png");
    QThreadPool::globalInstance()->start([page = QPointer(this), image, folder, name] {
        const bool there = QDir().mkpath(folder);
        const QString path = folder + QLatin1Char('/') + name;
        const bool written = there && image.save(path, "PNG");
        QMetaObject::invokeMethod(qApp, [page, path, written] { // the page may be gone by then; the application is not
            if (page != nullptr && written)
                page->attachFiles({path});
            else if (page != nullptr)
                page->m_refused->setText(tr("The pasted picture could not be written to %1.").arg(path));
        });
    });
}

void ChatPage::send()
{
    if (!reasonNotToSend().isEmpty())
        return;
    const QString text = m_composer->toPlainText();
    m_composer->clear();
    m_refused->setText({});
    m_conversation.send(text);
    m_view->scrollToEnd();
}

void ChatPage::setWatching(const QString& reason)
{
    if (m_watching == reason)
        return;
    if (!m_watching.isEmpty() && m_refused->text() == m_watching)
        m_refused->setText(reason); // what was refused may be done now, or is refused in another language
    m_watching = reason;
    refresh();
}

QString ChatPage::reasonNotToSend() const
{
    if (!m_watching.isEmpty())
        return m_watching;
    if (m_conversation.canSend(m_composer->toPlainText()))
        return {};
    if (m_conversation.isAnswering())
        return tr("An answer is on its way. Stop it first or wait for its end.");
    if (m_conversation.tray()->hasUnreadable())
        return tr("An attachment cannot be read. Remove it first.");
    return tr("Type a question or attach a picture first.");
}

void ChatPage::refresh()
{
    const bool answering = m_conversation.isAnswering();
    m_stack->setCurrentWidget(m_conversation.transcript()->isEmpty() ? static_cast<QWidget*>(m_empty) : m_view);
    m_send->setVisible(!answering);
    m_stop->setVisible(answering);
    const int tokens = m_conversation.tray()->tokens();
    m_cost->setText(tokens > 0 ? tr("Attachments: %Ln token(s)", "what the attachments cost", tokens) : QString());
    saveDraft();
    emit draftChanged();
}

/// What is saved is what would be lost: the text in the composer, or the question that has no complete answer yet.
void ChatPage::saveDraft()
{
    Draft draft{m_composer->toPlainText(), m_conversation.tray()->paths()};
    if (m_conversation.isAnswering() && draft.text.isEmpty() && draft.files.isEmpty()) {
        TranscriptModel& transcript = *m_conversation.transcript();
        const Message& question = transcript.at(std::max(0, transcript.rowCount() - 2));
        draft.text = question.text;
        for (const Attachment& attachment : question.attachments)
            draft.files << attachment.path;
    }
    m_settings.saveDraft(draft);
}

void ChatPage::restoreDraft()
{
    const Draft draft = m_settings.loadDraft();
    for (const QString& path : draft.files)
        if (QFileInfo::exists(path))
            m_conversation.attach(path);
    if (m_composer->toPlainText().isEmpty() && !draft.text.isEmpty()) {
        m_composer->setPlainText(draft.text);
        m_composer->moveCursor(QTextCursor::End);
    }
    m_settings.removePastedExcept(draft.files);
}

void ChatPage::forgetDraft()
{
    m_composer->clear();
    while (!m_conversation.tray()->isEmpty())
        m_conversation.tray()->removeRow(0);
}

void ChatPage::setDemo(bool demo)
{
    m_isDemo = demo;
    retranslate();
}

void ChatPage::setConnectionText(const QString& text)
{
    m_connection->setText(text);
}

void ChatPage::restyle()
{
    const theme::Colors& c = theme::colors();
    const QPalette p = theme::palette(theme::isDark());
    theme::setStyle(*m_input,
                    QStringLiteral("#inputCard { background: %1; border: 1px solid %2; border-radius: 14px; }"
                                   "#editComposer { background: transparent; }"
                                   "#btnSend, #btnStop { color: %5; background: %3; border: none; border-radius: 8px; "
                                   "padding: 6px 14px; font-weight: bold; }"
                                   "#btnSend:disabled, #btnStop:disabled { background: %6; color: %7; }"
                                   "#btnSend:focus, #btnStop:focus { border: 2px solid %4; padding: 4px 12px; }"
                                   "#labelCost { color: %8; }")
                        .arg(p.color(QPalette::Base).name(), c.line.name(), p.color(QPalette::Highlight).name(),
                             p.color(QPalette::WindowText).name(), p.color(QPalette::HighlightedText).name(),
                             p.color(QPalette::Button).name(), p.color(QPalette::Disabled, QPalette::ButtonText).name(),
                             c.muted.name()));
}

void ChatPage::retranslate()
{
    m_composer->setPlaceholderText(tr("Ask about your pictures and clips…"));
    m_composer->setAccessibleName(tr("Question"));
    m_tray->setAccessibleName(tr("Attachments"));
    m_connection->setActionText(tr("Try now"));
    m_refused->setClosable(tr("Close this message"));
    m_demo->setText(
        m_isDemo
            ? tr("Demo model: it knows simple drawings, short text and moving shapes, and cannot judge photographs.")
            : QString());
    if (!m_refused->text().isEmpty())
        m_refused->setText({}); // it spoke another language
    refresh();
}

void ChatPage::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    const int side = ChatView::sideMargin(width());
    m_foot->setContentsMargins(side, 0, side, theme::kWideGap);
}

void ChatPage::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

} // namespace argus::gui
