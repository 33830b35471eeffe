#include "engine/executor/rank.h"

#include "engine/base/log.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <new>
#include <thread>

namespace argus::executor {
namespace {

/// How long a step on the device may be done before somebody looks.
constexpr std::chrono::microseconds kGlance{50};

/// Bytes this process holds beyond files it maps: resident less shared pages.
std::uint64_t privateBytes()
{
    std::ifstream file("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
    if (!(file >> size >> resident >> shared) || shared > resident)
        return 0;
    return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<model::RuntimeSizes> sizesOf(const wire::LoadModel& plan)
{
    const auto within = [](std::uint32_t value, int most) {
        return value >= 1 && value <= static_cast<std::uint32_t>(most);
    };
    if (!within(plan.kv_blocks(), std::numeric_limits<int>::max()) || !within(plan.kv_block_tokens(), 1024) ||
        plan.max_vision_patches() > 1U << 20 || plan.settings().max_model_len() > 1U << 24 ||
        plan.ranks_size() < 1 || !within(plan.max_batched_tokens(), 1 << 20) || !within(plan.max_num_seqs(), 1 << 16))
        return Error{ErrorCode::Internal,
                     fmt::format("the sizes to load with are impossible: {} KV blocks of {} tokens, {} tokens and {} "
                                 "sequences in a step",
                                 plan.kv_blocks(), plan.kv_block_tokens(), plan.max_batched_tokens(),
                                 plan.max_num_seqs()),
                     "restart the node",
                     {}};
    return model::RuntimeSizes{.kvBlocks = static_cast<int>(plan.kv_blocks()),
                               .kvBlockTokens = static_cast<int>(plan.kv_block_tokens()),
                               .maxBatchedTokens = static_cast<int>(plan.max_batched_tokens()),
                               .maxSequences = static_cast<int>(plan.max_num_seqs()),
                               .maxModelLen = static_cast<int>(plan.settings().max_model_len()),
                               .maxVisionPatches = static_cast<int>(plan.max_vision_patches()),
                               .recordsSteps = !plan.settings().enforce_eager()};
}

int threadsFor(const RankOptions& options, const wire::EngineSettings& settings)
{
    if (options.threads > 0)
        return options.threads;
    if (settings.threads() > 0)
        return static_cast<int>(std::min(settings.threads(), 1024U));
    return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
}

} // namespace

Rank::Rank(RankOptions options, CommandQueue& commands, Answer answer)
    : m_options(std::move(options)), m_commands(commands), m_answer(std::move(answer))
{
}

Rank::~Rank() = default;

void Rank::run()
{
    while (!m_deaf) {
        const bool waiting = m_runner && m_runner->open() > 0;
        auto command = waiting ? m_commands.popUntil(Deadline(now() + kGlance)) : m_commands.pop();
        if (!command && (!waiting || m_commands.closed()))
            break;
        try {
            if (command)
                handle(*command);
            finishReady();
        } catch (const ops::DeviceLost& problem) {
            // The node starts another process and replays what was asked.
            log::error("{}", problem.what());
            break;
        } catch (const std::bad_alloc&) {
            fail({ErrorCode::DoesNotFit, "memory ran out",
                  "close other programs, or lower max_model_len or max_num_seqs", "max_model_len"});
        } catch (const std::exception& problem) {
            fail({ErrorCode::Internal, problem.what(), "ask again; if it happens again, report it with the log", {}});
        }
    }
    unload(); // on the thread that made it
}

/// Reports steps that the device has done; waits for one when no more may be open.
void Rank::finishReady()
{
    while (m_runner && m_runner->open() > 0 && (m_runner->open() == StepRunner::kMostOpen || m_runner->ready())) {
        wire::ExecutorToNode message;
        *message.mutable_result() = m_runner->finish();
        send(message);
    }
}

void Rank::handle(const Command& command)
{
    const wire::NodeToExecutor& message = command.message;
    const bool loads = message.body_case() == wire::NodeToExecutor::kLoad;
    if (loads ? message.epoch() <= m_epoch : message.epoch() != m_epoch) {
        log::debug("dropped a message of epoch {}, this is epoch {}", message.epoch(), m_epoch);
        return;
    }
    switch (message.body_case()) {
    case wire::NodeToExecutor::kLoad:
        m_epoch = message.epoch();
        if (auto loaded = load(message.load()); !loaded) {
            unload();
            fail(loaded.error());
        }
        return;
    case wire::NodeToExecutor::kStep:
        step(message.step(), command.descriptors);
        return;
    case wire::NodeToExecutor::kDrop:
        if (m_runner)
            m_runner->drop(message.drop());
        return;
    case wire::NodeToExecutor::kExchange:
    case wire::NodeToExecutor::kQuit:
        return; // the link's business
    case wire::NodeToExecutor::BODY_NOT_SET:
        break;
    }
    fail({ErrorCode::Unsupported,
          "the node sent a message that this executor does not know",
          "install Argus whole: its programs belong together",
          {}});
}

Result<Done> Rank::load(const wire::LoadModel& plan)
{
    const Instant started = now();
    unload();
    const wire::EngineSettings& settings = plan.settings();
    auto sizes = sizesOf(plan);
    if (!sizes)
        return std::move(sizes).error();
    auto config = model::loadConfig(settings.model());
    if (!config)
        return std::move(config).error();
    std::shared_ptr<const model::Checkpoint> weights; // none: made up
    if (settings.load_format() != "dummy") {
        auto checkpoint = model::Checkpoint::open(settings.model());
        if (!checkpoint)
            return std::move(checkpoint).error();
        weights = std::move(*checkpoint);
    }
    auto ops = m_options.makeOps(plan, plan.ranks(0), threadsFor(m_options, settings));
    if (!ops)
        return std::move(ops).error();
    m_ops = std::move(*ops);
    auto loaded = model::Qwen25VL::load(*m_ops, std::move(*config), std::move(weights), *sizes,
                                        [this](std::uint64_t done, std::uint64_t total, const std::string& tensor) {
                                            reportProgress(done, total, tensor);
                                        });
    if (!loaded)
        return std::move(loaded).error();
    m_model = std::move(*loaded);
    m_ops->synchronize(); // what is said to be loaded is there
    m_runner = std::make_unique<StepRunner>(*m_ops, *m_model, *sizes);

    wire::ExecutorToNode message;
    wire::Loaded& report = *message.mutable_loaded();
    const ops::DeviceReport device = m_ops->report();
    report.set_device_name(device.name);
    report.set_device_kind(device.kind);
    report.set_weights_bytes(m_model->weightBytes());
    report.set_kv_bytes(m_model->kvBytes());
    const std::uint64_t kept = report.weights_bytes() + report.kv_bytes();
    // A device counts everything that stands on it; of a processor's memory the mapped weights are not its own.
    report.set_runtime_bytes(device.usedBytes > 0 ? device.usedBytes - std::min(device.usedBytes, kept)
                                                  : privateBytes());
    report.set_seconds(std::chrono::duration<double>(now() - started).count());
    send(message);
    const auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(1ULL << 30); };
    log::info("loaded the model in {:.2f} s on {}: weights {:.2f} GiB, KV cache {:.2f} GiB in {} blocks of {} tokens, "
              "working memory {:.2f} GiB",
              report.seconds(), device.name, gib(report.weights_bytes()), gib(report.kv_bytes()), sizes->kvBlocks,
              sizes->kvBlockTokens, gib(report.runtime_bytes()));
    return Done{};
}

void Rank::reportProgress(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor)
{
    constexpr Milliseconds kBetween{100}; // what a person can follow
    if (doneBytes < totalBytes && now() - m_lastProgress < kBetween)
        return;
    m_lastProgress = now();
    wire::ExecutorToNode message;
    wire::LoadProgress& progress = *message.mutable_progress();
    progress.set_done_bytes(doneBytes);
    progress.set_total_bytes(totalBytes);
    progress.set_tensor(tensor);
    send(message);
}

void Rank::step(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors)
{
    if (!m_runner) {
        fail({ErrorCode::Internal,
              fmt::format("step {} came before a model was loaded", plan.step()),
              "restart the node",
              {}});
        return;
    }
    if (auto begun = m_runner->begin(plan, descriptors); !begun)
        fail(begun.error());
}

void Rank::unload()
{
    m_runner.reset();
    m_model.reset();
    m_ops.reset();
}

void Rank::fail(const Error& error)
{
    log::error("{}", error.text());
    wire::ExecutorToNode message;
    wire::Error& told = *message.mutable_failed()->mutable_error();
    told.set_code(std::string(errorCodeName(error.code)));
    told.set_cause(error.cause);
    told.set_remedy(error.remedy);
    told.set_setting(error.setting);
    send(message);
}

void Rank::send(wire::ExecutorToNode& message)
{
    if (m_deaf)
        return;
    message.set_epoch(m_epoch);
    if (auto sent = m_answer(message); !sent) {
        log::warn("{}", sent.error().text());
        m_deaf = true;
    }
}

} // namespace argus::executor
