#include "gui/link/wire_engine.h"

#include "gui/link/wire_facts.h"

#include <algorithm>

namespace argus::gui {

namespace {

QString orAuto(const std::string& word)
{
    return word.empty() ? QStringLiteral("auto") : text(word);
}

int atLeastOne(std::uint32_t count)
{
    return std::max(1, static_cast<int>(count));
}

Problem toFacts(const wire::Problem& problem)
{
    Problem facts;
    facts.code = text(problem.code());
    facts.warning = problem.warning();
    facts.trouble = toTrouble(problem.error());
    facts.node = text(problem.node());
    for (const wire::Fix& fix : problem.fixes())
        facts.fixes << Fix{text(fix.text()), text(fix.setting()), text(fix.value()), text(fix.node())};
    return facts;
}

PlannedRank toFacts(const wire::PlannedRank& rank)
{
    PlannedRank facts;
    facts.rank = static_cast<int>(rank.rank());
    facts.stage = static_cast<int>(rank.stage());
    facts.tensorRank = static_cast<int>(rank.tensor_rank());
    facts.node = text(rank.node());
    facts.device = text(rank.device());
    facts.deviceName = spoken(rank.device_name(), rank.device_name_said());
    facts.firstLayer = static_cast<int>(rank.first_layer());
    facts.endLayer = static_cast<int>(rank.end_layer());
    facts.weights = rank.weights_bytes();
    facts.kv = rank.kv_bytes();
    facts.activations = rank.activation_bytes();
    facts.runtime = rank.runtime_bytes();
    facts.usable = rank.usable_bytes();
    facts.total = rank.total_bytes();
    return facts;
}

} // namespace

EngineSettings toFacts(const wire::EngineSettings& settings)
{
    EngineSettings facts;
    facts.model = text(settings.model());
    facts.tensorParallel = atLeastOne(settings.tensor_parallel_size());
    facts.pipelineParallel = atLeastOne(settings.pipeline_parallel_size());
    facts.dtype = orAuto(settings.dtype());
    if (settings.gpu_memory_utilization() > 0)
        facts.memoryShare = settings.gpu_memory_utilization();
    facts.maxModelLen = static_cast<int>(settings.max_model_len());
    facts.maxNumSeqs = static_cast<int>(settings.max_num_seqs());
    facts.enforceEager = settings.enforce_eager();
    facts.stageLayers = text(settings.stage_layers());
    facts.loadFormat = orAuto(settings.load_format());
    facts.device = orAuto(settings.device());
    facts.maxBatchedTokens = static_cast<int>(settings.max_batched_tokens());
    for (const wire::NodeSettings& node : settings.nodes()) {
        const QString devices = text(node.devices());
        facts.choose({text(node.node()), devices == QLatin1String("all") ? QString() : devices, text(node.interface()),
                      text(node.model())});
    }
    facts.rest = bytes(settings.SerializeAsString());
    return facts;
}

wire::EngineSettings toWire(const EngineSettings& settings)
{
    wire::EngineSettings message;
    (void)message.ParseFromString(settings.rest.toStdString()); // our own bytes; empty when there were none
    message.set_model(settings.model.toStdString());
    message.set_tensor_parallel_size(static_cast<std::uint32_t>(settings.tensorParallel));
    message.set_pipeline_parallel_size(static_cast<std::uint32_t>(settings.pipelineParallel));
    message.set_dtype(settings.dtype.toStdString());
    message.set_gpu_memory_utilization(settings.memoryShare);
    message.set_max_model_len(static_cast<std::uint32_t>(settings.maxModelLen));
    message.set_max_num_seqs(static_cast<std::uint32_t>(settings.maxNumSeqs));
    message.set_enforce_eager(settings.enforceEager);
    message.set_stage_layers(settings.stageLayers.toStdString());
    message.set_load_format(settings.loadFormat.toStdString());
    message.set_device(settings.device.toStdString());
    message.set_max_batched_tokens(static_cast<std::uint32_t>(settings.maxBatchedTokens));
    message.clear_nodes();
    for (const NodeChoice& choice : settings.nodes) {
        wire::NodeSettings& node = *message.add_nodes();
        node.set_node(choice.node.toStdString());
        node.set_devices(choice.devices.toStdString());
        node.set_interface(choice.interface.toStdString());
        node.set_model(choice.model.toStdString());
    }
    return message;
}

PreflightFacts toFacts(const wire::PreflightDone& done)
{
    PreflightFacts facts;
    facts.id = text(done.id());
    facts.possible = done.possible();
    for (const wire::Problem& problem : done.problems())
        facts.problems << toFacts(problem);
    for (const wire::PlannedRank& rank : done.ranks())
        facts.ranks << toFacts(rank);
    facts.modelName = text(done.model_name());
    facts.maxModelLen = static_cast<int>(done.max_model_len());
    facts.largestContext = static_cast<int>(done.largest_context());
    facts.kvTokens = done.kv_tokens();
    for (const std::uint32_t size : done.tensor_parallel_sizes())
        facts.tensorSizes << static_cast<int>(size);
    for (const std::uint32_t size : done.pipeline_parallel_sizes())
        facts.pipelineSizes << static_cast<int>(size);
    for (const std::string& type : done.dtypes())
        facts.dtypes << text(type);
    for (int i = 0; i < done.remarks_size(); ++i)
        facts.remarks << spoken(done.remarks(i), i < done.remarks_said_size() ? done.remarks_said(i) : wire::Said());
    return facts;
}

} // namespace argus::gui
