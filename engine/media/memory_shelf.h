#pragma once
// Shared memory that is used again. To find it page by page and to give it back costs the kernel more than twice what
// it costs us to fill (docs/measurements/2026-11-25-picture-to-patches.md).

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace argus::media {

/// Files in memory that wait for the next picture. Any thread.
class MemoryShelf {
public:
    /// At most `places` files wait, none larger than `mostBytes`.
    MemoryShelf(std::size_t places, std::uint64_t mostBytes) : m_places(places), m_mostBytes(mostBytes)
    {
        m_files.reserve(places);
    }

    /// A file as its last user left it, or a new and empty one. Errors: Io.
    [[nodiscard]] Result<UniqueFd> take();
    void putBack(UniqueFd file) noexcept;

private:
    const std::size_t m_places;
    const std::uint64_t m_mostBytes;
    std::mutex m_mutex;
    std::vector<UniqueFd> m_files;
};

/// Cuts the file, or lets it grow by zeroes that take memory only once they are written over. Errors: Io.
[[nodiscard]] Result<Done> setSize(int file, std::uint64_t bytes);

/// A file that puts itself back when it is no longer needed. Who still reads it then, reads the next picture: an
/// executor that has not heard yet that an ask has ended.
class ShelvedFile {
public:
    ShelvedFile() = default;
    ShelvedFile(UniqueFd file, std::shared_ptr<MemoryShelf> shelf) : m_file(std::move(file)), m_shelf(std::move(shelf))
    {
    }
    ShelvedFile(ShelvedFile&&) noexcept = default;
    ShelvedFile& operator=(ShelvedFile&& other) noexcept
    {
        std::swap(m_file, other.m_file);
        std::swap(m_shelf, other.m_shelf);
        return *this;
    }
    ~ShelvedFile()
    {
        if (m_file.valid())
            m_shelf->putBack(std::move(m_file));
    }
    [[nodiscard]] int get() const { return m_file.get(); }

private:
    UniqueFd m_file;
    std::shared_ptr<MemoryShelf> m_shelf;
};

} // namespace argus::media
