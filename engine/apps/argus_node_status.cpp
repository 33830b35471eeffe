// argus-node status and argus-node stop.

#include "engine/apps/argus_node_common.h"
#include "engine/base/log.h"
#include "engine/base/unique_fd.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace argus::apps {
using Json = nlohmann::json;
namespace {

constexpr Milliseconds kConnectPatience{10'000};
/// The head's own drain (30 s) and the end of its children.
constexpr Milliseconds kStopPatience{45'000};

// ---- status ----

std::string usedOf(std::uint64_t used, std::uint64_t reserved)
{
    if (reserved == 0)
        return "-";
    return fmt::format("{} of {} ({:.0f} %)", bytesText(used), bytesText(reserved),
                       100.0 * static_cast<double>(used) / static_cast<double>(reserved));
}

std::string rankText(const wire::DeviceStatus& device)
{
    if (!device.used())
        return "-";
    return fmt::format("{}, stage {}, layers {}-{}{}{}", device.rank(), device.stage(), device.first_layer(),
                       std::max(device.end_layer(), 1U) - 1, device.joined().empty() ? "" : ", ", device.joined());
}

void printStatus(const wire::Status& status)
{
    std::vector<Row> rows{{"NODE", "ROLE", "STATE", "DEVICE", "RANK", "MEMORY FREE", "KV CACHE IN USE"}};
    for (const wire::NodeStatus& node : status.nodes())
        for (const wire::DeviceStatus& device : node.devices())
            rows.push_back({node.name(), node.role(), node.state(), device.name(), rankText(device),
                            fmt::format("{} of {}", bytesText(device.memory_free()), bytesText(device.memory_total())),
                            usedOf(device.kv_used_bytes(), device.kv_reserved_bytes())});
    printTable(rows);
    for (const wire::NodeStatus& node : status.nodes())
        if (!node.problem().code().empty())
            fmt::print("{}: {}, since {:.0f} s\n  {}\n", node.name(), node.problem().cause(), node.state_seconds(),
                       node.problem().remedy());
    for (const wire::NodeStatus& node : status.nodes())
        if (const std::string fetching = fetchText(node); !fetching.empty())
            fmt::print("{}\n", fetching);
    const wire::Deployment& deployment = status.deployment();
    fmt::print("\nmodel    {}{}\n", deployment.model_name().empty() ? "(none)" : deployment.model_name(),
               deployment.model_path().empty() ? "" : " in " + deployment.model_path());
    fmt::print("state    {}", deployment.state());
    if (deployment.state() == "loading" && deployment.load_total_bytes() > 0)
        fmt::print(", {} of {}", bytesText(deployment.load_done_bytes()), bytesText(deployment.load_total_bytes()));
    if (deployment.restarts() > 0)
        fmt::print(", executor restarted {} {}", deployment.restarts(), deployment.restarts() == 1 ? "time" : "times");
    fmt::print("\n");
    if (deployment.has_error())
        fmt::print("because  {}\ndo       {}\n", deployment.error().cause(), deployment.error().remedy());
    fmt::print("context  {} tokens, {} of {} blocks in use\nasks     {} running, {} waiting\nup       {:.0f} s\n",
               deployment.max_model_len(), deployment.kv_blocks_used(), deployment.kv_blocks(), status.asks_running(),
               status.asks_waiting(), status.uptime_seconds());
}

Json jsonOf(const wire::DeviceStatus& device)
{
    Json out{{"name", device.name()},
             {"kind", device.kind()},
             {"index", device.index()},
             {"memory_total", device.memory_total()},
             {"memory_free", device.memory_free()},
             {"weights_bytes", device.weights_bytes()},
             {"runtime_bytes", device.runtime_bytes()},
             {"kv_reserved_bytes", device.kv_reserved_bytes()},
             {"kv_used_bytes", device.kv_used_bytes()}};
    if (device.used())
        out["rank"] = {{"rank", device.rank()},
                       {"stage", device.stage()},
                       {"tensor_rank", device.tensor_rank()},
                       {"first_layer", device.first_layer()},
                       {"end_layer", device.end_layer()},
                       {"joined", device.joined()},
                       {"load_done_bytes", device.load_done_bytes()},
                       {"load_total_bytes", device.load_total_bytes()}};
    return out;
}

Json jsonOf(const wire::Status& status)
{
    Json json{{"head", status.head_name()},
              {"uptime_seconds", status.uptime_seconds()},
              {"asks_running", status.asks_running()},
              {"asks_waiting", status.asks_waiting()}};
    const wire::Deployment& deployment = status.deployment();
    json["deployment"] = {{"model_name", deployment.model_name()},
                          {"model_path", deployment.model_path()},
                          {"demo", deployment.demo()},
                          {"dtype", deployment.dtype()},
                          {"tensor_parallel_size", deployment.tensor_parallel_size()},
                          {"pipeline_parallel_size", deployment.pipeline_parallel_size()},
                          {"max_model_len", deployment.max_model_len()},
                          {"state", deployment.state()},
                          {"epoch", deployment.epoch()},
                          {"restarts", deployment.restarts()},
                          {"number", deployment.number()},
                          {"rolled_back", deployment.rolled_back()},
                          {"replayed_asks", deployment.replayed_asks()},
                          {"kv_blocks", deployment.kv_blocks()},
                          {"kv_blocks_used", deployment.kv_blocks_used()},
                          {"load_done_bytes", deployment.load_done_bytes()},
                          {"load_total_bytes", deployment.load_total_bytes()}};
    if (deployment.has_error())
        json["deployment"]["error"] = {{"code", deployment.error().code()},
                                       {"cause", deployment.error().cause()},
                                       {"remedy", deployment.error().remedy()},
                                       {"setting", deployment.error().setting()}};
    json["nodes"] = Json::array();
    for (const wire::NodeStatus& node : status.nodes()) {
        Json& out = json["nodes"].emplace_back(Json{{"name", node.name()},
                                                    {"role", node.role()},
                                                    {"address", node.address()},
                                                    {"version", node.version()},
                                                    {"state", node.state()},
                                                    {"state_seconds", node.state_seconds()},
                                                    {"age_seconds", node.age_seconds()},
                                                    {"interface", node.interface()},
                                                    {"round_trip_seconds", node.round_trip_seconds()},
                                                    {"link_bytes_per_second", node.link_bytes_per_second()}});
        if (node.fetch_total_bytes() > 0)
            out["fetch"] = {{"done_bytes", node.fetch_done_bytes()}, {"total_bytes", node.fetch_total_bytes()}};
        if (!node.problem().code().empty())
            out["problem"] = {{"cause", node.problem().cause()}, {"remedy", node.problem().remedy()}};
        out["devices"] = Json::array();
        for (const wire::DeviceStatus& device : node.devices())
            out["devices"].push_back(jsonOf(device));
    }
    return json;
}

int failWith(const Error& error, bool json)
{
    if (json)
        fmt::print("{}\n", Json{{"error", apps::jsonOf(error)}}.dump(2));
    return complain(error);
}

int status(const HeadOptions& options)
{
    log::start("argus-node", "error");
    Result<client::HeadAddress> address = addressOf(options);
    if (!address)
        return failWith(address.error(), options.json);
    auto conversation = Conversation::open(std::move(*address), "argus-node status", Deadline::in(kConnectPatience));
    if (!conversation)
        return failWith(conversation.error(), options.json);
    const wire::Status& now = (*conversation)->welcome().status();
    if (options.json)
        fmt::print("{}\n", jsonOf(now).dump(2));
    else
        printStatus(now);
    return kOk;
}

// ---- stop ----

bool waitForEnd(int pid, Deadline deadline)
{
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (!process.valid())
        return true; // gone already
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    while (!deadline.passed())
        if (::poll(&ended, 1, static_cast<int>(deadline.left().count())) > 0)
            return true;
    return false;
}

/// A head on another machine has ended when it hangs up; false when it does not in time. Errors  its refusal
Result<bool> waitForSilence(Conversation& conversation, Deadline deadline)
{
    while (!deadline.passed()) {
        const std::optional<client::Event> event = conversation.next(deadline);
        if (event && std::holds_alternative<client::Disconnected>(*event))
            return true;
        if (const auto* refused = event ? std::get_if<client::CommandFailed>(&*event) : nullptr)
            return refused->error;
    }
    return false;
}

int stop(const HeadOptions& options)
{
    log::start("argus-node", "error");
    Result<client::HeadAddress> address = addressOf(options);
    if (!address)
        return complain(address.error());
    const std::optional<LocalHead> local = findLocalHead();
    const bool here = local && local->publicKey == address->headPublicKey && local->endpoint == address->endpoint;
    auto conversation = Conversation::open(std::move(*address), "argus-node stop", Deadline::in(kConnectPatience));
    if (!conversation)
        return complain(conversation.error());
    (*conversation)->client().stopHead();
    const Deadline deadline = Deadline::in(kStopPatience);
    const Result<bool> ended = here ? waitForEnd(local->pid, deadline) : waitForSilence(**conversation, deadline);
    if (!ended)
        return complain(ended.error());
    if (*ended) {
        fmt::print("stopped\n");
        return kOk;
    }
    return complain({ErrorCode::Timeout,
                     fmt::format("the head has not ended within {} s", kStopPatience.count() / 1000),
                     here ? fmt::format("end it with: kill -9 {}", local->pid) : "look at its machine",
                     {}});
}

} // namespace

void addStatus(CLI::App& app, Action& action)
{
    auto options = std::make_shared<HeadOptions>();
    CLI::App* command = app.add_subcommand("status", "Show a head, its devices and what it serves");
    addHeadOptions(*command, *options);
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &action] { action = [options] { return status(*options); }; });
}

void addStop(CLI::App& app, Action& action)
{
    auto options = std::make_shared<HeadOptions>();
    CLI::App* command = app.add_subcommand("stop", "Let a head finish its answers and end it");
    addHeadOptions(*command, *options);
    command->callback([options, &action] { action = [options] { return stop(*options); }; });
}

} // namespace argus::apps
