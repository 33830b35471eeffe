#pragma once
// Proof that the sandbox is closed: harmless attempts from inside, asked for by tests through a request.

#include "engine/decoder/message.h"

namespace argus::decoder {

/// Tries it. Dies, ends with Reason::Stopped when the system refused, or with Reason::Survived when nothing stopped it.
[[noreturn]] void attempt(Attempt what);

} // namespace argus::decoder
