#pragma once
// Where the parts of a client put what they have to say: to the head, and to the program that uses the client.

#include "engine/client/client.h"

#include <functional>

namespace argus::client {

/// Both are called on the I/O thread and never wait.
struct Outlet {
    std::function<void(wire::ClientMessage)> send; ///< to the head; only while connected
    std::function<void(Event)> emit;
};

} // namespace argus::client
