#pragma once
// A worker's copy of a model that only the head has: fetched file by file, resumed where it stopped, checked before it
// counts.

#include "engine/base/error.h"
#include "engine/base/unique_fd.h"
#include "engine/protocol/cluster.pb.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace argus::node {

/// Where pulled models lie on this machine: NAME below the cache folder.
[[nodiscard]] std::filesystem::path pulledFolder(const std::string& name);

/// One pull at a time. Lives on one thread. Bytes go into FILE.part; a file gets its name when its digest is right.
class ModelPull {
public:
    struct Port {
        std::function<void(wire::PullChunks)> ask;      ///< for bytes of a file: they come as chunk()
        std::function<void(wire::ModelReport)> report;  ///< progress, or why it ended
        std::function<void(std::uint64_t ticket)> done; ///< every file is there
    };
    explicit ModelPull(Port port) : m_port(std::move(port)) {}

    void start(const wire::PullModel& order);
    void chunk(const wire::ModelChunk& chunk);
    void cancel();

private:
    void next();
    void askMore();
    void finishFile();
    void fail(const Error& error);
    [[nodiscard]] std::filesystem::path partOf(const wire::ManifestFile& file) const;
    void progress(bool always);

    Port m_port;
    std::uint64_t m_ticket = 0; ///< 0: nothing is pulled
    std::filesystem::path m_folder;
    std::vector<wire::ManifestFile> m_files;
    std::size_t m_at = 0;
    UniqueFd m_part;
    std::uint64_t m_offset = 0;    ///< of the file that is being pulled
    std::uint64_t m_asked = 0;     ///< bytes of it that are asked for
    std::uint64_t m_doneBytes = 0; ///< of the files before it
    std::uint64_t m_totalBytes = 0;
    std::uint64_t m_told = 0;
};

} // namespace argus::node
