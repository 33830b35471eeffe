#include "engine/base/catalogue.h"
#include "engine/plan/divisibility.h"
#include "engine/plan/placement.h"
#include "engine/plan/problems.h"
#include "engine/plan/stage_layers.h"

#include <algorithm>

namespace argus::plan {
namespace {

class Sizes {
public:
    Sizes(const ModelFacts& model, const Cluster& cluster, const Survey& survey, bool gpus, const SizeWish& wish)
        : m_model(model), m_cluster(cluster), m_survey(survey), m_gpus(gpus), m_wish(wish)
    {
    }

    SizeProblems check(const std::string& stageLayers)
    {
        if (Result<Done> checked = checkTensorParallel(m_model.config, m_wish.tensorSize); !checked)
            add("PAR-01", std::move(checked).error());
        else if (Result<Done> groups = checkAwqGroups(m_model.config, m_wish.tensorSize); !groups)
            add("PAR-02", std::move(groups).error());
        if (Result<Done> checked = checkPipelineParallel(m_model.config, m_wish.stages); !checked)
            add("PAR-01", std::move(checked).error());
        else if (!stageLayers.empty())
            checkLayers(stageLayers);
        checkDevices();
        return std::move(m_result);
    }

private:
    void add(const char* code, Error error)
    {
        if (!m_model.name.empty())
            error = std::move(error).in(m_model.name);
        if (error.setting == "tensor_parallel_size")
            error = makeError(error.code, error.saidCause(), orOtherDivision(error.saidRemedy()), error.setting);
        m_result.problems.push_back({.code = code, .error = std::move(error)});
    }

    void checkLayers(const std::string& text)
    {
        Result<std::vector<int>> layers = stageLayersFromText(text, m_wish.stages, m_model.config.layers);
        if (layers)
            m_result.layers = std::move(*layers);
        else
            add("PAR-05", std::move(layers).error());
    }

    void checkDevices()
    {
        if (stagesThatFit(m_survey, m_gpus, m_wish.tensorSize) >= m_wish.stages)
            return;
        m_result.tooFew = true;
        std::vector<Said> there;
        std::size_t most = 0;
        for (std::size_t i = 0; i < m_cluster.nodes.size(); ++i) {
            const std::size_t count = m_survey.devices(i, m_gpus).size();
            most = std::max(most, count);
            there.push_back(say("node-has", m_cluster.nodes[i].name, count));
        }
        const int ranks = m_wish.tensorSize * m_wish.stages;
        Said need = ranks == 1 ? (m_gpus ? say("need-gpu") : say("need-cpu"))
                    : m_gpus   ? say("need-gpus", ranks, m_wish.tensorSize, m_wish.stages)
                               : say("need-cpus", ranks, m_wish.tensorSize, m_wish.stages);
        Said cause = m_gpus && anyCpu() ? say("too-few-mixed", std::move(need), std::move(there))
                                        : say("too-few", std::move(need), std::move(there));
        m_result.problems.push_back(
            {.code = "PAR-03",
             .error = makeError(ErrorCode::NotFound, std::move(cause),
                                orOtherDivision(m_gpus ? say("do-fewer-gpus") : say("do-fewer-cpus")),
                                static_cast<std::size_t>(m_wish.tensorSize) > most ? "tensor_parallel_size"
                                                                                   : "pipeline_parallel_size")});
    }

    [[nodiscard]] bool anyCpu() const
    {
        return std::any_of(m_survey.nodes.begin(), m_survey.nodes.end(),
                           [](const NodeSurvey& node) { return !node.cpus.empty(); });
    }

    /// The remedy, and "; tensor_parallel_size 4 with pipeline_parallel_size 4 uses 16 devices" where that is so.
    [[nodiscard]] Said orOtherDivision(Said remedy) const
    {
        int bestSize = 0;
        int bestUse = 0;
        for (const int size : m_wish.offered) {
            const int stages = std::min(stagesThatFit(m_survey, m_gpus, size), std::max(m_model.config.layers, 1));
            if (stages > 1 && size * stages >= bestUse) {
                bestSize = size;
                bestUse = size * stages;
            }
        }
        return bestSize == 0 ? remedy : say("other-division", std::move(remedy), bestSize, bestUse / bestSize, bestUse);
    }

    const ModelFacts& m_model;
    const Cluster& m_cluster;
    const Survey& m_survey;
    bool m_gpus = false;
    const SizeWish& m_wish;
    SizeProblems m_result;
};

} // namespace

SizeProblems sizeProblems(const ModelFacts& model, const Cluster& cluster, const Survey& survey, bool gpus,
                          const wire::EngineSettings& settings, const SizeWish& wish)
{
    return Sizes(model, cluster, survey, gpus, wish).check(settings.stage_layers());
}

} // namespace argus::plan
