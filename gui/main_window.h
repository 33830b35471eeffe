#pragma once
// The window: actions, menus, chat, the dock of machines, status bar.

#include "gui/chat/chat_page.h"
#include "gui/models/cluster_model.h"
#include "gui/models/conversation.h"

#include <QMainWindow>

class QActionGroup;
class QLabel;
class QMenu;

namespace argus::gui {

class ClusterDesk;
class ClusterDock;
class DropOverlay;
class Language;
class SettingsStore;

/// GUI thread. Owns conversation and models; link, settings and language are lent and outlive it. Does nothing slow:
/// the link is started by whoever made it, after the window is on the screen.
class MainWindow final : public QMainWindow {
    Q_OBJECT
public:
    MainWindow(Link& link, SettingsStore& settings, Language& language, const QString& samplesFolder,
               QWidget* parent = nullptr);

    [[nodiscard]] Conversation& conversation() { return m_conversation; }
    [[nodiscard]] ChatPage& page() { return *m_page; }
    [[nodiscard]] ClusterDesk& desk() { return *m_desk; }

signals:
    void usable(); ///< once, when the window has been painted and takes input

protected:
    void changeEvent(QEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void makeActions();
    void makeMenus();
    void makeStatusBar();
    void connectLink();
    void askForFiles();
    void showAbout();
    void refreshActions();
    void showState(LinkState state, const Trouble& why);
    void showDeployment();
    void retranslate();
    void setTheme(int mode);

    Link& m_link;
    SettingsStore& m_settings;
    Language& m_language;
    Conversation m_conversation;
    ClusterModel m_cluster;
    ChatActions m_chatActions;
    QAction* m_quit = nullptr;
    QAction* m_copyLast = nullptr;
    QAction* m_about = nullptr;
    QActionGroup* m_languages = nullptr;
    QActionGroup* m_themes = nullptr;
    QMenu* m_fileMenu = nullptr;
    QMenu* m_conversationMenu = nullptr;
    QMenu* m_viewMenu = nullptr;
    QMenu* m_clusterMenu = nullptr;
    QMenu* m_languageMenu = nullptr;
    QMenu* m_themeMenu = nullptr;
    QMenu* m_helpMenu = nullptr;
    ChatPage* m_page = nullptr;
    ClusterDock* m_dock = nullptr;
    ClusterDesk* m_desk = nullptr;
    DropOverlay* m_overlay = nullptr;
    QLabel* m_stateLabel = nullptr;
    QLabel* m_modelLabel = nullptr;
    QLabel* m_speedLabel = nullptr;
    LinkState m_state = LinkState::Starting;
    Trouble m_why;
    double m_speed = 0; ///< tokens per second of the last answer
    bool m_painted = false;
};

} // namespace argus::gui
