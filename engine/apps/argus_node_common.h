#pragma once
// What the subcommands of argus-node share: exit codes, the table of settings as options, and finding a head to talk
// to.

#include "engine/base/inbox.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/client/client.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/settings.pb.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace argus::apps {

constexpr const char* kVersion = ARGUS_VERSION; // of the CMake project
constexpr const char* kDefaultHead = "127.0.0.1:47700";
constexpr const char* kDefaultListen = "0.0.0.0:47700"; // every connection is encrypted and needs a known key

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

/// "argus-node: cause" and the remedy on stderr; returns kFailed.
int complain(const Error& error);
[[nodiscard]] nlohmann::json jsonOf(const Error& error);

// ---- settings as options ----

/// Adds every row of the settings table as --kebab-case option. The texts stay in `values` until applySettings().
struct SettingOptions {
    std::vector<std::pair<std::string, std::string>> values; ///< name, text as typed
};
void addSettingOptions(CLI::App& command, SettingOptions& options);
[[nodiscard]] Result<wire::EngineSettings> settingsOf(const SettingOptions& options);

// ---- where the head of this user is ----

std::filesystem::path clientKeyFile();
std::filesystem::path headKeyFile();
std::filesystem::path workerKeyFile();
std::filesystem::path knownClientsFile();
std::filesystem::path knownWorkersFile(); ///< machines that have joined this user's head
std::filesystem::path joinedHeadFile();   ///< the head that this machine has joined
std::filesystem::path headFile();         ///< what a running head of this user says about itself
std::filesystem::path headLockFile();     ///< locked as long as one runs

struct LocalHead {
    std::string endpoint;
    std::string publicKey;
    int pid = 0;
};
/// The head of this user on this machine, when its file is there and it still holds the lock.
[[nodiscard]] std::optional<LocalHead> findLocalHead();
[[nodiscard]] Result<Done> announceHead(const LocalHead& head);

/// "host:port" or "tcp://host:port" as an endpoint. Errors: BadRequest.
[[nodiscard]] Result<std::string> endpointOf(const std::string& address);

/// --head and --head-key as typed: an address with the key to expect there. A key given once is remembered in
/// known_heads. Errors: Denied when the key is not known, BadRequest, Io, Corrupt.
[[nodiscard]] Result<client::HeadAddress> namedHead(const std::string& address, const std::string& keyOrFile);
/// The same for the head of this user; nothing when none runs.
[[nodiscard]] Result<std::optional<client::HeadAddress>> localHead();

// ---- talking to it ----

/// A connected client whose events wait in a queue, for a program that does one thing after the other.
class Conversation {
public:
    /// Errors: Denied, Unreachable, Timeout.
    [[nodiscard]] static Result<std::unique_ptr<Conversation>> open(client::HeadAddress head,
                                                                    const std::string& program, Deadline deadline);
    ~Conversation() = default;

    [[nodiscard]] client::Client& client() { return m_client; }
    [[nodiscard]] const wire::Welcome& welcome() const { return m_welcome; }
    [[nodiscard]] std::optional<client::Event> next(Deadline deadline) { return m_events->pop(deadline); }

private:
    Conversation(client::HeadAddress head, const std::string& program);
    std::shared_ptr<Inbox<client::Event>> m_events;
    client::Client m_client;
    wire::Welcome m_welcome;
};

// ---- the subcommands; each adds itself and says what to run ----

// ---- this machine as a worker ----

struct WorkerOptions {
    std::string join; ///< the line that a head has shown; empty: the head that was joined before
    std::string name;
    std::string logLevel = "info";
    std::string interface;
    unsigned cpuDevices = 1;
};
int startWorker(const WorkerOptions& options, int signals);
/// SIGTERM, SIGINT and SIGHUP as a descriptor. Before any thread is started: they inherit the mask.
[[nodiscard]] UniqueFd signalDescriptor();

// ---- one head, one question ----

struct HeadOptions {
    std::string head;
    std::string headKey;
    bool json = false;
};
void addHeadOptions(CLI::App& command, HeadOptions& options);
[[nodiscard]] Result<client::HeadAddress> addressOf(const HeadOptions& options);
/// Connects to the head that is meant: named, or this user's. Errors  NotFound, Denied, Unreachable, Timeout
[[nodiscard]] Result<std::unique_ptr<Conversation>> connectTo(const HeadOptions& options, const std::string& program);
/// "12.3 GiB"
[[nodiscard]] std::string bytesText(std::uint64_t bytes);
/// "gpu-b fetches the model from the head: 5.2 GiB of 9.1 GiB"; empty when it does not.
[[nodiscard]] std::string fetchText(const wire::NodeStatus& node);
using Row = std::vector<std::string>;
/// Columns as wide as their widest cell, on stdout.
void printTable(const std::vector<Row>& rows);

using Action = std::function<int()>;
void addStart(CLI::App& app, Action& action);
void addAsk(CLI::App& app, Action& action);
void addStatus(CLI::App& app, Action& action);
void addStop(CLI::App& app, Action& action);
void addKeys(CLI::App& app, Action& action);
void addCluster(CLI::App& app, Action& action);
void addModels(CLI::App& app, Action& action);

} // namespace argus::apps
