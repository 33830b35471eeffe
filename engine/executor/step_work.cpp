#include "engine/executor/step_work.h"

#include "engine/executor/sequence_book.h"

#include <algorithm>

namespace argus::executor {
namespace {

constexpr double kWeightBytes = 2; ///< as most checkpoints have them

/// A block of the vision tower over one picture, whose patches look at those of their own frame.
double visionBlock(const model::VisionConfig& vision, const wire::VisionItem& item)
{
    const double frame = static_cast<double>(item.grid_h()) * item.grid_w();
    const double patches = frame * item.grid_t();
    const double hidden = vision.hiddenSize;
    const double products = 4 * hidden * hidden + 3 * hidden * vision.intermediateSize;
    return 2 * patches * products + 4 * patches * frame * hidden;
}

} // namespace

StepWork workOf(const model::ModelConfig& config, const wire::StepPlan& plan)
{
    const double hidden = config.hiddenSize;
    const double keys = static_cast<double>(config.kvHeads) * config.headDim();
    const double products = 2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * config.intermediateSize;
    StepWork work;
    double layer = 0;
    double scores = 0;
    double pictures = 0;
    for (const wire::SequenceSlice& slice : plan.slices()) {
        const double rows = tokensOf(slice);
        layer += 2 * rows * products + 4 * rows * (slice.start() + rows) * hidden;
        scores += slice.sample() ? 2 * hidden * config.vocabSize : 0;
        for (const wire::VisionItem& item : slice.vision()) {
            const double block = visionBlock(config.vision, item);
            work.largestLayer = std::max(work.largestLayer, block);
            pictures += block * (config.vision.depth + 1); // the merger, which is about as much
        }
    }
    work.largestLayer = std::max({work.largestLayer, layer, scores});
    work.largestWeights = kWeightBytes * std::max(products, hidden * config.vocabSize);
    work.total = layer * config.layers + scores + pictures;
    return work;
}

} // namespace argus::executor
