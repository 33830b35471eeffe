#pragma once
// "Add worker…": the line for another machine, how long it is good, and who has come since.

#include "gui/link/link.h"
#include "gui/models/cluster_model.h"

#include <QDialog>
#include <QElapsedTimer>
#include <QSet>
#include <QTimer>

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QVBoxLayout;

namespace argus::gui {

/// GUI thread. Not modal; asks for a line when it is shown. A line that has expired is not replaced by itself: somebody
/// may be typing it.
class AddWorkerDialog final : public QDialog {
    Q_OBJECT
public:
    AddWorkerDialog(Link& link, ClusterModel& cluster, QWidget* parent = nullptr);
    /// What is to be pasted; empty when there is none.
    [[nodiscard]] QString line() const;

protected:
    void showEvent(QShowEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void askForLine();
    void take(const QString& line, double validSeconds, const Trouble& trouble);
    void tick();
    void showJoined();
    void retranslate();
    void restyle();

    Link& m_link;
    ClusterModel& m_cluster;
    QString m_id; ///< of the line that is on its way
    QString m_line;
    Trouble m_trouble;
    double m_valid = 0; ///< seconds, from m_since on
    QElapsedTimer m_since;
    QTimer m_timer;
    QSet<QString> m_before; ///< machines that were there when it was opened
    QSet<QString> m_lost;   ///< known then, but gone
    QLabel* m_about;
    QPlainTextEdit* m_text;
    QPushButton* m_copy;
    QPushButton* m_fresh;
    QPushButton* m_close;
    QLabel* m_validity;
    QLabel* m_error;
    QLabel* m_joinedTitle;
    QLabel* m_waiting;
    QVBoxLayout* m_joined;
    QList<QLabel*> m_rows;
};

} // namespace argus::gui
