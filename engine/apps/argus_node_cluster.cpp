// argus-node deploy, join-line, logs and remove: what a person does with a cluster from a terminal.

#include "engine/apps/argus_node_common.h"
#include "engine/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

namespace argus::apps {
using Json = nlohmann::json;
namespace {

constexpr Milliseconds kAnswerPatience{15'000};
/// Hashing a large checkpoint on a slow disk.
constexpr Milliseconds kPlanPatience{30 * 60'000};
constexpr Milliseconds kReadyPatience{60 * 60'000};

struct DeployOptions {
    HeadOptions head;
    SettingOptions settings;
    std::vector<std::string> nodes; ///< "gpu-b devices=0,1 interface=eth1"
    bool dryRun = false;
};
struct LogOptions {
    HeadOptions head;
    std::string node;
    std::uint32_t bytes = 65'536;
};

/// The event of one kind that answers, or why there is none.
template <typename Wanted>
Result<Wanted> wait(Conversation& conversation, Milliseconds patience)
{
    const Deadline deadline = Deadline::in(patience);
    while (!deadline.passed()) {
        std::optional<client::Event> event = conversation.next(deadline);
        if (!event)
            continue;
        if (auto* wanted = std::get_if<Wanted>(&*event))
            return std::move(*wanted);
        if (const auto* failed = std::get_if<client::CommandFailed>(&*event))
            return failed->error;
        if (const auto* gone = std::get_if<client::Disconnected>(&*event))
            return gone->why;
    }
    return Error{ErrorCode::Timeout,
                 fmt::format("the head has not answered within {} s", patience.count() / 1000),
                 "look at argus-node status",
                 {}};
}

Error errorOf(const wire::Error& error)
{
    return {errorCodeFromName(error.code()), error.cause(), error.remedy(), error.setting()};
}

// ---- deploy ----

/// "NODE devices=0,1 interface=eth1 model=/models/x"
Result<wire::NodeSettings> nodeSettings(const std::string& text)
{
    wire::NodeSettings node;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        const std::size_t equals = word.find('=');
        const std::string key = word.substr(0, equals);
        const std::string value = equals == word.npos ? std::string() : word.substr(equals + 1);
        if (equals == word.npos && !word.empty())
            node.set_node(word);
        else if (key == "devices")
            node.set_devices(value);
        else if (key == "interface")
            node.set_interface(value);
        else if (key == "model")
            node.set_model(value);
        else if (!word.empty())
            return Error{ErrorCode::BadRequest,
                         fmt::format("\"{}\" says nothing about a node", word),
                         "write --node \"NAME devices=0,1 interface=eth1 model=DIR\", each part if it is needed",
                         {}};
        at = end + 1;
    }
    return node;
}

void printProblems(const wire::PreflightDone& done)
{
    for (const wire::Problem& problem : done.problems()) {
        fmt::print("{} {}  {}\n", problem.warning() ? "note   " : "problem", problem.code(), problem.error().cause());
        if (!problem.error().remedy().empty())
            fmt::print("             {}\n", problem.error().remedy());
        for (const wire::Fix& fix : problem.fixes())
            fmt::print("             --{} {}{}\n", fix.setting(), fix.value(),
                       fix.node().empty() ? "" : fmt::format("   (of node {})", fix.node()));
    }
}

void printPlan(const wire::PreflightDone& done)
{
    const wire::EngineSettings& settings = done.settings();
    fmt::print("{}: tensor parallel {}, pipeline parallel {}, {}\n", done.model_name(),
               std::max(settings.tensor_parallel_size(), 1U), std::max(settings.pipeline_parallel_size(), 1U),
               settings.dtype());
    std::vector<Row> rows{{"RANK", "NODE", "DEVICE", "LAYERS", "WEIGHTS", "KV CACHE", "ACTIVATIONS", "RUNTIME", "OF"}};
    std::uint64_t all = 0;
    for (const wire::PlannedRank& rank : done.ranks()) {
        rows.push_back({std::to_string(rank.rank()), rank.node(),
                        fmt::format("{} {}", rank.device(), rank.device_name()),
                        fmt::format("{}-{}", rank.first_layer(), rank.end_layer()), bytesText(rank.weights_bytes()),
                        bytesText(rank.kv_bytes()), bytesText(rank.activation_bytes()), bytesText(rank.runtime_bytes()),
                        bytesText(rank.usable_bytes())});
        all += rank.weights_bytes() + rank.kv_bytes() + rank.activation_bytes() + rank.runtime_bytes();
    }
    printTable(rows);
    fmt::print("{} in all; context {} tokens (at most {} would fit); KV cache for {} tokens\n", bytesText(all),
               done.max_model_len(), done.largest_context(), done.kv_tokens());
    for (const std::string& remark : done.remarks())
        fmt::print("{}\n", remark);
}

/// One line whenever something has changed, until it serves or has failed.
int follow(Conversation& conversation, std::uint64_t number)
{
    const Deadline deadline = Deadline::in(kReadyPatience);
    std::string said;
    while (!deadline.passed()) {
        const std::optional<client::Event> event = conversation.next(deadline);
        if (event && std::holds_alternative<client::Disconnected>(*event))
            return complain(std::get<client::Disconnected>(*event).why);
        const auto* arrived = event ? std::get_if<client::StatusArrived>(&*event) : nullptr;
        if (arrived == nullptr)
            continue;
        for (const wire::NodeStatus& node : arrived->status.nodes())
            if (const std::string line = fetchText(node); !line.empty() && line != std::exchange(said, line))
                fmt::print("{}\n", line);
        const wire::Deployment& deployment = arrived->status.deployment();
        if (deployment.rolled_back() && deployment.number() > number) {
            fmt::print("back on the deployment before\n");
            return complain(errorOf(deployment.error()));
        }
        if (deployment.rolled_back() && deployment.number() < number)
            return complain(errorOf(deployment.error())); // refused; what ran before goes on
        if (deployment.number() < number && deployment.state() != "failed")
            continue;
        std::string line = deployment.state();
        if (deployment.state() == "loading" && deployment.load_total_bytes() > 0)
            line += fmt::format(", {} of {}", bytesText(deployment.load_done_bytes()),
                                bytesText(deployment.load_total_bytes()));
        if (line != std::exchange(said, line))
            fmt::print("{}\n", line);
        std::fflush(stdout);
        if (deployment.state() == "ready")
            return kOk;
        if (deployment.state() == "failed")
            return complain(errorOf(deployment.error()));
    }
    return complain({ErrorCode::Timeout, "the deployment is not ready yet", "look at argus-node status", {}});
}

int deploy(const DeployOptions& options)
{
    log::start("argus-node", "error");
    Result<wire::EngineSettings> settings = settingsOf(options.settings);
    if (!settings)
        return complain(settings.error());
    for (const std::string& text : options.nodes) {
        const Result<wire::NodeSettings> node = nodeSettings(text);
        if (!node)
            return complain(node.error());
        *settings->add_nodes() = *node;
    }
    auto conversation = connectTo(options.head, "argus-node deploy");
    if (!conversation)
        return complain(conversation.error());
    client::Client& client = (*conversation)->client();
    client.preflight(*settings);
    const Result<client::PreflightArrived> planned = wait<client::PreflightArrived>(**conversation, kPlanPatience);
    if (!planned)
        return complain(planned.error());
    printProblems(planned->done);
    if (!planned->done.possible())
        return kFailed;
    printPlan(planned->done);
    std::fflush(stdout);
    if (options.dryRun)
        return kOk;
    client.deploy(*settings);
    const Result<client::DeployAnswered> answer = wait<client::DeployAnswered>(**conversation, kAnswerPatience);
    if (!answer)
        return complain(answer.error());
    if (answer->answer.has_error())
        return complain(errorOf(answer->answer.error()));
    return follow(**conversation, answer->answer.deployment());
}

// ---- the rest ----

int joinLine(const HeadOptions& options)
{
    log::start("argus-node", "error");
    auto conversation = connectTo(options, "argus-node join-line");
    if (!conversation)
        return complain(conversation.error());
    (*conversation)->client().makeJoinLine();
    const Result<client::JoinLineArrived> made = wait<client::JoinLineArrived>(**conversation, kAnswerPatience);
    if (!made)
        return complain(made.error());
    if (made->line.has_error() && !made->line.error().code().empty())
        return complain(errorOf(made->line.error()));
    fmt::print("{}\n", made->line.line());
    fmt::print(stderr, "run this on the other machine within {:.0f} minutes; it joins one machine\n",
               made->line.valid_seconds() / 60);
    return kOk;
}

int logs(const LogOptions& options)
{
    log::start("argus-node", "error");
    auto conversation = connectTo(options.head, "argus-node logs");
    if (!conversation)
        return complain(conversation.error());
    (*conversation)->client().getLog(options.node, options.bytes);
    const Result<client::LogArrived> log = wait<client::LogArrived>(**conversation, kAnswerPatience);
    if (!log)
        return complain(log.error());
    if (log->log.has_error())
        return complain(errorOf(log->log.error()));
    fmt::print("{}", log->log.text());
    return kOk;
}

int removeNode(const LogOptions& options)
{
    log::start("argus-node", "error");
    auto conversation = connectTo(options.head, "argus-node remove");
    if (!conversation)
        return complain(conversation.error());
    const wire::Status& status = (*conversation)->welcome().status();
    const bool known = std::any_of(status.nodes().begin(), status.nodes().end(), [&](const wire::NodeStatus& node) {
        return node.role() == "worker" && node.name() == options.node;
    });
    if (!known)
        return complain({ErrorCode::NotFound,
                         fmt::format("no worker of the name {} has joined", options.node),
                         "use a name that argus-node status shows",
                         {}});
    (*conversation)->client().removeNode(options.node);
    const Deadline deadline = Deadline::in(kAnswerPatience);
    while (!deadline.passed()) {
        const std::optional<client::Event> event = (*conversation)->next(deadline);
        if (const auto* refused = event ? std::get_if<client::CommandFailed>(&*event) : nullptr)
            return complain(refused->error);
        const auto* arrived = event ? std::get_if<client::StatusArrived>(&*event) : nullptr;
        if (arrived != nullptr &&
            std::none_of(arrived->status.nodes().begin(), arrived->status.nodes().end(),
                         [&](const wire::NodeStatus& node) { return node.name() == options.node; })) {
            fmt::print("{} is removed; its key does not count any more\n", options.node);
            return kOk;
        }
    }
    return complain({ErrorCode::Timeout, "the head still shows it", "look at argus-node status", {}});
}

} // namespace

void addCluster(CLI::App& app, Action& action)
{
    auto options = std::make_shared<DeployOptions>();
    CLI::App* command = app.add_subcommand("deploy", "Say what would happen with these settings, and serve with them");
    addHeadOptions(*command, options->head);
    command->add_option("--node", options->nodes,
                        "\"NAME devices=0,1 interface=eth1 model=DIR\": where a machine differs; may be repeated");
    command->add_flag("--dry-run", options->dryRun, "Only say what would happen");
    addSettingOptions(*command, options->settings);
    command->callback([options, &action] { action = [options] { return deploy(*options); }; });

    auto line = std::make_shared<HeadOptions>();
    command = app.add_subcommand("join-line", "Print the line with which another machine joins");
    addHeadOptions(*command, *line);
    command->callback([line, &action] { action = [line] { return joinLine(*line); }; });

    auto log = std::make_shared<LogOptions>();
    command = app.add_subcommand("logs", "Print the last lines that a node has written");
    addHeadOptions(*command, log->head);
    command->add_option("node", log->node, "Its name [the head]");
    command->add_option("--bytes", log->bytes, "At most so much text")->capture_default_str();
    command->callback([log, &action] { action = [log] { return logs(*log); }; });

    auto removed = std::make_shared<LogOptions>();
    command = app.add_subcommand("remove", "Let a machine be a worker no more; its key is revoked");
    addHeadOptions(*command, removed->head);
    command->add_option("node", removed->node, "Its name")->required();
    command->callback([removed, &action] { action = [removed] { return removeNode(*removed); }; });
}

} // namespace argus::apps
