#include "gui/engine/plan_table.h"

#include "gui/cluster/memory_bar.h"
#include "gui/cluster/state_look.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QGridLayout>
#include <QPainter>
#include <QPainterPath>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace argus::gui {

namespace {

constexpr int kRoomForColumns = 690; ///< px
constexpr int kMostRanks = 128;      ///< rows that anybody would read

struct Part {
    QString name;
    quint64 bytes;
    QColor color;
};

std::array<Part, 4> partsOf(const PlannedRank& rank)
{
    const theme::Colors& c = theme::colors();
    return {Part{PlanTable::tr("Weights"), rank.weights, c.weights},
            Part{PlanTable::tr("KV cache"), rank.kv, c.kvReserved},
            Part{PlanTable::tr("Activations"), rank.activations, c.other},
            Part{PlanTable::tr("Runtime"), rank.runtime, c.runtime}};
}

QString placeOf(const PlannedRank& rank)
{
    QStringList parts{PlanTable::tr("rank %1").arg(rank.rank), PlanTable::tr("stage %1").arg(rank.stage),
                      layersText(rank.firstLayer, rank.endLayer)};
    parts.removeAll(QString());
    return parts.join(QStringLiteral(" · "));
}

QString sumOf(const PlannedRank& rank)
{
    return PlanTable::tr("%1 of %2", "memory needed, memory usable")
        .arg(memoryText(rank.needed()), memoryText(rank.usable));
}

} // namespace

PlanBar::PlanBar(const PlannedRank& rank, QWidget* parent) : QWidget(parent), m_rank(rank)
{
    setObjectName(QStringLiteral("planBar"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    QStringList lines;
    for (const Part& part : partsOf(rank))
        lines << MemoryBar::tr("%1: %2").arg(part.name, memoryText(part.bytes));
    lines << sumOf(rank);
    setAccessibleName(QStringLiteral("%1 %2, %3").arg(rank.node, rank.device, placeOf(rank)));
    setAccessibleDescription(lines.join(QStringLiteral(", ")));
    setToolTip(lines.join(QLatin1Char('\n')));
}

void PlanBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QPainterPath outline;
    outline.addRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
    painter.save();
    painter.setClipPath(outline);
    painter.fillRect(rect(), theme::colors().free);
    const double whole = double(std::max({m_rank.needed(), m_rank.usable, m_rank.total, quint64(1)}));
    double x = 0;
    for (const Part& part : partsOf(m_rank)) {
        const double w = width() * double(part.bytes) / whole;
        painter.fillRect(QRectF(x, 0, w, height()), part.color);
        x += w;
    }
    painter.restore();
    painter.setPen(theme::colors().line);
    painter.drawPath(outline);
    const double end = width() * double(m_rank.usable) / whole;
    if (end < width() - 1) { // what may be used ends here
        painter.setPen(QPen(m_rank.needed() > m_rank.usable ? theme::colors().bad : theme::colors().muted, 2));
        painter.drawLine(QPointF(end, 0), QPointF(end, height()));
    }
}

PlanTable::PlanTable(QWidget* parent) : QFrame(parent)
{
    setObjectName(QStringLiteral("card"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 10, 14, 12);
    rebuild();
}

void PlanTable::show(const QList<PlannedRank>& ranks)
{
    if (ranks == m_ranks)
        return;
    m_ranks = ranks;
    rebuild();
}

void PlanTable::rebuild()
{
    paintCard(*this);
    delete m_inside;
    m_inside = new QWidget(this);
    layout()->addWidget(m_inside);
    auto* grid = new QGridLayout(m_inside);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(10);
    grid->setVerticalSpacing(3);
    grid->setColumnStretch(0, 1);
    addHeading(*grid);
    for (int i = 0; i < std::min(kMostRanks, static_cast<int>(m_ranks.size())); ++i)
        if (m_narrow)
            addNarrowRank(*grid, 1 + 3 * i, m_ranks[i]);
        else
            addRank(*grid, 1 + 2 * i, m_ranks[i]);
    setVisible(!m_ranks.isEmpty());
}

void PlanTable::addHeading(QGridLayout& grid)
{
    auto* title = new QLabel(tr("Memory of each rank"), m_inside);
    title->setFont(scaled(font(), 1.0, true));
    grid.addWidget(title, 0, 0);
    if (m_narrow)
        return;
    const auto parts = partsOf({});
    for (int i = 0; i < static_cast<int>(parts.size()); ++i) {
        auto* head = new QLabel(m_inside);
        head->setText(legendEntry(parts[std::size_t(i)].color, parts[std::size_t(i)].name));
        head->setFont(scaled(font(), 0.9));
        grid.addWidget(head, 0, 1 + i, Qt::AlignRight);
    }
    auto* sum = new QLabel(tr("Sum of usable"), m_inside);
    sum->setFont(scaled(font(), 0.9));
    grid.addWidget(sum, 0, 5, Qt::AlignRight);
}

void PlanTable::addRank(QGridLayout& grid, int row, const PlannedRank& rank)
{
    const theme::Colors& c = theme::colors();
    auto* place = wrapping(m_inside, "planPlace");
    place->setText(QStringLiteral("%1 %2").arg(rank.node, rank.device) + QLatin1Char('\n') +
                   breakingAtDots(placeOf(rank)));
    place->setToolTip(rank.deviceName.text());
    grid.addWidget(place, row, 0);
    int column = 1;
    for (const Part& part : partsOf(rank)) {
        auto* figure = new QLabel(memoryText(part.bytes), m_inside);
        grid.addWidget(figure, row, column++, Qt::AlignRight | Qt::AlignTop);
    }
    auto* sum = new QLabel(sumOf(rank), m_inside);
    sum->setObjectName(QStringLiteral("planSum"));
    paintText(*sum, rank.needed() > rank.usable ? c.bad : palette().color(QPalette::WindowText));
    grid.addWidget(sum, row, column, Qt::AlignRight | Qt::AlignTop);
    auto* bar = new PlanBar(rank, m_inside);
    grid.addWidget(bar, row + 1, 0, 1, column + 1);
}

void PlanTable::addNarrowRank(QGridLayout& grid, int row, const PlannedRank& rank)
{
    const theme::Colors& c = theme::colors();
    auto* place = wrapping(m_inside, "planPlace");
    place->setText(breakingAtDots(QStringLiteral("%1 %2 · ").arg(rank.node, rank.device) + placeOf(rank)));
    place->setToolTip(rank.deviceName.text());
    grid.addWidget(place, row, 0);
    auto* sum = new QLabel(sumOf(rank), m_inside);
    sum->setObjectName(QStringLiteral("planSum"));
    paintText(*sum, rank.needed() > rank.usable ? c.bad : palette().color(QPalette::WindowText));
    grid.addWidget(sum, row, 1, Qt::AlignRight | Qt::AlignTop);
    grid.addWidget(new PlanBar(rank, m_inside), row + 1, 0, 1, 2);
    QStringList figures;
    for (const Part& part : partsOf(rank))
        figures << legendEntry(part.color, part.name + QLatin1Char(' ') + memoryText(part.bytes));
    auto* legend = new QLabel(figures.join(QStringLiteral("&nbsp;&nbsp; ")), m_inside);
    legend->setWordWrap(true);
    legend->setFont(scaled(font(), 0.9));
    legend->setContentsMargins(0, 0, 0, 6);
    grid.addWidget(legend, row + 2, 0, 1, 2);
}

void PlanTable::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    if ((width() < kRoomForColumns) == m_narrow)
        return;
    m_narrow = !m_narrow;
    QMetaObject::invokeMethod(this, &PlanTable::rebuild, Qt::QueuedConnection); // not within a layout's work
}

void PlanTable::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        rebuild();
}

} // namespace argus::gui
