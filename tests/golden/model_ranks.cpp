#include "tests/golden/model_ranks.h"

#include "tests/golden/thread_group.h"

#include <cstring>
#include <exception>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

namespace argus::golden {

namespace {

bool sameBits(ConstTensorView a, ConstTensorView b)
{
    return a.shape() == b.shape() && a.dtype() == b.dtype() && a.dense() && b.dense() &&
           std::memcmp(a.bytes(), b.bytes(), static_cast<std::size_t>(a.shape().elements()) * sizeOf(a.dtype())) == 0;
}

/// The batch as a stage that has no pictures is told of it.
std::vector<model::VisionRows> shapesOf(std::span<const model::VisionRows> vision)
{
    std::vector<model::VisionRows> shapes;
    for (const model::VisionRows& rows : vision)
        shapes.push_back(
            {.firstRow = rows.firstRow, .embeddings = {nullptr, rows.embeddings.dtype(), rows.embeddings.shape()}});
    return shapes;
}

std::vector<int> layersOf(const model::ModelConfig& config, const Division& division)
{
    std::vector<int> layers = division.stageLayers;
    for (int stage = 0; layers.empty() || static_cast<int>(layers.size()) < division.stages; ++stage)
        layers.push_back(config.layers * (stage + 1) / division.stages - config.layers * stage / division.stages);
    if (static_cast<int>(layers.size()) != division.stages ||
        std::accumulate(layers.begin(), layers.end(), 0) != config.layers)
        throw std::runtime_error("the layers of the stages are not those of the model");
    return layers;
}

} // namespace

std::vector<model::Shard> shardsOf(const model::ModelConfig& config, const Division& division)
{
    std::vector<model::Shard> shards;
    int first = 0;
    int stage = 0;
    for (const int count : layersOf(config, division)) {
        for (int rank = 0; rank < division.tensorSize; ++rank)
            shards.push_back({.tensorRank = rank,
                              .tensorSize = division.tensorSize,
                              .stage = stage,
                              .stages = division.stages,
                              .firstLayer = first,
                              .endLayer = first + count});
        first += count;
        ++stage;
    }
    return shards;
}

ModelRanks::ModelRanks(const model::ModelConfig& config, const std::shared_ptr<const model::Checkpoint>& checkpoint,
                       const model::RuntimeSizes& sizes, model::Compatibility compatibility, const Division& division,
                       const MakeOps& makeOps)
    : m_tensorSize(static_cast<std::size_t>(division.tensorSize))
{
    for (const model::Shard& shard : shardsOf(config, division)) {
        m_ranks.push_back(std::make_unique<Rank>());
        m_ranks.back()->shard = shard;
        m_ranks.back()->ops = makeOps();
    }
    connect(division);
    model::RuntimeSizes own = sizes;
    own.recordsSteps = sizes.recordsSteps && division.whole(); // these groups are met on the host
    for (const auto& rank : m_ranks) {
        auto loaded =
            model::Qwen25VL::load(*rank->ops, config, checkpoint, own, {}, compatibility, rank->shard, &rank->groups);
        if (!loaded.ok())
            throw std::runtime_error(loaded.error().text());
        rank->model = std::move(*loaded);
    }
}

ModelRanks::~ModelRanks() = default;

void ModelRanks::connect(const Division& division)
{
    const auto group = [this](std::size_t first, std::size_t step, int count) {
        std::vector<ops::Ops*> devices;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
            devices.push_back(m_ranks[first + i * step]->ops.get());
        return threadGroup(devices);
    };
    for (std::size_t first = 0; division.tensorSize > 1 && first < m_ranks.size(); first += m_tensorSize) {
        auto members = group(first, 1, division.tensorSize);
        for (std::size_t i = 0; i < members.size(); ++i)
            m_ranks[first + i]->groups.tensor = std::move(members[i]);
    }
    for (std::size_t first = 0; division.stages > 1 && first < m_tensorSize; ++first) {
        auto members = group(first, m_tensorSize, division.stages);
        for (std::size_t stage = 0; stage < members.size(); ++stage)
            m_ranks[first + stage * m_tensorSize]->groups.pipeline = std::move(members[stage]);
    }
}

const model::ModelConfig& ModelRanks::config() const
{
    return m_ranks.front()->model->config();
}

/// Each rank on a thread of its own; the first that fails ends the groups, and the others with them.
void ModelRanks::onRanks(std::size_t first, std::size_t end, const std::function<void(std::size_t)>& work)
{
    if (end - first == 1) {
        work(first);
        return;
    }
    std::mutex mutex;
    std::exception_ptr failure;
    std::vector<std::thread> threads;
    for (std::size_t i = first; i < end; ++i)
        threads.emplace_back([&, i] {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (!failure)
                    failure = std::current_exception();
                for (const auto& rank : m_ranks)
                    for (const auto& group : {rank->groups.tensor.get(), rank->groups.pipeline.get()})
                        if (group != nullptr)
                            group->abort();
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

ops::DeviceTensor ModelRanks::encodeVision(const model::PatchSource& source, std::span<const model::Grid> grids)
{
    std::vector<ops::DeviceTensor> encoded(m_tensorSize);
    onRanks(0, m_tensorSize, [&](std::size_t i) {
        encoded[i] = m_ranks[i]->model->encodeVision(source, grids);
        m_ranks[i]->ops->synchronize(); // others may read it
    });
    const HostTensor first = onHost(encoded.front());
    for (const ops::DeviceTensor& each : encoded)
        if (!sameBits(onHost(each).view(), first.view()))
            throw std::runtime_error("the ranks' embeddings differ");
    return encoded.front();
}

void ModelRanks::run(const model::Batch& batch)
{
    const std::vector<model::VisionRows> shapes = shapesOf(batch.vision);
    m_draws.clear();
    for (const ops::SamplingRow& row : batch.sampling)
        m_draws.push_back(row.slot >= 0);
    onRanks(0, m_ranks.size(), [&](std::size_t i) {
        model::Batch told = batch;
        if (!m_ranks[i]->shard.first())
            told.vision = shapes;
        m_ranks[i]->model->run(told);
    });
}

std::vector<std::int32_t> ModelRanks::drawn()
{
    std::vector<std::int32_t> first;
    for (std::size_t i = firstOfLastStage(); i < m_ranks.size(); ++i) {
        std::vector<std::int32_t> ids(m_draws.size());
        m_ranks[i]->ops->take(m_ranks[i]->model->fetchDrawn(), ids);
        for (std::size_t row = 0; row < ids.size(); ++row)
            if (!m_draws[row])
                ids[row] = -1;
        if (i == firstOfLastStage())
            first = ids;
        if (ids != first)
            throw std::runtime_error("the ranks of the last stage have drawn different tokens");
    }
    return first;
}

ConstTensorView ModelRanks::scores()
{
    const ConstTensorView first = m_ranks[firstOfLastStage()]->model->scores();
    for (std::size_t i = firstOfLastStage() + 1; i < m_ranks.size(); ++i)
        if (!sameBits(m_ranks[i]->model->scores(), first))
            throw std::runtime_error("the ranks of the last stage have different scores");
    return first;
}

HostTensor ModelRanks::onHost(const ops::DeviceTensor& tensor)
{
    HostTensor host(DType::F32, tensor.view().shape());
    m_ranks.front()->ops->download(host.view(), tensor.view());
    return host;
}

} // namespace argus::golden
