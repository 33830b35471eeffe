#include "engine/plan/fixes.h"

#include "engine/base/catalogue.h"
#include "engine/plan/setting_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace argus::plan {
namespace {

/// Fixes of one setting that are offered.
constexpr std::size_t kMostOfASetting = 4;
constexpr std::size_t kMostStages = 16;
/// Of divisions that are tried where no single setting helps.
constexpr int kMostDevices = 32;

Fix fixOf(std::string setting, std::string value)
{
    std::string text = value.empty() ? fmt::format("{} automatic", setting) : fmt::format("{} {}", setting, value);
    return {.text = std::move(text), .setting = std::move(setting), .value = std::move(value)};
}

Fix fixOn(const std::string& node, std::string setting, std::string value)
{
    std::string text = fmt::format("{} of {}: {}", setting, node, value);
    return {.text = std::move(text), .setting = std::move(setting), .value = std::move(value), .node = node};
}

/// Whether `problem` is as bad as before among `problems`.
bool remains(const Problem& problem, const std::vector<Problem>& problems)
{
    return std::any_of(problems.begin(), problems.end(), [&](const Problem& each) {
        if (each.code != problem.code || (each.warning && !problem.warning))
            return false;
        if (each.code == "GPU-04") // the tightest device may be another one now
            return true;
        const bool ofSettings = each.code.starts_with("SET") || each.code.starts_with("PAR");
        return each.node == problem.node && (!ofSettings || each.error.setting == problem.error.setting);
    });
}

/// Whether something stands in the way that did not before.
bool addsTrouble(const std::vector<Problem>& before, const std::vector<Problem>& after)
{
    return std::any_of(after.begin(), after.end(),
                       [&](const Problem& problem) { return !problem.warning && !remains(problem, before); });
}

class Finder {
public:
    Finder(const Judgement& judgement, const Cluster& cluster, const wire::EngineSettings& given, const Trial& trial)
        : m_judgement(judgement), m_cluster(cluster), m_given(given), m_trial(trial)
    {
    }

    [[nodiscard]] std::vector<Fix> fixesOf(const Problem& problem)
    {
        std::vector<Fix> good;
        std::vector<Fix> partial;
        std::map<std::pair<std::string, std::string>, std::size_t> count;
        for (const Fix& candidate : candidatesFor(problem)) {
            std::size_t& found = count[{candidate.setting, candidate.node}];
            if (found >= mostOf(candidate.setting))
                continue;
            const std::vector<Problem>* const after = tried(candidate);
            if (after == nullptr || remains(problem, *after))
                continue;
            const bool trouble = addsTrouble(m_judgement.outcome.problems, *after);
            (trouble ? partial : good).push_back(candidate);
            found += trouble ? 0 : 1;
        }
        if (problem.code == "GPU-04")
            partial.clear(); // another wall is no way out
        if (good.empty() && partial.size() > kMostOfASetting)
            partial.resize(kMostOfASetting);
        return good.empty() ? partial : good;
    }

    /// The smallest division with which everything is well: its sizes of a tensor group and of the pipeline.
    [[nodiscard]] std::optional<std::pair<int, int>> division()
    {
        std::vector<std::pair<int, int>> divisions;
        for (const int size : m_judgement.outcome.tensorSizes)
            for (int stages = 1; stages <= stagesThatFit(m_judgement.survey, m_judgement.gpus, size); ++stages)
                divisions.emplace_back(size, stages);
        std::stable_sort(divisions.begin(), divisions.end(), [](const auto& a, const auto& b) {
            return std::pair(a.first * a.second, a.second) < std::pair(b.first * b.second, b.second);
        });
        for (const auto& [size, stages] : divisions) {
            if (size * stages > kMostDevices)
                break;
            wire::EngineSettings other = m_given;
            other.set_tensor_parallel_size(static_cast<std::uint32_t>(size));
            other.set_pipeline_parallel_size(static_cast<std::uint32_t>(stages));
            if (m_trial(other).outcome.possible())
                return std::pair(size, stages);
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] static std::size_t mostOf(const std::string& setting)
    {
        return setting == "tensor_parallel_size" || setting == "pipeline_parallel_size" || setting == "dtype" ||
                       setting == "device"
                   ? kMostOfASetting
                   : 1;
    }

    /// The problems after a change; null when it cannot be made or changes nothing.
    [[nodiscard]] const std::vector<Problem>* tried(const Fix& fix)
    {
        const auto key = std::tuple(fix.setting, fix.value, fix.node);
        const auto known = m_tried.find(key);
        if (known != m_tried.end())
            return known->second ? &*known->second : nullptr;
        std::optional<std::vector<Problem>>& result = m_tried[key];
        if (Result<wire::EngineSettings> changed = withFix(m_given, fix))
            result = m_trial(*changed).outcome.problems;
        return result ? &*result : nullptr;
    }

    // ---- what may help ----

    void sizes(std::vector<Fix>& fixes) const
    {
        const Preflight& outcome = m_judgement.outcome;
        const std::uint32_t size = std::max(outcome.settings.tensor_parallel_size(), 1U);
        const std::uint32_t stages = std::max(outcome.settings.pipeline_parallel_size(), 1U);
        std::vector<int> ordered = outcome.tensorSizes; // the nearest first
        const auto nearest = [](std::uint32_t wish) {
            return [wish = static_cast<int>(wish)](int a, int b) { return std::abs(a - wish) < std::abs(b - wish); };
        };
        std::stable_sort(ordered.begin(), ordered.end(), nearest(size));
        for (const int each : ordered)
            if (each != static_cast<int>(size))
                fixes.push_back(fixOf("tensor_parallel_size", std::to_string(each)));
        ordered = outcome.pipelineSizes;
        std::stable_sort(ordered.begin(), ordered.end(), nearest(stages));
        if (ordered.size() > kMostStages)
            ordered.resize(kMostStages);
        for (const int each : ordered)
            if (each != static_cast<int>(stages))
                fixes.push_back(fixOf("pipeline_parallel_size", std::to_string(each)));
    }

    void kinds(std::vector<Fix>& fixes) const
    {
        const std::string& device = m_judgement.outcome.settings.device();
        for (const char* kind : {"auto", "cpu"})
            if (device != kind)
                fixes.push_back(fixOf("device", kind));
    }

    void memory(std::vector<Fix>& fixes) const
    {
        const Preflight& outcome = m_judgement.outcome;
        if (outcome.largestContext != 0)
            fixes.push_back(fixOf("max_model_len", std::to_string(outcome.largestContext)));
        if (m_judgement.shareNeeded > 0 && m_judgement.shareNeeded <= 1)
            fixes.push_back(fixOf("gpu_memory_utilization", fmt::format("{:.2f}", m_judgement.shareNeeded)));
        for (std::uint32_t count = outcome.settings.max_num_seqs() / 2; count >= 1; count /= 2)
            fixes.push_back(fixOf("max_num_seqs", std::to_string(count)));
        const std::uint32_t least = std::max(outcome.settings.max_num_seqs(), 64U);
        for (std::uint32_t count = outcome.settings.max_batched_tokens() / 2; count >= least; count /= 2)
            fixes.push_back(fixOf("max_batched_tokens", std::to_string(count)));
        if (outcome.settings.dtype() == "float32" && m_judgement.gpus)
            fixes.push_back(fixOf("dtype", "auto"));
    }

    /// Without the machine, or without some of its devices.
    void otherDevices(const std::string& name, std::vector<Fix>& fixes) const
    {
        const auto node = std::find_if(m_cluster.nodes.begin(), m_cluster.nodes.end(),
                                       [&](const ClusterNode& each) { return each.name == name; });
        if (node == m_cluster.nodes.end())
            return;
        const auto index = static_cast<std::size_t>(node - m_cluster.nodes.begin());
        const std::vector<std::size_t>& all = m_judgement.survey.devices(index, m_judgement.gpus);
        if (!all.empty()) {
            fixes.push_back(fixOn(name, "devices", devicesText(*node, all)));
            // Those with most free memory: an occupied or a small card falls out.
            std::vector<std::size_t> best = all;
            std::stable_sort(best.begin(), best.end(), [&](std::size_t a, std::size_t b) {
                return node->devices[a].memoryFree > node->devices[b].memoryFree;
            });
            while (best.size() > 1) {
                best.pop_back();
                fixes.push_back(fixOn(name, "devices", devicesText(*node, best)));
            }
        }
        fixes.push_back(fixOn(name, "devices", "none"));
        fixes.push_back(fixOn(name, "devices", "all"));
    }

    void allDevices(std::vector<Fix>& fixes) const
    {
        for (const wire::NodeSettings& each : m_given.nodes())
            if (!each.devices().empty() && each.devices() != "all")
                fixes.push_back(fixOn(each.node(), "devices", "all"));
    }

    void standard(const std::string& name, std::vector<Fix>& fixes) const
    {
        const Setting* const setting = findSetting(name);
        if (setting == nullptr)
            return;
        fixes.push_back(fixOf(name, textOf(setting->standard)));
        if (name == "device")
            kinds(fixes);
        if (name == "max_model_len" && m_judgement.outcome.largestContext != 0)
            fixes.insert(fixes.begin(), fixOf(name, std::to_string(m_judgement.outcome.largestContext)));
    }

    [[nodiscard]] std::vector<Fix> candidatesFor(const Problem& problem) const
    {
        const std::string family = problem.code.substr(0, problem.code.find('-'));
        std::vector<Fix> fixes;
        if (problem.code == "SET-01") {
            standard(problem.error.setting, fixes);
        } else if (problem.code == "SET-02" || family == "SYS" || (family == "MOD" && problem.warning)) {
            return fixes; // to be mended where it is, or by nobody
        } else if (problem.code == "GPU-02") {
            for (const std::string& dtype : m_judgement.outcome.dtypes)
                fixes.push_back(fixOf("dtype", dtype));
            kinds(fixes);
            return fixes;
        } else if (problem.code == "PAR-05") {
            fixes.push_back(fixOf("stage_layers", ""));
            return fixes;
        } else if (problem.code == "GPU-04" || problem.code == "GPU-05") {
            memory(fixes);
        } else if (problem.code == "NET-08") {
            for (const ClusterNode& node : m_cluster.nodes)
                if (node.name == problem.node && !node.interface.empty())
                    fixes.push_back(fixOn(node.name, "interface", node.interface));
        }
        if (!problem.node.empty())
            otherDevices(problem.node, fixes);
        if (family == "PAR" || family == "GPU" || family == "NET" || family == "VER" || family == "MOD" ||
            family == "DISK")
            sizes(fixes);
        if (problem.code == "PAR-03")
            allDevices(fixes);
        if (problem.code == "PAR-03" || family == "GPU" || family == "VER")
            kinds(fixes);
        if (problem.error.setting == "load_format")
            fixes.push_back(fixOf("load_format", "auto"));
        return fixes;
    }

    const Judgement& m_judgement;
    const Cluster& m_cluster;
    const wire::EngineSettings& m_given;
    const Trial& m_trial;
    std::map<std::tuple<std::string, std::string, std::string>, std::optional<std::vector<Problem>>> m_tried;
};

} // namespace

void findFixes(Judgement& judgement, const Cluster& cluster, const wire::EngineSettings& given, const Trial& trial)
{
    Finder finder(judgement, cluster, given, trial);
    std::vector<std::vector<Fix>> fixes;
    for (const Problem& problem : judgement.outcome.problems)
        fixes.push_back(finder.fixesOf(problem));
    for (std::size_t i = 0; i < fixes.size(); ++i)
        judgement.outcome.problems[i].fixes = std::move(fixes[i]);
    for (Problem& problem : judgement.outcome.problems)
        if (problem.code == "GPU-04" && problem.fixes.empty())
            if (const auto division = finder.division()) {
                Error& error = problem.error;
                error =
                    makeError(error.code, error.saidCause(),
                              say("fits-with", error.saidRemedy(), division->first, division->second), error.setting);
            }
}

Result<wire::EngineSettings> withFix(const wire::EngineSettings& settings, const Fix& fix)
{
    wire::EngineSettings changed = settings;
    if (fix.node.empty()) {
        if (Result<Done> done = setFromText(changed, fix.setting, fix.value); !done)
            return std::move(done).error();
        return changed;
    }
    wire::NodeSettings* node = nullptr;
    for (wire::NodeSettings& each : *changed.mutable_nodes())
        if (each.node() == fix.node)
            node = &each;
    if (node == nullptr) {
        node = changed.add_nodes();
        node->set_node(fix.node);
    }
    if (fix.setting == "devices")
        node->set_devices(fix.value);
    else if (fix.setting == "interface")
        node->set_interface(fix.value);
    else if (fix.setting == "model")
        node->set_model(fix.value);
    else
        return makeError(ErrorCode::BadRequest, say("node-setting-unknown", fix.setting), {}, "nodes");
    return changed;
}

} // namespace argus::plan
