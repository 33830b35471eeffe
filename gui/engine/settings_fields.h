#pragma once
// The part of the engine page that edits settings of the whole deployment.

#include "gui/link/engine_facts.h"

#include <QFrame>
#include <QHash>

#include <optional>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QToolButton;

namespace argus::gui {

/// GUI thread. Shows what it is given without a signal; edited() is what a person did. Sizes and number formats offer
/// what the last preflight found possible, and the present value even when it is not.
class SettingsFields final : public QFrame {
    Q_OBJECT
public:
    /// `localFolders`: the head reads this computer's disk, so that a folder can be chosen here.
    explicit SettingsFields(bool localFolders, QWidget* parent = nullptr);
    void show(const EngineSettings& settings);
    /// Possible values, the largest context, and below each field what is wrong with it. Empty: nothing is known yet.
    void showCheck(const std::optional<PreflightFacts>& check);
    /// The editor of a setting; null for what is not edited here.
    [[nodiscard]] QWidget* editor(const QString& setting) const;

signals:
    void edited(const argus::gui::EngineSettings& settings);

protected:
    void changeEvent(QEvent* event) override;

private:
    struct Cell {
        QWidget* box = nullptr;
        QLabel* label = nullptr;
        QWidget* editor = nullptr;
        QLabel* hint = nullptr;
    };
    QWidget* cell(const char* setting, QWidget* editor);
    QWidget* makeModel();
    void connectEditors();
    void read();
    void chooseFolder();
    void fillSizes(QComboBox& combo, const QList<int>& sizes, int current);
    /// Words that stand for themselves but "auto"; the present one is shown whatever it is.
    void fillWords(QComboBox& combo, QStringList words, const QString& current, bool known);
    void showHints();
    void showAdvanced();
    void retranslate();

    const bool m_localFolders;
    EngineSettings m_settings;
    std::optional<PreflightFacts> m_check;
    QHash<QString, Cell> m_cells;
    QLineEdit* m_model;
    QPushButton* m_folder;
    QPushButton* m_demo;
    QComboBox* m_tensor;
    QComboBox* m_pipeline;
    QComboBox* m_dtype;
    QDoubleSpinBox* m_share;
    QSpinBox* m_length;
    QSpinBox* m_seqs;
    QToolButton* m_advanced;
    QWidget* m_advancedBox;
    QCheckBox* m_eager;
    QLineEdit* m_layers;
    QComboBox* m_device;
    QComboBox* m_weights;
    QSpinBox* m_step;
};

} // namespace argus::gui
