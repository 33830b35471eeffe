#include "engine/node/pulled_file.h"

#include "engine/base/catalogue.h"
#include "engine/base/file_parts.h"
#include "engine/base/files.h"
#include "engine/base/unique_fd.h"
#include "engine/cluster/block_digests.h"
#include "engine/cluster/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

Error cannotWrite(const fs::path& path, Said why)
{
    return makeError(ErrorCode::Io, say("file-not-written", path.string(), std::move(why)), say("do-room-and-deploy"),
                     "model");
}

Error notAsTheHeadHasIt(Said what)
{
    return makeError(ErrorCode::Corrupt, std::move(what), say("do-fetch-or-look"), "model");
}

/// Bytes of the file; none: it is not there.
std::optional<std::uint64_t> sizeOnDisk(const fs::path& path)
{
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0)
        return std::nullopt;
    return static_cast<std::uint64_t>(info.st_size);
}

/// Whether a file on the disk is the wanted one, whole.
bool isWhole(const fs::path& path, const wire::ManifestFile& wanted)
{
    const Result<std::shared_ptr<const MappedFile>> mapped = MappedFile::open(path);
    return mapped && (*mapped)->bytes().size() == wanted.size() &&
           cluster::identityOf(cluster::blockDigests((*mapped)->bytes())) == wanted.sha256();
}

Result<Done> writeAt(const UniqueFd& fd, const fs::path& path, std::uint64_t offset, const std::string& data)
{
    const ssize_t written = ::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (written != static_cast<ssize_t>(data.size()))
        return cannotWrite(path, written < 0 ? Said(systemError(errno)) : say("disk-is-full"));
    return Done{};
}

fs::path partOf(const fs::path& path)
{
    return fs::path(path).concat(".part");
}

/// Comes as FILE.part and gets its name when its digest is right.
class WholeFile final : public PulledFile {
public:
    WholeFile(fs::path path, wire::ManifestFile wanted) : m_path(std::move(path)), m_wanted(std::move(wanted)) {}

    Result<Done> open()
    {
        m_fd.reset(::open(partOf(m_path).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (!m_fd.valid())
            return cannotWrite(partOf(m_path), systemError(errno));
        return Done{};
    }
    [[nodiscard]] std::uint64_t listBytes() const override { return 0; }
    Result<Done> takeList(std::string) override
    {
        return notAsTheHeadHasIt(say("pulled-list-differs", m_wanted.name()));
    }
    Result<Done> take(std::uint64_t offset, const std::string& data) override
    {
        return writeAt(m_fd, partOf(m_path), offset, data);
    }
    Result<Done> keep() override { return Done{}; }
    Result<Done> finish() override
    {
        std::error_code problem;
        if (!isWhole(partOf(m_path), m_wanted)) {
            fs::remove(partOf(m_path), problem); // begun from another version, perhaps: fetched anew
            return notAsTheHeadHasIt(say("pulled-differs", m_wanted.name()));
        }
        fs::rename(partOf(m_path), m_path, problem);
        if (problem)
            return cannotWrite(m_path, problem.message());
        return Done{};
    }

private:
    fs::path m_path;
    wire::ManifestFile m_wanted;
    UniqueFd m_fd;
};

/// What is there of a file that is wanted in part, and can be checked.
std::optional<FileParts> partsThere(const fs::path& path, const wire::ManifestFile& wanted)
{
    Result<std::optional<FileParts>> parts = readParts(path);
    if (!parts || !*parts || (*parts)->identity != wanted.sha256() || (*parts)->size != wanted.size() ||
        sizeOnDisk(path) != wanted.size() || !cluster::readList(cluster::listBeside(path), wanted.sha256()))
        return std::nullopt; // nothing, or of another version
    return std::move(**parts);
}

/// Has its name and its size at once; FILE.argus-parts says which bytes of it count.
class PartFile final : public PulledFile {
public:
    PartFile(fs::path path, wire::ManifestFile wanted) : m_path(std::move(path)), m_wanted(std::move(wanted)) {}

    Result<Done> open()
    {
        if (std::optional<FileParts> known = partsThere(m_path, m_wanted)) {
            m_parts = std::move(*known);
        } else {
            m_parts = {.identity = m_wanted.sha256(), .size = m_wanted.size(), .there = {}};
            if (Result<Done> written = writeParts(m_path, m_parts); !written) // before there is a file of that name
                return written;
            std::error_code problem; // removed, not overwritten: an executor may be reading it
            fs::remove(m_path, problem);
        }
        m_fd.reset(::open(m_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (!m_fd.valid() || ::ftruncate(m_fd.get(), static_cast<off_t>(m_parts.size)) != 0)
            return cannotWrite(m_path, systemError(errno));
        if (Result<std::string> list = cluster::readList(cluster::listBeside(m_path), m_parts.identity))
            m_list = std::move(*list);
        return Done{};
    }
    [[nodiscard]] std::uint64_t listBytes() const override
    {
        const std::uint64_t needed = cluster::blocksOf(m_parts.size) * cluster::kDigestBytes;
        return m_list.size() == needed ? 0 : needed;
    }
    Result<Done> takeList(std::string list) override
    {
        if (cluster::identityOf(list) != m_parts.identity)
            return notAsTheHeadHasIt(say("pulled-list-differs", m_wanted.name()));
        m_list = std::move(list);
        return replaceFile(cluster::listBeside(m_path), m_list, 0600);
    }
    Result<Done> take(std::uint64_t offset, const std::string& data) override
    {
        if (!cluster::isBlock(std::as_bytes(std::span(data)), offset / cluster::kBlockBytes, m_list))
            return notAsTheHeadHasIt(say("pulled-block-differs", offset, m_wanted.name()));
        const ByteRange block{offset, offset + data.size()};
        if (Result<Done> written = writeAt(m_fd, m_path, offset, data); !written) {
            giveBack(block); // some bytes of it may have come
            return written;
        }
        m_parts.there.add(block);
        m_last = block;
        return Done{};
    }
    /// On a full disk the note of what is there has no room, and without it all would be fetched again: the last block
    /// makes room for it. The pull lacks that block then, so it is an error all the same. A block that a note on the
    /// disk names is never given back: it would be read as zeros.
    Result<Done> keep() override
    {
        Result<Done> kept = writeParts(m_path, m_parts);
        if (!kept && m_last) {
            giveBack(*m_last);
            m_parts.there = m_parts.there.without(ByteRanges(*m_last));
            (void)writeParts(m_path, m_parts);
        }
        m_last.reset();
        return kept;
    }
    Result<Done> finish() override { return keep(); }

private:
    /// Nobody reads these bytes yet: they have come in this pull.
    void giveBack(const ByteRange& range) const
    {
        (void)::fallocate(m_fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.begin),
                          static_cast<off_t>(range.size()));
    }

    fs::path m_path;
    wire::ManifestFile m_wanted;
    std::optional<ByteRange> m_last; ///< that has come
    FileParts m_parts;
    std::string m_list; ///< digests of all blocks
    UniqueFd m_fd;
};

template <typename Kind>
Result<std::unique_ptr<PulledFile>> opened(const fs::path& path, const wire::ManifestFile& wanted)
{
    auto file = std::make_unique<Kind>(path, wanted);
    if (Result<Done> ready = file->open(); !ready)
        return std::move(ready).error();
    return std::unique_ptr<PulledFile>(std::move(file));
}

} // namespace

std::optional<ByteRanges> missingOf(const fs::path& folder, const wire::ManifestFile& wanted)
{
    const fs::path path = folder / wanted.name();
    std::error_code ignored;
    if (!fs::exists(partsFileOf(path), ignored) && isWhole(path, wanted))
        return std::nullopt;
    if (!wanted.partial())
        return ByteRanges({std::min(sizeOnDisk(partOf(path)).value_or(0), wanted.size()), wanted.size()});
    const ByteRanges needed = cluster::rangesOf(wanted).inBlocks(cluster::kBlockBytes, wanted.size());
    const std::optional<FileParts> parts = partsThere(path, wanted);
    if (!parts)
        return needed;
    const ByteRanges missing = needed.without(parts->there);
    return missing.empty() ? std::nullopt : std::optional(missing);
}

Result<std::unique_ptr<PulledFile>> openPulled(const fs::path& folder, const wire::ManifestFile& wanted)
{
    const fs::path path = folder / wanted.name();
    return wanted.partial() ? opened<PartFile>(path, wanted) : opened<WholeFile>(path, wanted);
}

} // namespace argus::node
