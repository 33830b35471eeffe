#pragma once
// A file of a pulled copy while it comes: whole ones under another name until their digest is right, weights in parts
// under their own name, each block checked before it counts.

#include "engine/base/byte_ranges.h"
#include "engine/base/result.h"
#include "engine/protocol/cluster.pb.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace argus::node {

/// Lives on the thread of its pull. Every error names the file and says what to do.
class PulledFile {
public:
    virtual ~PulledFile() = default;

    /// Bytes of the list of block digests, which has to come before anything else; 0: it is there or not needed.
    [[nodiscard]] virtual std::uint64_t listBytes() const = 0;
    [[nodiscard]] virtual Result<Done> takeList(std::string list) = 0;
    /// A block, or the rest of one that had come in part.
    [[nodiscard]] virtual Result<Done> take(std::uint64_t offset, const std::string& data) = 0;
    /// What has come counts from now on, whatever happens to this process.
    [[nodiscard]] virtual Result<Done> keep() = 0;
    /// Everything that was missing has come.
    [[nodiscard]] virtual Result<Done> finish() = 0;
};

/// What is to be fetched of a file that is wanted; none: it is there, as far as it is wanted. Changes nothing.
[[nodiscard]] std::optional<ByteRanges> missingOf(const std::filesystem::path& folder,
                                                  const wire::ManifestFile& wanted);
/// Ready to take that. What is left of another version is removed.
[[nodiscard]] Result<std::unique_ptr<PulledFile>> openPulled(const std::filesystem::path& folder,
                                                             const wire::ManifestFile& wanted);

} // namespace argus::node
