#include "engine/plan/judge.h"

#include "engine/base/catalogue.h"
#include "engine/model/sharding.h"
#include "engine/model/weights.h"
#include "engine/plan/complete_settings.h"
#include "engine/plan/divisibility.h"
#include "engine/plan/joining.h"
#include "engine/plan/judge_remarks.h"
#include "engine/plan/setting_table.h"
#include "engine/plan/stage_layers.h"
#include "engine/plan/stage_plan.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <tuple>

namespace argus::plan {
namespace {

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
            add({.code = "NET-01", .error = makeError(ErrorCode::NotFound, say("no-machine"), say("do-start-node"))});
            return std::move(m_result);
        }
        m_result.survey = survey(m_cluster, m_settings, m_model.config.awq);
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
                     .error = makeError(ErrorCode::Unsupported, say("model-layout", problem.what()),
                                        say("do-other-checkpoint"), "model")});
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
        m_result.gpus = m_settings.device() != "cpu" && m_result.survey.anyGpu;
        if (std::optional<Problem> problem = takeNamedGpu(m_cluster, m_settings.device(), ranks(), m_result.survey))
            add(std::move(*problem));
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

    /// Stages of that size that model and devices have room for.
    [[nodiscard]] int mostStages(int tensorSize) const
    {
        return std::min(fits(tensorSize), std::max(m_model.config.layers, 1));
    }

    void offerSizes()
    {
        for (const int size : validTensorParallelSizes(m_model.config))
            if (fits(size) > 0)
                m_out.tensorSizes.push_back(size);
        if (m_out.tensorSizes.empty())
            return;
        const int most = mostStages(nearestSizes().front());
        for (int stages = 1; stages <= most; ++stages)
            m_out.pipelineSizes.push_back(stages);
    }

    /// The sizes that can be, those nearest to the wish first.
    [[nodiscard]] std::vector<int> nearestSizes() const
    {
        std::vector<int> sizes = m_out.tensorSizes;
        std::stable_sort(sizes.begin(), sizes.end(),
                         [&](int a, int b) { return std::abs(a - m_tensorSize) < std::abs(b - m_tensorSize); });
        return sizes;
    }

    void checkSizes()
    {
        const SizeWish wish{.tensorSize = m_tensorSize, .stages = m_stages, .offered = m_out.tensorSizes};
        SizeProblems found = sizeProblems(m_model, m_cluster, m_result.survey, m_result.gpus, m_settings, wish);
        m_planned = !stands(found.problems);
        m_tooFew = found.tooFew;
        m_layers = std::move(found.layers);
        for (Problem& problem : found.problems)
            add(std::move(problem));
    }

    // ---- the plan ----

    struct Attempt {
        StagePlan plan;
        wire::EngineSettings whole;
    };

    /// Machines in the order they are filled: the head's pixels stay local, whole machines before broken ones.
    [[nodiscard]] std::vector<std::size_t> order(int tensorSize) const
    {
        std::vector<std::size_t> nodes(m_cluster.nodes.size());
        std::iota(nodes.begin(), nodes.end(), 0);
        std::vector<bool> broken(nodes.size());
        for (const std::size_t node : nodes)
            broken[node] = isBroken(node, tensorSize);
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
    [[nodiscard]] std::vector<std::size_t> orderByMemory(int tensorSize) const
    {
        std::vector<std::size_t> nodes = order(tensorSize);
        const auto memory = [&](std::size_t node) {
            std::vector<std::uint64_t> all;
            for (const std::size_t device : m_result.survey.devices(node, m_result.gpus))
                all.push_back(m_cluster.nodes[node].devices[device].memoryFree);
            std::sort(all.begin(), all.end(), std::greater());
            const auto last = static_cast<std::size_t>(tensorSize) - 1;
            return last < all.size() ? all[last] : 0;
        };
        std::stable_sort(nodes.begin(), nodes.end(),
                         [&](std::size_t a, std::size_t b) { return memory(a) > memory(b); });
        return nodes;
    }

    [[nodiscard]] bool isBroken(std::size_t node, int tensorSize) const
    {
        const PlanShape shape{.gpus = m_result.gpus,
                              .ranks = ranks(),
                              .stages = m_stages,
                              .weightless = m_settings.load_format() == "dummy",
                              .uses = {{.node = 0, .ranks = tensorSize}}};
        const NodeUse use{.node = node, .ranks = tensorSize};
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

    [[nodiscard]] Attempt attempt(int tensorSize, int stages, const std::vector<int>& layers)
    {
        const auto by = [&](const std::vector<std::size_t>& nodes) {
            return stageSites(m_cluster, m_result.survey, m_result.gpus, tensorSize, stages, nodes);
        };
        const auto planOn = [&](const StageSites& sites) {
            wire::EngineSettings whole = settle(devicesOf(m_cluster, sites));
            StagePlan plan = stagePlan(m_footprints, m_cluster, sites, whole, layers);
            return Attempt{.plan = std::move(plan), .whole = std::move(whole)};
        };
        Attempt first = planOn(by(order(tensorSize)));
        if (!first.plan.sizes.problem)
            return first;
        const StageSites others = by(orderByMemory(tensorSize));
        if (others == first.plan.stages)
            return first;
        Attempt second = planOn(others);
        return second.plan.sizes.problem ? first : second;
    }

    void plan()
    {
        if (m_out.tensorSizes.empty())
            return;
        if (m_planned)
            return finish(attempt(m_tensorSize, m_stages, m_layers));
        std::optional<Attempt> best; // of the sizes that can be the nearest that fits
        for (const int size : nearestSizes()) {
            Attempt near = attempt(size, std::min(m_stages, mostStages(size)), {});
            const bool fitting = !near.plan.sizes.problem;
            if (fitting || !best)
                best = std::move(near);
            if (fitting)
                break;
        }
        finish(std::move(*best));
    }

    void finish(Attempt best)
    {
        const StagePlan& plan = best.plan;
        wire::EngineSettings& whole = best.whole;
        m_out.dtypes = dtypesOf(devicesOf(m_cluster, plan.stages));
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
        m_result.shareNeeded = sizes.shareNeeded;
        for (Problem& problem : memoryProblems(m_footprints, m_cluster, plan, whole))
            add(std::move(problem));
        remark(m_model, m_cluster, m_settings, whole, plan, m_out.remarks);
        m_out.placement = Placement{.settings = std::move(whole),
                                    .ranks = m_out.attempt,
                                    .kvBlocks = sizes.kvBlocks,
                                    .kvBlockTokens = sizes.kvBlockTokens,
                                    .maxModelLen = sizes.maxModelLen,
                                    .maxVisionPatches = sizes.maxVisionPatches};
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
        std::size_t rank = 0;
        for (const StageSite& stage : plan.stages) {
            auto use = std::find_if(shape.uses.begin(), shape.uses.end(),
                                    [&](const NodeUse& each) { return each.node == stage.node; });
            if (use == shape.uses.end())
                use = shape.uses.insert(use, {.node = stage.node});
            use->ranks += static_cast<int>(stage.devices.size());
            for (std::size_t i = 0; i < stage.devices.size(); ++i)
                use->shards.push_back(plan.ranks[rank++].shard);
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
                             .kvBlockBytes = bytes.kvBlock,
                             .joined = joinedText(joinedBy(m_cluster.nodes[stage.node], stage.devices))});
        }
        return ranks;
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
