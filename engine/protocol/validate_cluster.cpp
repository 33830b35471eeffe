#include "engine/protocol/validate_cluster.h"

#include "engine/protocol/keys.h"
#include "engine/protocol/parse.h"

namespace argus::protocol {
namespace {

constexpr std::size_t kMaxProblems = 256;
constexpr std::size_t kMaxRanks = 4096;
constexpr std::size_t kMaxSizes = 256;
constexpr std::size_t kMaxPlaceholders = 16; ///< more than a sentence of this release has

void checkProblem(Check& check, const wire::Problem& problem)
{
    check.text("problem.code", problem.code(), kMaxIdBytes);
    checkError(check, problem.error());
    check.text("problem.node", problem.node(), kMaxNameBytes);
    check.count("problem.fixes", static_cast<std::size_t>(problem.fixes_size()), 0, kMaxSizes);
    for (const wire::Fix& fix : problem.fixes())
        for (const std::string& text : {fix.text(), fix.setting(), fix.value(), fix.node()})
            check.text("problem.fixes", text, kMaxCauseBytes);
}

void checkSaid(Check& check, const wire::Said& said, std::size_t depth, std::size_t& count)
{
    check.integer("said: sentences", ++count, 0, kMaxSaid);
    check.integer("said: depth", depth, 0, kMaxSaidDepth);
    check.text("said.id", said.id(), kMaxIdBytes);
    check.count("said.values", static_cast<std::size_t>(said.values_size()), 0, kMaxPlaceholders);
    for (const wire::SaidValue& value : said.values()) {
        check.text("said.values.name", value.name(), kMaxIdBytes);
        check.text("said.values.text", value.text(), kMaxCauseBytes);
        for (int i = 0; check.ok() && i < value.parts_size(); ++i)
            checkSaid(check, value.parts(i), depth + 1, count);
    }
}

} // namespace

void checkSaid(Check& check, const wire::Said& said)
{
    std::size_t count = 0;
    checkSaid(check, said, 1, count);
}

void checkError(Check& check, const wire::Error& error)
{
    check.text("error.code", error.code(), kMaxIdBytes);
    check.text("error.cause", error.cause(), kMaxCauseBytes);
    check.text("error.remedy", error.remedy(), kMaxCauseBytes);
    check.text("error.setting", error.setting(), kMaxNameBytes);
    checkSaid(check, error.cause_said());
    checkSaid(check, error.remedy_said());
}

/// Lengths only: what a value may be is the setting table's business, which answers with words of its own.
void checkSettings(Check& check, const wire::EngineSettings& settings)
{
    check.text("settings.model", settings.model(), kMaxCauseBytes);
    for (const std::string& word : {settings.dtype(), settings.load_format(), settings.quantization(),
                                    settings.position_variant(), settings.device(), settings.stage_layers()})
        check.text("settings: a word", word, kMaxNameBytes);
    check.count("settings.nodes", static_cast<std::size_t>(settings.nodes_size()), 0, kMaxNodes);
    for (const wire::NodeSettings& node : settings.nodes()) {
        check.text("settings.nodes.model", node.model(), kMaxCauseBytes);
        for (const std::string& word : {node.node(), node.devices(), node.interface()})
            check.text("settings.nodes: a word", word, kMaxNameBytes);
    }
}

void checkPreflightDone(Check& check, const wire::PreflightDone& done)
{
    check.id("preflight_done.id", done.id());
    checkSettings(check, done.settings());
    check.text("preflight_done.model_name", done.model_name(), kMaxNameBytes);
    check.count("preflight_done.problems", static_cast<std::size_t>(done.problems_size()), 0, kMaxProblems);
    check.count("preflight_done.ranks", static_cast<std::size_t>(done.ranks_size()), 0, kMaxRanks);
    check.count("preflight_done.remarks", static_cast<std::size_t>(done.remarks_size()), 0, kMaxProblems);
    for (const int sizes : {done.tensor_parallel_sizes_size(), done.pipeline_parallel_sizes_size(), done.dtypes_size()})
        check.count("preflight_done: sizes", static_cast<std::size_t>(sizes), 0, kMaxSizes);
    for (int i = 0; check.ok() && i < done.problems_size(); ++i)
        checkProblem(check, done.problems(i));
    for (int i = 0; check.ok() && i < done.ranks_size(); ++i)
        for (const std::string& name : {done.ranks(i).node(), done.ranks(i).device(), done.ranks(i).device_name()})
            check.text("preflight_done.ranks", name, kMaxNameBytes);
    for (int i = 0; check.ok() && i < done.ranks_size(); ++i)
        checkSaid(check, done.ranks(i).device_name_said());
    for (const std::string& remark : done.remarks())
        check.text("preflight_done.remarks", remark, kMaxCauseBytes);
    check.count("preflight_done.remarks_said", static_cast<std::size_t>(done.remarks_said_size()), 0, kMaxProblems);
    for (int i = 0; check.ok() && i < done.remarks_said_size(); ++i)
        checkSaid(check, done.remarks_said(i));
    for (const std::string& type : done.dtypes())
        check.text("preflight_done.dtypes", type, kMaxNameBytes);
}

namespace {

// ---- worker to head ----

void checkInventory(Check& check, const wire::Inventory& inventory)
{
    check.count("inventory.devices", static_cast<std::size_t>(inventory.devices_size()), 0, kMaxDevices);
    check.count("inventory.interfaces", static_cast<std::size_t>(inventory.interfaces_size()), 0, kMaxDevices);
    for (const std::string& word : {inventory.interface(), inventory.nccl(), inventory.driver()})
        check.text("inventory: a word", word, kMaxNameBytes);
    checkError(check, inventory.failure());
    for (const wire::InventoryDevice& device : inventory.devices()) {
        check.oneOf("inventory.devices.kind", device.kind(), {"cpu", "cuda"});
        check.integer("inventory.devices.index", device.index(), 0, kMaxDevices);
        for (const std::string& word : {device.name(), device.uuid()})
            check.text("inventory.devices: a word", word, kMaxNameBytes);
        check.text("inventory.devices.problem", device.problem(), kMaxCauseBytes);
        checkSaid(check, device.name_said());
        checkSaid(check, device.problem_said());
        check.count("inventory.devices.users", static_cast<std::size_t>(device.users_size()), 0, kMaxDevices);
        check.count("inventory.devices.nvlinks", static_cast<std::size_t>(device.nvlinks_size()), 0, kMaxDevices);
        for (const wire::NvLinks& links : device.nvlinks()) {
            check.integer("inventory.devices.nvlinks.device", links.device(), 0, kMaxDevices - 1);
            check.integer("inventory.devices.nvlinks.links", links.links(), 1, kMaxNvLinks);
        }
        for (const std::string& user : device.users())
            check.text("inventory.devices.users", user, kMaxNameBytes);
    }
    for (const wire::NetworkInterface& interface : inventory.interfaces()) {
        check.text("inventory.interfaces.name", interface.name(), kMaxNameBytes);
        check.text("inventory.interfaces.address", interface.address(), kMaxNameBytes);
        check.integer("inventory.interfaces.prefix_bits", interface.prefix_bits(), 0, 128);
    }
}

/// In order, apart, inside the file.
void checkRanges(Check& check, const wire::ManifestFile& file)
{
    check.count("manifest.files.ranges", static_cast<std::size_t>(file.ranges_size()), 0, kMaxFileRanges);
    std::uint64_t least = 0;
    for (const wire::ByteRange& range : file.ranges()) {
        if (range.begin() < least || range.begin() >= range.end() || range.end() > file.size())
            return check.fail(ErrorCode::BadRequest, "manifest.files.ranges are no ranges of the file in order");
        least = range.end() + 1;
    }
}

void checkManifest(Check& check, const google::protobuf::RepeatedPtrField<wire::ManifestFile>& files)
{
    check.count("manifest.files", static_cast<std::size_t>(files.size()), 0, kMaxManifestFiles);
    for (const wire::ManifestFile& file : files) {
        check.text("manifest.files.name", file.name(), kMaxNameBytes);
        if (file.name().empty() || file.name().front() == '.' || file.name().find('/') != std::string::npos)
            check.fail(ErrorCode::BadRequest, "manifest.files.name is no plain file name");
        check.digest("manifest.files.sha256", file.sha256());
        checkRanges(check, file);
    }
}

void checkBody(Check& check, const wire::WorkerMessage& message)
{
    using Body = wire::WorkerMessage;
    switch (message.body_case()) {
    case Body::kHello:
        check.text("hello.name", message.hello().name(), kMaxIdBytes);
        if (message.hello().name().empty())
            check.fail(ErrorCode::BadRequest, "hello.name is empty");
        check.id("hello.incarnation", message.hello().incarnation());
        check.text("hello.version", message.hello().version(), kMaxNameBytes);
        return checkInventory(check, message.hello().inventory());
    case Body::kHeartbeat:
        check.figure("heartbeat.sent_seconds", message.heartbeat().sent_seconds());
        check.figure("heartbeat.clock_seconds", message.heartbeat().clock_seconds());
        return check.count("heartbeat.memory", static_cast<std::size_t>(message.heartbeat().memory_size()), 0,
                           kMaxDevices);
    case Body::kInventory:
        return checkInventory(check, message.inventory());
    case Body::kEnded:
        check.text("ended.how", message.ended().how(), kMaxCauseBytes);
        checkSaid(check, message.ended().how_said());
        return checkError(check, message.ended().error());
    case Body::kLog:
        return check.text("log.text", message.log().text(), kMaxLogBytes);
    case Body::kModelReport:
        check.text("model_report.folder", message.model_report().folder(), kMaxCauseBytes);
        checkManifest(check, message.model_report().files());
        return checkError(check, message.model_report().error());
    case Body::kLeaving:
        return check.text("leaving.reason", message.leaving().reason(), kMaxCauseBytes);
    case Body::kPull:
        check.text("pull.file", message.pull().file(), kMaxNameBytes);
        return check.integer("pull.chunks", message.pull().chunks(), 1, kUploadCredit);
    case Body::kStarted:
    case Body::kFromExecutor: // checked where it is read
    case Body::kLinkEcho:
        return;
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this head does not know");
    }
}

// ---- head to worker: a worker trusts a head no more than a head trusts a worker ----

void checkBody(Check& check, const wire::HeadToWorker& message)
{
    using Body = wire::HeadToWorker;
    switch (message.body_case()) {
    case Body::kWelcome:
        check.text("welcome.head_name", message.welcome().head_name(), kMaxNameBytes);
        check.integer("welcome.model_port", message.welcome().model_port(), 0, 65535);
        return check.text("welcome.version", message.welcome().version(), kMaxNameBytes);
    case Body::kRefused:
        return checkError(check, message.refused().error());
    case Body::kHeartbeat:
        return check.figure("heartbeat.sent_seconds", message.heartbeat().sent_seconds());
    case Body::kStart:
        check.oneOf("start.kind", message.start().kind(), {"cpu", "cuda"});
        check.count("start.load.ranks", static_cast<std::size_t>(message.start().load().ranks_size()), 1, kMaxDevices);
        check.text("start.load.interface", message.start().load().interface(), kMaxNameBytes);
        check.text("start.load.address", message.start().load().address(), kMaxNameBytes);
        return checkSettings(check, message.start().load().settings());
    case Body::kToExecutor:
        return check.count("to_executor.pixels", static_cast<std::size_t>(message.to_executor().pixels_size()), 0,
                           kMaxDescriptors);
    case Body::kEnd:
        return check.text("end.why", message.end().why(), kMaxCauseBytes);
    case Body::kPixels:
        check.integer("pixels.total", message.pixels().total(), 1, kMaxPixelBytes);
        return check.integer("pixels.data", message.pixels().data().size(), 1, kChunkBytes);
    case Body::kCheckModel:
        check.text("check_model.folder", message.check_model().folder(), kMaxCauseBytes);
        return check.text("check_model.name", message.check_model().name(), kMaxNameBytes);
    case Body::kPullModel:
        check.text("pull_model.name", message.pull_model().name(), kMaxNameBytes);
        return checkManifest(check, message.pull_model().files());
    case Body::kModelChunk:
        check.text("model_chunk.file", message.model_chunk().file(), kMaxNameBytes);
        check.integer("model_chunk.data", message.model_chunk().data().size(), 0, kChunkBytes);
        return checkError(check, message.model_chunk().error());
    case Body::kNeededCopy:
        return check.text("needed_copy.folder", message.needed_copy().folder(), kMaxCauseBytes);
    case Body::kStop:
        return check.text("stop.reason", message.stop().reason(), kMaxCauseBytes);
    case Body::kDropPixels:
    case Body::kLinkProbe:
        return;
    case Body::BODY_NOT_SET:
        return check.fail(ErrorCode::Unsupported, "a message of a kind that this worker does not know");
    }
}

void checkBody(Check& check, const wire::PairRequest& request)
{
    check.text("pair.name", request.name(), kMaxIdBytes);
    check.text("pair.version", request.version(), kMaxNameBytes);
    if (!isKey(request.public_key()))
        check.fail(ErrorCode::BadRequest, "pair.public_key is no key of 40 Z85 characters");
}

void checkBody(Check& check, const wire::PairAnswer& answer)
{
    check.text("pair.head_name", answer.head_name(), kMaxNameBytes);
    check.text("pair.version", answer.version(), kMaxNameBytes);
    checkError(check, answer.error());
    if (answer.error().code().empty() &&
        (!isKey(answer.head_public_key()) || answer.port() < 1 || answer.port() > 65535))
        check.fail(ErrorCode::BadRequest, "pair: the head's key or port is missing");
}

template <typename Message>
Result<Message> parse(std::span<const std::byte> frame, SaidId<0> other)
{
    return parseMessage<Message>(frame,
                                 {.other = other,
                                  .sameRelease = "do-one-release-all",
                                  .install = "do-install-same-all",
                                  .bounds = "use programs of one release on all machines"},
                                 [](Check& check, const Message& message) { checkBody(check, message); });
}

} // namespace

Result<wire::WorkerMessage> parseWorkerMessage(std::span<const std::byte> frame)
{
    return parse<wire::WorkerMessage>(frame, "the-worker");
}
Result<wire::HeadToWorker> parseHeadToWorker(std::span<const std::byte> frame)
{
    return parse<wire::HeadToWorker>(frame, "the-head");
}
Result<wire::PairRequest> parsePairRequest(std::span<const std::byte> frame)
{
    return parse<wire::PairRequest>(frame, "joining-machine");
}
Result<wire::PairAnswer> parsePairAnswer(std::span<const std::byte> frame)
{
    return parse<wire::PairAnswer>(frame, "the-head");
}

} // namespace argus::protocol
