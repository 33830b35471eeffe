#pragma once
// What a machine has written, as its head tells it.

#include "gui/link/link.h"
#include "gui/models/cluster_model.h"

#include <QDialog>

class QComboBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace argus::gui {

/// GUI thread. Not modal. Machines that are gone can be chosen as long as the program runs: their last lines are what
/// one wants to read.
class LogDialog final : public QDialog {
    Q_OBJECT
public:
    LogDialog(Link& link, ClusterModel& cluster, QWidget* parent = nullptr);
    /// Shows that machine's lines; empty: the one chosen last, else the head's.
    void choose(const QString& node);

protected:
    void showEvent(QShowEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void fillNodes();
    void fetch();
    void take(const QString& node, const QString& text, const Trouble& trouble);
    void save();
    void retranslate();
    void showAbout();

    Link& m_link;
    ClusterModel& m_cluster;
    QString m_id; ///< of the text that is on its way
    Trouble m_trouble;
    QString m_when; ///< time of the text that is shown
    int m_lines = 0;
    QLabel* m_label;
    QComboBox* m_nodes;
    QPlainTextEdit* m_text;
    QLabel* m_about;
    QPushButton* m_refresh;
    QPushButton* m_copy;
    QPushButton* m_save;
    QPushButton* m_close;
};

} // namespace argus::gui
