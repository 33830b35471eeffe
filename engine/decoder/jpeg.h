#pragma once
// JPEG through libjpeg-turbo with its accurate IDCT and smooth chroma: the pixels that Pillow, and so the reference,
// sees.

#include "engine/decoder/child.h"

namespace argus::decoder {

[[noreturn]] void decodeJpeg(const Session& session);

} // namespace argus::decoder
