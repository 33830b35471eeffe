#include "engine/protocol/validate.h"

#include "engine/base/sha256.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/check.h"
#include "engine/protocol/parse.h"
#include "engine/protocol/validate_cluster.h"

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

constexpr std::uint32_t kMaxCredit = 1024;

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
    case Body::kPreflight:
        check.id("preflight.id", message.preflight().id());
        return checkSettings(check, message.preflight().settings());
    case Body::kDeploy:
        check.id("deploy.id", message.deploy().id());
        return checkSettings(check, message.deploy().settings());
    case Body::kMakeJoinLine:
        return check.id("make_join_line.id", message.make_join_line().id());
    case Body::kGetLog:
        check.id("get_log.id", message.get_log().id());
        return check.text("get_log.node", message.get_log().node(), kMaxNameBytes);
    case Body::kRemoveNode:
        return check.text("remove_node.node", message.remove_node().node(), kMaxNameBytes);
    case Body::kHeartbeat:
    case Body::kStopHead:
        return; // any numbers are fine
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this head does not know");
    }
}

// ---- head to client: a client trusts a head no more than a head trusts a client ----

void checkNode(Check& check, const wire::NodeStatus& node)
{
    check.text("node.name", node.name(), kMaxNameBytes);
    check.text("node.role", node.role(), kMaxNameBytes);
    check.text("node.address", node.address(), kMaxNameBytes);
    check.text("node.version", node.version(), kMaxNameBytes);
    check.text("node.state", node.state(), kMaxNameBytes);
    check.text("node.key", node.key(), kMaxNameBytes);
    check.text("node.interface", node.interface(), kMaxNameBytes);
    check.text("node.nccl", node.nccl(), kMaxNameBytes);
    checkError(check, node.problem());
    for (const double figure :
         {node.age_seconds(), node.round_trip_seconds(), node.link_bytes_per_second(), node.state_seconds()})
        check.figure("node: seconds and rates", figure);
    check.count("node.interfaces", static_cast<std::size_t>(node.interfaces_size()), 0, kMaxDevices);
    for (const std::string& interface : node.interfaces())
        check.text("node.interfaces", interface, kMaxNameBytes);
    check.count("node.devices", static_cast<std::size_t>(node.devices_size()), 0, kMaxDevices);
    for (const wire::DeviceStatus& device : node.devices()) {
        check.text("device.name", device.name(), kMaxNameBytes);
        check.text("device.kind", device.kind(), kMaxNameBytes);
        check.text("device.problem", device.problem(), kMaxCauseBytes);
        check.text("device.joined", device.joined(), kMaxCauseBytes);
        checkSaid(check, device.name_said());
        checkSaid(check, device.problem_said());
        checkSaid(check, device.joined_said());
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
    checkSettings(check, deployment.settings());
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
        check.text("welcome.role", message.welcome().role(), kMaxIdBytes);
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
    case Body::kPreflightDone:
        return checkPreflightDone(check, message.preflight_done());
    case Body::kDeployAnswer:
        check.id("deploy_answer.id", message.deploy_answer().id());
        return checkError(check, message.deploy_answer().error());
    case Body::kJoinLine:
        check.id("join_line.id", message.join_line().id());
        check.text("join_line.line", message.join_line().line(), kMaxCauseBytes);
        check.figure("join_line.valid_seconds", message.join_line().valid_seconds());
        return checkError(check, message.join_line().error());
    case Body::kLogText:
        check.id("log_text.id", message.log_text().id());
        check.text("log_text.node", message.log_text().node(), kMaxNameBytes);
        check.text("log_text.text", message.log_text().text(), kMaxClientFrame);
        return checkError(check, message.log_text().error());
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this program does not know");
    }
}

template <typename Message>
Result<Message> parse(std::span<const std::byte> frame)
{
    return parseMessage<Message>(frame, {}, [](Check& check, const Message& message) { checkBody(check, message); });
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
    // Words that somebody has changed are not what the sentence says any more.
    if (error.cause == wire.cause() && english(error.causeSaid) == error.cause && !error.cause.empty())
        *wire.mutable_cause_said() = toWire(error.causeSaid);
    if (error.remedy == wire.remedy() && english(error.remedySaid) == error.remedy && !error.remedy.empty())
        *wire.mutable_remedy_said() = toWire(error.remedySaid);
    return wire;
}

static wire::Said plainToWire(const Said& said)
{
    wire::Said wire;
    wire.set_id(said.id);
    for (const SaidValue& value : said.values) {
        wire::SaidValue& out = *wire.add_values();
        out.set_name(value.name);
        out.set_text(value.text);
        for (const Said& part : value.parts)
            *out.add_parts() = plainToWire(part);
    }
    return wire;
}

wire::Said toWire(const Said& said)
{
    wire::Said wire = plainToWire(said);
    Check check;
    checkSaid(check, wire);
    return check.ok() ? wire : wire::Said();
}

Said fromWire(const wire::Said& wire)
{
    Said said;
    said.id = wire.id();
    for (const wire::SaidValue& value : wire.values()) {
        SaidValue& in = said.values.emplace_back(SaidValue{.name = value.name(), .text = value.text()});
        for (const wire::Said& part : value.parts())
            in.parts.push_back(fromWire(part));
    }
    return said;
}

Error fromWire(const wire::Error& error)
{
    return {
        errorCodeFromName(error.code()), error.cause(), error.remedy(), error.setting(), fromWire(error.cause_said()),
        fromWire(error.remedy_said())};
}

} // namespace argus::protocol
