#pragma once
// From decoded pictures to the output: resized to what the model sees, or to a thumbnail.

#include "engine/decoder/child.h"
#include "engine/decoder/orientation.h"

#include <functional>

namespace argus::decoder {

/// A picture whose rows are made one after another: row() is called once for each, in order, and what it returns holds
/// until the row after the next.
struct Rows {
    Size size;
    std::function<const std::uint8_t*(int row)> row;
};
[[nodiscard]] Rows rowsOf(const Picture& picture);

/// Writes a still picture and ends the process. `source` is its full size, upright; `picture` may be smaller when only
/// a thumbnail is wanted.
[[noreturn]] void deliverImage(const Session& session, const Rows& picture, Size source);

/// Writes the frames of a clip in order.
class ClipWriter {
public:
    /// `size` upright. Refuses sizes the model cannot take.
    ClipWriter(const Session& session, Size size, std::int64_t frames, double framesPerSecond, double durationSeconds);

    /// The frames to be added: the first one only when no more than a thumbnail is wanted.
    [[nodiscard]] const std::vector<std::int64_t>& wanted() const { return m_wanted; }
    void add(const Picture& picture);
    /// Ends the process; all wanted frames have been added.
    [[noreturn]] void deliver();

private:
    const Session& m_session;
    Answer m_answer;
    std::vector<std::int64_t> m_wanted;
    std::size_t m_added = 0;
};

} // namespace argus::decoder
