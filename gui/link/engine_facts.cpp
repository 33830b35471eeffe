#include "gui/link/engine_facts.h"

#include <algorithm>

namespace argus::gui {

bool EngineSettings::sameAs(const EngineSettings& other) const
{
    return model == other.model && tensorParallel == other.tensorParallel &&
           pipelineParallel == other.pipelineParallel && dtype == other.dtype &&
           qAbs(memoryShare - other.memoryShare) < 0.0005 && maxModelLen == other.maxModelLen &&
           maxNumSeqs == other.maxNumSeqs && enforceEager == other.enforceEager && stageLayers == other.stageLayers &&
           loadFormat == other.loadFormat && device == other.device && maxBatchedTokens == other.maxBatchedTokens &&
           nodes == other.nodes;
}

NodeChoice EngineSettings::choiceOf(const QString& node) const
{
    const auto found =
        std::find_if(nodes.begin(), nodes.end(), [&](const NodeChoice& choice) { return choice.node == node; });
    return found == nodes.end() ? NodeChoice{node, {}, {}, {}} : *found;
}

void EngineSettings::choose(const NodeChoice& choice)
{
    nodes.removeIf([&](const NodeChoice& old) { return old.node == choice.node; });
    if (choice.isEmpty())
        return;
    nodes << choice;
    std::sort(nodes.begin(), nodes.end(), [](const NodeChoice& a, const NodeChoice& b) { return a.node < b.node; });
}

static bool setOfNode(EngineSettings& settings, const QString& setting, const QString& value, const QString& node)
{
    NodeChoice choice = settings.choiceOf(node);
    if (setting == QLatin1String("devices"))
        choice.devices = value == QLatin1String("all") ? QString() : value;
    else if (setting == QLatin1String("interface"))
        choice.interface = value;
    else if (setting == QLatin1String("model"))
        choice.model = value;
    else
        return false;
    settings.choose(choice);
    return true;
}

bool EngineSettings::set(const QString& setting, const QString& value, const QString& node)
{
    if (!node.isEmpty())
        return setOfNode(*this, setting, value, node);
    const auto isNumber = [&](int& field) {
        bool whole = false;
        const int number = value.toInt(&whole);
        if (whole && number >= 0)
            field = number;
        return whole && number >= 0;
    };
    if (setting == QLatin1String("tensor_parallel_size"))
        return isNumber(tensorParallel);
    if (setting == QLatin1String("pipeline_parallel_size"))
        return isNumber(pipelineParallel);
    if (setting == QLatin1String("max_model_len"))
        return isNumber(maxModelLen);
    if (setting == QLatin1String("max_num_seqs"))
        return isNumber(maxNumSeqs);
    if (setting == QLatin1String("max_batched_tokens"))
        return isNumber(maxBatchedTokens);
    if (setting == QLatin1String("gpu_memory_utilization")) {
        bool share = false;
        const double number = value.toDouble(&share);
        if (share)
            memoryShare = number;
        return share;
    }
    if (setting == QLatin1String("enforce_eager")) {
        enforceEager = value == QLatin1String("on") || value == QLatin1String("true") || value == QLatin1String("1");
        return true;
    }
    if (setting == QLatin1String("model"))
        model = value;
    else if (setting == QLatin1String("dtype"))
        dtype = value.isEmpty() ? QStringLiteral("auto") : value;
    else if (setting == QLatin1String("stage_layers"))
        stageLayers = value;
    else if (setting == QLatin1String("load_format"))
        loadFormat = value.isEmpty() ? QStringLiteral("auto") : value;
    else if (setting == QLatin1String("device"))
        device = value.isEmpty() ? QStringLiteral("auto") : value;
    else
        return false;
    return true;
}

} // namespace argus::gui
