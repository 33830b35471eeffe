#pragma once
// What a copy of a model consists of, file by file with a digest: two machines have the same model when these are
// equal.

#include "engine/base/byte_ranges.h"
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
    /// The lists of the files' blocks are kept here, for whoever hands them out (block_digests.h); empty: nowhere.
    std::filesystem::path lists{};
    /// The folder is a copy that comes from a head: what has not come yet is no fault, and of a file whose parts are
    /// listed beside it those are checked, and what turns out wrong is taken from the list.
    bool pulled = false;
};
/// Every file that counts, by name. Errors  NotFound naming the folder, the shard that its index lists or a file that
/// is not whole, Io, Cancelled
[[nodiscard]] Result<std::vector<wire::ManifestFile>> manifestOf(const std::filesystem::path& folder,
                                                                 const ManifestOptions& options);

/// FILE.argus-blocks: the list of a pulled file's blocks.
[[nodiscard]] std::filesystem::path listBeside(const std::filesystem::path& file);
[[nodiscard]] ByteRanges rangesOf(const wire::ManifestFile& file);
void setRanges(wire::ManifestFile& file, const ByteRanges& ranges);

/// How `theirs` differs from `ours`: "model-00004-of-00011.safetensors has other content"; empty: it does not. Files
/// that only they have do not count.
[[nodiscard]] Said differenceOf(const std::vector<wire::ManifestFile>& ours,
                                       const std::vector<wire::ManifestFile>& theirs);

} // namespace argus::cluster
