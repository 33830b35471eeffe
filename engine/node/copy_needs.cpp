#include "engine/node/copy_needs.h"

#include "engine/base/log.h"
#include "engine/cluster/block_digests.h"
#include "engine/cluster/manifest.h"

#include <algorithm>
#include <filesystem>

namespace argus::node {
namespace {

bool holdsWeights(const wire::ManifestFile& file)
{
    return file.name().ends_with(".safetensors");
}

ByteRanges allOf(const wire::ManifestFile& file)
{
    return ByteRanges({0, file.size()});
}

} // namespace

CopyNeeds::CopyNeeds(std::shared_ptr<const ModelFolder> model, std::vector<wire::ManifestFile> manifest)
    : m_model(std::move(model)), m_manifest(std::move(manifest))
{
}

const model::FileRanges& CopyNeeds::rangesFor(const model::Shard& shard) const
{
    const auto known =
        std::find_if(m_known.begin(), m_known.end(), [&](const auto& each) { return each->shard == shard; });
    if (known != m_known.end())
        return (*known)->ranges;
    auto fresh = std::make_unique<Known>();
    fresh->shard = shard;
    Result<model::FileRanges> taken = model::bytesTaken(m_model->config, *m_model->checkpoint, shard);
    if (taken)
        for (auto& [path, ranges] : *taken)
            fresh->ranges[std::filesystem::path(path).filename().string()] = std::move(ranges);
    else // loading will say it too; until then everything is fetched
        log::warn("what a rank needs cannot be told: {}", taken.error().text());
    return m_known.emplace_back(std::move(fresh))->ranges;
}

std::vector<wire::ManifestFile> CopyNeeds::filesFor(const std::vector<model::Shard>& shards) const
{
    std::vector<wire::ManifestFile> files = m_manifest;
    for (wire::ManifestFile& file : files) {
        if (!holdsWeights(file))
            continue;
        ByteRanges needed;
        for (const model::Shard& shard : shards) {
            const model::FileRanges& ranges = rangesFor(shard);
            const auto found = ranges.find(file.name());
            needed.add(found == ranges.end() ? allOf(file) : found->second);
        }
        file.set_partial(true);
        cluster::setRanges(file, shards.empty() ? allOf(file) : needed.inBlocks(cluster::kBlockBytes, file.size()));
    }
    return files;
}

std::uint64_t CopyNeeds::missing(const std::vector<model::Shard>& shards,
                                 const std::vector<wire::ManifestFile>& there) const
{
    std::uint64_t bytes = 0;
    for (const wire::ManifestFile& file : filesFor(shards)) {
        const ByteRanges needed = file.partial() ? cluster::rangesOf(file) : allOf(file);
        const auto known = std::find_if(there.begin(), there.end(), [&](const wire::ManifestFile& each) {
            return each.name() == file.name() && each.size() == file.size() && each.sha256() == file.sha256();
        });
        if (known == there.end())
            bytes += needed.bytes();
        else if (known->partial())
            bytes += needed.without(cluster::rangesOf(*known)).bytes();
    }
    return bytes;
}

} // namespace argus::node
