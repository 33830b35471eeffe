#include "engine/apps/argus_node_common.h"

#include "engine/base/files.h"
#include "engine/base/unique_fd.h"
#include "engine/plan/setting_table.h"
#include "engine/protocol/keys.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <system_error>

namespace argus::apps {
namespace fs = std::filesystem;
using Json = nlohmann::json;
namespace {

constexpr std::uint64_t kMaxSmallFile = 1U << 20;
constexpr std::size_t kMaxEvents = 1U << 16;

fs::path knownHeadsFile()
{
    return configFolder() / "known_heads";
}

/// Lines "endpoint key". Lines that are neither are left out.
std::vector<std::pair<std::string, std::string>> knownHeads()
{
    std::vector<std::pair<std::string, std::string>> known;
    const Result<std::string> text = readFile(knownHeadsFile(), kMaxSmallFile);
    if (!text)
        return known;
    std::istringstream lines(*text);
    std::string line;
    while (std::getline(lines, line)) {
        const std::size_t blank = line.find(' ');
        if (blank != line.npos && protocol::isKey(line.substr(blank + 1)))
            known.emplace_back(line.substr(0, blank), line.substr(blank + 1));
    }
    return known;
}

Result<Done> rememberHead(const std::string& endpoint, const std::string& key)
{
    auto known = knownHeads();
    std::erase_if(known, [&](const auto& entry) { return entry.first == endpoint; });
    known.emplace_back(endpoint, key);
    std::string text;
    for (const auto& [where, whose] : known)
        text += where + " " + whose + "\n";
    if (Result<Done> folder = makePrivateFolder(configFolder()); !folder)
        return folder;
    return replaceFile(knownHeadsFile(), text, 0600);
}

/// A key as typed, or the first word of a file that holds one.
Result<std::string> keyFrom(const std::string& keyOrFile)
{
    if (protocol::isKey(keyOrFile))
        return keyOrFile;
    Result<std::string> text = readFile(keyOrFile, kMaxSmallFile);
    if (!text)
        return Error{ErrorCode::BadRequest,
                     fmt::format("{} is neither a key of 40 characters nor a file with one", keyOrFile),
                     "copy the head's key from: argus-node keys show",
                     {}};
    std::istringstream words(*text);
    std::string word;
    while (words >> word)
        if (protocol::isKey(word))
            return word;
    return Error{ErrorCode::BadRequest,
                 fmt::format("{} holds no key", keyOrFile),
                 "copy the head's key from: argus-node keys show",
                 {}};
}

Result<client::KeyPair> ownKeys()
{
    Result<protocol::CurveKeys> keys = protocol::loadOrMakeKeys(clientKeyFile());
    if (!keys)
        return std::move(keys).error();
    return client::KeyPair{keys->publicKey, keys->secretKey};
}

/// Asks for the lock's holder without taking it.
bool headLocked()
{
    const UniqueFd lock(::open(headLockFile().c_str(), O_RDONLY | O_CLOEXEC));
    struct flock whole = {};
    whole.l_type = F_RDLCK;
    return lock.valid() && ::fcntl(lock.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

std::string kebab(std::string_view name)
{
    std::string text(name);
    std::replace(text.begin(), text.end(), '_', '-');
    return text;
}

} // namespace

int complain(const Error& error)
{
    fmt::print(stderr, "argus-node: {}\n", error.cause);
    if (!error.remedy.empty())
        fmt::print(stderr, "  {}\n", error.remedy);
    return kFailed;
}

Json jsonOf(const Error& error)
{
    return {{"code", errorCodeName(error.code)},
            {"cause", error.cause},
            {"remedy", error.remedy},
            {"setting", error.setting}};
}

// ---- settings ----

void addSettingOptions(CLI::App& command, SettingOptions& options)
{
    for (const plan::Setting& setting : plan::settingTable()) {
        const std::string name = "--" + kebab(setting.name);
        const auto keep = [&options, key = std::string(setting.name)](const std::string& text) {
            options.values.emplace_back(key, text);
        };
        const std::string standard = plan::textOf(setting.standard);
        const std::string help =
            fmt::format("{}{}", setting.help, standard.empty() || standard == "0" ? "" : " [" + standard + "]");
        CLI::Option* option = setting.kind == plan::SettingKind::Switch
                                  ? command.add_flag_callback(
                                        name, [keep] { keep("on"); }, help)
                                  : command.add_option_function<std::string>(name, keep, help);
        option->group("Settings");
        if (setting.kind != plan::SettingKind::Switch)
            option->type_name(setting.kind == plan::SettingKind::Folder ? "DIR"
                                                                        : english(plan::allowedValues(setting)));
    }
}

Result<wire::EngineSettings> settingsOf(const SettingOptions& options)
{
    wire::EngineSettings settings;
    for (const auto& [name, text] : options.values)
        if (Result<Done> set = plan::setFromText(settings, name, text); !set)
            return std::move(set).error();
    return settings;
}

// ---- heads ----

fs::path clientKeyFile()
{
    return configFolder() / "keys" / "client.key";
}

fs::path headKeyFile()
{
    return configFolder() / "keys" / "head.key";
}

fs::path workerKeyFile()
{
    return configFolder() / "keys" / "worker.key";
}

fs::path knownWorkersFile()
{
    return configFolder() / "known_workers";
}

fs::path joinedHeadFile()
{
    return configFolder() / "joined_head.json";
}

fs::path knownClientsFile()
{
    return configFolder() / "known_clients";
}

fs::path headFile()
{
    return runtimeFolder() / "head.json";
}

fs::path headLockFile()
{
    return runtimeFolder() / "head.lock";
}

std::optional<LocalHead> findLocalHead()
{
    const Result<std::string> text = readFile(headFile(), kMaxSmallFile);
    if (!text)
        return std::nullopt;
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object())
        return std::nullopt;
    LocalHead head;
    if (const auto it = json.find("endpoint"); it != json.end() && it->is_string())
        head.endpoint = it->get<std::string>();
    if (const auto it = json.find("public_key"); it != json.end() && it->is_string())
        head.publicKey = it->get<std::string>();
    if (const auto it = json.find("pid"); it != json.end() && it->is_number_integer())
        head.pid = it->get<int>();
    if (head.endpoint.empty() || !protocol::isKey(head.publicKey) || head.pid <= 0)
        return std::nullopt;
    if (!headLocked()) // what a killed head has left behind
        return std::nullopt;
    return head;
}

Result<Done> announceHead(const LocalHead& head)
{
    const Json json{{"endpoint", head.endpoint}, {"public_key", head.publicKey}, {"pid", head.pid}};
    return replaceFile(headFile(), json.dump() + "\n", 0600);
}

Result<std::string> endpointOf(const std::string& address)
{
    const std::string plain = address.starts_with("tcp://") ? address.substr(6) : address;
    const std::size_t colon = plain.rfind(':');
    const std::string port = colon == plain.npos ? std::string() : plain.substr(colon + 1);
    const bool number = !port.empty() && port.size() <= 5 &&
                        std::all_of(port.begin(), port.end(), [](unsigned char c) { return std::isdigit(c); });
    if (colon == 0 || colon == plain.npos || (!number && port != "*") || (number && std::stoi(port) > 65535))
        return Error{ErrorCode::BadRequest,
                     fmt::format("{} is not an address", address),
                     fmt::format("write it as HOST:PORT, for instance {}", kDefaultHead),
                     {}};
    return "tcp://" + plain;
}

Result<client::HeadAddress> namedHead(const std::string& address, const std::string& keyOrFile)
{
    Result<std::string> endpoint = endpointOf(address);
    if (!endpoint)
        return std::move(endpoint).error();
    client::HeadAddress head;
    head.endpoint = *endpoint;
    if (!keyOrFile.empty()) {
        Result<std::string> key = keyFrom(keyOrFile);
        if (!key)
            return std::move(key).error();
        head.headPublicKey = *key;
        if (Result<Done> remembered = rememberHead(*endpoint, *key); !remembered)
            return std::move(remembered).error();
    } else {
        for (const auto& [where, key] : knownHeads())
            if (where == *endpoint)
                head.headPublicKey = key;
        if (const std::optional<LocalHead> local = findLocalHead(); local && local->endpoint == *endpoint)
            head.headPublicKey = local->publicKey;
    }
    if (head.headPublicKey.empty())
        return Error{ErrorCode::Denied,
                     fmt::format("the key of the head at {} is not known on this computer", address),
                     "give it once with --head-key KEY; argus-node keys show prints it on the head",
                     {}};
    Result<client::KeyPair> own = ownKeys();
    if (!own)
        return std::move(own).error();
    head.own = *own;
    return head;
}

Result<std::optional<client::HeadAddress>> localHead()
{
    const std::optional<LocalHead> local = findLocalHead();
    if (!local)
        return std::optional<client::HeadAddress>();
    Result<client::KeyPair> own = ownKeys();
    if (!own)
        return std::move(own).error();
    return std::optional(
        client::HeadAddress{.endpoint = local->endpoint, .headPublicKey = local->publicKey, .own = *own});
}

// ---- conversation ----

Conversation::Conversation(client::HeadAddress head, const std::string& program)
    : m_events(std::make_shared<Inbox<client::Event>>(kMaxEvents)), m_client(std::move(head), program)
{
}

Result<std::unique_ptr<Conversation>> Conversation::open(client::HeadAddress head, const std::string& program,
                                                         Deadline deadline)
{
    const std::string where = head.endpoint;
    std::unique_ptr<Conversation> conversation(new Conversation(std::move(head), program));
    auto started = conversation->m_client.start(
        [events = conversation->m_events](client::Event event) { events->push(std::move(event)); });
    if (!started)
        return std::move(started).error();
    Error last{ErrorCode::Timeout,
               fmt::format("the head at {} does not answer", where),
               "check that it runs: argus-node status",
               {}};
    while (!deadline.passed()) {
        std::optional<client::Event> event = conversation->next(deadline);
        if (!event)
            break;
        if (auto* connected = std::get_if<client::Connected>(&*event)) {
            conversation->m_welcome = std::move(connected->welcome);
            return conversation;
        }
        if (auto* lost = std::get_if<client::Disconnected>(&*event)) {
            last = std::move(lost->why);
            if (last.code == ErrorCode::Denied)
                break;
        }
    }
    return last;
}

} // namespace argus::apps
