#include "engine/cluster/manifest.h"

#include "engine/base/catalogue.h"
#include "engine/base/file_parts.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/base/unique_fd.h"
#include "engine/cluster/block_digests.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace argus::cluster {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxIndex = 64U << 20;
constexpr std::size_t kPiece = 4U << 20;
constexpr unsigned kMostThreads = 8; // disks do not get faster with more

/// Small files that decide what a model says; those that are not there on either side do not count.
constexpr std::array kSmallFiles{"config.json",    "generation_config.json",      "preprocessor_config.json",
                                 "tokenizer.json", "tokenizer_config.json",       "vocab.json",
                                 "merges.txt",     "model.safetensors.index.json"};

Error notFound(const fs::path& file)
{
    return makeError(ErrorCode::NotFound, say("file-not-there", file.string()), say("do-copy-folder"), "model");
}

/// The shards that an index names, or the one file of a small checkpoint.
Result<std::vector<std::string>> shardsOf(const fs::path& folder)
{
    std::error_code ignored;
    const fs::path index = folder / "model.safetensors.index.json";
    if (!fs::exists(index, ignored)) {
        if (!fs::exists(folder / "model.safetensors", ignored))
            return notFound(folder / "model.safetensors");
        return std::vector<std::string>{"model.safetensors"};
    }
    Result<std::string> text = readFile(index, kMaxIndex);
    if (!text)
        return std::move(text).error();
    const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
    const auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (json.is_discarded() || map == json.end() || !map->is_object())
        return makeError(ErrorCode::Corrupt, say("map-missing", index.string()), say("do-copy-again"), "model");
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items())
        if (file.is_string() && file.get<std::string>().find('/') == std::string::npos)
            names.insert(file.get<std::string>());
    return std::vector<std::string>(names.begin(), names.end());
}

/// Says that a file is still the one that was hashed.
std::string stampOf(const fs::path& file, const struct stat& info)
{
    return fmt::format("blocks {} {} {} {}.{} {}.{}", file.string(), info.st_ino, info.st_size, info.st_mtim.tv_sec,
                       info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
}

/// Files with their names ending in .safetensors, whatever an index says of them.
std::vector<std::string> weightsIn(const fs::path& folder)
{
    std::vector<std::string> names;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
        if (entry.path().extension() == ".safetensors")
            names.push_back(entry.path().filename().string());
    return names;
}

class Hashing {
public:
    Hashing(const fs::path& folder, const ManifestOptions& options) : m_folder(folder), m_options(options)
    {
        if (m_options.cache.empty())
            return;
        if (const Result<std::string> text = readFile(m_options.cache, kMaxIndex); text)
            m_cached = nlohmann::json::parse(*text, nullptr, false);
        if (!m_cached.is_object())
            m_cached = nlohmann::json::object();
    }

    Result<std::vector<wire::ManifestFile>> run(const std::vector<std::string>& names)
    {
        for (const std::string& name : names)
            if (Result<Done> listed = list(name); !listed)
                return std::move(listed).error();
        const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
        std::vector<std::thread> team;
        for (unsigned i = 0; i < std::min<std::size_t>(threads, m_items.size()); ++i)
            team.emplace_back([this] { work(); });
        for (std::thread& each : team)
            each.join();
        if (m_problem)
            return *m_problem;
        if (!m_options.cache.empty() && m_fresh)
            (void)replaceFile(m_options.cache, m_cached.dump(), 0600); // only time is lost without it
        std::vector<wire::ManifestFile> files;
        for (Item& item : m_items)
            files.push_back(std::move(item.file));
        return files;
    }

private:
    struct Item {
        wire::ManifestFile file;
        fs::path path;
        std::string stamp;
        std::optional<FileParts> parts; ///< of a file that is not whole
    };

    Result<Done> list(const std::string& name)
    {
        Item item{.file = {}, .path = m_folder / name, .stamp = {}, .parts = {}};
        struct stat info = {};
        if (::stat(item.path.c_str(), &info) != 0)
            return m_options.pulled ? Result<Done>(Done{}) : notFound(item.path);
        item.file.set_name(name);
        item.file.set_size(static_cast<std::uint64_t>(info.st_size));
        item.stamp = stampOf(item.path, info);
        Result<std::optional<FileParts>> parts = readParts(item.path);
        if (!parts)
            return m_options.pulled ? Result<Done>(Done{}) : std::move(parts).error(); // fetched anew
        if (*parts && !m_options.pulled && !(*parts)->whole())
            return makeError(ErrorCode::NotFound,
                             say("copy-is-part", item.path.string(), (*parts)->there.bytes(), (*parts)->size),
                             say("do-whole-folder"), "model");
        if (*parts && m_options.pulled) {
            item.parts = std::move(**parts);
            if (item.parts->size != item.file.size())
                item.parts->there = {};
            for (const ByteRange& each : item.parts->there.list())
                item.stamp += fmt::format(" {}-{}", each.begin, each.end);
            item.file.set_size(item.parts->size);
        }
        m_total += item.parts ? item.parts->there.bytes() : item.file.size();
        m_items.push_back(std::move(item));
        return Done{};
    }
    void work()
    {
        for (std::size_t at = m_next++; at < m_items.size(); at = m_next++) {
            Item& item = m_items[at];
            if (isKnown(item)) {
                count(item.parts ? item.parts->there.bytes() : item.file.size());
                settle(item);
                continue;
            }
            if (m_options.pulled) // what is remembered to be right must outlive a loss of power
                if (const UniqueFd fd(::open(item.path.c_str(), O_RDONLY | O_CLOEXEC)); fd.valid())
                    (void)::fdatasync(fd.get());
            const Result<Done> read = item.parts ? check(item) : hash(item);
            settle(item);
            const std::scoped_lock lock(m_mutex);
            if (!read) {
                m_problem = read.error();
                return;
            }
            m_cached[item.stamp] = hexOf(item.file.sha256());
            m_fresh = true;
        }
    }
    /// Whether it is the file that was read once; then it has its digest.
    bool isKnown(Item& item)
    {
        std::optional<std::string> digest;
        {
            const std::scoped_lock lock(m_mutex);
            const auto found = m_cached.is_object() ? m_cached.find(item.stamp) : m_cached.end();
            if (found != m_cached.end() && found->is_string())
                digest = bytesOfHex(found->get<std::string>());
        }
        if (!digest || digest->size() != kDigestBytes || (item.parts && *digest != item.parts->identity))
            return false;
        if (!m_options.lists.empty() && !readList(listFile(m_options.lists, *digest), *digest))
            return false; // somebody needs the list, too
        item.file.set_sha256(*digest);
        return true;
    }
    static void settle(Item& item)
    {
        if (!item.parts)
            return;
        item.file.set_sha256(item.parts->identity);
        item.file.set_partial(true);
        setRanges(item.file, item.parts->there);
    }
    Result<Done> hash(Item& item)
    {
        Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(item.path);
        if (!file)
            return std::move(file).error();
        BlockHasher hasher;
        for (std::span<const std::byte> rest = (*file)->bytes(); !rest.empty();) {
            if (stopped())
                return cancelled();
            const auto piece = rest.first(std::min(rest.size(), kPiece));
            hasher.add(piece);
            rest = rest.subspan(piece.size());
            count(piece.size());
        }
        const std::string digests = hasher.finish();
        item.file.set_sha256(identityOf(digests));
        if (m_options.lists.empty())
            return Done{};
        if (Result<Done> folder = makePrivateFolder(m_options.lists); !folder)
            return folder;
        return replaceFile(listFile(m_options.lists, item.file.sha256()), digests, 0600);
    }
    /// Blocks that are not what the list of digests says do not count.
    Result<Done> check(Item& item)
    {
        FileParts& parts = *item.parts;
        const Result<std::string> digests = readList(listBeside(item.path), parts.identity);
        const Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(item.path);
        ByteRanges right;
        if (digests && file)
            for (const ByteRange& each : parts.there.list())
                for (std::uint64_t at = each.begin; at < each.end; at += kBlockBytes) {
                    if (stopped())
                        return cancelled();
                    const std::uint64_t size = std::min(kBlockBytes, parts.size - at);
                    if (at % kBlockBytes == 0 && at + size <= each.end &&
                        isBlock((*file)->bytes().subspan(at, size), at / kBlockBytes, *digests))
                        right.add({at, at + size});
                    count(size);
                }
        if (right == parts.there)
            return Done{};
        log::warn("{} has {} bytes that are not what the head had; they are fetched again", item.path.string(),
                  parts.there.bytes() - right.bytes());
        parts.there = std::move(right);
        return writeParts(item.path, parts);
    }
    [[nodiscard]] bool stopped() const { return m_options.stop != nullptr && m_options.stop->load(); }
    static Error cancelled() { return makeError(ErrorCode::Cancelled, say("reading-stopped")); }
    void count(std::uint64_t bytes)
    {
        const std::uint64_t done = m_done += bytes;
        if (m_options.progress)
            m_options.progress(done, m_total);
    }

    const fs::path& m_folder;
    const ManifestOptions& m_options;
    std::vector<Item> m_items;
    std::atomic<std::size_t> m_next{0};
    std::atomic<std::uint64_t> m_done{0};
    std::uint64_t m_total = 0;
    std::mutex m_mutex; // guards what stands below, while the team works
    nlohmann::json m_cached = nlohmann::json::object();
    std::optional<Error> m_problem;
    bool m_fresh = false;
};

} // namespace

fs::path listBeside(const fs::path& file)
{
    return fs::path(file).concat(".argus-blocks");
}

ByteRanges rangesOf(const wire::ManifestFile& file)
{
    ByteRanges ranges;
    for (const wire::ByteRange& each : file.ranges())
        ranges.add({each.begin(), each.end()});
    return ranges;
}

void setRanges(wire::ManifestFile& file, const ByteRanges& ranges)
{
    file.clear_ranges();
    for (const ByteRange& each : ranges.list()) {
        wire::ByteRange& range = *file.add_ranges();
        range.set_begin(each.begin);
        range.set_end(each.end);
    }
}

Result<std::vector<wire::ManifestFile>> manifestOf(const fs::path& folder, const ManifestOptions& options)
{
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        return makeError(ErrorCode::NotFound, say("not-a-folder", folder.string()), say("do-copy-or-pull"), "model");
    std::vector<std::string> names;
    for (const char* const name : kSmallFiles)
        if (fs::exists(folder / name, ignored))
            names.emplace_back(name);
    if (std::find(names.begin(), names.end(), "config.json") == names.end())
        return notFound(folder / "config.json");
    if (options.weights && options.pulled) {
        const std::vector<std::string> weights = weightsIn(folder);
        names.insert(names.end(), weights.begin(), weights.end());
    } else if (options.weights) {
        Result<std::vector<std::string>> shards = shardsOf(folder);
        if (!shards)
            return std::move(shards).error();
        names.insert(names.end(), shards->begin(), shards->end());
    }
    std::sort(names.begin(), names.end());
    return Hashing(folder, options).run(names);
}

Said differenceOf(const std::vector<wire::ManifestFile>& ours, const std::vector<wire::ManifestFile>& theirs)
{
    for (const wire::ManifestFile& file : ours) {
        const auto other = std::find_if(theirs.begin(), theirs.end(),
                                        [&](const wire::ManifestFile& each) { return each.name() == file.name(); });
        if (other == theirs.end())
            return say("file-missing", file.name());
        if (other->size() != file.size())
            return say("file-size", file.name(), other->size(), file.size());
        if (other->sha256() != file.sha256())
            return say("file-content", file.name());
    }
    return {};
}

} // namespace argus::cluster
