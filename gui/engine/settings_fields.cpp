#include "gui/engine/settings_fields.h"

#include "gui/engine/quiet_wheel.h"
#include "gui/engine/setting_texts.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

// As in the engine's table of settings; what lies outside is refused there with words of its own.
constexpr int kLongestContext = 1'048'576;
constexpr int kMostSeqs = 256;
constexpr int kMostStepTokens = 65'536;
constexpr double kLeastShare = 0.05;

const QString kModel = QStringLiteral("model"); ///< also a setting of a machine

} // namespace

SettingsFields::SettingsFields(bool localFolders, QWidget* parent)
    : QFrame(parent), m_localFolders(localFolders), m_model(new QLineEdit), m_folder(new QPushButton),
      m_demo(new QPushButton), m_tensor(new QComboBox), m_pipeline(new QComboBox), m_dtype(new QComboBox),
      m_share(new QDoubleSpinBox), m_length(new QSpinBox), m_seqs(new QSpinBox), m_advanced(new QToolButton),
      m_advancedBox(new QWidget), m_eager(new QCheckBox), m_layers(new QLineEdit), m_device(new QComboBox),
      m_weights(new QComboBox), m_step(new QSpinBox)
{
    setObjectName(QStringLiteral("card"));
    m_share->setRange(kLeastShare, 1.0);
    m_share->setSingleStep(0.01);
    m_share->setDecimals(2);
    m_length->setRange(0, kLongestContext);
    m_length->setSingleStep(1024);
    m_length->setGroupSeparatorShown(true);
    m_seqs->setRange(0, kMostSeqs);
    m_step->setRange(0, kMostStepTokens);
    m_step->setSingleStep(256);
    m_step->setGroupSeparatorShown(true);
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(theme::kWideGap);
    grid->setVerticalSpacing(10);
    grid->setColumnStretch(0, 1);
    grid->setColumnStretch(1, 1);
    grid->addWidget(makeModel(), 0, 0, 1, 2);
    grid->addWidget(cell("tensor_parallel_size", m_tensor), 1, 0);
    grid->addWidget(cell("pipeline_parallel_size", m_pipeline), 1, 1);
    grid->addWidget(cell("dtype", m_dtype), 2, 0);
    grid->addWidget(cell("gpu_memory_utilization", m_share), 2, 1);
    grid->addWidget(cell("max_model_len", m_length), 3, 0);
    grid->addWidget(cell("max_num_seqs", m_seqs), 3, 1);
    m_advanced->setObjectName(QStringLiteral("btnAdvanced"));
    m_advanced->setCheckable(true);
    m_advanced->setAutoRaise(true);
    m_advanced->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_advanced->setFocusPolicy(Qt::TabFocus);
    grid->addWidget(m_advanced, 4, 0, 1, 2, Qt::AlignLeft); // both: a button's own width would bind its column
    auto* more = new QGridLayout(m_advancedBox);
    more->setContentsMargins(0, 0, 0, 0);
    more->setHorizontalSpacing(theme::kWideGap);
    more->setColumnStretch(0, 1);
    more->setColumnStretch(1, 1);
    more->addWidget(cell("stage_layers", m_layers), 0, 0);
    more->addWidget(cell("enforce_eager", m_eager), 0, 1);
    more->addWidget(cell("device", m_device), 1, 0);
    more->addWidget(cell("max_batched_tokens", m_step), 1, 1);
    more->addWidget(cell("load_format", m_weights), 2, 0);
    more->setVerticalSpacing(10);
    grid->addWidget(m_advancedBox, 5, 0, 1, 2);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 12, 14, 12);
    column->addLayout(grid);
    connectEditors();
    retranslate();
}

QWidget* SettingsFields::cell(const char* setting, QWidget* editor)
{
    const QString name = QLatin1String(setting);
    Cell cell;
    cell.box = new QWidget(this);
    cell.label = new QLabel(cell.box);
    cell.editor = editor;
    cell.hint = wrapping(cell.box);
    cell.hint->setObjectName(QStringLiteral("hint_") + name);
    cell.hint->setFont(scaled(font(), 0.9));
    editor->setObjectName(QStringLiteral("edit_") + name);
    cell.label->setBuddy(editor);
    ignoreWheelWithoutFocus(editor);
    auto* column = new QVBoxLayout(cell.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(3);
    column->addWidget(cell.label);
    column->addWidget(editor);
    column->addWidget(cell.hint);
    column->addStretch(1);
    m_cells.insert(name, cell);
    return cell.box;
}

QWidget* SettingsFields::makeModel()
{
    QWidget* box = cell("model", m_model);
    m_folder->setObjectName(QStringLiteral("btnChooseFolder"));
    m_demo->setObjectName(QStringLiteral("btnDemoModel"));
    m_folder->setVisible(m_localFolders);
    auto* row = new QHBoxLayout;
    row->addWidget(m_model, 1);
    if (m_localFolders)
        row->addWidget(m_folder);
    row->addWidget(m_demo);
    auto* column = static_cast<QVBoxLayout*>(box->layout());
    column->removeWidget(m_model);
    column->insertLayout(1, row);
    return box;
}

void SettingsFields::connectEditors()
{
    connect(m_model, &QLineEdit::textEdited, this, &SettingsFields::read);
    connect(m_layers, &QLineEdit::textEdited, this, &SettingsFields::read);
    for (QComboBox* combo : {m_tensor, m_pipeline, m_dtype, m_device, m_weights})
        connect(combo, &QComboBox::activated, this, &SettingsFields::read);
    connect(m_share, &QDoubleSpinBox::valueChanged, this, &SettingsFields::read);
    connect(m_length, &QSpinBox::valueChanged, this, &SettingsFields::read);
    connect(m_seqs, &QSpinBox::valueChanged, this, &SettingsFields::read);
    connect(m_step, &QSpinBox::valueChanged, this, &SettingsFields::read);
    connect(m_eager, &QCheckBox::toggled, this, &SettingsFields::read);
    connect(m_folder, &QPushButton::clicked, this, &SettingsFields::chooseFolder);
    connect(m_demo, &QPushButton::clicked, this, [this] {
        m_model->clear();
        read();
    });
    connect(m_advanced, &QToolButton::toggled, this, &SettingsFields::showAdvanced);
}

void SettingsFields::chooseFolder()
{
    auto* dialog = new QFileDialog(this, tr("Folder of the model"), m_settings.model);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
        m_model->setText(folder);
        read();
    });
    dialog->open();
}

QWidget* SettingsFields::editor(const QString& setting) const
{
    return m_cells.value(setting).editor;
}

void SettingsFields::read()
{
    m_settings.model = m_model->text().trimmed();
    m_settings.tensorParallel = std::max(1, m_tensor->currentData().toInt());
    m_settings.pipelineParallel = std::max(1, m_pipeline->currentData().toInt());
    m_settings.dtype = m_dtype->currentData().toString();
    m_settings.memoryShare = m_share->value();
    m_settings.maxModelLen = m_length->value();
    m_settings.maxNumSeqs = m_seqs->value();
    m_settings.enforceEager = m_eager->isChecked();
    m_settings.stageLayers = m_layers->text().trimmed();
    m_settings.device = m_device->currentData().toString();
    m_settings.loadFormat = m_weights->currentData().toString();
    m_settings.maxBatchedTokens = m_step->value();
    m_demo->setEnabled(!m_settings.model.isEmpty());
    emit edited(m_settings);
}

void SettingsFields::show(const EngineSettings& settings)
{
    m_settings = settings;
    const QSignalBlocker blockShare(m_share), blockLength(m_length), blockSeqs(m_seqs), blockEager(m_eager),
        blockStep(m_step);
    if (m_model->text().trimmed() != settings.model)
        m_model->setText(settings.model);
    if (m_layers->text().trimmed() != settings.stageLayers)
        m_layers->setText(settings.stageLayers);
    m_share->setValue(settings.memoryShare);
    m_length->setValue(settings.maxModelLen);
    m_seqs->setValue(settings.maxNumSeqs);
    m_eager->setChecked(settings.enforceEager);
    m_step->setValue(settings.maxBatchedTokens);
    m_demo->setEnabled(!settings.model.isEmpty());
    if (!settings.stageLayers.isEmpty() || settings.enforceEager || settings.loadFormat != QLatin1String("auto"))
        m_advanced->setChecked(true);
    showCheck(m_check);
}

void SettingsFields::showCheck(const std::optional<PreflightFacts>& check)
{
    m_check = check;
    fillSizes(*m_tensor, check ? check->tensorSizes : QList<int>(), m_settings.tensorParallel);
    fillSizes(*m_pipeline, check ? check->pipelineSizes : QList<int>(), m_settings.pipelineParallel);
    fillWords(*m_dtype, check ? check->dtypes : QStringList(), m_settings.dtype, check.has_value());
    fillWords(*m_device, {QStringLiteral("cpu")}, m_settings.device, false);
    fillWords(*m_weights, {QStringLiteral("dummy")}, m_settings.loadFormat, false);
    const QLocale locale;
    m_length->setSpecialValueText(check && check->maxModelLen > 0 && m_settings.maxModelLen == 0
                                      ? tr("automatic (%1)").arg(locale.toString(check->maxModelLen))
                                      : tr("automatic"));
    m_seqs->setSpecialValueText(tr("automatic"));
    m_step->setSpecialValueText(tr("automatic"));
    showHints();
}

void SettingsFields::fillSizes(QComboBox& combo, const QList<int>& sizes, int current)
{
    QList<int> offered = sizes;
    if (!offered.contains(current))
        offered << current;
    std::sort(offered.begin(), offered.end());
    QStringList texts;
    for (const int size : offered)
        texts << (sizes.contains(size) || sizes.isEmpty() ? QLocale().toString(size)
                                                          : tr("%1 (not possible)").arg(QLocale().toString(size)));
    QStringList present;
    for (int i = 0; i < combo.count(); ++i)
        present << combo.itemText(i);
    if (present != texts) {
        combo.clear();
        for (qsizetype i = 0; i < offered.size(); ++i)
            combo.addItem(texts[i], offered[i]);
    }
    combo.setCurrentIndex(static_cast<int>(offered.indexOf(current)));
}

void SettingsFields::fillWords(QComboBox& combo, QStringList words, const QString& current, bool known)
{
    words.prepend(QStringLiteral("auto"));
    words.removeDuplicates();
    const bool possible = !known || words.contains(current);
    if (!words.contains(current))
        words << current;
    QStringList texts;
    for (const QString& word : words)
        texts << (word == QLatin1String("auto")  ? tr("automatic")
                  : word == current && !possible ? tr("%1 (not possible)").arg(word)
                                                 : word);
    QStringList present;
    for (int i = 0; i < combo.count(); ++i)
        present << combo.itemText(i);
    if (present != texts) {
        combo.clear();
        for (qsizetype i = 0; i < words.size(); ++i)
            combo.addItem(texts[i], words[i]);
    }
    combo.setCurrentIndex(static_cast<int>(words.indexOf(current)));
}

void SettingsFields::showHints()
{
    const theme::Colors& c = theme::colors();
    for (auto cell = m_cells.begin(); cell != m_cells.end(); ++cell) {
        QString hint = settingHelp(cell.key());
        QColor color = c.muted;
        if (cell.key() == QLatin1String("max_model_len") && m_check && m_check->largestContext > 0)
            hint += QLatin1Char(' ') + tr("At most %1 fit.").arg(QLocale().toString(m_check->largestContext));
        if (cell.key() == QLatin1String("model") && m_check && !m_check->modelName.isEmpty())
            hint = tr("This is %1.").arg(m_check->modelName) + QLatin1Char(' ') + hint;
        if (m_check)
            for (const Problem& problem : m_check->problems)
                if (problem.trouble.setting == cell.key() && (problem.node.isEmpty() || cell.key() != kModel)) {
                    hint =
                        (problem.warning ? QStringLiteral("▲ ") : QStringLiteral("■ ")) + problem.trouble.cause.text();
                    color = problem.warning ? c.warning : c.bad;
                    if (!problem.warning)
                        break;
                }
        cell->hint->setText(hint);
        paintText(*cell->hint, color);
        cell->editor->setAccessibleDescription(hint);
    }
}

void SettingsFields::showAdvanced()
{
    m_advancedBox->setVisible(m_advanced->isChecked());
    m_advanced->setArrowType(m_advanced->isChecked() ? Qt::DownArrow : Qt::RightArrow);
}

void SettingsFields::retranslate()
{
    paintCard(*this);
    for (auto cell = m_cells.begin(); cell != m_cells.end(); ++cell) {
        cell->label->setText(settingLabel(cell.key()));
        cell->editor->setAccessibleName(cell->label->text());
        cell->editor->setToolTip(cell.key()); // what the command line calls it
    }
    m_model->setPlaceholderText(tr("The built-in demo model"));
    m_folder->setText(tr("Choose folder…"));
    m_demo->setText(tr("Demo model"));
    makeRoomy(*m_folder);
    makeRoomy(*m_demo);
    m_eager->setText(tr("On"));
    m_advanced->setText(tr("Advanced"));
    showAdvanced();
    showCheck(m_check);
}

void SettingsFields::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange) {
        paintCard(*this);
        showHints();
    }
}

} // namespace argus::gui
