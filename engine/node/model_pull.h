#pragma once
// A worker's copy of a model that only the head has: of the weights what this machine's ranks need, everything else
// whole; resumed where it stopped, checked before it counts.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/node/copy_hold.h"
#include "engine/node/pulled_file.h"
#include "engine/protocol/cluster.pb.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace argus::node {

/// Where pulled models lie on this machine: NAME below the cache folder.
[[nodiscard]] std::filesystem::path pulledFolder(const std::string& name);

/// One pull at a time, which holds its copy. Lives on one thread.
class ModelPull {
public:
    struct Port {
        std::function<void(wire::PullChunks)> ask;      ///< for bytes of a file: they come as chunk(), in order
        std::function<void(wire::ModelReport)> report;  ///< progress, or why it ended
        std::function<void(std::uint64_t ticket)> done; ///< everything is there, and held until this returns
    };
    explicit ModelPull(Port port) : m_port(std::move(port)) {}
    ~ModelPull() { cancel(); }
    ModelPull(const ModelPull&) = delete;
    ModelPull& operator=(const ModelPull&) = delete;

    void start(const wire::PullModel& order);
    void chunk(const wire::ModelChunk& chunk);
    /// What was asked for and has not come will not: it is asked for again.
    void again();
    /// Nothing more can come, for this reason.
    void broken(const Error& error);
    [[nodiscard]] bool busy() const { return m_ticket != 0; }
    /// What has come is kept.
    void cancel();

private:
    /// A file of which something is missing.
    struct Wanted {
        wire::ManifestFile file;
        ByteRanges missing;
    };
    /// A way through ranges, a chunk at a time.
    struct Walk {
        std::size_t range = 0;
        std::uint64_t inRange = 0;
        std::uint64_t passed = 0; ///< bytes in all
        void step(const ByteRanges& ranges, std::uint64_t bytes);
    };

    void next();
    void begin(bool list);
    void askMore();
    [[nodiscard]] Result<Done> take(const wire::ModelChunk& chunk);
    [[nodiscard]] Result<Done> settle();
    [[nodiscard]] Result<Done> requireRoom() const;
    [[nodiscard]] Error explained(const Error& error) const;
    void fail(const Error& error);
    [[nodiscard]] Result<Done> keepSometimes();
    void progress(bool always);

    Port m_port;
    std::uint64_t m_ticket = 0; ///< 0: nothing is pulled
    std::filesystem::path m_folder;
    std::optional<CopyHold> m_hold;
    std::vector<Wanted> m_files;
    std::size_t m_at = 0;
    std::unique_ptr<PulledFile> m_file;
    bool m_inList = false; ///< the list of the file's block digests comes, not yet the file
    std::string m_list;
    ByteRanges m_coming;
    Walk m_asked;
    Walk m_come;
    std::uint64_t m_doneBytes = 0; ///< of files
    std::uint64_t m_totalBytes = 0;
    std::uint64_t m_kept = 0;
    Instant m_told{};
};

} // namespace argus::node
