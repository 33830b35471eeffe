#include "gui/link/wire_facts.h"

#include <algorithm>

namespace argus::gui {

QString text(const std::string& utf8)
{
    return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

Trouble toTrouble(const Error& error)
{
    const std::string_view code = errorCodeName(error.code);
    return {QString::fromLatin1(code.data(), static_cast<qsizetype>(code.size())), text(error.cause),
            text(error.remedy), text(error.setting)};
}

static Trouble toTrouble(const wire::Error& error)
{
    return {text(error.code()), text(error.cause()), text(error.remedy()), text(error.setting())};
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
    return {text(device.name()),    text(device.kind()),    device.memory_total(),      device.memory_free(),
            device.weights_bytes(), device.runtime_bytes(), device.kv_reserved_bytes(), device.kv_used_bytes()};
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
    return facts;
}

ClusterFacts toFacts(const wire::Status& status)
{
    ClusterFacts facts;
    facts.headName = text(status.head_name());
    facts.running = static_cast<int>(status.asks_running());
    facts.waiting = static_cast<int>(status.asks_waiting());
    facts.deployment = toFacts(status.deployment());
    for (const wire::NodeStatus& node : status.nodes()) {
        NodeFacts row{text(node.name()),
                      text(node.role()),
                      text(node.state()),
                      text(node.address()),
                      text(node.version()),
                      node.age_seconds(),
                      {}};
        for (const wire::DeviceStatus& device : node.devices())
            row.devices << toFacts(device);
        facts.nodes << row;
    }
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
