#pragma once
// The line that brings another machine into a cluster, and the keys that follow from its code.

#include "engine/base/result.h"
#include "engine/protocol/keys.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace argus::cluster {

/// argus://HOST:PORT#CODE. Whoever knows the code may join once, until it expires.
struct JoinLine {
    std::string host; ///< "192.168.1.5", "[fd00::5]", "gpu-a"
    std::uint16_t port = 0;
    std::string code;

    [[nodiscard]] std::string text() const;     ///< "argus://192.168.1.5:47702#…"
    [[nodiscard]] std::string endpoint() const; ///< "tcp://192.168.1.5:47702"
};

/// 26 letters and digits: 130 bits.
[[nodiscard]] std::string makeCode();
/// Errors  BadRequest: the cause says what is missing, setting join
[[nodiscard]] Result<JoinLine> parseJoinLine(std::string_view text);

/// Both ends of the pairing connection, derived from the code: each end proves with its key that it knows the code,
/// before anything else is said, and neither can be somebody in the middle.
struct PairingKeys {
    protocol::CurveKeys head;
    protocol::CurveKeys joiner;
};
[[nodiscard]] PairingKeys pairingKeys(std::string_view code);

} // namespace argus::cluster
