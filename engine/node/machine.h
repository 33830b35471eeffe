#pragma once
// What this machine is and how much memory it has free, from /proc.

#include <cstdint>
#include <string>
#include <string_view>

namespace argus::node {

struct MachineFacts {
    std::string hostName;
    std::string processor; ///< "AMD EPYC 9654 96-Core Processor"; "CPU" where the kernel does not say
    unsigned threads = 1;  ///< this process may run on
};
[[nodiscard]] MachineFacts machineFacts();

struct MemoryFigures {
    std::uint64_t total = 0;
    std::uint64_t available = 0; ///< without swapping, in the kernel's estimate
};
[[nodiscard]] MemoryFigures memoryFigures();

/// The text of /proc/meminfo as figures; zeros for lines that are not there.
[[nodiscard]] MemoryFigures parseMemoryInfo(std::string_view text);
/// The first "model name" of /proc/cpuinfo; empty when there is none.
[[nodiscard]] std::string parseProcessorName(std::string_view text);

} // namespace argus::node
