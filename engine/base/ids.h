#pragma once
// Random names for sessions, asks and processes.

#include <string>

namespace argus {

/// 32 hexadecimal digits from the kernel's random source.
[[nodiscard]] std::string randomId();

} // namespace argus
