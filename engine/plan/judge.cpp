#include "engine/plan/judge.h"

#include "engine/model/sharding.h"
#include "engine/model/weights.h"
#include "engine/plan/complete_settings.h"
#include "engine/plan/divisibility.h"
#include "engine/plan/judge_remarks.h"
#include "engine/plan/setting_table.h"
#include "engine/plan/stage_layers.h"
#include "engine/plan/stage_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <tuple>

namespace argus::plan {
namespace {

/// Of a card's memory: what other programs have of it before that is worth a word, and how far the cards of a stage may
/// differ.
constexpr double kWorthAWord = 0.1;

class Judge {
public:
    Judge(const ModelFacts& model, Footprints& footprints, const Cluster& cluster, wire::EngineSettings settings)
        : m_model(model), m_footprints(footprints), m_cluster(cluster), m_settings(std::move(settings))
    {
    }

    Judgement judge()
    {
        complete();
        m_out.settings = m_settings;
        if (m_cluster.nodes.empty()) {
            add({.code = "NET-01", .error = {ErrorCode::NotFound, "there is no machine", "start argus-node", {}}});
            return std::move(m_result);
        }
        m_result.survey = survey(m_cluster, m_settings);
        for (const Problem& problem : m_result.survey.problems)
            add(problem);
        chooseKind();
        if (modelIsKnown()) {
            offerSizes();
            checkSizes();
            try { // measuring a model is loading it without a device, and operations throw
                plan();
            } catch (const std::exception& problem) {
                add({.code = "MOD-05",
                     .error = {ErrorCode::Unsupported, fmt::format("the model cannot be laid out: {}", problem.what()),
                               "take another checkpoint", "model"}});
            }
        }
        addLeftOut();
        if (stands(m_out.problems))
            m_out.placement.reset();
        return std::move(m_result);
    }

private:
    void add(Problem problem) { m_out.problems.push_back(std::move(problem)); }

    // ---- settings ----

    /// Settings that cannot be are told and replaced by their defaults, so that everything else can be looked at.
    void complete()
    {
        for (std::size_t i = 0; i < settingTable().size() + 1; ++i) {
            Result<wire::EngineSettings> whole = completed(m_settings);
            if (whole) {
                m_settings = std::move(*whole);
                break;
            }
            const Setting* const setting = findSetting(whole.error().setting);
            if (setting == nullptr)
                break;
            setting->set(m_settings, setting->standard);
            add({.code = "SET-01", .error = std::move(whole).error()});
        }
        m_tensorSize = static_cast<int>(std::max(m_settings.tensor_parallel_size(), 1U));
        m_stages = static_cast<int>(std::max(m_settings.pipeline_parallel_size(), 1U));
    }

    [[nodiscard]] int ranks() const { return m_tensorSize * m_stages; }

    bool modelIsKnown()
    {
        if (!m_model.problem)
            return true;
        Problem problem{.code = m_model.problemCode.empty() ? "MOD-05" : m_model.problemCode,
                        .error = *m_model.problem};
        problem.node = m_cluster.nodes.front().name;
        if (problem.error.setting.empty())
            problem.error.setting = "model";
        const bool known = problem.code == "MOD-02" || problem.code == "MOD-03";
        add(std::move(problem));
        return known; // weights may be missing, but the sizes are those of config.json
    }

    // ---- devices ----

    void chooseKind()
    {
        const std::string device = m_settings.device();
        m_result.gpus = device != "cpu" && m_result.survey.anyGpu;
        const std::optional<std::uint32_t> index = cudaIndex(device);
        if (!index)
            return;
        if (ranks() > 1) {
            add({.code = "SET-01",
                 .error = {ErrorCode::BadRequest,
                           fmt::format("device is {}, one GPU, but {} ranks are wanted", device, ranks()),
                           "use auto, or tensor_parallel_size 1 and pipeline_parallel_size 1", "device"}});
            return;
        }
        takeOnly(*index);
    }

    /// One GPU of the head, as a single machine would take it.
    void takeOnly(std::uint32_t index)
    {
        const ClusterNode& head = m_cluster.nodes.front();
        NodeSurvey& here = m_result.survey.nodes.front();
        const auto named = [&](std::size_t i) { return head.devices[i].index == index; };
        const auto found = std::find_if(here.gpus.begin(), here.gpus.end(), named);
        if (found == here.gpus.end()) {
            Devices devices{.hostMemoryFree = 0,
                            .cudaInstalled = head.cudaInstalled,
                            .cudaNeeded = head.cudaNeeded,
                            .driverCuda = head.driverCuda,
                            .driver = head.driver,
                            .gpus = {},
                            .failure = head.gpuFailure};
            for (const ClusterDevice& device : head.devices)
                if (device.gpu)
                    devices.gpus.push_back(*deviceOf(device).gpu);
            Result<Device> chosen = chooseDevice(m_settings.device(), devices);
            add({.code = here.left.empty() ? "SET-01" : here.left.front().code,
                 .error = chosen ? Error{ErrorCode::BadRequest,
                                         fmt::format("device is {}, which the devices of {} leave out",
                                                     m_settings.device(), head.name),
                                         "use auto", "device"}
                                 : std::move(chosen).error(),
                 .node = head.name});
            here.left.clear();
            return;
        }
        const std::size_t only = *found;
        for (NodeSurvey& node : m_result.survey.nodes) {
            node.gpus.clear();
            node.left.clear();
        }
        here.gpus = {only};
    }

    /// Why devices are not used: in the way only of those who need them.
    void addLeftOut()
    {
        for (const NodeSurvey& node : m_result.survey.nodes)
            for (Problem problem : node.left) {
                const bool absent = problem.code == "NET-01";
                if (!absent && m_settings.device() == "cpu")
                    continue;
                problem.warning = !m_tooFew && !(node.insisted && !absent);
                add(std::move(problem));
            }
    }

    // ---- sizes ----

    [[nodiscard]] int fits(int tensorSize) const { return stagesThatFit(m_result.survey, m_result.gpus, tensorSize); }

    void offerSizes()
    {
        for (const int size : validTensorParallelSizes(m_model.config))
            if (fits(size) > 0)
                m_out.tensorSizes.push_back(size);
        if (m_out.tensorSizes.empty())
            return;
        const std::vector<int>& sizes = m_out.tensorSizes;
        m_nearSize = sizes.front();
        for (const int size : sizes)
            if (size <= m_tensorSize)
                m_nearSize = size;
        const int most = std::min(fits(m_nearSize), std::max(m_model.config.layers, 1));
        for (int stages = 1; stages <= most; ++stages)
            m_out.pipelineSizes.push_back(stages);
        m_nearStages = std::min(m_stages, most);
    }

    /// "; tensor_parallel_size 4 with pipeline_parallel_size 4 uses 16 devices"
    [[nodiscard]] std::string otherDivision() const
    {
        int bestSize = 0;
        int bestUse = 0;
        for (const int size : m_out.tensorSizes) {
            const int use = size * std::min(fits(size), std::max(m_model.config.layers, 1));
            if (use >= bestUse && fits(size) > 1)
                bestSize = size, bestUse = use;
        }
        return bestSize == 0 ? std::string()
                             : fmt::format("; tensor_parallel_size {} with pipeline_parallel_size {} uses {} devices",
                                           bestSize, bestUse / bestSize, bestUse);
    }

    void addSizeProblem(const char* code, Error error)
    {
        if (!m_model.name.empty())
            error = std::move(error).in(m_model.name);
        if (error.setting == "tensor_parallel_size")
            error.remedy += otherDivision();
        add({.code = code, .error = std::move(error)});
        m_planned = false;
    }

    void checkSizes()
    {
        if (Result<Done> checked = checkTensorParallel(m_model.config, m_tensorSize); !checked)
            addSizeProblem("PAR-01", std::move(checked).error());
        else if (Result<Done> groups = checkAwqGroups(m_model.config, m_tensorSize); !groups)
            addSizeProblem("PAR-02", std::move(groups).error());
        if (Result<Done> checked = checkPipelineParallel(m_model.config, m_stages); !checked)
            addSizeProblem("PAR-01", std::move(checked).error());
        else if (!m_settings.stage_layers().empty()) {
            auto layers = stageLayersFromText(m_settings.stage_layers(), m_stages, m_model.config.layers);
            if (layers)
                m_layers = std::move(*layers);
            else
                addSizeProblem("PAR-05", std::move(layers).error());
        }
        checkDeviceCount();
    }

    void checkDeviceCount()
    {
        if (fits(m_tensorSize) >= m_stages)
            return;
        m_planned = false;
        m_tooFew = true;
        std::vector<std::string> there;
        std::size_t most = 0;
        for (std::size_t i = 0; i < m_cluster.nodes.size(); ++i) {
            const std::size_t count = m_result.survey.devices(i, m_result.gpus).size();
            most = std::max(most, count);
            there.push_back(fmt::format("{} has {}", m_cluster.nodes[i].name, count));
        }
        const char* const kind = m_result.gpus ? "GPUs" : "CPU devices";
        const bool inside = static_cast<std::size_t>(m_tensorSize) > most;
        add({.code = "PAR-03",
             .error = {
                 ErrorCode::NotFound,
                 fmt::format("{} {} are needed, {} on one machine for each of {} stages, but of those that can be "
                             "used {}",
                             ranks(), kind, m_tensorSize, m_stages, fmt::join(there, ", ")),
                 fmt::format("use smaller sizes or add machines{}", otherDivision()),
                 inside ? "tensor_parallel_size" : "pipeline_parallel_size"}});
    }

    // ---- the plan ----

    /// Machines in the order they are filled: the head's pixels stay local, whole machines before broken ones.
    [[nodiscard]] std::vector<std::size_t> order() const
    {
        std::vector<std::size_t> nodes(m_cluster.nodes.size());
        std::iota(nodes.begin(), nodes.end(), 0);
        std::vector<bool> broken(nodes.size());
        for (const std::size_t node : nodes)
            broken[node] = isBroken(node);
        std::stable_sort(nodes.begin(), nodes.end(), [&](std::size_t a, std::size_t b) {
            const auto rank = [&](std::size_t node) {
                return std::tuple(node != 0, broken[node],
                                  -static_cast<long>(m_result.survey.devices(node, m_result.gpus).size()));
            };
            return rank(a) < rank(b);
        });
        return nodes;
    }

    /// By the memory of the device that the last rank of a stage would get.
    [[nodiscard]] std::vector<std::size_t> orderByMemory() const
    {
        std::vector<std::size_t> nodes = order();
        const auto memory = [&](std::size_t node) {
            std::vector<std::uint64_t> all;
            for (const std::size_t device : m_result.survey.devices(node, m_result.gpus))
                all.push_back(m_cluster.nodes[node].devices[device].memoryFree);
            std::sort(all.begin(), all.end(), std::greater());
            const auto last = static_cast<std::size_t>(m_nearSize) - 1;
            return last < all.size() ? all[last] : 0;
        };
        std::stable_sort(nodes.begin(), nodes.end(),
                         [&](std::size_t a, std::size_t b) { return memory(a) > memory(b); });
        return nodes;
    }

    [[nodiscard]] bool isBroken(std::size_t node) const
    {
        const PlanShape shape{.gpus = m_result.gpus,
                              .ranks = ranks(),
                              .stages = m_stages,
                              .weightless = m_settings.load_format() == "dummy",
                              .uses = {{.node = 0, .ranks = m_nearSize}}};
        const NodeUse use{.node = node, .ranks = m_nearSize};
        return stands(machineProblems(m_cluster, shape, use)) || stands(modelProblems(m_model, m_cluster, shape, use));
    }

    /// The settings for the devices; what they cannot do is told once and left aside.
    [[nodiscard]] wire::EngineSettings settle(const std::vector<Device>& devices)
    {
        for (int tries = 0;; ++tries) {
            Result<wire::EngineSettings> whole = settled(m_settings, devices);
            if (whole)
                return std::move(*whole);
            Error error = std::move(whole).error();
            const Setting* const setting = findSetting(error.setting);
            if (setting == nullptr || tries == 2)
                throw std::logic_error(error.text());
            setting->set(m_settings, setting->standard);
            add({.code = error.setting == "dtype" ? "GPU-02" : "SET-01", .error = std::move(error)});
        }
    }

    void plan()
    {
        if (m_out.tensorSizes.empty() || m_nearStages == 0)
            return;
        const std::vector<int> layers = m_planned ? m_layers : std::vector<int>();
        StageSites stages = sitesBy(order());
        m_out.dtypes = dtypesOf(devicesOf(m_cluster, stages));
        wire::EngineSettings whole = settle(devicesOf(m_cluster, stages));
        StagePlan best = stagePlan(m_footprints, m_cluster, stages, whole, layers);
        if (best.sizes.problem)
            if (StageSites others = sitesBy(orderByMemory()); others != stages) {
                wire::EngineSettings otherwise = settle(devicesOf(m_cluster, others));
                StagePlan other = stagePlan(m_footprints, m_cluster, others, otherwise, layers);
                if (!other.sizes.problem) {
                    best = std::move(other);
                    whole = std::move(otherwise);
                    m_out.dtypes = dtypesOf(devicesOf(m_cluster, others));
                }
            }
        finish(best, std::move(whole));
    }

    [[nodiscard]] StageSites sitesBy(const std::vector<std::size_t>& order) const
    {
        return stageSites(m_cluster, m_result.survey, m_result.gpus, m_nearSize, m_nearStages, order);
    }

    void finish(const StagePlan& plan, wire::EngineSettings whole)
    {
        if (plan.ranks.size() == 1 && plan.stages.front().node != 0)
            whole.set_device(m_result.gpus ? "auto" : "cpu"); // "cuda:N" means one of the head's
        m_out.settings = whole;
        const AgreedSizes& sizes = plan.sizes;
        m_out.largestContext = sizes.largestContext < kSmallestContext ? 0 : sizes.largestContext;
        PlanShape shape = shapeOf(plan, whole);
        m_result.uses = shape.uses;
        addMachineProblems(shape);
        if (!m_planned) {
            if (sizes.problem && sizes.problem->code == ErrorCode::BadRequest)
                add({.code = "SET-01", .error = *sizes.problem});
            return;
        }
        m_out.attempt = ranksOf(plan);
        addMemoryProblems(plan, whole);
        remark(m_model, m_cluster, m_settings, whole, plan, m_out.remarks);
        m_out.placement = Placement{.settings = std::move(whole),
                                    .ranks = m_out.attempt,
                                    .kvBlocks = sizes.kvBlocks,
                                    .kvBlockTokens = sizes.kvBlockTokens,
                                    .maxModelLen = sizes.maxModelLen,
                                    .maxVisionPatches = sizes.maxVisionPatches};
        if (sizes.problem)
            m_out.placement.reset();
    }

    [[nodiscard]] PlanShape shapeOf(const StagePlan& plan, const wire::EngineSettings& whole) const
    {
        const std::uint64_t element = whole.dtype() == "float32" ? 4 : 2;
        PlanShape shape{.gpus = m_result.gpus,
                        .ranks = static_cast<int>(plan.ranks.size()),
                        .stages = static_cast<int>(plan.stages.size()),
                        .rowBytes = static_cast<std::uint64_t>(std::max(m_model.config.hiddenSize, 1)) * element,
                        .batchedTokens = whole.max_batched_tokens(),
                        .weightless = whole.load_format() == "dummy",
                        .uses = {}};
        for (const StageSite& stage : plan.stages) {
            const auto known = std::find_if(shape.uses.begin(), shape.uses.end(),
                                            [&](const NodeUse& use) { return use.node == stage.node; });
            if (known != shape.uses.end())
                known->ranks += static_cast<int>(stage.devices.size());
            else
                shape.uses.push_back({.node = stage.node, .ranks = static_cast<int>(stage.devices.size())});
        }
        return shape;
    }

    void addMachineProblems(const PlanShape& shape)
    {
        for (const NodeUse& use : shape.uses) {
            for (Problem& problem : machineProblems(m_cluster, shape, use))
                add(std::move(problem));
            for (Problem& problem : modelProblems(m_model, m_cluster, shape, use))
                add(std::move(problem));
        }
        for (Problem& problem : networkProblems(m_cluster, m_settings, shape, m_out.remarks))
            add(std::move(problem));
    }

    [[nodiscard]] std::vector<PlannedRank> ranksOf(const StagePlan& plan) const
    {
        std::vector<PlannedRank> ranks;
        for (std::size_t i = 0; i < plan.ranks.size(); ++i) {
            const StageSite& stage = plan.stages[i / static_cast<std::size_t>(m_tensorSize)];
            const RankBytes& bytes = plan.sizes.ranks[i];
            ranks.push_back({.rank = static_cast<int>(i),
                             .node = stage.node,
                             .device = stage.devices[i % static_cast<std::size_t>(m_tensorSize)],
                             .shard = plan.ranks[i].shard,
                             .weightBytes = bytes.weights,
                             .kvBytes = plan.sizes.kvBlocks * bytes.kvBlock,
                             .activationBytes = bytes.activations,
                             .runtimeBytes = bytes.taken,
                             .usableBytes = bytes.available,
                             .deviceBytes = bytes.placed,
                             .kvBlockBytes = bytes.kvBlock});
        }
        return ranks;
    }

    // ---- memory ----

    void addMemoryProblems(const StagePlan& plan, const wire::EngineSettings& whole)
    {
        const AgreedSizes& sizes = plan.sizes;
        const bool tooSmall = sizes.problem && sizes.problem->code == ErrorCode::DoesNotFit;
        if (sizes.problem) {
            m_result.shareNeeded = sizes.shareNeeded;
            const StageSite& stage = plan.stages[sizes.tightest / static_cast<std::size_t>(m_tensorSize)];
            add({.code = tooSmall ? "GPU-04" : "SET-01",
                 .error = *sizes.problem,
                 .node = tooSmall ? m_cluster.nodes[stage.node].name : std::string()});
        }
        addOccupied(plan, whole, tooSmall);
        for (std::size_t i = 0; i < plan.stages.size(); ++i)
            addUnequal(plan, i);
    }

    /// Other programs on the GPUs of the plan: in the way when it would fit without them.
    void addOccupied(const StagePlan& plan, const wire::EngineSettings& whole, bool tooSmall)
    {
        std::vector<RankSite> alone = plan.ranks;
        for (RankSite& site : alone)
            if (site.device.gpu)
                site.device.gpu->memoryFree = site.device.gpu->memoryTotal;
        const bool blame = tooSmall && !agreedSizes(m_footprints, alone, whole).problem;
        for (const NodeUse& use : m_result.uses) {
            std::vector<std::string> texts;
            const ClusterNode& node = m_cluster.nodes[use.node];
            for (const PlannedRank& rank : m_out.attempt)
                if (rank.node == use.node)
                    if (std::string text = occupationOf(node, node.devices[rank.device]); !text.empty())
                        texts.push_back(std::move(text));
            if (!texts.empty())
                add({.code = "GPU-05",
                     .warning = !blame,
                     .error = {ErrorCode::DoesNotFit, fmt::format("{}", fmt::join(texts, "; ")),
                               "stop these programs, or use other devices", "devices"},
                     .node = node.name});
        }
    }

    [[nodiscard]] static std::string occupationOf(const ClusterNode& node, const ClusterDevice& device)
    {
        const Device here = deviceOf(device);
        if (!here.gpu)
            return {};
        const std::uint64_t used = here.gpu->memoryTotal - std::min(here.gpu->memoryTotal, here.gpu->memoryFree);
        if (static_cast<double>(used) < kWorthAWord * static_cast<double>(here.gpu->memoryTotal))
            return {};
        return fmt::format("{}: {} are used by {}", nameOf(node, device), bytesText(used),
                           device.users.empty() ? "other programs" : fmt::format("{}", fmt::join(device.users, ", ")));
    }

    /// Devices of one stage that have not equal memory.
    void addUnequal(const StagePlan& plan, std::size_t stage)
    {
        const StageSite& site = plan.stages[stage];
        const ClusterNode& node = m_cluster.nodes[site.node];
        const auto first = plan.sizes.ranks.begin() + static_cast<std::ptrdiff_t>(stage * site.devices.size());
        const auto [least, most] =
            std::minmax_element(first, first + static_cast<std::ptrdiff_t>(site.devices.size()),
                                [](const RankBytes& a, const RankBytes& b) { return a.available < b.available; });
        const std::uint64_t unused = most->available - least->available;
        if (static_cast<double>(unused) <= kWorthAWord * static_cast<double>(most->available))
            return;
        const auto deviceAt = [&](auto at) { return node.devices[site.devices[static_cast<std::size_t>(at - first)]]; };
        add({.code = "PAR-04",
             .warning = true,
             .error = {ErrorCode::DoesNotFit,
                       fmt::format("stage {} joins {} with {} and {} with {}: the smallest decides, and {} stay unused",
                                   stage, nameOf(node, deviceAt(most)), bytesText(most->available),
                                   nameOf(node, deviceAt(least)), bytesText(least->available), bytesText(unused)),
                       "put devices of one size in a stage", "devices"},
             .node = node.name});
    }

    const ModelFacts& m_model;
    Footprints& m_footprints;
    const Cluster& m_cluster;
    wire::EngineSettings m_settings;
    int m_tensorSize = 1;
    int m_stages = 1;
    std::vector<int> m_layers;
    bool m_planned = true; ///< the sizes can be; else those nearest to them are looked at
    bool m_tooFew = false;
    int m_nearSize = 1;
    int m_nearStages = 0;
    Judgement m_result;
    Preflight& m_out = m_result.outcome;
};

} // namespace

Judgement judge(const ModelFacts& model, Footprints& footprints, const Cluster& cluster,
                const wire::EngineSettings& settings)
{
    return Judge(model, footprints, cluster, settings).judge();
}

bool stands(const std::vector<Problem>& problems)
{
    return std::any_of(problems.begin(), problems.end(), [](const Problem& problem) { return !problem.warning; });
}

} // namespace argus::plan
