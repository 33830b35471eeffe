#pragma once
// Reading, mapping and replacing files, with errors that name the file.

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace argus {

/// The whole file as bytes. Errors: NotFound, Io, TooLarge beyond `maxBytes`.
[[nodiscard]] Result<std::string> readFile(const std::filesystem::path& path, std::uint64_t maxBytes);

/// Replaces the file whole or not at all: written beside it, synced, renamed. `mode` as for open(2).
[[nodiscard]] Result<Done> replaceFile(const std::filesystem::path& path, std::string_view content,
                                       unsigned mode = 0644);

/// A file mapped read-only; empty files map to an empty span. The bytes live as long as this object.
class MappedFile {
public:
    [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    [[nodiscard]] std::span<const std::byte> bytes() const { return {m_data, m_size}; }
    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

private:
    MappedFile() = default;
    std::filesystem::path m_path;
    const std::byte* m_data = nullptr;
    std::size_t m_size = 0;
};

/// An anonymous file in memory of `bytes` zero bytes, closed on exec; `name` shows in /proc only. For handing pixels to
/// another process.
[[nodiscard]] Result<UniqueFd> memoryFile(const char* name, std::uint64_t bytes);

/// Text of errno for people: "Permission denied".
[[nodiscard]] std::string systemError(int number);

/// ~/.config/argus, or $ARGUS_CONFIG_HOME, or $XDG_CONFIG_HOME/argus. Not created.
[[nodiscard]] std::filesystem::path configFolder();
/// $XDG_RUNTIME_DIR/argus, or $ARGUS_RUNTIME_DIR, or /tmp/argus-UID. Not created.
[[nodiscard]] std::filesystem::path runtimeFolder();
/// ~/.cache/argus, or $XDG_CACHE_HOME/argus, or $ARGUS_CACHE_HOME. Not created.
[[nodiscard]] std::filesystem::path cacheFolder();
/// Makes the folder and its parents with mode 0700. Errors: Io; Denied when it belongs to another user.
[[nodiscard]] Result<Done> makePrivateFolder(const std::filesystem::path& path);
/// Folder of the running program, where its sister programs (argus-executor-cpu, argus-decoder) stand too.
[[nodiscard]] std::filesystem::path programFolder();
/// resources/ of the build tree or share/argus of the install, whichever belongs to the running program;
/// $ARGUS_RESOURCES overrides.
[[nodiscard]] Result<std::filesystem::path> resourceFolder();

} // namespace argus
