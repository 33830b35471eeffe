#include "engine/protocol/validate.h"

#include "engine/base/sha256.h"
#include "engine/protocol/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace argus::protocol {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::uint32_t kMaxCredit = 1024;
constexpr double kMaxFigure = 1e15; // seconds, rates: beyond this a display overflows before anything else

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto byteAt = [&](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned lead = byteAt(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || i + length > text.size())
            return false;
        const unsigned second = byteAt(i + 1);
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
            (lead == 0xF4 && second > 0x8F))
            return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((byteAt(i + k) & 0xC0) != 0x80)
                return false;
        i += length;
    }
    return true;
}

/// Collects the first thing that is wrong with a message. Every check is a sentence: field, bound, what came.
class Check {
public:
    void text(std::string_view field, std::string_view value, std::size_t most)
    {
        if (value.size() > most)
            fail(ErrorCode::TooLarge,
                 fmt::format("{} has {} bytes, at most {} are allowed", field, value.size(), most));
        else if (!isUtf8(value))
            fail(ErrorCode::BadRequest, fmt::format("{} is not UTF-8", field));
    }
    void id(std::string_view field, std::string_view value)
    {
        if (value.empty() || value.size() > kMaxIdBytes)
            fail(ErrorCode::BadRequest,
                 fmt::format("{} has {} bytes, 1 to {} are allowed", field, value.size(), kMaxIdBytes));
        else if (!std::all_of(value.begin(), value.end(), [](char c) { return c > 32 && c < 127; }))
            fail(ErrorCode::BadRequest, fmt::format("{} holds characters that are not printable ASCII", field));
    }
    void digest(std::string_view field, std::string_view value)
    {
        if (value.size() != kDigestBytes)
            fail(ErrorCode::BadRequest,
                 fmt::format("{} has {} bytes, a SHA-256 has {}", field, value.size(), kDigestBytes));
    }
    void count(std::string_view field, std::size_t value, std::size_t least, std::size_t most)
    {
        if (value < least || value > most)
            fail(value > most ? ErrorCode::TooLarge : ErrorCode::BadRequest,
                 fmt::format("{} has {} entries, {} to {} are allowed", field, value, least, most));
    }
    void integer(std::string_view field, std::uint64_t value, std::uint64_t least, std::uint64_t most)
    {
        if (value < least || value > most)
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, {} to {} are allowed", field, value, least, most));
    }
    /// For values that zero would make meaningless.
    void positive(std::string_view field, double value, double most)
    {
        if (!(value > 0 && value <= most))
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, above 0 and up to {} is allowed", field, value, most));
    }
    void number(std::string_view field, double value, double least, double most)
    {
        if (!(value >= least && value <= most)) // catches NaN as well
            fail(ErrorCode::BadRequest, fmt::format("{} is {}, {} to {} are allowed", field, value, least, most));
    }
    void figure(std::string_view field, double value) { number(field, value, 0, kMaxFigure); }
    void oneOf(std::string_view field, std::string_view value, std::initializer_list<std::string_view> allowed)
    {
        if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
            fail(ErrorCode::BadRequest,
                 fmt::format("{} is \"{}\", it must be one of {}", field,
                             isUtf8(value) ? value.substr(0, kMaxIdBytes) : "?", fmt::join(allowed, ", ")));
    }
    void fail(ErrorCode code, std::string cause)
    {
        if (!m_error)
            m_error = Error{code, std::move(cause), "ask with values within these bounds", {}};
    }
    [[nodiscard]] bool ok() const { return !m_error; }
    [[nodiscard]] const std::optional<Error>& error() const { return m_error; }

private:
    std::optional<Error> m_error;
};

// ---- client to head ----

void checkPart(Check& check, const wire::Part& part, std::string_view where, std::size_t& textBytes)
{
    switch (part.content_case()) {
    case wire::Part::kText:
        check.text(fmt::format("{}.text", where), part.text(), kMaxTextBytes);
        textBytes += part.text().size();
        return;
    case wire::Part::kImage:
        return check.digest(fmt::format("{}.image", where), part.image());
    case wire::Part::kVideo:
        return check.digest(fmt::format("{}.video", where), part.video());
    case wire::Part::kMedia:
        return check.digest(fmt::format("{}.media", where), part.media());
    case wire::Part::CONTENT_NOT_SET:
        return check.fail(ErrorCode::BadRequest,
                          fmt::format("{} holds neither text nor an attachment this head knows", where));
    }
}

void checkSampling(Check& check, const wire::Sampling& sampling)
{
    if (sampling.has_temperature())
        check.number("sampling.temperature", sampling.temperature(), 0, 100);
    if (sampling.has_top_p())
        check.positive("sampling.top_p", sampling.top_p(), 1);
    if (sampling.has_top_k())
        check.integer("sampling.top_k", sampling.top_k(), 0, kMaxTokens);
    if (sampling.has_repetition_penalty())
        check.positive("sampling.repetition_penalty", sampling.repetition_penalty(), 10);
    if (sampling.has_max_tokens())
        check.integer("sampling.max_tokens", sampling.max_tokens(), 1, kMaxTokens);
    check.count("sampling.stop", static_cast<std::size_t>(sampling.stop_size()), 0, kMaxStops);
    for (const std::string& stop : sampling.stop()) {
        check.text("sampling.stop", stop, kMaxStopBytes);
        if (stop.empty())
            check.fail(ErrorCode::BadRequest, "sampling.stop holds an empty text, which would stop every answer");
    }
}

void checkAsk(Check& check, const wire::Ask& ask)
{
    check.id("ask.id", ask.id());
    check.count("ask.messages", static_cast<std::size_t>(ask.messages_size()), 1, kMaxMessages);
    std::size_t textBytes = 0;
    for (int m = 0; check.ok() && m < ask.messages_size(); ++m) {
        const wire::ChatMessage& message = ask.messages(m);
        check.oneOf(fmt::format("ask.messages[{}].role", m), message.role(), {"system", "user", "assistant"});
        check.count(fmt::format("ask.messages[{}].parts", m), static_cast<std::size_t>(message.parts_size()), 0,
                    kMaxParts);
        for (int p = 0; check.ok() && p < message.parts_size(); ++p)
            checkPart(check, message.parts(p), fmt::format("ask.messages[{}].parts[{}]", m, p), textBytes);
    }
    if (textBytes > kMaxTextBytes)
        check.fail(ErrorCode::TooLarge,
                   fmt::format("the texts of the ask have {} bytes together, at most {} are allowed", textBytes,
                               kMaxTextBytes));
    checkSampling(check, ask.sampling());
}

void checkChunk(Check& check, const wire::UploadChunk& chunk)
{
    check.digest("upload_chunk.sha256", chunk.sha256());
    check.integer("upload_chunk.offset", chunk.offset(), 0, kMaxFileBytes);
    if (chunk.data().empty() || chunk.data().size() > kChunkBytes)
        check.fail(ErrorCode::BadRequest, fmt::format("upload_chunk.data has {} bytes, 1 to {} are allowed",
                                                      chunk.data().size(), kChunkBytes));
}

void checkBody(Check& check, const wire::ClientMessage& message)
{
    using Body = wire::ClientMessage;
    switch (message.body_case()) {
    case Body::kHello:
        check.id("hello.session", message.hello().session());
        check.text("hello.program", message.hello().program(), kMaxNameBytes);
        return check.text("hello.version", message.hello().version(), kMaxNameBytes);
    case Body::kUploadBegin:
        check.digest("upload_begin.sha256", message.upload_begin().sha256());
        return check.integer("upload_begin.size", message.upload_begin().size(), 1, kMaxFileBytes);
    case Body::kUploadChunk:
        return checkChunk(check, message.upload_chunk());
    case Body::kUploadAbort:
        return check.digest("upload_abort.sha256", message.upload_abort().sha256());
    case Body::kInspect:
        check.digest("inspect.sha256", message.inspect().sha256());
        return check.integer("inspect.thumbnail_side", message.inspect().thumbnail_side(), 0, kMaxThumbnailSide);
    case Body::kAsk:
        return checkAsk(check, message.ask());
    case Body::kCancel:
        return check.id("cancel.id", message.cancel().id());
    case Body::kResume:
        check.id("resume.id", message.resume().id());
        return check.integer("resume.text_offset", message.resume().text_offset(), 0, kMaxFileBytes);
    case Body::kHeartbeat:
    case Body::kStopHead:
        return; // any numbers are fine
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this head does not know");
    }
}

// ---- head to client: a client trusts a head no more than a head trusts a client ----

void checkError(Check& check, const wire::Error& error)
{
    check.text("error.code", error.code(), kMaxIdBytes);
    check.text("error.cause", error.cause(), kMaxCauseBytes);
    check.text("error.remedy", error.remedy(), kMaxCauseBytes);
    check.text("error.setting", error.setting(), kMaxNameBytes);
}

void checkNode(Check& check, const wire::NodeStatus& node)
{
    check.text("node.name", node.name(), kMaxNameBytes);
    check.text("node.role", node.role(), kMaxNameBytes);
    check.text("node.address", node.address(), kMaxNameBytes);
    check.text("node.version", node.version(), kMaxNameBytes);
    check.text("node.state", node.state(), kMaxNameBytes);
    check.figure("node.age_seconds", node.age_seconds());
    check.count("node.devices", static_cast<std::size_t>(node.devices_size()), 0, kMaxDevices);
    for (const wire::DeviceStatus& device : node.devices()) {
        check.text("device.name", device.name(), kMaxNameBytes);
        check.text("device.kind", device.kind(), kMaxNameBytes);
    }
}

void checkStatus(Check& check, const wire::Status& status)
{
    check.text("status.head_name", status.head_name(), kMaxNameBytes);
    check.figure("status.uptime_seconds", status.uptime_seconds());
    check.count("status.nodes", static_cast<std::size_t>(status.nodes_size()), 0, kMaxNodes);
    for (int n = 0; check.ok() && n < status.nodes_size(); ++n)
        checkNode(check, status.nodes(n));
    const wire::Deployment& deployment = status.deployment();
    check.text("deployment.model_name", deployment.model_name(), kMaxNameBytes);
    check.text("deployment.model_path", deployment.model_path(), kMaxCauseBytes);
    check.text("deployment.dtype", deployment.dtype(), kMaxNameBytes);
    check.text("deployment.state", deployment.state(), kMaxNameBytes);
    checkError(check, deployment.error());
}

void checkInfo(Check& check, const wire::MediaInfo& info)
{
    check.figure("info.duration_seconds", info.duration_seconds());
    check.figure("info.frames_per_second", info.frames_per_second());
    check.integer("info.thumbnail_width", info.thumbnail_width(), 0, kMaxThumbnailSide);
    check.integer("info.thumbnail_height", info.thumbnail_height(), 0, kMaxThumbnailSide);
    const std::size_t due = std::size_t{3} * info.thumbnail_width() * info.thumbnail_height();
    if (check.ok() && info.thumbnail_rgb().size() != due)
        check.fail(ErrorCode::BadRequest,
                   fmt::format("info.thumbnail_rgb has {} bytes, {} x {} pixels have {}", info.thumbnail_rgb().size(),
                               info.thumbnail_width(), info.thumbnail_height(), due));
}

void checkInspected(Check& check, const wire::Inspected& inspected)
{
    check.digest("inspected.sha256", inspected.sha256());
    switch (inspected.outcome_case()) {
    case wire::Inspected::kInfo:
        return checkInfo(check, inspected.info());
    case wire::Inspected::kError:
        return checkError(check, inspected.error());
    case wire::Inspected::OUTCOME_NOT_SET:
        return check.fail(ErrorCode::BadRequest, "inspected holds neither what is in the file nor an error");
    }
}

void checkFinished(Check& check, const wire::AskFinished& finished)
{
    check.id("ask_finished.id", finished.id());
    check.text("ask_finished.text", finished.text(), kMaxClientFrame);
    check.count("ask_finished.output_ids", static_cast<std::size_t>(finished.output_ids_size()), 0, kMaxTokens);
    const wire::AskStats& stats = finished.stats();
    for (const double figure :
         {stats.seconds_media(), stats.seconds_to_first_token(), stats.seconds_total(), stats.tokens_per_second()})
        check.figure("ask_finished.stats", figure);
}

void checkBody(Check& check, const wire::HeadMessage& message)
{
    using Body = wire::HeadMessage;
    switch (message.body_case()) {
    case Body::kWelcome:
        check.text("welcome.head_name", message.welcome().head_name(), kMaxNameBytes);
        check.text("welcome.version", message.welcome().version(), kMaxNameBytes);
        check.integer("welcome.limits.chunk_bytes", message.welcome().limits().chunk_bytes(), 0, kMaxClientFrame);
        return checkStatus(check, message.welcome().status());
    case Body::kRefused:
        check.text("refused.about", message.refused().about(), kMaxNameBytes);
        return checkError(check, message.refused().error());
    case Body::kStatus:
        return checkStatus(check, message.status());
    case Body::kUploadGrant:
        check.digest("upload_grant.sha256", message.upload_grant().sha256());
        check.integer("upload_grant.offset", message.upload_grant().offset(), 0, kMaxFileBytes);
        return check.integer("upload_grant.credit", message.upload_grant().credit(), 0, kMaxCredit);
    case Body::kUploadDone:
        return check.digest("upload_done.sha256", message.upload_done().sha256());
    case Body::kUploadFailed:
        check.digest("upload_failed.sha256", message.upload_failed().sha256());
        return checkError(check, message.upload_failed().error());
    case Body::kInspected:
        return checkInspected(check, message.inspected());
    case Body::kAskProgress:
        return check.id("ask_progress.id", message.ask_progress().id());
    case Body::kAskText:
        check.id("ask_text.id", message.ask_text().id());
        return check.text("ask_text.text", message.ask_text().text(), kMaxClientFrame);
    case Body::kAskFinished:
        return checkFinished(check, message.ask_finished());
    case Body::kAskFailed:
        check.id("ask_failed.id", message.ask_failed().id());
        check.text("ask_failed.text", message.ask_failed().text(), kMaxClientFrame);
        return checkError(check, message.ask_failed().error());
    case Body::kStopping:
        return check.text("stopping.reason", message.stopping().reason(), kMaxCauseBytes);
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this program does not know");
    }
}

template <typename Message>
Result<Message> parse(std::span<const std::byte> frame)
{
    if (frame.size() > kMaxClientFrame)
        return Error{ErrorCode::TooLarge,
                     fmt::format("a message has {} bytes, at most {} are allowed", frame.size(), kMaxClientFrame),
                     "send less at once",
                     {}};
    Message message;
    if (!message.ParseFromArray(frame.data(), static_cast<int>(frame.size())))
        return Error{ErrorCode::Corrupt,
                     fmt::format("{} bytes came that are no message of Argus", frame.size()),
                     "use programs of one release on both sides",
                     {}};
    if (message.protocol_version() != kVersion)
        return Error{ErrorCode::Unsupported,
                     fmt::format("the other side speaks version {} of the protocol, this program version {}",
                                 message.protocol_version(), kVersion),
                     "install the same release of Argus on this computer and on the head",
                     {}};
    Check check;
    checkBody(check, message);
    if (!check.ok())
        return *check.error();
    return message;
}

} // namespace

Result<wire::ClientMessage> parseClientMessage(std::span<const std::byte> frame)
{
    return parse<wire::ClientMessage>(frame);
}

Result<wire::HeadMessage> parseHeadMessage(std::span<const std::byte> frame)
{
    return parse<wire::HeadMessage>(frame);
}

wire::Error toWire(const Error& error)
{
    // Cut where a character begins: the other side refuses what is not UTF-8 or too long.
    const auto fit = [](std::string_view text, std::size_t most) {
        std::string clean;
        if (text.size() > most) {
            std::size_t end = most;
            while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
                --end;
            text = text.substr(0, end);
        }
        if (isUtf8(text))
            return std::string(text);
        // A path or a library's message in another encoding: keep what is ASCII.
        for (const char c : text)
            clean.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
        return clean;
    };
    wire::Error wire;
    wire.set_code(std::string(errorCodeName(error.code)));
    wire.set_cause(fit(error.cause, kMaxCauseBytes));
    wire.set_remedy(fit(error.remedy, kMaxCauseBytes));
    wire.set_setting(fit(error.setting, kMaxNameBytes));
    return wire;
}

Error fromWire(const wire::Error& error)
{
    return {errorCodeFromName(error.code()), error.cause(), error.remedy(), error.setting()};
}

} // namespace argus::protocol
