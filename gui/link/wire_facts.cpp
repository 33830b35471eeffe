#include "gui/link/wire_facts.h"

#include "engine/protocol/validate.h"
#include "gui/link/wire_engine.h"

#include <algorithm>

namespace argus::gui {

QString text(const std::string& utf8)
{
    return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

Spoken spoken(const std::string& english, const wire::Said& said)
{
    return {text(english), protocol::fromWire(said)};
}

Trouble toTrouble(const Error& error)
{
    const std::string_view code = errorCodeName(error.code);
    return {QString::fromLatin1(code.data(), static_cast<qsizetype>(code.size())),
            {text(error.cause), error.saidCause()},
            {text(error.remedy), error.saidRemedy()},
            text(error.setting)};
}

Trouble toTrouble(const wire::Error& error)
{
    if (error.code().empty() && error.cause().empty())
        return {};
    return {error.code().empty() ? QStringLiteral("Error") : text(error.code()),
            spoken(error.cause(), error.cause_said()), spoken(error.remedy(), error.remedy_said()),
            text(error.setting())};
}

QByteArray bytes(const std::string& raw)
{
    return QByteArray(raw.data(), static_cast<qsizetype>(raw.size()));
}

/// Raw rows of RGB from the decoder; a size that does not fit the bytes gives no picture.
static QImage toImage(const wire::MediaInfo& info)
{
    const auto width = static_cast<int>(info.thumbnail_width());
    const auto height = static_cast<int>(info.thumbnail_height());
    constexpr int kMostPixelsASide = 4096;
    if (width < 1 || height < 1 || width > kMostPixelsASide || height > kMostPixelsASide ||
        info.thumbnail_rgb().size() != std::size_t(width) * std::size_t(height) * 3)
        return {};
    const auto* pixels = reinterpret_cast<const uchar*>(info.thumbnail_rgb().data());
    return QImage(pixels, width, height, qsizetype(width) * 3, QImage::Format_RGB888).copy();
}

MediaFacts toFacts(const wire::MediaInfo& info)
{
    MediaFacts facts;
    facts.video = info.kind() == wire::MediaInfo::VIDEO;
    facts.size = QSize(static_cast<int>(info.width()), static_cast<int>(info.height()));
    facts.modelSize = QSize(static_cast<int>(info.model_width()), static_cast<int>(info.model_height()));
    facts.seconds = info.duration_seconds();
    facts.frames = static_cast<int>(info.frames());
    facts.modelFrames = static_cast<int>(info.model_frames());
    facts.tokens = static_cast<int>(info.model_tokens());
    facts.thumbnail = toImage(info);
    return facts;
}

static DeviceFacts toFacts(const wire::DeviceStatus& device)
{
    DeviceFacts facts;
    facts.name = spoken(device.name(), device.name_said());
    facts.kind = text(device.kind());
    facts.total = device.memory_total();
    facts.free = device.memory_free();
    facts.weights = device.weights_bytes();
    facts.runtime = device.runtime_bytes();
    facts.kvReserved = device.kv_reserved_bytes();
    facts.kvUsed = device.kv_used_bytes();
    facts.index = static_cast<int>(device.index());
    facts.used = device.used();
    facts.rank = static_cast<int>(device.rank());
    facts.stage = static_cast<int>(device.stage());
    facts.tensorRank = static_cast<int>(device.tensor_rank());
    facts.firstLayer = static_cast<int>(device.first_layer());
    facts.endLayer = static_cast<int>(device.end_layer());
    facts.joined = spoken(device.joined(), device.joined_said());
    facts.loadDone = device.load_done_bytes();
    facts.loadTotal = device.load_total_bytes();
    facts.problem = spoken(device.problem(), device.problem_said());
    return facts;
}

static NodeFacts toFacts(const wire::NodeStatus& node)
{
    NodeFacts facts;
    facts.name = text(node.name());
    facts.role = text(node.role());
    facts.state = text(node.state());
    facts.address = text(node.address());
    facts.version = text(node.version());
    facts.age = node.age_seconds();
    for (const wire::DeviceStatus& device : node.devices())
        facts.devices << toFacts(device);
    facts.key = text(node.key());
    facts.interface = text(node.interface());
    for (const std::string& name : node.interfaces())
        facts.interfaces << text(name);
    facts.roundTrip = node.round_trip_seconds();
    facts.linkSpeed = node.link_bytes_per_second();
    facts.stateSeconds = node.state_seconds();
    facts.nccl = text(node.nccl());
    facts.fetchDone = node.fetch_done_bytes();
    facts.fetchTotal = node.fetch_total_bytes();
    facts.trouble = toTrouble(node.problem());
    return facts;
}

static DeploymentFacts toFacts(const wire::Deployment& deployment)
{
    DeploymentFacts facts;
    facts.model = text(deployment.model_name());
    facts.path = text(deployment.model_path());
    facts.demo = deployment.demo();
    facts.tensorParallel = std::max(1, static_cast<int>(deployment.tensor_parallel_size()));
    facts.pipelineParallel = std::max(1, static_cast<int>(deployment.pipeline_parallel_size()));
    facts.dtype = text(deployment.dtype());
    facts.maxModelLen = static_cast<int>(deployment.max_model_len());
    facts.state = text(deployment.state());
    if (deployment.has_error() && !deployment.error().cause().empty())
        facts.trouble = toTrouble(deployment.error());
    facts.loadDone = deployment.load_done_bytes();
    facts.loadTotal = deployment.load_total_bytes();
    facts.kvBlocks = static_cast<int>(deployment.kv_blocks());
    facts.kvBlocksUsed = static_cast<int>(deployment.kv_blocks_used());
    facts.number = deployment.number();
    facts.rolledBack = deployment.rolled_back();
    facts.settingsKnown = deployment.has_settings();
    facts.settings = toFacts(deployment.settings());
    facts.restarts = static_cast<int>(deployment.restarts());
    facts.replayed = deployment.replayed_asks();
    return facts;
}

ClusterFacts toFacts(const wire::Status& status)
{
    ClusterFacts facts;
    facts.headName = text(status.head_name());
    facts.running = static_cast<int>(status.asks_running());
    facts.waiting = static_cast<int>(status.asks_waiting());
    facts.deployment = toFacts(status.deployment());
    for (const wire::NodeStatus& node : status.nodes())
        facts.nodes << toFacts(node);
    return facts;
}

AskPhase toPhase(wire::AskProgress::Phase phase)
{
    switch (phase) {
    case wire::AskProgress::READING_MEDIA:
        return AskPhase::ReadingMedia;
    case wire::AskProgress::PREFILL:
        return AskPhase::Prompt;
    case wire::AskProgress::DECODE:
        return AskPhase::Answering;
    default:
        return AskPhase::Queued;
    }
}

AskOutcome toOutcome(wire::AskFinished::Reason reason)
{
    switch (reason) {
    case wire::AskFinished::LENGTH:
        return AskOutcome::LengthLimit;
    case wire::AskFinished::CANCELLED:
        return AskOutcome::Stopped;
    default:
        return AskOutcome::Complete;
    }
}

void fill(wire::Sampling& to, const Sampling& from)
{
    if (from.temperature)
        to.set_temperature(*from.temperature);
    if (from.topP)
        to.set_top_p(*from.topP);
    if (from.repetitionPenalty)
        to.set_repetition_penalty(*from.repetitionPenalty);
    if (from.maxTokens)
        to.set_max_tokens(*from.maxTokens);
    if (from.seed)
        to.set_seed(*from.seed);
}

} // namespace argus::gui
