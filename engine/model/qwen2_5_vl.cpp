#include "engine/model/qwen2_5_vl.h"

#include "engine/model/decoder.h"
#include "engine/model/vision_tower.h"
#include "engine/model/weights.h"
#include "engine/model/workbench.h"

namespace argus::model {

struct Qwen25VL::Impl {
    Impl(ops::Ops& ops, const ModelConfig& modelConfig, std::shared_ptr<const Checkpoint> mapped,
         const RuntimeSizes& sizes, Compatibility compatibility, std::uint64_t bytes, WeightReader& reader)
        : config(modelConfig), checkpoint(std::move(mapped)), weightBytes(bytes),
          vision(ops, config.vision, sizes, compatibility, reader), decoder(ops, config, sizes, compatibility, reader)
    {
        Workbench bench(ops);
        bench.layOut(
            {[this](Workbench& each) { vision.layOut(each); }, [this](Workbench& each) { decoder.layOut(each); }});
        decoder.allocateCache();
    }

    ModelConfig config;
    std::shared_ptr<const Checkpoint> checkpoint; ///< weights may be used where it maps them
    std::uint64_t weightBytes = 0;
    VisionTower vision;
    Decoder decoder;
};

Result<std::unique_ptr<Qwen25VL>> Qwen25VL::load(ops::Ops& ops, ModelConfig config,
                                                 std::shared_ptr<const Checkpoint> checkpoint, RuntimeSizes sizes,
                                                 const Progress& progress, Compatibility compatibility)
{
    Result<std::uint64_t> bytes =
        checkpoint ? checkTensors(config, *checkpoint) : weightBytesOf(config, ops.computeType());
    if (!bytes.ok())
        return std::move(bytes).error();
    try {
        WeightReader reader(ops, checkpoint.get(), config.awq, *bytes, progress);
        auto impl = std::make_unique<Impl>(ops, config, checkpoint, sizes, compatibility, *bytes, reader);
        ops.synchronize(); // steps may fetch weights before they look at anything else
        return std::unique_ptr<Qwen25VL>(new Qwen25VL(std::move(impl)));
    } catch (const ops::DeviceLost&) {
        throw;
    } catch (const ops::OutOfRange& refused) {
        return Error{ErrorCode::Unsupported, refused.what(),
                     "use dtype bfloat16 (compute capability 8.0 or later) or float32", "dtype"};
    } catch (const OpsError& refused) { // checked tensors fail only for want of memory
        return Error{ErrorCode::DoesNotFit, refused.what(), "choose a smaller context or a smaller model",
                     "max_model_len"};
    }
}

Qwen25VL::Qwen25VL(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Qwen25VL::~Qwen25VL() = default;

const ModelConfig& Qwen25VL::config() const
{
    return m_impl->config;
}
std::uint64_t Qwen25VL::weightBytes() const
{
    return m_impl->weightBytes;
}
std::uint64_t Qwen25VL::kvBytes() const
{
    return m_impl->decoder.kvBytes();
}
ops::DeviceTensor Qwen25VL::encodeVision(ConstTensorView patches, std::span<const Grid> grids)
{
    return m_impl->vision.encode(patches, grids);
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
