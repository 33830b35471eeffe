#pragma once
// The decoder process from inside. It lives for one file: a refusal writes its reason and ends the process at once, so
// nothing has to unwind through the C libraries above which it is called. Everything here belongs to the process's only
// thread.

#include "engine/decoder/message.h"

#include <cstdint>
#include <span>
#include <vector>

namespace argus::decoder {

/// The child's side of the three descriptors.
struct Session {
    Request request; ///< a copy; the parent's numbers are trusted, they limit the file's
    std::span<std::uint8_t> output;
};

/// Ends the process with this answer.
[[noreturn]] void finish(const Answer& answer);
/// Ends the process with a reason and its two numbers.
[[noreturn]] void refuse(Reason reason, std::uint64_t first = 0, std::uint64_t second = 0);

/// Refuses a picture of more pixels than the request allows. Called with the header's numbers, before anything is
/// decoded.
void checkPixels(const Session& session, std::uint64_t width, std::uint64_t height, bool video);

/// The bytes at `offset` of the file, fewer at its end.
[[nodiscard]] std::size_t readAt(std::uint64_t offset, std::span<std::uint8_t> into);
/// The whole file. Refuses one that does not fit the child's memory.
[[nodiscard]] std::vector<std::uint8_t> readAll(const Session& session);

/// Maps the request and the output, enters the sandbox and calls `decode`, which ends in finish() or refuse().
/// `beforeSandbox` may still open files; it is where a program becomes another one.
int runChild(void (*beforeSandbox)(const Request&), void (*decode)(const Session&));

} // namespace argus::decoder
