#pragma once
// What is in a picture or clip, in words.

#include "gui/link/facts.h"

namespace argus::gui {

/// "336×252 → 336×252 · 108 tokens"; of a clip "3.0 s · 6 frames → 224×224 · 192 tokens": what there is and what the
/// model receives.
[[nodiscard]] QString describeMedia(const MediaFacts& facts);

} // namespace argus::gui
