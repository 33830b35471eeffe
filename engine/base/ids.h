#pragma once
// Random names for sessions, asks and processes.

#include <string>

namespace argus {

/// 32 hexadecimal digits from the kernel's random source.
[[nodiscard]] std::string randomId();

/// `characters` letters and digits that people do not confuse (no 0, 1, I, O): five bits each.
[[nodiscard]] std::string randomCode(int characters);

} // namespace argus
