#pragma once
// What needs FFmpeg: every picture that is no JPEG, and clips.

#include "engine/decoder/child.h"

namespace argus::decoder {

/// PNG, WebP, BMP, GIF (first frame) and TIFF: the header is read by hand and checked, then the whole file is one
/// packet for one decoder.
[[noreturn]] void decodePicture(const Session& session);
/// Clips: counted by their packets, decoded from the start to the last frame wanted.
[[noreturn]] void decodeVideo(const Session& session);

} // namespace argus::decoder
