#include "engine/base/error.h"

#include "engine/base/catalogue.h"

#include <array>
#include <utility>

namespace argus {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 15> kNames{{
    {ErrorCode::BadRequest, "BadRequest"},
    {ErrorCode::Corrupt, "Corrupt"},
    {ErrorCode::Unsupported, "Unsupported"},
    {ErrorCode::TooLarge, "TooLarge"},
    {ErrorCode::NotFound, "NotFound"},
    {ErrorCode::DoesNotFit, "DoesNotFit"},
    {ErrorCode::DoesNotDivide, "DoesNotDivide"},
    {ErrorCode::Denied, "Denied"},
    {ErrorCode::Unreachable, "Unreachable"},
    {ErrorCode::Timeout, "Timeout"},
    {ErrorCode::Cancelled, "Cancelled"},
    {ErrorCode::Crashed, "Crashed"},
    {ErrorCode::Busy, "Busy"},
    {ErrorCode::Io, "Io"},
    {ErrorCode::Internal, "Internal"},
}};

} // namespace

std::string_view errorCodeName(ErrorCode code)
{
    for (const auto& [value, name] : kNames)
        if (value == code)
            return name;
    return "Internal";
}

ErrorCode errorCodeFromName(std::string_view name)
{
    for (const auto& [value, text] : kNames)
        if (text == name)
            return value;
    return ErrorCode::Internal;
}

std::string Error::text() const
{
    return remedy.empty() ? cause : cause + "; " + remedy;
}

Error Error::in(std::string_view context) &&
{
    causeSaid = say("in", context, saidCause());
    cause = english(causeSaid);
    return std::move(*this);
}

Said Error::saidCause() const
{
    return english(causeSaid) == cause ? causeSaid : Said(cause);
}

Said Error::saidRemedy() const
{
    return english(remedySaid) == remedy ? remedySaid : Said(remedy);
}

Error makeError(ErrorCode code, Said cause, Said remedy, std::string setting)
{
    Error error{code, english(cause), english(remedy), std::move(setting)};
    error.causeSaid = std::move(cause);
    error.remedySaid = std::move(remedy);
    return error;
}

} // namespace argus
