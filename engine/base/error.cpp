#include "engine/base/error.h"

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
    cause = std::string(context) + ": " + cause;
    return std::move(*this);
}

} // namespace argus
