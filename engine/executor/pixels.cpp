#include "engine/executor/pixels.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace argus::executor {

Shape frameShape(const model::Grid& grid, int frames, int patchSide)
{
    return {frames, std::int64_t{grid.h} * patchSide, std::int64_t{grid.w} * patchSide, 3};
}

Result<HostTensor> readPixels(int file, const model::Grid& grid, int frames, int patchSide)
{
    const Shape shape = frameShape(grid, frames, patchSide);
    const std::int64_t bytes = shape.elements();
    struct stat info {};
    if (::fstat(file, &info) != 0)
        return makeError(ErrorCode::Io, say("shared-pixels-unseen", systemError(errno)));
    if (!S_ISREG(info.st_mode))
        return Error{ErrorCode::Corrupt, "shared pixels came in something that is no file", {}, {}};
    if (info.st_size != bytes)
        return Error{ErrorCode::Corrupt,
                     fmt::format("shared pixels have {} bytes, {} frames of {} x {} patches have {}", info.st_size,
                                 frames, grid.h, grid.w, bytes),
                     {},
                     {}};
    HostTensor pixels(DType::U8, shape);
    std::byte* const target = pixels.view().bytes();
    std::int64_t done = 0;
    while (done < bytes) {
        const ssize_t got = ::pread(file, target + done, static_cast<std::size_t>(bytes - done), done);
        if (got > 0)
            done += got;
        else if (got == 0)
            return Error{ErrorCode::Corrupt, fmt::format("shared pixels ended at byte {} of {}", done, bytes), {}, {}};
        else if (errno != EINTR)
            return makeError(ErrorCode::Io, say("shared-pixels-unread", systemError(errno)));
    }
    return pixels;
}

} // namespace argus::executor
