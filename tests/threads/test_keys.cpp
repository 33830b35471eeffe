// Tables of keys: read by the threads that ask who may come in, while others let machines join and forget them.

#include "engine/apps/argus_node_common.h"
#include "engine/apps/argus_node_door.h"
#include "engine/protocol/admission.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/secure_socket.h"
#include "tests/threads/check.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

using namespace argus;
using namespace argus::threads;

namespace {

/// Machines that pair and machines that are removed at the same time, on the threads of a head: none comes back, none
/// is lost, and whoever looks meanwhile finds a whole table.
void noMachineIsLostOrComesBack(Checks& checks)
{
    const protocol::CurveKeys keys = protocol::makeKeys();
    auto door = apps::openDoor("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", keys);
    if (!door)
        return checks.that(false, door.error().text());
    constexpr int kMachines = 12;
    std::vector<std::string> leaving;
    std::vector<std::string> coming;
    for (int i = 0; i < kMachines; ++i) {
        leaving.push_back(protocol::makeKeys().publicKey);
        coming.push_back(protocol::makeKeys().publicKey);
        checks.that((*door)->admit(leaving.back(), "leaving").ok(), "a machine was not let in");
    }
    const std::string stays = protocol::makeKeys().publicKey;
    checks.that((*door)->admit(stays, "stays").ok(), "a machine was not let in");
    protocol::Admission admission({}, apps::knownWorkersFile());
    std::atomic<bool> over = false;
    std::atomic<bool> whole = true;
    together(4, [&](int who) {
        if (who == 0) { // the pairing thread
            for (const std::string& key : coming)
                whole = whole && (*door)->admit(key, "coming").ok();
            over = true;
        } else if (who == 1) { // the main thread
            for (const std::string& key : leaving)
                whole = whole && (*door)->forget(key);
        } else if (who == 2) { // that of the workers
            while (!over)
                whole = whole && (*door)->knows(stays);
        } else { // that of the check of keys, which has a table of its own
            while (!over)
                whole = whole && admission(stays);
        }
    });
    checks.that(whole, "a table was not whole when it was read, or could not be written");
    // Also by the tables that were read in the middle of it, and perhaps twice within one tick of the file's clock.
    protocol::Admission fresh({}, apps::knownWorkersFile());
    for (const std::string& key : leaving) {
        checks.that(!fresh(key), "a machine that was removed is known again");
        checks.that(!(*door)->knows(key) && !admission(key), "a table that is older still knows a removed machine");
    }
    for (const std::string& key : coming) {
        checks.that(fresh(key), "a machine that has joined was forgotten");
        checks.that((*door)->knows(key) && admission(key), "a table that is older does not know who has joined");
    }
}

/// Two changes within one tick of the kernel's clock leave the same time on the file.
void aChangeOfTheSameMomentIsSeen(Checks& checks)
{
    const std::filesystem::path file = apps::knownClientsFile();
    const std::string key = protocol::makeKeys().publicKey;
    const auto moment = std::filesystem::file_time_type::clock::now();
    const auto save = [&](const std::vector<protocol::KnownClient>& table) {
        checks.that(protocol::saveKnownClients(file, table).ok(), "the table was not written");
        std::filesystem::last_write_time(file, moment);
    };
    protocol::Admission admission({}, file);
    save({{.publicKey = key, .name = "client"}});
    checks.that(admission(key), "a known key was not let in");
    save({});
    checks.that(!admission(key), "a key that was revoked in the same moment is still let in");
}

/// Handshakes are judged on a thread of libzmq's asking, by a table that another thread changes.
void revokedKeysAreTurnedAway(Checks& checks)
{
    const std::filesystem::path file = apps::knownClientsFile();
    const protocol::CurveKeys client = protocol::makeKeys();
    const auto save = [&](bool known) {
        std::vector<protocol::KnownClient> table;
        if (known)
            table.push_back({.publicKey = client.publicKey, .name = "client"});
        checks.that(protocol::saveKnownClients(file, table).ok(), "the table was not written");
    };
    save(true);
    auto admits = std::make_shared<protocol::Admission>(std::string(), file);
    const protocol::CurveKeys keys = protocol::makeKeys();
    auto server = protocol::SecureServer::bind({.keys = keys,
                                                .endpoint = "tcp://127.0.0.1:*",
                                                .admits = [admits](const std::string& key) { return (*admits)(key); },
                                                .peers = protocol::Peers::HeadAndClient});
    if (!server)
        return checks.that(false, server.error().text());
    const auto knock = [&] {
        auto socket = protocol::SecureClient::connect({.keys = client,
                                                       .serverPublicKey = keys.publicKey,
                                                       .endpoint = (*server)->endpoint(),
                                                       .peers = protocol::Peers::HeadAndClient});
        if (!socket)
            return std::string(socket.error().text());
        for (const Deadline deadline = Deadline::in(Milliseconds(20'000)); !deadline.passed();)
            if (const auto happened = (*socket)->receive(deadline)) {
                if (happened->kind == protocol::SecureClient::Happened::Kind::HandshakeDone)
                    return std::string("let in");
                if (happened->kind == protocol::SecureClient::Happened::Kind::Refused)
                    return std::string("turned away");
            }
        return std::string("nothing happened");
    };
    std::atomic<bool> over = false;
    std::jthread serving([&] {
        while (!over)
            (void)(*server)->receive(Deadline::in(Milliseconds(50)));
    });
    for (int round = 0; round < 3; ++round) {
        save(true);
        checks.that(knock() == "let in", "a known key was not let in");
        save(false);
        checks.that(knock() == "turned away", "a revoked key was not turned away");
    }
    over = true;
}

} // namespace

int main()
{
    // A folder of its own, so that nobody's own keys are touched.
    const std::filesystem::path home =
        std::filesystem::temp_directory_path() / ("argus-test-keys-" + std::to_string(::getpid()));
    ::setenv("ARGUS_CONFIG_HOME", (home / "config").c_str(), 1);
    ::setenv("ARGUS_RUNTIME_DIR", (home / "run").c_str(), 1);
    std::filesystem::create_directories(home / "config");
    Checks checks;
    noMachineIsLostOrComesBack(checks);
    aChangeOfTheSameMomentIsSeen(checks);
    revokedKeysAreTurnedAway(checks);
    std::error_code ignored;
    std::filesystem::remove_all(home, ignored);
    return checks.end();
}
