#pragma once
#include <string>
#include <utility>
#include <vector>
namespace argus::comm {
inline std::string ncclLibraryVersion() { return {}; }
inline std::vector<std::pair<std::string, std::string>> ncclEnvironment(const std::string&) { return {}; }
} // namespace argus::comm
