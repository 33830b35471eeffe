#include "engine/cluster/block_digests.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace argus::cluster {
namespace {

/// A file as large as one may be has a list of that size.
constexpr std::uint64_t kMostListBytes = blocksOf(protocol::kMaxFileBytes) * kDigestBytes;

} // namespace

void BlockHasher::add(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), kBlockBytes - m_inBlock));
        m_block.add(piece);
        m_inBlock += piece.size();
        bytes = bytes.subspan(piece.size());
        if (m_inBlock == kBlockBytes) {
            m_list += std::exchange(m_block, {}).finish();
            m_inBlock = 0;
        }
    }
}

std::string BlockHasher::finish()
{
    if (m_inBlock > 0)
        m_list += m_block.finish();
    return std::move(m_list);
}

std::string blockDigests(std::span<const std::byte> file)
{
    BlockHasher hasher;
    hasher.add(file);
    return hasher.finish();
}

Sha256 identityOf(const std::string& blockDigests)
{
    return sha256(std::as_bytes(std::span(blockDigests)));
}

bool isBlock(std::span<const std::byte> bytes, std::uint64_t index, const std::string& blockDigests)
{
    const std::uint64_t at = index * kDigestBytes;
    return at + kDigestBytes <= blockDigests.size() &&
           sha256(bytes) == std::string_view(blockDigests).substr(at, kDigestBytes);
}

std::filesystem::path listFile(const std::filesystem::path& folder, const Sha256& identity)
{
    return folder / hexOf(identity);
}

Result<std::string> readList(const std::filesystem::path& file, const Sha256& identity)
{
    Result<std::string> list = readFile(file, kMostListBytes);
    if (list && identityOf(*list) != identity)
        return makeError(ErrorCode::Corrupt, say("list-wrong", file.string()), say("do-deploy-anew"), "model");
    return list;
}

} // namespace argus::cluster
