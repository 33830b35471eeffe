#pragma once
// One run of argus-decoder: starts it, waits for it, kills it at the deadline, and believes nothing it says before
// checking.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/decoder/message.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <sys/types.h>

namespace argus::media {

/// Shared memory mapped into this process.
class Mapping {
public:
    [[nodiscard]] static Result<Mapping> of(int descriptor, std::size_t bytes);
    Mapping() = default;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();
    [[nodiscard]] std::span<std::uint8_t> bytes() const { return {m_data, m_size}; }

private:
    std::uint8_t* m_data = nullptr;
    std::size_t m_size = 0;
};

/// A file opened for the decoder.
struct MediaFile {
    UniqueFd descriptor;
    std::uint64_t bytes = 0;
    decoder::Format format = decoder::Format::Unknown;
};
/// Opens a regular file and looks at its first bytes. Errors: NotFound, Io, TooLarge, Corrupt when empty, Unsupported
/// naming what it begins with.
[[nodiscard]] Result<MediaFile> openMedia(const std::filesystem::path& path, std::uint64_t maxBytes);

struct DecoderRun {
    std::filesystem::path program;
    int file = -1;
    int output = -1; ///< a file in memory, black; becomes as large as the request says, then as what was written
    decoder::Request request;
    Milliseconds patience{60'000};
    std::function<void(pid_t)> started; ///< for tests that kill the child
};

struct Decoded {
    decoder::Answer answer; ///< reason is Fine; sizes and counts agree with the request's rules and fit `pixels`
    Mapping pixels;         ///< outputFrames frames of outputWidth × outputHeight RGB
};

/// Runs the decoder to its end. The calling thread waits and is the child's owner. Errors: Timeout, Crashed, and every
/// reason the child gives.
[[nodiscard]] Result<Decoded> runDecoder(const DecoderRun& run);

/// The answer as it stands in the page, before any check: for self-tests. Errors: Timeout, Crashed with the signal.
[[nodiscard]] Result<decoder::Answer> rawAnswer(const DecoderRun& run);

} // namespace argus::media
