#include "engine/node/copy_hold.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <string>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

constexpr off_t kUses = 2; ///< a byte of the lock for each

fs::path lockBeside(const fs::path& folder)
{
    return folder.parent_path() / fmt::format(".{}.lock", folder.filename().string());
}

Error cannotLock(const fs::path& folder, int number)
{
    return makeError(ErrorCode::Io, say("copy-not-locked", lockBeside(folder).string(), systemError(number)),
                     say("do-lockable"), "model");
}

struct flock bytes(short kind, off_t first, off_t count)
{
    struct flock lock = {}; // l_pid stays 0: of this open file, not of this process
    lock.l_type = kind;
    lock.l_whence = SEEK_SET;
    lock.l_start = first;
    lock.l_len = count;
    return lock;
}

Result<UniqueFd> opened(const fs::path& folder)
{
    UniqueFd fd(::open(lockBeside(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid())
        return cannotLock(folder, errno);
    return fd;
}

/// False: somebody else has a lock that does not go with it.
Result<bool> locked(const UniqueFd& fd, const fs::path& folder, struct flock lock)
{
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return false;
    return cannotLock(folder, errno);
}

} // namespace

Result<CopyHold> CopyHold::take(const fs::path& folder, Use use)
{
    Result<UniqueFd> fd = opened(folder);
    if (!fd)
        return std::move(fd).error();
    const Result<bool> got = locked(*fd, folder, bytes(F_RDLCK, static_cast<off_t>(use), 1));
    if (!got)
        return got.error();
    if (!*got)
        return makeError(ErrorCode::Busy, say("copy-going", folder.string()), say("do-deploy-fetched"), "model");
    return CopyHold(std::move(*fd));
}

Result<CopyHold> CopyHold::toRemove(const fs::path& folder)
{
    Result<UniqueFd> fd = opened(folder);
    if (!fd)
        return std::move(fd).error();
    const Result<bool> got = locked(*fd, folder, bytes(F_WRLCK, 0, kUses));
    if (!got)
        return got.error();
    if (*got)
        return CopyHold(std::move(*fd));
    const std::string name = folder.filename().string();
    if (isHeld(folder, Use::Fetched))
        return makeError(ErrorCode::Busy, say("copy-coming", name), say("do-wait-deployed"));
    return makeError(ErrorCode::Busy, say("copy-used", name), say("do-deploy-other"));
}

bool CopyHold::isHeld(const fs::path& folder, Use use)
{
    const UniqueFd fd(::open(lockBeside(folder).c_str(), O_RDWR | O_CLOEXEC));
    struct flock lock = bytes(F_WRLCK, static_cast<off_t>(use), 1);
    return fd.valid() && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

} // namespace argus::node
