#pragma once
// What the sockets of this folder share. Included by .cpp files here only: zmq.hpp stays out of everybody else's sight.

#include <zmq.h>
#include <zmq.hpp>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace argus::protocol {

/// The events of one socket, as libzmq's I/O thread tells them. Lives on the socket's thread and must go before the
/// socket does.
class Monitor {
public:
    struct Event {
        std::uint16_t what = 0; ///< one ZMQ_EVENT_…
        std::uint32_t value = 0;
    };

    /// `name` is unique within the context. Throws zmq::error_t.
    Monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name, int events)
        : m_watched(watched), m_events(context, zmq::socket_type::pair)
    {
        const std::string address = "inproc://argus-monitor-" + name;
        m_events.set(zmq::sockopt::linger, 0);
        if (::zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0)
            throw zmq::error_t();
        m_events.connect(address);
    }
    ~Monitor() { ::zmq_socket_monitor(m_watched.handle(), nullptr, 0); }
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    [[nodiscard]] zmq::pollitem_t pollItem() { return {m_events.handle(), 0, ZMQ_POLLIN, 0}; }
    /// The next event, or nothing when there is none now.
    [[nodiscard]] std::optional<Event> take()
    {
        zmq::message_t head;
        zmq::message_t address; // the file of the connection: of no use, its descriptor may belong to another by now
        if (!m_events.recv(head, zmq::recv_flags::dontwait))
            return std::nullopt;
        if (head.more())
            (void)m_events.recv(address, zmq::recv_flags::dontwait);
        Event event;
        if (head.size() == sizeof event.what + sizeof event.value) {
            std::memcpy(&event.what, head.data(), sizeof event.what);
            std::memcpy(&event.value, static_cast<const char*>(head.data()) + sizeof event.what, sizeof event.value);
        }
        return event;
    }

private:
    zmq::socket_t& m_watched;
    zmq::socket_t m_events;
};

} // namespace argus::protocol
