#pragma once
// Framed protobuf with descriptors over an inherited unix socket: node and executor.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

#include <google/protobuf/message_lite.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace argus::protocol {

/// One end of a SOCK_STREAM socket pair. A frame is {u32 length, u32 descriptor count} and the serialised message; up
/// to 64 descriptors travel with it. One thread may send while another receives; neither side may be used by two
/// threads.
class Channel {
public:
    /// The executor's end.
    explicit Channel(UniqueFd socket) : m_socket(std::move(socket)) {}

    /// Both ends of a fresh pair: ours (the node's), and the raw descriptor for the child.
    [[nodiscard]] static Result<std::pair<Channel, UniqueFd>> pair();

    /// Errors: Timeout, Unreachable when the other end is gone, TooLarge. A frame that was begun and not finished ends
    /// the channel.
    [[nodiscard]] Result<Done> send(const google::protobuf::MessageLite& message, std::span<const int> descriptors,
                                    Deadline deadline);

    struct Frame {
        std::string body;
        std::vector<UniqueFd> descriptors;
    };
    /// A frame; nothing when the deadline passed before its first byte. Errors: Unreachable at the end of the stream,
    /// Corrupt, TooLarge, Timeout inside a frame; each but Unreachable ends the channel, since the next frame could not
    /// be found. Descriptors of a refused frame are closed.
    [[nodiscard]] Result<std::optional<Frame>> receive(Deadline deadline);

    [[nodiscard]] int fd() const { return m_socket.get(); }

private:
    UniqueFd m_socket;
    bool m_ofNode = false; ///< of whom fault hooks take what is sent here
};

} // namespace argus::protocol
