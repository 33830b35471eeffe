// Any bytes as config.json; what is accepted must hold what the rest of the engine relies on.

#include "engine/model/config.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto config = argus::model::parseConfig({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (!config)
        return config.error().cause.empty() ? (std::abort(), 0) : 0;
    const bool sound = config->headDim() == 128 && config->heads % config->kvHeads == 0 && config->layers > 0 &&
                       config->vision.headDim() % 4 == 0 && config->vision.outHiddenSize == config->hiddenSize &&
                       config->imageToken < config->vocabSize && config->vision.patchElements() == 1176 &&
                       config->vision.tokensPerSecond > 0;
    if (!sound)
        std::abort();
    for (const int block : config->vision.fullAttentionBlocks)
        if (block < 0 || block >= config->vision.depth)
            std::abort();
    return 0;
}
