#pragma once
// What a desktop and the private head it started say to each other over an inherited stream socket, before CURVE can
// begin.
//
//   desktop ──▶ {"version":1,"client_public_key":"Z85","client_name":"argus"}\n
//   head    ──▶ {"version":1,"endpoint":"tcp://127.0.0.1:40123","head_public_key":"Z85"}\n     or
//   {"version":1,"error":{"code","cause","remedy","setting","refused"}}\n
//
// `refused` is the same error once more as a HeadMessage in hexadecimal digits, so that the desktop can say it in its
// own language.
//
// One line each way, at most kMaxHandshakeBytes. Then both keep the socket open and silent: its end of file tells the
// other that we are gone.

#include "engine/base/clock.h"
#include "engine/base/result.h"

#include <cstddef>
#include <string>

namespace argus::protocol {

constexpr std::size_t kMaxHandshakeBytes = 16384;

/// Who will connect: the head admits this key and no other.
struct PrivateHeadOffer {
    std::string clientPublicKey; ///< Z85
    std::string clientName;      ///< for the log, at most 64 bytes
};
/// Where it listens and who it is.
struct PrivateHeadAnswer {
    std::string endpoint;
    std::string headPublicKey; ///< Z85
};

/// The desktop's side: says `offer`, waits for the answer. `fd` stays open. Errors: the head's own; Timeout; Crashed
/// when it hung up without a word; Corrupt.
[[nodiscard]] Result<PrivateHeadAnswer> offerPrivateHead(int fd, const PrivateHeadOffer& offer, Deadline deadline);

/// The head's side, first half: reads the offer. Errors: Timeout, Unreachable when the desktop hung up, Corrupt.
[[nodiscard]] Result<PrivateHeadOffer> acceptPrivateHead(int fd, Deadline deadline);
/// The head's side, second half, once its socket is bound or has failed to. Errors: Timeout, Unreachable.
[[nodiscard]] Result<Done> answerPrivateHead(int fd, const Result<PrivateHeadAnswer>& answer, Deadline deadline);

} // namespace argus::protocol
