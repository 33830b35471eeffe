// argus-node keys: who this user is, and who may connect to this user's head.

#include "engine/apps/argus_node_common.h"
#include "engine/base/files.h"
#include "engine/protocol/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace argus::apps {
namespace {

struct KeysOptions {
    std::string key;
    std::string name;
    std::string role = "client";
};

int showKeys()
{
    for (const auto& [what, file] : {std::pair{"client", clientKeyFile()}, std::pair{"head", headKeyFile()}}) {
        const Result<protocol::CurveKeys> keys = protocol::loadOrMakeKeys(file);
        if (!keys)
            return complain(keys.error());
        fmt::print("{:6} {}  {}\n", what, keys->publicKey, protocol::fingerprint(keys->publicKey));
    }
    return kOk;
}

int saveClients(const std::vector<protocol::KnownClient>& clients)
{
    if (const Result<Done> folder = makePrivateFolder(configFolder()); !folder)
        return complain(folder.error());
    const Result<Done> saved = protocol::saveKnownClients(knownClientsFile(), clients);
    return saved ? kOk : complain(saved.error());
}

int allowKey(const KeysOptions& options)
{
    if (!protocol::isKey(options.key))
        return complain({ErrorCode::BadRequest,
                         fmt::format("{} is no public key", options.key),
                         "take the 40 characters that argus-node keys show prints on the client",
                         {}});
    const auto plain = [](unsigned char c) { return c > ' ' && c != 0x7F; };
    if (options.name.empty() || options.name.size() > 64 ||
        !std::all_of(options.name.begin(), options.name.end(), plain))
        return complain(
            {ErrorCode::BadRequest, "a client's name has 1 to 64 characters and no blanks", "choose another name", {}});
    Result<std::vector<protocol::KnownClient>> clients = protocol::loadKnownClients(knownClientsFile());
    if (!clients)
        return complain(clients.error());
    std::erase_if(*clients,
                  [&](const protocol::KnownClient& c) { return c.publicKey == options.key || c.name == options.name; });
    const protocol::Role role = protocol::roleFromName(options.role).value_or(protocol::Role::Observer);
    clients->push_back({.publicKey = options.key, .name = options.name, .role = role});
    if (const int code = saveClients(*clients); code != kOk)
        return code;
    fmt::print("{} may connect{} ({})\n", options.name,
               role == protocol::Role::Observer ? " and watch, as an observer" : "",
               protocol::fingerprint(options.key));
    return kOk;
}

int listKeys()
{
    const Result<std::vector<protocol::KnownClient>> clients = protocol::loadKnownClients(knownClientsFile());
    if (!clients)
        return complain(clients.error());
    const Result<std::vector<protocol::KnownClient>> workers = protocol::loadKnownClients(knownWorkersFile());
    if (!workers)
        return complain(workers.error());
    const auto print = [](const protocol::KnownClient& known, std::string_view role) {
        fmt::print("{}  {}  {:8}  {}\n", known.publicKey, protocol::fingerprint(known.publicKey), role, known.name);
    };
    for (const protocol::KnownClient& client : *clients)
        print(client, protocol::roleName(client.role));
    for (const protocol::KnownClient& worker : *workers)
        print(worker, "node");
    return kOk;
}

int revokeKey(const KeysOptions& options)
{
    Result<std::vector<protocol::KnownClient>> clients = protocol::loadKnownClients(knownClientsFile());
    if (!clients)
        return complain(clients.error());
    if (std::erase_if(*clients, [&](const protocol::KnownClient& c) { return c.name == options.name; }) == 0)
        return complain({ErrorCode::NotFound,
                         fmt::format("no client is called {}", options.name),
                         "see: argus-node keys list",
                         {}});
    if (const int code = saveClients(*clients); code != kOk)
        return code;
    fmt::print("{} may not connect any more\n", options.name);
    return kOk;
}

} // namespace

void addKeys(CLI::App& app, Action& action)
{
    auto options = std::make_shared<KeysOptions>();
    CLI::App* command = app.add_subcommand("keys", "Show this user's keys; say who may connect to this user's head");
    command->require_subcommand(1);
    command->add_subcommand("show", "Print this user's public keys, for others to know")->callback([&action] {
        action = showKeys;
    });
    CLI::App* allow = command->add_subcommand("allow", "Let the client with that key connect");
    allow->add_option("key", options->key, "Its public key, 40 characters")->required();
    allow->add_option("name", options->name, "A name to know it by")->required();
    allow->add_option("--role", options->role, "What it may do: an observer sees status, logs and checks of settings")
        ->check(CLI::IsMember({"client", "observer"}))
        ->capture_default_str();
    allow->callback([options, &action] { action = [options] { return allowKey(*options); }; });
    command->add_subcommand("list", "Print who may connect, and as what: client, observer, or node of the cluster")
        ->callback([&action] { action = listKeys; });
    CLI::App* revoke = command->add_subcommand("revoke", "Let that client connect no more");
    revoke->add_option("name", options->name, "The name it is known by")->required();
    revoke->callback([options, &action] { action = [options] { return revokeKey(*options); }; });
}

} // namespace argus::apps
