#include "engine/media/memory_shelf.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace argus::media {

Result<Done> setSize(int file, std::uint64_t bytes)
{
    if (::ftruncate(file, static_cast<off_t>(bytes)) != 0)
        return makeError(ErrorCode::Io, say("pixels-not-kept", bytes, systemError(errno)), say("do-free-or-smaller"));
    return Done{};
}

Result<UniqueFd> MemoryShelf::take()
{
    {
        const std::lock_guard lock(m_mutex);
        if (!m_files.empty()) {
            UniqueFd file = std::move(m_files.back());
            m_files.pop_back();
            return file;
        }
    }
    return memoryFile("argus-pixels", 0);
}

void MemoryShelf::putBack(UniqueFd file) noexcept
{
    struct stat info {};
    if (::fstat(file.get(), &info) != 0 || static_cast<std::uint64_t>(info.st_size) > m_mostBytes)
        return;
    const std::lock_guard lock(m_mutex);
    if (m_files.size() < m_places)
        m_files.push_back(std::move(file));
}

} // namespace argus::media
