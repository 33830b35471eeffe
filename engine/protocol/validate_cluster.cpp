#include "engine/protocol/validate_cluster.h"

namespace argus::protocol {
namespace {

constexpr std::size_t kMaxProblems = 256;
constexpr std::size_t kMaxRanks = 4096;
constexpr std::size_t kMaxSizes = 256;

void checkProblem(Check& check, const wire::Problem& problem)
{
    check.text("problem.code", problem.code(), kMaxIdBytes);
    checkError(check, problem.error());
    check.text("problem.node", problem.node(), kMaxNameBytes);
    check.count("problem.fixes", static_cast<std::size_t>(problem.fixes_size()), 0, kMaxSizes);
    for (const wire::Fix& fix : problem.fixes())
        for (const std::string& text : {fix.text(), fix.setting(), fix.value(), fix.node()})
            check.text("problem.fixes", text, kMaxCauseBytes);
}

} // namespace

void checkError(Check& check, const wire::Error& error)
{
    check.text("error.code", error.code(), kMaxIdBytes);
    check.text("error.cause", error.cause(), kMaxCauseBytes);
    check.text("error.remedy", error.remedy(), kMaxCauseBytes);
    check.text("error.setting", error.setting(), kMaxNameBytes);
}

/// Lengths only: what a value may be is the setting table's business, which answers with words of its own.
void checkSettings(Check& check, const wire::EngineSettings& settings)
{
    check.text("settings.model", settings.model(), kMaxCauseBytes);
    for (const std::string& word : {settings.dtype(), settings.load_format(), settings.quantization(),
                                    settings.position_variant(), settings.device(), settings.stage_layers()})
        check.text("settings: a word", word, kMaxNameBytes);
    check.count("settings.nodes", static_cast<std::size_t>(settings.nodes_size()), 0, kMaxNodes);
    for (const wire::NodeSettings& node : settings.nodes()) {
        check.text("settings.nodes.model", node.model(), kMaxCauseBytes);
        for (const std::string& word : {node.node(), node.devices(), node.interface()})
            check.text("settings.nodes: a word", word, kMaxNameBytes);
    }
}

void checkPreflightDone(Check& check, const wire::PreflightDone& done)
{
    check.id("preflight_done.id", done.id());
    checkSettings(check, done.settings());
    check.text("preflight_done.model_name", done.model_name(), kMaxNameBytes);
    check.count("preflight_done.problems", static_cast<std::size_t>(done.problems_size()), 0, kMaxProblems);
    check.count("preflight_done.ranks", static_cast<std::size_t>(done.ranks_size()), 0, kMaxRanks);
    check.count("preflight_done.remarks", static_cast<std::size_t>(done.remarks_size()), 0, kMaxProblems);
    for (const int sizes : {done.tensor_parallel_sizes_size(), done.pipeline_parallel_sizes_size(), done.dtypes_size()})
        check.count("preflight_done: sizes", static_cast<std::size_t>(sizes), 0, kMaxSizes);
    for (int i = 0; check.ok() && i < done.problems_size(); ++i)
        checkProblem(check, done.problems(i));
    for (int i = 0; check.ok() && i < done.ranks_size(); ++i)
        for (const std::string& name : {done.ranks(i).node(), done.ranks(i).device(), done.ranks(i).device_name()})
            check.text("preflight_done.ranks", name, kMaxNameBytes);
    for (const std::string& remark : done.remarks())
        check.text("preflight_done.remarks", remark, kMaxCauseBytes);
    for (const std::string& type : done.dtypes())
        check.text("preflight_done.dtypes", type, kMaxNameBytes);
}

} // namespace argus::protocol
