#pragma once
// What machines need of the head's copy of a model for their ranks, and what they lack of it. Pure: places of tensors
// and lists of files in, bytes out.

#include "engine/base/byte_ranges.h"
#include "engine/model/shard.h"
#include "engine/model/taken_bytes.h"
#include "engine/node/deployment.h"
#include "engine/protocol/cluster.pb.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace argus::node {

/// Lives on one thread: what a shard needs is remembered.
class CopyNeeds {
public:
    /// `manifest`: the head's files.
    CopyNeeds(std::shared_ptr<const ModelFolder> model, std::vector<wire::ManifestFile> manifest);

    /// The files with what ranks with these shards need of them, in blocks: of weights some ranges, of anything else
    /// all. Without shards: everything.
    [[nodiscard]] std::vector<wire::ManifestFile> filesFor(const std::vector<model::Shard>& shards) const;
    /// Bytes of that which are not among `there`: files as a machine has told of its copy. A file of another identity
    /// is not there.
    [[nodiscard]] std::uint64_t missing(const std::vector<model::Shard>& shards,
                                        const std::vector<wire::ManifestFile>& there) const;

private:
    struct Known {
        model::Shard shard;
        model::FileRanges ranges; ///< by file name
    };
    [[nodiscard]] const model::FileRanges& rangesFor(const model::Shard& shard) const;

    std::shared_ptr<const ModelFolder> m_model;
    std::vector<wire::ManifestFile> m_manifest;
    mutable std::vector<std::unique_ptr<const Known>> m_known;
};

} // namespace argus::node
