#pragma once
// What went wrong, why, and what to do about it: the one error type of the engine and the desktop.

#include "engine/base/said.h"

#include <string>
#include <string_view>

namespace argus {

/// A code exists where some caller acts differently on it; everything else is told by `cause`.
enum class ErrorCode {
    BadRequest,    ///< the asker can mend it by asking differently
    Corrupt,       ///< a file or frame is not what it claims to be
    Unsupported,   ///< well formed, but this build cannot do it
    TooLarge,      ///< beyond a limit of the settings
    NotFound,      ///< file, attachment, model or ask that is not there
    DoesNotFit,    ///< memory or context
    DoesNotDivide, ///< sizes that tensor or pipeline parallelism cannot share
    Denied,        ///< key unknown, or not allowed to do this
    Unreachable,   ///< nobody answers there
    Timeout,       ///< a deadline passed
    Cancelled,     ///< somebody asked for it to end
    Crashed,       ///< a child process died
    Busy,          ///< a queue is full; trying later may work
    Io,            ///< the operating system refused
    Internal,      ///< a promise inside Argus was broken
};

/// The code's name as it stands in logs, JSON and on the wire: "BadRequest", ...
[[nodiscard]] std::string_view errorCodeName(ErrorCode code);

/// The code of that name; Internal for a name of a newer release.
[[nodiscard]] ErrorCode errorCodeFromName(std::string_view name);

struct Error {
    ErrorCode code = ErrorCode::Internal;
    std::string cause;   ///< what is wrong and why, one plain sentence with the numbers, no trailing dot
    std::string remedy;  ///< what to do, with values that would work; empty when nothing can be done
    std::string setting; ///< the field of EngineSettings it is about, by its proto name; empty when none
    Said causeSaid{};    ///< what `cause` and `remedy` are made of, where they are of the catalogue: makeError() fills
    Said remedySaid{};   ///< both; who changes the words afterwards changes these too

    /// "cause; remedy": the line for logs and terminals.
    [[nodiscard]] std::string text() const;
    /// The same error with "context: " before its cause, as it passes up through a file or item.
    [[nodiscard]] Error in(std::string_view context) &&;
    /// What cause and remedy are made of; their plain words where those are in no catalogue.
    [[nodiscard]] Said saidCause() const;
    [[nodiscard]] Said saidRemedy() const;
};

/// An error in sentences of the catalogue, and in English.
[[nodiscard]] Error makeError(ErrorCode code, Said cause, Said remedy = {}, std::string setting = {});

} // namespace argus
