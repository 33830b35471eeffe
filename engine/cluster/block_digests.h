#pragma once
// The identity of a file, made so that any block of it can be checked alone: the digest of the list of its blocks'
// digests.

#include "engine/base/result.h"
#include "engine/base/sha256.h"
#include "engine/protocol/bounds.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace argus::cluster {

/// What is fetched and checked as one; the last block of a file may be shorter.
constexpr std::uint64_t kBlockBytes = protocol::kChunkBytes;
constexpr std::size_t kDigestBytes = 32;

[[nodiscard]] constexpr std::uint64_t blocksOf(std::uint64_t size)
{
    return (size + kBlockBytes - 1) / kBlockBytes;
}

/// A file that goes by, in pieces of any size.
class BlockHasher {
public:
    void add(std::span<const std::byte> bytes);
    /// The digests of its blocks, one after the other; the hasher is spent afterwards.
    [[nodiscard]] std::string finish();

private:
    Sha256Hasher m_block;
    std::uint64_t m_inBlock = 0;
    std::string m_list;
};

/// Of a whole file that is in memory.
[[nodiscard]] std::string blockDigests(std::span<const std::byte> file);
/// Of the file whose list that is.
[[nodiscard]] Sha256 identityOf(const std::string& blockDigests);
/// That the bytes are block `index` of the file.
[[nodiscard]] bool isBlock(std::span<const std::byte> bytes, std::uint64_t index, const std::string& blockDigests);

/// Where a head keeps the lists of its files, each under the identity it makes: HEX in that folder.
[[nodiscard]] std::filesystem::path listFile(const std::filesystem::path& folder, const Sha256& identity);
/// A list that is what its file's identity says. Errors: NotFound, Io, Corrupt.
[[nodiscard]] Result<std::string> readList(const std::filesystem::path& file, const Sha256& identity);

} // namespace argus::cluster
