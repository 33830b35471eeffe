#pragma once
// The page beside the chat that changes what the engine serves, and how the machines share it.

#include "gui/models/engine_form.h"

#include <QWidget>

class QLabel;
class QScrollArea;
class QToolButton;

namespace argus::gui {

class ApplyBar;
class CheckView;
class NodeFields;
class SettingsFields;
class StartView;

/// GUI thread. Checks run while it is visible. Escape leads back to the chat.
class EnginePage final : public QWidget {
    Q_OBJECT
public:
    EnginePage(Link& link, ClusterModel& cluster, QWidget* parent = nullptr);
    [[nodiscard]] EngineForm& form() { return m_form; }

signals:
    void backWanted();

protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    QWidget* makeHeader();
    void useFix(const Fix& fix);
    void refresh();
    void retranslate();

    ClusterModel& m_cluster;
    EngineForm m_form;
    QToolButton* m_back = nullptr;
    QLabel* m_title = nullptr;
    QLabel* m_dirty = nullptr;
    QScrollArea* m_scroll;
    StartView* m_start;
    SettingsFields* m_fields;
    NodeFields* m_nodes;
    CheckView* m_check;
    ApplyBar* m_bar;
};

} // namespace argus::gui
