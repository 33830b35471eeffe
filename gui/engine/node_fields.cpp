#include "gui/engine/node_fields.h"

#include "gui/cluster/memory_bar.h"
#include "gui/cluster/state_look.h"
#include "gui/engine/quiet_wheel.h"
#include "gui/engine/setting_texts.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QEvent>
#include <QGridLayout>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

const QString kNone = QStringLiteral("none");

/// "0,2" as numbers; a word that is none is left out.
QList<int> numbersOf(const QString& devices)
{
    QList<int> numbers;
    for (const QString& part : devices.split(QLatin1Char(','), Qt::SkipEmptyParts)) {
        bool whole = false;
        const int number = part.trimmed().toInt(&whole);
        if (whole)
            numbers << number;
    }
    return numbers;
}

/// The name alone of "eth0 192.168.1.7".
QString interfaceName(const QString& told)
{
    return told.section(QLatin1Char(' '), 0, 0);
}

} // namespace

NodeFields::NodeFields(QWidget* parent) : QFrame(parent), m_title(new QLabel(this)), m_column(new QVBoxLayout(this))
{
    setObjectName(QStringLiteral("card"));
    m_title->setFont(scaled(font(), 1.0, true));
    m_column->setContentsMargins(14, 12, 14, 12);
    m_column->setSpacing(12);
    m_column->addWidget(m_title);
    retranslate();
}

void NodeFields::show(const QList<NodeFacts>& nodes, const EngineSettings& settings)
{
    m_nodes = nodes;
    m_settings = settings;
    for (qsizetype i = m_blocks.size() - 1; i >= 0; --i)
        if (std::none_of(nodes.begin(), nodes.end(),
                         [&](const NodeFacts& node) { return node.name == m_blocks[i].name; }))
            delete m_blocks.takeAt(i).box;
    for (qsizetype i = 0; i < nodes.size(); ++i) {
        const auto found = std::find_if(m_blocks.begin(), m_blocks.end(),
                                        [&](const Block& block) { return block.name == nodes[i].name; });
        const qsizetype at = found - m_blocks.begin();
        if (found == m_blocks.end())
            m_blocks.insert(i, makeBlock(nodes[i].name));
        else if (at != i)
            m_blocks.move(at, i);
        if (m_column->indexOf(m_blocks[i].box) != i + 1) // behind the title
            m_column->insertWidget(static_cast<int>(i) + 1, m_blocks[i].box);
        showBlock(m_blocks[i], nodes[i], settings.choiceOf(nodes[i].name));
    }
    setVisible(!nodes.isEmpty());
}

NodeFields::Block NodeFields::makeBlock(const QString& name)
{
    Block block;
    block.name = name;
    block.box = new QWidget(this);
    block.title = new QLabel(block.box);
    block.devices = new QVBoxLayout;
    block.devices->setSpacing(4);
    block.interfaceLabel = new QLabel(block.box);
    block.interfaces = new QComboBox(block.box);
    block.interfaces->setObjectName(QStringLiteral("edit_interface_") + name);
    block.interfaceLabel->setBuddy(block.interfaces);
    block.modelLabel = new QLabel(block.box);
    block.model = new QLineEdit(block.box);
    block.model->setObjectName(QStringLiteral("edit_model_") + name);
    block.modelLabel->setBuddy(block.model);
    ignoreWheelWithoutFocus(block.interfaces);
    auto* grid = new QGridLayout(block.box);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(12);
    grid->setVerticalSpacing(6);
    grid->setColumnStretch(1, 1);
    grid->addWidget(block.title, 0, 0, 1, 2);
    grid->addLayout(block.devices, 1, 0, 1, 2);
    grid->addWidget(block.interfaceLabel, 2, 0);
    grid->addWidget(block.interfaces, 2, 1);
    grid->addWidget(block.modelLabel, 3, 0);
    grid->addWidget(block.model, 3, 1);
    connect(block.interfaces, &QComboBox::activated, this, [this, name] { read(name); });
    connect(block.model, &QLineEdit::textEdited, this, [this, name] { read(name); });
    return block;
}

void NodeFields::showBlock(Block& block, const NodeFacts& node, const NodeChoice& choice)
{
    const StateLook look = stateLook(node.state);
    block.title->setText(
        QStringLiteral("<b>%1</b> · %2 · <span style=\"color:%3\">%4 %5</span>")
            .arg(node.name.toHtmlEscaped(), roleText(node.role), look.color.name(), look.shape, look.word));
    block.interfaceLabel->setText(settingLabel(QStringLiteral("interface")));
    block.modelLabel->setText(tr("Model folder there"));
    block.interfaces->setAccessibleName(tr("Network interface of %1").arg(node.name));
    block.model->setAccessibleName(tr("Model folder on %1").arg(node.name));
    block.model->setPlaceholderText(tr("as on the head"));
    const int width = std::max(block.interfaceLabel->fontMetrics().horizontalAdvance(block.interfaceLabel->text()),
                               block.modelLabel->fontMetrics().horizontalAdvance(block.modelLabel->text()));
    block.interfaceLabel->setMinimumWidth(width); // editors of all machines stand below one another
    const bool worker = node.role != QLatin1String("head");
    block.model->setVisible(worker);
    block.modelLabel->setVisible(worker);
    if (block.model->text().trimmed() != choice.model)
        block.model->setText(choice.model);
    showDevices(block, node, choice);
    showInterfaces(block, node, choice);
}

void NodeFields::showDevices(Block& block, const NodeFacts& node, const NodeChoice& choice)
{
    while (block.boxes.size() > node.devices.size())
        delete block.boxes.takeLast();
    while (block.boxes.size() < node.devices.size()) {
        auto* box = new QCheckBox(block.box);
        box->setObjectName(QStringLiteral("edit_device_%1_%2").arg(block.name).arg(block.boxes.size()));
        connect(box, &QCheckBox::toggled, this, [this, name = block.name] { read(name); });
        box->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed); // a long name does not widen the page
        block.boxes << box;
        block.devices->addWidget(box);
    }
    const QList<int> numbers = numbersOf(choice.devices);
    for (qsizetype i = 0; i < block.boxes.size(); ++i) {
        const DeviceFacts& device = node.devices[i];
        const QSignalBlocker quiet(block.boxes[i]);
        const QString text = tr("%1: %2, %3 free of %4", "a device: number, name, memory")
                                 .arg(device.index)
                                 .arg(device.name.text(), memoryText(device.free), memoryText(device.total));
        block.boxes[i]->setText(text);
        block.boxes[i]->setToolTip(device.problem.isEmpty() ? text : text + QLatin1Char('\n') + device.problem.text());
        block.boxes[i]->setAccessibleDescription(device.problem.text());
        block.boxes[i]->setChecked(choice.devices.isEmpty() ||
                                   (choice.devices != kNone && numbers.contains(device.index)));
    }
}

void NodeFields::showInterfaces(Block& block, const NodeFacts& node, const NodeChoice& choice)
{
    QStringList names{QString()};
    QStringList texts{node.interface.isEmpty() || !choice.interface.isEmpty()
                          ? tr("automatic")
                          : tr("automatic (%1)").arg(node.interface)};
    for (const QString& told : node.interfaces) {
        names << interfaceName(told);
        texts << told;
    }
    if (!names.contains(choice.interface)) {
        names << choice.interface;
        texts << tr("%1 (not there)").arg(choice.interface);
    }
    QStringList present;
    for (int i = 0; i < block.interfaces->count(); ++i)
        present << block.interfaces->itemText(i);
    if (present != texts) {
        block.interfaces->clear();
        for (qsizetype i = 0; i < names.size(); ++i)
            block.interfaces->addItem(texts[i], names[i]);
    }
    block.interfaces->setCurrentIndex(static_cast<int>(names.indexOf(choice.interface)));
}

void NodeFields::read(const QString& name)
{
    const auto block =
        std::find_if(m_blocks.begin(), m_blocks.end(), [&](const Block& one) { return one.name == name; });
    const auto node =
        std::find_if(m_nodes.begin(), m_nodes.end(), [&](const NodeFacts& one) { return one.name == name; });
    if (block == m_blocks.end() || node == m_nodes.end())
        return;
    NodeChoice choice = m_settings.choiceOf(name);
    QStringList chosen;
    for (qsizetype i = 0; i < block->boxes.size() && i < node->devices.size(); ++i)
        if (block->boxes[i]->isChecked())
            chosen << QString::number(node->devices[i].index);
    choice.devices = chosen.size() == block->boxes.size() ? QString()
                     : chosen.isEmpty()                   ? kNone
                                                          : chosen.join(QLatin1Char(','));
    choice.interface = block->interfaces->currentData().toString();
    choice.model = block->model->text().trimmed();
    m_settings.choose(choice);
    emit edited(choice);
}

void NodeFields::showProblems(const QList<Problem>& problems)
{
    for (const Block& block : m_blocks)
        for (const char* setting : {"devices", "interface", "model"}) {
            const QString name = QLatin1String(setting);
            const bool boxes = name == QLatin1String("devices"); // each says what is wrong with its device
            QString text = boxes ? QString() : settingHelp(name);
            for (const Problem& problem : problems)
                if (problem.node == block.name && problem.trouble.setting == name)
                    text = sentence(problem.trouble.cause.text());
            QWidget* widget = editor(block.name, name);
            if (widget == nullptr || text.isEmpty())
                continue;
            widget->setAccessibleDescription(text);
            if (!boxes) // those show their names there
                widget->setToolTip(text);
        }
}

QWidget* NodeFields::editor(const QString& node, const QString& setting) const
{
    for (const Block& block : m_blocks) {
        if (block.name != node)
            continue;
        if (setting == QLatin1String("interface"))
            return block.interfaces;
        if (setting == QLatin1String("model"))
            return block.model;
        return block.boxes.value(0);
    }
    return nullptr;
}

void NodeFields::retranslate()
{
    paintCard(*this);
    m_title->setText(settingLabel(QStringLiteral("nodes")));
    show(m_nodes, m_settings);
}

void NodeFields::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        retranslate();
}

} // namespace argus::gui
