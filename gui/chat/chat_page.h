#pragma once
// The chat: strips, conversation, tray and composer.

#include "gui/models/conversation.h"

#include <QFrame>
#include <QImage>
#include <QWidget>

class QAction;
class QHBoxLayout;
class QLabel;
class QStackedWidget;
class QToolButton;

namespace argus::gui {

class ChatView;
class Composer;
class EmptyState;
class Notice;
class SettingsStore;
class TrayView;

/// The commands the page's buttons show; made and owned by the window.
struct ChatActions {
    QAction* attach = nullptr;
    QAction* send = nullptr;
    QAction* stop = nullptr;
    QAction* regenerate = nullptr;
    QAction* clear = nullptr;
};

/// GUI thread. Keeps the draft saved while it is typed, and gives back what an earlier run of the desktop left.
class ChatPage final : public QWidget {
    Q_OBJECT
public:
    ChatPage(Conversation& conversation, SettingsStore& settings, const ChatActions& actions,
             const QString& samplesFolder, QWidget* parent = nullptr);

    [[nodiscard]] Composer* composer() const { return m_composer; }
    [[nodiscard]] ChatView* view() const { return m_view; }
    /// Attaches pictures and clips; names the others in a strip.
    void attachFiles(const QStringList& paths);
    /// Writes a pasted picture to a file of ours, away from the GUI thread, and attaches it.
    void attachImage(const QImage& image);
    void send();
    void restoreDraft();
    /// Empties composer and tray.
    void forgetDraft();
    void setDemo(bool demo);
    /// Empty: all is well.
    void setConnectionText(const QString& text);
    /// Why the question cannot be sent now; empty when it can.
    [[nodiscard]] QString reasonNotToSend() const;
    /// Why this desktop may ask nothing; empty: it may.
    void setWatching(const QString& reason);
    [[nodiscard]] const QString& watching() const { return m_watching; }

signals:
    void reconnectWanted();
    void draftChanged(); ///< text or tray

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    QFrame* makeInput(const ChatActions& actions);
    void refresh();
    void saveDraft();
    void restyle();
    void retranslate();

    Conversation& m_conversation;
    SettingsStore& m_settings;
    QString m_samplesFolder;
    Notice* m_connection;
    Notice* m_demo;
    Notice* m_refused;
    QStackedWidget* m_stack;
    EmptyState* m_empty;
    ChatView* m_view;
    TrayView* m_tray;
    Composer* m_composer;
    QLabel* m_cost;
    QFrame* m_input;
    QHBoxLayout* m_foot;
    QToolButton* m_send;
    QToolButton* m_stop;
    bool m_isDemo = false;
    QString m_watching;
};

} // namespace argus::gui
