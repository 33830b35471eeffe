#pragma once
// What a node has to know of NCCL without a CUDA header and without opening a device.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argus::comm {

/// The version of the NCCL that ranks on this machine would use: "2.27.7". Nothing when there is none.
[[nodiscard]] std::optional<std::string> ncclLibraryVersion();

/// 22707 -> "2.27.7"
[[nodiscard]] std::string ncclVersionText(int version);

/// What the executor of a machine is started with: NCCL takes the interface (exactly that one; none: its own choice),
/// IPv4, and opens no port for its monitoring, which would collide between deployments. NVLink multicast
/// (NCCL_NVLS_ENABLE) stays as the user has it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> ncclEnvironment(const std::string& interface);

/// libnccl.so.2 as dlopen() gives it; null: this machine has none. It stays loaded.
[[nodiscard]] void* openNcclLibrary();

} // namespace argus::comm
