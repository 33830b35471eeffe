#pragma once
// A scripted head with a cluster: real sockets below a made-up status, preflights by a small rule, and answers that the
// test can hold back.

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/keys.h"
#include "tests/support/scripted_head.h"

#include <QString>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>

namespace argus::testing {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

inline wire::NodeStatus nodeStatus(const std::string& name, const std::string& role, const std::string& state,
                                   int devices)
{
    wire::NodeStatus node;
    node.set_name(name);
    node.set_role(role);
    node.set_state(state);
    node.set_address(role == "head" ? "192.168.1.5:47700" : "192.168.1.6:47701");
    node.set_version("0.1.0");
    node.set_interface("eno1");
    node.add_interfaces("eno1 192.168.1.6");
    node.add_interfaces("wlan0 192.168.2.9");
    node.set_state_seconds(11'525);
    if (role == "worker") {
        node.set_key("key of " + name);
        node.set_round_trip_seconds(0.0003);
        node.set_link_bytes_per_second(1.175e9);
    }
    for (int i = 0; i < devices; ++i) {
        wire::DeviceStatus& device = *node.add_devices();
        device.set_name("NVIDIA GeForce RTX 4090");
        device.set_kind("cuda");
        device.set_index(static_cast<std::uint32_t>(i));
        device.set_memory_total(24 * kGiB);
        device.set_memory_free(3 * kGiB);
        device.set_weights_bytes(16 * kGiB);
        device.set_runtime_bytes(kGiB);
        device.set_kv_reserved_bytes(3 * kGiB);
        device.set_kv_used_bytes(kGiB);
        device.set_used(true);
        device.set_rank(static_cast<std::uint32_t>(i + (role == "head" ? 0 : devices)));
        device.set_stage(role == "head" ? 0 : 1);
        device.set_tensor_rank(static_cast<std::uint32_t>(i));
        device.set_first_layer(role == "head" ? 0 : 32);
        device.set_end_layer(role == "head" ? 32 : 64);
    }
    return node;
}

/// A 32B-like model on two machines with two cards each.
inline wire::Status clusterStatus()
{
    wire::Status status;
    status.set_head_name("gpu-a");
    status.set_uptime_seconds(11'560);
    *status.add_nodes() = nodeStatus("gpu-b", "worker", "ready", 2);
    *status.add_nodes() = nodeStatus("gpu-a", "head", "ready", 2);
    wire::Deployment& d = *status.mutable_deployment();
    d.set_model_name("Qwen2.5-VL-32B-Instruct");
    d.set_model_path("/models/Qwen2.5-VL-32B-Instruct");
    d.set_tensor_parallel_size(2);
    d.set_pipeline_parallel_size(2);
    d.set_dtype("bfloat16");
    d.set_max_model_len(32'768);
    d.set_state("ready");
    d.set_number(1);
    d.set_kv_blocks(4300);
    d.set_kv_blocks_used(1634);
    wire::EngineSettings& settings = *d.mutable_settings();
    settings.set_model("/models/Qwen2.5-VL-32B-Instruct");
    settings.set_tensor_parallel_size(2);
    settings.set_pipeline_parallel_size(2);
    settings.set_dtype("auto");
    settings.set_gpu_memory_utilization(0.9);
    settings.set_max_model_len(32'768);
    settings.set_threads(7); // not edited by the desktop
    status.set_asks_running(2);
    status.set_asks_waiting(1);
    return status;
}

inline void addFix(wire::Problem& problem, const std::string& setting, const std::string& value,
                   const std::string& node = {})
{
    wire::Fix& fix = *problem.add_fixes();
    fix.set_text(setting + " " + value);
    fix.set_setting(setting);
    fix.set_value(value);
    fix.set_node(node);
}

/// tensor_parallel_size must be 1, 2 or 4, no context over 68,839 fits, wlan0 is a warning.
inline wire::PreflightDone checkByRule(const wire::EngineSettings& settings)
{
    wire::PreflightDone done;
    done.set_model_name("Qwen2.5-VL-32B-Instruct");
    done.set_largest_context(68'839);
    done.set_max_model_len(settings.max_model_len() == 0 ? 68'839 : settings.max_model_len());
    done.set_kv_tokens(68'839);
    for (const std::uint32_t size : {1U, 2U, 4U})
        done.add_tensor_parallel_sizes(size);
    for (const std::uint32_t size : {1U, 2U})
        done.add_pipeline_parallel_sizes(size);
    for (const char* type : {"bfloat16", "float16", "float32"})
        done.add_dtypes(type);
    const std::uint32_t tp = settings.tensor_parallel_size();
    if (tp != 1 && tp != 2 && tp != 4) {
        wire::Problem& problem = *done.add_problems();
        problem.set_code("PAR-01");
        *problem.mutable_error() = protocol::toWire(makeError(ErrorCode::DoesNotDivide, say("heads-share", 40, tp),
                                                              say("do-use-one-of", "1, 2, 4"), "tensor_parallel_size"));
        addFix(problem, "tensor_parallel_size", "4");
        addFix(problem, "tensor_parallel_size", "2");
    }
    if (settings.max_model_len() > 68'839) {
        wire::Problem& problem = *done.add_problems();
        problem.set_code("GPU-04");
        problem.set_node("gpu-a");
        *problem.mutable_error() = protocol::toWire(makeError(
            ErrorCode::DoesNotFit,
            say("context-needs-of", settings.max_model_len(), "27.8 GiB", "gpu-a cuda:0 (NVIDIA GeForce RTX 4090)",
                std::vector<Said>{say("part-weights", "16.0 GiB"), say("part-kv", "9.8 GiB"),
                                  say("part-working", "1.0 GiB"), say("part-cuda", "1.0 GiB")},
                say("room-of-all", "21.6 GiB", "0.9", "24.0 GiB", "23.5 GiB")),
            say("any-of", std::vector<Said>{say("do-set-context", 68839), say("do-raise-share", "0.95")},
                say("do-spread")),
            "max_model_len"));
        addFix(problem, "max_model_len", "68839");
        addFix(problem, "gpu_memory_utilization", "0.95");
    }
    for (const wire::NodeSettings& node : settings.nodes())
        if (node.interface() == "wlan0") {
            wire::Problem& problem = *done.add_problems();
            problem.set_code("NET-06");
            problem.set_warning(true);
            problem.set_node(node.node());
            *problem.mutable_error() = protocol::toWire(
                makeError(ErrorCode::Unreachable, say("link-slow", node.node(), "0.02 GB/s", 2048, "21.0", "1.05"),
                          say("do-faster-network"), "interface"));
            addFix(problem, "interface", "eno1", node.node());
        }
    for (std::uint32_t rank = 0; rank < 4; ++rank) {
        wire::PlannedRank& row = *done.add_ranks();
        row.set_rank(rank);
        row.set_stage(rank / 2);
        row.set_tensor_rank(rank % 2);
        row.set_node(rank < 2 ? "gpu-a" : "gpu-b");
        row.set_device("cuda:" + std::to_string(rank % 2));
        row.set_device_name("NVIDIA GeForce RTX 4090");
        row.set_first_layer(rank < 2 ? 0 : 32);
        row.set_end_layer(rank < 2 ? 32 : 64);
        row.set_weights_bytes(16 * kGiB);
        row.set_kv_bytes(settings.max_model_len() > 68'839 ? 8 * kGiB : 3 * kGiB);
        row.set_activation_bytes(kGiB);
        row.set_runtime_bytes(kGiB);
        row.set_usable_bytes(21'600 * (kGiB / 1000));
        row.set_total_bytes(24 * kGiB);
    }
    const Said remark = say("remark-traffic-rate", "gpu-b", "eno1 (192.168.1.6)", "1.2 GB/s");
    done.add_remarks(english(remark));
    *done.add_remarks_said() = protocol::toWire(remark);
    bool stops = false;
    for (const wire::Problem& problem : done.problems())
        stops = stops || !problem.warning();
    done.set_possible(!stops);
    *done.mutable_settings() = settings;
    return done;
}

/// The head of a scripted cluster; methods are for the test's thread.
class ClusterHead {
public:
    explicit ClusterHead(const std::filesystem::path& folder) : m_head(folder)
    {
        auto keys = protocol::loadOrMakeKeys(configFolder() / "keys" / "client.key"); // as the desktop does
        if (!keys)
            std::abort();
        m_client = keys.value().publicKey;
        m_head.admit(m_client);
        m_head.start([this](ScriptedHead&, const ScriptedHead::Message& message) { return take(message); });
    }
    ~ClusterHead() { m_head.stop(); }

    [[nodiscard]] QString address() const { return QString::fromStdString(m_head.endpoint()); }
    [[nodiscard]] QString key() const { return QString::fromStdString(m_head.keys().publicKey); }
    [[nodiscard]] std::size_t heardCount(ScriptedHead::Message::BodyCase body) { return m_head.heardCount(body); }
    /// The newest message of that kind; one must have come.
    [[nodiscard]] ScriptedHead::Message last(ScriptedHead::Message::BodyCase body)
    {
        return m_head.heard(body, m_head.heardCount(body)).value_or(ScriptedHead::Message());
    }

    /// Changes the status and pushes it.
    template <typename Change>
    void change(Change&& change)
    {
        wire::HeadMessage message;
        {
            const std::lock_guard lock(m_mutex);
            change(m_status);
            *message.mutable_status() = m_status;
        }
        m_head.say(std::move(message));
    }
    /// Answers of preflights are kept until release(), which says them in reverse order: the stale ones last.
    void holdPreflights()
    {
        const std::lock_guard lock(m_mutex);
        m_holding = true;
    }
    void release()
    {
        std::vector<wire::HeadMessage> held;
        {
            const std::lock_guard lock(m_mutex);
            m_holding = false;
            held.swap(m_held);
        }
        for (auto message = held.rbegin(); message != held.rend(); ++message)
            m_head.say(*message);
    }
    /// Of the clients that come from now on.
    void giveRole(const std::string& role)
    {
        const std::lock_guard lock(m_mutex);
        m_role = role;
    }
    /// Uploads that begin from now on fail with this; nothing: they are taken.
    void failUploads(std::optional<Error> why)
    {
        const std::lock_guard lock(m_mutex);
        m_noUpload = std::move(why);
    }
    /// Of the client that is connected, as a head says it when `argus-node keys allow` was called.
    void changeRole(const std::string& role)
    {
        giveRole(role);
        wire::HeadMessage message;
        {
            const std::lock_guard lock(m_mutex);
            message.mutable_welcome()->set_head_name("gpu-a");
            *message.mutable_welcome()->mutable_status() = m_status;
            message.mutable_welcome()->set_role(m_role);
        }
        m_head.say(std::move(message));
    }
    /// The client's key, as after `argus-node keys revoke`: it is told, and cannot come back.
    void revoke()
    {
        m_head.dismiss(m_client);
        wire::HeadMessage message;
        *message.mutable_refused()->mutable_error() =
            protocol::toWire(makeError(ErrorCode::Denied, say("key-revoked"), say("do-allow-key", m_client)));
        m_head.say(std::move(message));
    }
    void allowAgain() { m_head.admit(m_client); }
    [[nodiscard]] QString clientKey() const { return QString::fromStdString(m_client); }
    void refuseJoinLines(const Error& why)
    {
        const std::lock_guard lock(m_mutex);
        m_noLine = why;
    }

private:
    bool take(const ScriptedHead::Message& message)
    {
        using Body = ScriptedHead::Message;
        wire::HeadMessage reply;
        std::unique_lock lock(m_mutex);
        switch (message.body_case()) {
        case Body::kHello:
            reply.mutable_welcome()->set_head_name("gpu-a");
            *reply.mutable_welcome()->mutable_status() = m_status;
            reply.mutable_welcome()->set_role(m_role);
            break;
        case Body::kHeartbeat:
            *reply.mutable_status() = m_status;
            break;
        case Body::kPreflight:
            *reply.mutable_preflight_done() = checkByRule(message.preflight().settings());
            reply.mutable_preflight_done()->set_id(message.preflight().id());
            if (m_holding) {
                m_held.push_back(reply);
                return true;
            }
            break;
        case Body::kUploadBegin:
            if (!m_noUpload)
                return false;
            reply.mutable_upload_failed()->set_sha256(message.upload_begin().sha256());
            *reply.mutable_upload_failed()->mutable_error() = protocol::toWire(*m_noUpload);
            break;
        case Body::kDeploy:
            reply.mutable_deploy_answer()->set_id(message.deploy().id());
            reply.mutable_deploy_answer()->set_deployment(m_status.deployment().number() + 1);
            break;
        case Body::kMakeJoinLine:
            reply.mutable_join_line()->set_id(message.make_join_line().id());
            if (m_noLine) {
                *reply.mutable_join_line()->mutable_error() = protocol::toWire(*m_noLine);
            } else {
                reply.mutable_join_line()->set_line("argus-node start --join argus://192.168.1.5:47701#" +
                                                    std::string(60, 'k') + std::to_string(++m_lines));
                reply.mutable_join_line()->set_valid_seconds(900);
            }
            break;
        case Body::kGetLog:
            reply.mutable_log_text()->set_id(message.get_log().id());
            reply.mutable_log_text()->set_node(message.get_log().node());
            reply.mutable_log_text()->set_text("12:00:01 info  " + message.get_log().node() +
                                               ": rank 2 on cuda:0\n12:00:03 info  loaded 15.9 GiB in 2.1 s\n");
            break;
        case Body::kRemoveNode:
            reply.mutable_refused()->set_about(message.remove_node().node());
            *reply.mutable_refused()->mutable_error() = protocol::toWire(
                makeError(ErrorCode::NotFound, say("worker-never-joined", message.remove_node().node()),
                          say("do-name-of-status")));
            for (int i = 0; i < m_status.nodes_size(); ++i)
                if (m_status.nodes(i).name() == message.remove_node().node()) {
                    m_status.mutable_nodes()->DeleteSubrange(i, 1);
                    *reply.mutable_status() = m_status;
                    break;
                }
            break;
        default:
            return false;
        }
        lock.unlock();
        m_head.say(std::move(reply));
        return true;
    }

    std::mutex m_mutex;
    wire::Status m_status = clusterStatus();
    std::string m_role = "client";
    std::string m_client; ///< its public key
    bool m_holding = false;
    std::vector<wire::HeadMessage> m_held;
    std::optional<Error> m_noLine;
    std::optional<Error> m_noUpload;
    int m_lines = 0;
    ScriptedHead m_head; // last: its thread calls take()
};

} // namespace argus::testing
