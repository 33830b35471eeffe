#include "engine/model/qwen2_5_vl.h"

#include "engine/base/catalogue.h"
#include "engine/model/decoder.h"
#include "engine/model/sharding.h"
#include "engine/model/taken_bytes.h"
#include "engine/model/vision_tower.h"
#include "engine/model/weights.h"
#include "engine/model/workbench.h"
#include "engine/ops/measuring_ops.h"

namespace argus::model {

struct Qwen25VL::Impl {
    Impl(ops::Ops& ops, const ModelConfig& modelConfig, std::shared_ptr<const Checkpoint> mapped,
         const RuntimeSizes& sizes, Compatibility compatibility, const Rank& rank, std::uint64_t bytes,
         WeightReader& reader)
        : config(modelConfig), shard(rank.shard), checkpoint(std::move(mapped)), weightBytes(bytes),
          vision(shard.first() ? std::make_unique<VisionTower>(ops, config, sizes, compatibility, rank, reader)
                               : nullptr),
          decoder(ops, config, sizes, compatibility, rank, reader)
    {
        Workbench bench(ops);
        bench.layOut({[this](Workbench& each) {
                          if (vision)
                              vision->layOut(each);
                      },
                      [this](Workbench& each) { decoder.layOut(each); }});
        decoder.allocateCache();
    }

    ModelConfig config;
    Shard shard;
    std::shared_ptr<const Checkpoint> checkpoint; ///< weights may be used where it maps them
    std::uint64_t weightBytes = 0;
    std::unique_ptr<VisionTower> vision; ///< on the first stage
    Decoder decoder;
};

Result<std::unique_ptr<Qwen25VL>> Qwen25VL::load(ops::Ops& ops, ModelConfig config,
                                                 std::shared_ptr<const Checkpoint> checkpoint, RuntimeSizes sizes,
                                                 const Progress& progress, Compatibility compatibility,
                                                 const Shard& shard, const comm::Groups* groups)
{
    if (auto divides = checkShard(config, shard); !divides.ok())
        return std::move(divides).error();
    Result<std::uint64_t> bytes =
        checkpoint ? checkTensors(config, *checkpoint, shard) : weightBytesOf(config, ops.computeType(), shard);
    if (!bytes.ok())
        return std::move(bytes).error();
    if (checkpoint && checkpoint->partial())
        if (auto there = requireTaken(config, *checkpoint, shard); !there.ok())
            return std::move(there).error();
    const Rank rank{.shard = shard,
                    .tensor = groups != nullptr ? groups->tensor.get() : nullptr,
                    .pipeline = groups != nullptr ? groups->pipeline.get() : nullptr};
    try {
        WeightReader reader(ops, checkpoint.get(), config.awq, *bytes, progress);
        auto impl = std::make_unique<Impl>(ops, config, checkpoint, sizes, compatibility, rank, *bytes, reader);
        ops.synchronize(); // steps may fetch weights before they look at anything else
        return std::unique_ptr<Qwen25VL>(new Qwen25VL(std::move(impl)));
    } catch (const ops::DeviceLost&) {
        throw;
    } catch (const ops::OutOfRange& refused) {
        return makeError(ErrorCode::Unsupported, refused.said(), say("do-wider-dtype"), "dtype");
    } catch (const OpsError& refused) { // checked tensors fail only for want of memory
        return makeError(ErrorCode::DoesNotFit, refused.said(), say("do-smaller-context"), "max_model_len");
    }
}

Result<std::vector<TakenPart>> Qwen25VL::partsTaken(const ModelConfig& config, const Shard& shard)
{
    if (auto divides = checkShard(config, shard); !divides.ok())
        return std::move(divides).error();
    std::vector<TakenPart> taken;
    try {
        ops::MeasuringOps nowhere({.compute = DType::F16, .packed = config.awq});
        WeightReader reader(nowhere, nullptr, config.awq, 0, {}, &taken);
        const RuntimeSizes least{.kvBlocks = 1, .maxBatchedTokens = 1, .maxSequences = 1, .maxModelLen = 1};
        const Impl nothing(nowhere, config, nullptr, least, {}, {.shard = shard}, 0, reader);
    } catch (const OpsError& problem) {
        return makeError(ErrorCode::Unsupported, say("model-layout", problem.said()), say("do-other-checkpoint"),
                         "model");
    }
    return taken;
}

Qwen25VL::Qwen25VL(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Qwen25VL::~Qwen25VL() = default;

const ModelConfig& Qwen25VL::config() const
{
    return m_impl->config;
}
const Shard& Qwen25VL::shard() const
{
    return m_impl->shard;
}
std::uint64_t Qwen25VL::weightBytes() const
{
    return m_impl->weightBytes;
}
std::uint64_t Qwen25VL::kvBytes() const
{
    return m_impl->decoder.kvBytes();
}
void Qwen25VL::tellLayers(std::function<void()> heard)
{
    if (m_impl->vision)
        m_impl->vision->tellLayers(heard);
    m_impl->decoder.tellLayers(std::move(heard));
}
ops::DeviceTensor Qwen25VL::encodeVision(const PatchSource& source, std::span<const Grid> grids)
{
    if (!m_impl->vision)
        throw OpsError("vision tower: only the first stage has one");
    return m_impl->vision->encode(source, grids);
}
void Qwen25VL::run(const Batch& batch)
{
    m_impl->decoder.run(batch);
}
ops::Fetch Qwen25VL::fetchDrawn()
{
    return m_impl->decoder.fetchDrawn();
}
ConstTensorView Qwen25VL::scores()
{
    return m_impl->decoder.scores();
}

} // namespace argus::model
