#include "engine/cluster/manifest.h"

#include "engine/base/files.h"
#include "engine/base/sha256.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

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
    return {ErrorCode::NotFound, fmt::format("{} is not there", file.string()),
            "copy the whole folder of the checkpoint, or let this machine pull it from the head", "model"};
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
        return Error{ErrorCode::Corrupt, fmt::format("{} has no weight_map", index.string()), "copy it again", "model"};
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items())
        if (file.is_string() && file.get<std::string>().find('/') == std::string::npos)
            names.insert(file.get<std::string>());
    return std::vector<std::string>(names.begin(), names.end());
}

/// Says that a file is still the one that was hashed.
std::string stampOf(const fs::path& file, const struct stat& info)
{
    return fmt::format("{} {} {} {}.{} {}.{}", file.string(), info.st_ino, info.st_size, info.st_mtim.tv_sec,
                       info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
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
        for (const std::string& name : names) {
            struct stat info = {};
            if (::stat((m_folder / name).c_str(), &info) != 0)
                return notFound(m_folder / name);
            wire::ManifestFile file;
            file.set_name(name);
            file.set_size(static_cast<std::uint64_t>(info.st_size));
            m_total += file.size();
            m_files.push_back(std::move(file));
            m_stamps.push_back(stampOf(m_folder / name, info));
        }
        const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
        std::vector<std::thread> team;
        for (unsigned i = 0; i < std::min<std::size_t>(threads, m_files.size()); ++i)
            team.emplace_back([this] { work(); });
        for (std::thread& each : team)
            each.join();
        if (m_problem)
            return *m_problem;
        if (!m_options.cache.empty() && m_fresh)
            (void)replaceFile(m_options.cache, m_cached.dump(), 0600); // only time is lost without it
        return m_files;
    }

private:
    void work()
    {
        for (std::size_t at = m_next++; at < m_files.size(); at = m_next++) {
            if (const std::string known = fromCache(at); known.size() == 32) {
                m_files[at].set_sha256(known);
                count(m_files[at].size());
                continue;
            }
            Result<std::string> digest = hash(m_folder / m_files[at].name());
            const std::scoped_lock lock(m_mutex);
            if (!digest) {
                m_problem = digest.error();
                return;
            }
            m_files[at].set_sha256(*digest);
            m_cached[m_stamps[at]] = hexOf(*digest);
            m_fresh = true;
        }
    }
    std::string fromCache(std::size_t at)
    {
        const std::scoped_lock lock(m_mutex);
        const auto found = m_cached.is_object() ? m_cached.find(m_stamps[at]) : m_cached.end();
        return found == m_cached.end() || !found->is_string() ? std::string() : fromHex(found->get<std::string>());
    }
    Result<std::string> hash(const fs::path& path)
    {
        Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
        if (!file)
            return std::move(file).error();
        Sha256Hasher hasher;
        for (std::span<const std::byte> rest = (*file)->bytes(); !rest.empty();) {
            if (m_options.stop != nullptr && m_options.stop->load())
                return Error{ErrorCode::Cancelled, "reading the model was stopped", {}, {}};
            const auto piece = rest.first(std::min(rest.size(), kPiece));
            hasher.add(piece);
            rest = rest.subspan(piece.size());
            count(piece.size());
        }
        return hasher.finish();
    }
    void count(std::uint64_t bytes)
    {
        const std::uint64_t done = m_done += bytes;
        if (m_options.progress)
            m_options.progress(done, m_total);
    }
    static std::string fromHex(const std::string& hex)
    {
        std::string bytes;
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
            bytes.push_back(static_cast<char>(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
        return bytes;
    }

    const fs::path& m_folder;
    const ManifestOptions& m_options;
    std::vector<wire::ManifestFile> m_files;
    std::vector<std::string> m_stamps;
    std::atomic<std::size_t> m_next{0};
    std::atomic<std::uint64_t> m_done{0};
    std::uint64_t m_total = 0;
    std::mutex m_mutex; // guards what stands below, while the team works
    nlohmann::json m_cached = nlohmann::json::object();
    std::optional<Error> m_problem;
    bool m_fresh = false;
};

} // namespace

Result<std::vector<wire::ManifestFile>> manifestOf(const fs::path& folder, const ManifestOptions& options)
{
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        return Error{ErrorCode::NotFound, fmt::format("{} is not a folder", folder.string()),
                     "copy the checkpoint there, name another folder, or let this machine pull it from the head",
                     "model"};
    std::vector<std::string> names;
    for (const char* const name : kSmallFiles)
        if (fs::exists(folder / name, ignored))
            names.emplace_back(name);
    if (std::find(names.begin(), names.end(), "config.json") == names.end())
        return notFound(folder / "config.json");
    if (options.weights) {
        Result<std::vector<std::string>> shards = shardsOf(folder);
        if (!shards)
            return std::move(shards).error();
        names.insert(names.end(), shards->begin(), shards->end());
    }
    std::sort(names.begin(), names.end());
    return Hashing(folder, options).run(names);
}

std::string differenceOf(const std::vector<wire::ManifestFile>& ours, const std::vector<wire::ManifestFile>& theirs)
{
    for (const wire::ManifestFile& file : ours) {
        const auto other = std::find_if(theirs.begin(), theirs.end(),
                                        [&](const wire::ManifestFile& each) { return each.name() == file.name(); });
        if (other == theirs.end())
            return fmt::format("{} is missing", file.name());
        if (other->size() != file.size())
            return fmt::format("{} has {} bytes, the head's {}", file.name(), other->size(), file.size());
        if (other->sha256() != file.sha256())
            return fmt::format("{} has other content than the head's, at the same size", file.name());
    }
    return {};
}

} // namespace argus::cluster
