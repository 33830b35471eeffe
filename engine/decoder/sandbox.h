#pragma once
// What the decoder gives up before it touches the first byte of a file.

#include "engine/decoder/message.h"

namespace argus::decoder {

/// Step 0: inside. Otherwise which step failed (1 privileges, 2 limits, 3 filter) and errno.
struct SandboxFailure {
    int step = 0;
    int number = 0;
};

/// No new privileges; limits on memory, processor time, file size (none), descriptors (none new), processes (none) and
/// cores (none); then a filter that allows reading, memory without execution, time and the end, and kills the process
/// for any other call to the kernel.
///
/// A network namespace is not made: it costs milliseconds per file, and a process that cannot call socket() has no use
/// for an empty network.
[[nodiscard]] SandboxFailure enterSandbox(const Request& request);

} // namespace argus::decoder
