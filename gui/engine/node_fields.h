#pragma once
// The part of the engine page that edits what each machine brings: its devices, its interface, its folder.

#include "gui/link/facts.h"

#include <QFrame>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QVBoxLayout;

namespace argus::gui {

/// GUI thread. One block a machine, the head first; blocks stay while machines come and go.
class NodeFields final : public QFrame {
    Q_OBJECT
public:
    explicit NodeFields(QWidget* parent = nullptr);
    void show(const QList<NodeFacts>& nodes, const EngineSettings& settings);
    /// What is wrong with a machine's own settings becomes the description of their editors.
    void showProblems(const QList<Problem>& problems);
    /// An editor of that machine: "devices" (its first box), "interface" or "model"; null when there is none.
    [[nodiscard]] QWidget* editor(const QString& node, const QString& setting) const;

signals:
    void edited(const argus::gui::NodeChoice& choice);

protected:
    void changeEvent(QEvent* event) override;

private:
    struct Block {
        QString name;
        QWidget* box = nullptr;
        QLabel* title = nullptr;
        QVBoxLayout* devices = nullptr;
        QList<QCheckBox*> boxes;
        QLabel* interfaceLabel = nullptr;
        QComboBox* interfaces = nullptr;
        QLabel* modelLabel = nullptr;
        QLineEdit* model = nullptr;
    };
    Block makeBlock(const QString& name);
    void showBlock(Block& block, const NodeFacts& node, const NodeChoice& choice);
    void showDevices(Block& block, const NodeFacts& node, const NodeChoice& choice);
    void showInterfaces(Block& block, const NodeFacts& node, const NodeChoice& choice);
    void read(const QString& name);
    void retranslate();

    QList<NodeFacts> m_nodes;
    EngineSettings m_settings;
    QLabel* m_title;
    QVBoxLayout* m_column;
    QList<Block> m_blocks;
};

} // namespace argus::gui
