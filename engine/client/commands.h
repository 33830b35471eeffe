#pragma once
// What is asked of a head about its cluster: what a deployment would be like, to start it, a join line, a log, a node's
// removal. Each is one message and one answer.

#include "engine/client/outlet.h"

#include <map>
#include <string>

namespace argus::client {

/// Lives on the I/O thread. Nothing is kept for a head that is away: what the answers describe would be out of date by
/// then, so a command fails at once, and what was on its way when the connection ended fails with it.
class Commands {
public:
    explicit Commands(Outlet outlet) : m_outlet(std::move(outlet)) {}

    void preflight(wire::Preflight message);
    void deploy(wire::Deploy message);
    void makeJoinLine(wire::MakeJoinLine message);
    void getLog(wire::GetLog message);
    /// Has no answer of its own: a refusal within this connection becomes CommandFailed about the node's name.
    void removeNode(wire::RemoveNode message);

    void connected() { m_connected = true; }
    void disconnected();
    void onPreflightDone(wire::PreflightDone done);
    void onDeployAnswer(wire::DeployAnswer answer);
    void onJoinLine(wire::JoinLine line);
    void onLogText(wire::LogText log);
    /// The head did not take a message about this id or node. False: nothing here is called that.
    [[nodiscard]] bool onRefused(const std::string& about, const Error& error);

private:
    enum class Kind { Preflight, Deploy, JoinLine, Log, Removal };
    [[nodiscard]] bool begin(const std::string& about, Kind kind);
    /// False for an answer that nobody waits for (any more).
    [[nodiscard]] bool end(const std::string& about, Kind kind);

    Outlet m_outlet;
    std::map<std::string, Kind> m_waiting; ///< by id, removals by the node's name
    bool m_connected = false;
};

} // namespace argus::client
