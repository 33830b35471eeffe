#pragma once
// FFmpeg's frames as RGB, 8 bits a channel.

#include "engine/decoder/child.h"
#include "engine/decoder/orientation.h"

#include <memory>

struct AVFrame;
struct SwsContext;

namespace argus::decoder {

/// RGB, grey and palette formats are converted by hand and exactly; transparency is laid over white as qwen-vl-utils
/// does it. Samples deeper than 8 bits keep their upper 8, as libpng's strip_16 does (Pillow clips 16-bit grey instead,
/// which turns most such pictures white). YUV goes through swscale, accurately, with the stream's matrix and range;
/// BT.601 and limited range where it names none.
class FrameConverter {
public:
    /// Refuses a format it cannot read.
    [[nodiscard]] Picture toRgb(const AVFrame& frame);

private:
    struct FreeScaler {
        void operator()(SwsContext* scaler) const noexcept;
    };
    Picture throughScaler(const AVFrame& frame);
    std::unique_ptr<SwsContext, FreeScaler> m_scaler;
    int m_key[5] = {};
};

} // namespace argus::decoder
