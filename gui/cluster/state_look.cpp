#include "gui/cluster/state_look.h"

#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/memory_bar.h"
#include "gui/link/facts.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QLocale>

namespace argus::gui {

StateLook stateLook(const QString& state)
{
    const theme::Colors& c = theme::colors();
    const auto is = [&](const char* name) { return state == QLatin1String(name); };
    if (is("ready"))
        return {QStringLiteral("●"), ClusterDock::tr("Ready"), c.good};
    if (is("idle"))
        return {QStringLiteral("○"), ClusterDock::tr("Idle"), c.muted};
    if (is("joining"))
        return {QStringLiteral("◐"), ClusterDock::tr("Joining"), c.warning};
    if (is("fetching"))
        return {QStringLiteral("◐"), ClusterDock::tr("Fetching the model"), c.warning};
    if (is("starting"))
        return {QStringLiteral("◐"), ClusterDock::tr("Starting"), c.warning};
    if (is("loading"))
        return {QStringLiteral("◐"), ClusterDock::tr("Loading"), c.warning};
    if (is("restarting"))
        return {QStringLiteral("▲"), ClusterDock::tr("Restarting"), c.warning};
    if (is("suspect"))
        return {QStringLiteral("▲"), ClusterDock::tr("Not answering"), c.warning};
    if (is("draining"))
        return {QStringLiteral("◑"), ClusterDock::tr("Draining"), c.warning};
    if (is("lost"))
        return {QStringLiteral("■"), ClusterDock::tr("Lost"), c.bad};
    if (is("failed"))
        return {QStringLiteral("■"), ClusterDock::tr("Failed"), c.bad};
    if (is("stopped"))
        return {QStringLiteral("□"), ClusterDock::tr("Stopped"), c.muted};
    return {QStringLiteral("?"), ClusterDock::tr("Unknown"), c.muted};
}

StateLook stateLook(const NodeFacts& node, double age)
{
    return stateLook(age > ClusterModel::kLostSeconds ? QStringLiteral("lost") : node.state);
}

QString troubleText(const Trouble& trouble)
{
    QString text = sentence(trouble.cause.text());
    if (!trouble.remedy.isEmpty())
        text += QLatin1Char('\n') + ClusterDock::tr("What to do: %1").arg(sentence(trouble.remedy.text()));
    return text;
}

QString roleText(const QString& role)
{
    return role == QLatin1String("head") ? ClusterDock::tr("Head") : ClusterDock::tr("Worker");
}

QString durationText(double seconds)
{
    const auto whole = static_cast<qint64>(seconds);
    if (whole < 60)
        //: a duration in seconds
        return ClusterDock::tr("%1 s").arg(whole);
    if (whole < 3600)
        //: a duration in minutes
        return ClusterDock::tr("%1 min").arg(whole / 60);
    if (whole < 86'400)
        //: a duration in hours and minutes
        return ClusterDock::tr("%1 h %2 min").arg(whole / 3600).arg(whole / 60 % 60);
    //: a duration in days and hours
    return ClusterDock::tr("%1 d %2 h").arg(whole / 86'400).arg(whole / 3600 % 24);
}

QString speedText(double bytesPerSecond)
{
    const double bits = bytesPerSecond * 8;
    return bits >= 1e9 ? ClusterDock::tr("%1 Gbit/s").arg(QLocale().toString(bits / 1e9, 'f', 1))
                       : ClusterDock::tr("%1 Mbit/s").arg(QLocale().toString(bits / 1e6, 'f', 0));
}

QString loadText(quint64 done, quint64 total)
{
    if (total == 0 || done >= total)
        return {};
    return ClusterDock::tr("Loading: %1 of %2", "bytes of weights").arg(memoryText(done), memoryText(total));
}

QString fetchText(quint64 done, quint64 total)
{
    if (total == 0)
        return {};
    return ClusterDock::tr("%1 of %2 fetched from the head", "bytes of the model")
        .arg(memoryText(done), memoryText(total));
}

QString layersText(int first, int end)
{
    if (end <= first)
        return {}; // the whole model, or a rank without layers: nothing to tell apart
    if (end == first + 1)
        return ClusterDock::tr("layer %1").arg(first);
    return ClusterDock::tr("layers %1–%2").arg(first).arg(end - 1);
}

QString placeText(const DeviceFacts& device, const DeploymentFacts& deployment)
{
    if (!device.used)
        return ClusterDock::tr("not used by the model");
    QStringList parts{ClusterDock::tr("Rank %1").arg(device.rank)};
    if (deployment.pipelineParallel > 1)
        parts << ClusterDock::tr("stage %1").arg(device.stage);
    if (deployment.tensorParallel > 1)
        parts << ClusterDock::tr("tensor rank %1").arg(device.tensorRank);
    parts << device.joined.text() << layersText(device.firstLayer, device.endLayer);
    parts.removeAll(QString());
    return parts.join(QStringLiteral(" · "));
}

} // namespace argus::gui
