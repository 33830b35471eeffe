#include "engine/base/files.h"

#include "engine/base/catalogue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace argus {
namespace fs = std::filesystem;
namespace {

/// `sentence`: what cannot be done with the file, and why.
Error fileError(const fs::path& path, SaidId<2> sentence, int number)
{
    const ErrorCode code = number == ENOENT   ? ErrorCode::NotFound
                           : number == EACCES ? ErrorCode::Denied
                                              : ErrorCode::Io;
    return makeError(code, say(sentence, path.string(), systemError(number)),
                     number == ENOENT ? say("do-look-at-path") : say("do-look-at-permissions"));
}

fs::path folderFrom(const char* own, const char* xdg, const char* homeRelative)
{
    if (const char* value = std::getenv(own); value && *value)
        return value;
    if (const char* value = std::getenv(xdg); value && *value)
        return fs::path(value) / "argus";
    const char* home = std::getenv("HOME");
    return fs::path(home && *home ? home : "/") / homeRelative / "argus";
}

bool writeAll(int fd, std::string_view content)
{
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

} // namespace

std::string systemError(int number)
{
    return std::generic_category().message(number);
}

Result<std::string> readFile(const fs::path& path, std::uint64_t maxBytes)
{
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid())
        return fileError(path, "file-refused", errno);
    std::string content;
    char piece[65536];
    for (;;) {
        const ssize_t got = ::read(fd.get(), piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fileError(path, "file-unread", errno);
        if (got == 0)
            return content;
        if (content.size() + static_cast<std::size_t>(got) > maxBytes)
            return makeError(ErrorCode::TooLarge, say("file-beyond-bytes", path.string(), maxBytes),
                             say("do-check-right-file"));
        content.append(piece, static_cast<std::size_t>(got));
    }
}

Result<Done> replaceFile(const fs::path& path, std::string_view content, unsigned mode)
{
    const fs::path fresh = fs::path(path).concat(fmt::format(".new-{}", ::getpid()));
    UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd.valid())
        return fileError(fresh, "file-not-created", errno);
    if (::fchmod(fd.get(), mode) != 0 || !writeAll(fd.get(), content) || ::fsync(fd.get()) != 0) {
        const int number = errno;
        ::unlink(fresh.c_str());
        return fileError(fresh, "file-not-written", number);
    }
    fd.reset();
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        const int number = errno;
        ::unlink(fresh.c_str());
        return fileError(path, "file-not-replaced", number);
    }
    return Done{};
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const fs::path& path)
{
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid())
        return fileError(path, "file-refused", errno);
    struct stat info = {};
    if (::fstat(fd.get(), &info) != 0)
        return fileError(path, "file-not-inspected", errno);
    if (!S_ISREG(info.st_mode))
        return makeError(ErrorCode::BadRequest, say("not-regular", path.string()), say("do-name-file"));
    std::shared_ptr<MappedFile> file(new MappedFile());
    file->m_path = path;
    file->m_size = static_cast<std::size_t>(info.st_size);
    if (file->m_size > 0) {
        void* address = ::mmap(nullptr, file->m_size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
        if (address == MAP_FAILED) {
            file->m_size = 0;
            return fileError(path, "file-not-mapped", errno);
        }
        file->m_data = static_cast<const std::byte*>(address);
    }
    return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile()
{
    if (m_size > 0)
        ::munmap(const_cast<std::byte*>(m_data), m_size);
}

Result<UniqueFd> memoryFile(const char* name, std::uint64_t bytes)
{
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd.valid() || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
        return makeError(ErrorCode::Io, say("no-shared-memory", bytes, systemError(errno)), say("do-close-or-smaller"));
    return fd;
}

fs::path configFolder()
{
    return folderFrom("ARGUS_CONFIG_HOME", "XDG_CONFIG_HOME", ".config");
}

fs::path cacheFolder()
{
    return folderFrom("ARGUS_CACHE_HOME", "XDG_CACHE_HOME", ".cache");
}

fs::path runtimeFolder()
{
    if (const char* value = std::getenv("ARGUS_RUNTIME_DIR"); value && *value)
        return value;
    if (const char* value = std::getenv("XDG_RUNTIME_DIR"); value && *value)
        return fs::path(value) / "argus";
    return fmt::format("/tmp/argus-{}", ::getuid());
}

Result<Done> makePrivateFolder(const fs::path& path)
{
    std::error_code problem;
    if (path.has_parent_path())
        fs::create_directories(path.parent_path(), problem);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return fileError(path, "folder-not-created", errno);
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0)
        return fileError(path, "file-not-inspected", errno);
    // A folder that another user owns, or a link someone planted in /tmp, must not hold our keys and sockets.
    if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid())
        return makeError(ErrorCode::Denied, say("folder-not-own", path.string()), say("do-own-folders"));
    if ((info.st_mode & 0077) != 0 && ::chmod(path.c_str(), 0700) != 0)
        return fileError(path, "folder-not-protected", errno);
    return Done{};
}

fs::path programFolder()
{
    std::error_code problem;
    const fs::path self = fs::read_symlink("/proc/self/exe", problem);
    return problem ? fs::path(".") : self.parent_path();
}

Result<fs::path> resourceFolder()
{
    std::error_code problem;
    if (const char* value = std::getenv("ARGUS_RESOURCES"); value && *value)
        return fs::path(value);
    const fs::path here = programFolder();
    // Install: bin/ beside share/argus. Build tree: build/PRESET/bin (or .../tests/bin) below the sources.
    for (const fs::path& candidate : {here / "../share/argus", here / "../../../resources",
                                      here / "../../../../resources", here / "../resources", here / "../../resources"})
        if (fs::exists(candidate / "demo-model" / "config.json", problem))
            return fs::weakly_canonical(candidate, problem);
    return makeError(ErrorCode::NotFound, say("resources-missing", here.string()), say("do-install-resources"));
}

} // namespace argus
