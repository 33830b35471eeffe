// An upload store driven by bytes: each operation is one byte, its arguments follow. A small model keeps count beside
// it.

#include "engine/protocol/bounds.h"
#include "engine/protocol/chunked_transfer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <unistd.h>
#include <variant>

using namespace argus;
using namespace argus::protocol;

namespace {

constexpr std::uint64_t kMaxUpload = 3000;
constexpr std::uint64_t kMaxTotal = 6000;
constexpr std::size_t kMaxUnfinished = 6;
constexpr int kMaxOperations = 300;

class Bytes {
public:
    Bytes(const std::uint8_t* data, std::size_t size) : m_rest(data, size) {}
    [[nodiscard]] bool empty() const { return m_rest.empty(); }
    std::uint8_t next()
    {
        if (m_rest.empty())
            return 0;
        const std::uint8_t value = m_rest.front();
        m_rest = m_rest.subspan(1);
        return value;
    }
    std::uint64_t number() { return next() | std::uint64_t{next()} << 8; }

private:
    std::span<const std::uint8_t> m_rest;
};

/// Eight files that uploads may be about; honest senders finish some of them.
const std::string& fileNumber(std::size_t number)
{
    static const std::array<std::string, 8> files = [] {
        std::array<std::string, 8> made;
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = std::string(1 + i * 397, static_cast<char>('a' + i));
        return made;
    }();
    return files[number % files.size()];
}

std::span<const std::byte> bytesOf(const std::string& text)
{
    return std::as_bytes(std::span(text));
}

void operate(UploadStore& store, Bytes& input, Instant& clock)
{
    const std::uint8_t operation = input.next();
    const Uploader who{"session-" + std::to_string(input.next() % 5), "key-" + std::to_string(operation >> 6)};
    const std::string& file = fileNumber(input.next());
    const Sha256 digest = sha256(bytesOf(file));
    switch (operation % 8) {
    case 0:
        (void)store.begin(who, digest, file.size(), clock);
        break;
    case 1:
        (void)store.begin(who, input.next() % 2 ? digest : Sha256(input.next() % 40, 'd'), input.number(), clock);
        break;
    case 2: { // the right bytes of some place
        const std::uint64_t offset = input.number() % file.size();
        const std::uint64_t count = std::min<std::uint64_t>(input.number(), file.size() - offset);
        (void)store.chunk(who, digest, offset, bytesOf(file).subspan(offset, count), clock);
        break;
    }
    case 3: { // any bytes anywhere
        const std::uint64_t offset = input.next() % 2 ? input.number() : ~input.number();
        const std::string junk(input.number(), 'j');
        (void)store.chunk(who, digest, offset, bytesOf(junk), clock);
        break;
    }
    case 4:
        store.abort(who, digest);
        break;
    case 5:
        store.sessionGone(who.session, clock);
        break;
    case 6:
        clock += Milliseconds(input.number() * 20);
        store.expire(clock);
        break;
    default:
        input.next() % 2 ? (void)store.pin(digest) : store.unpin(digest);
    }
    if (const auto path = store.path(digest, clock); path && std::filesystem::file_size(*path) != file.size())
        std::abort(); // whatever finished has the size its digest belongs to
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("argus-fuzz-upload-" + std::to_string(::getpid()));
    auto store = UploadStore::open({.folder = folder,
                                    .maxUploadBytes = kMaxUpload,
                                    .maxTotalBytes = kMaxTotal,
                                    .spareDiskBytes = 0,
                                    .maxUnfinished = kMaxUnfinished,
                                    .keepUnfinished = Milliseconds(10'000)});
    if (!store)
        std::abort();
    Bytes input(data, size);
    Instant clock{};
    for (int i = 0; i < kMaxOperations && !input.empty(); ++i) {
        operate(**store, input, clock);
        if ((*store)->finishedBytes() > kMaxTotal || (*store)->unfinishedCount() > kMaxUnfinished)
            std::abort();
    }
    store->reset();
    if (std::distance(std::filesystem::directory_iterator(folder), {}) != 1) // the lock: a store leaves nothing behind
        std::abort();
    std::filesystem::remove_all(folder);
    return 0;
}
