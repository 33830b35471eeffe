#pragma once
// What a copy of a model consists of, file by file with a digest: two machines have the same model when these are
// equal.

#include "engine/base/result.h"
#include "engine/protocol/cluster.pb.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace argus::cluster {

struct ManifestOptions {
    bool weights = true; ///< false: config and tokenizer are enough (load_format dummy)
    /// Digests of large files are kept here by path, size and times, so that a file is read once; empty: nowhere.
    std::filesystem::path cache{};
    std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes)> progress{};
    const std::atomic<bool>* stop = nullptr;
};
/// Every file that counts, by name. Errors  NotFound naming the folder or the shard that its index lists, Io, Cancelled
[[nodiscard]] Result<std::vector<wire::ManifestFile>> manifestOf(const std::filesystem::path& folder,
                                                                 const ManifestOptions& options);

/// How `theirs` differs from `ours`: "model-00004-of-00011.safetensors has other content"; empty: it does not. Files
/// that only they have do not count.
[[nodiscard]] std::string differenceOf(const std::vector<wire::ManifestFile>& ours,
                                       const std::vector<wire::ManifestFile>& theirs);

} // namespace argus::cluster
