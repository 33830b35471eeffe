#include "engine/client/commands.h"

#include "engine/base/catalogue.h"

#include <utility>

namespace argus::client {

namespace {

Error away()
{
    return makeError(ErrorCode::Unreachable, say("head-silent"), say("do-wait-and-retry"));
}

} // namespace

bool Commands::begin(const std::string& about, Kind kind)
{
    if (!m_connected) {
        m_outlet.emit(CommandFailed{about, away()});
        return false;
    }
    m_waiting[about] = kind;
    return true;
}

bool Commands::end(const std::string& about, Kind kind)
{
    const auto found = m_waiting.find(about);
    if (found == m_waiting.end() || found->second != kind)
        return false;
    m_waiting.erase(found);
    return true;
}

void Commands::preflight(wire::Preflight message)
{
    if (!begin(message.id(), Kind::Preflight))
        return;
    wire::ClientMessage out;
    *out.mutable_preflight() = std::move(message);
    m_outlet.send(std::move(out));
}

void Commands::deploy(wire::Deploy message)
{
    if (!begin(message.id(), Kind::Deploy))
        return;
    wire::ClientMessage out;
    *out.mutable_deploy() = std::move(message);
    m_outlet.send(std::move(out));
}

void Commands::makeJoinLine(wire::MakeJoinLine message)
{
    if (!begin(message.id(), Kind::JoinLine))
        return;
    wire::ClientMessage out;
    *out.mutable_make_join_line() = std::move(message);
    m_outlet.send(std::move(out));
}

void Commands::getLog(wire::GetLog message)
{
    if (!begin(message.id(), Kind::Log))
        return;
    wire::ClientMessage out;
    *out.mutable_get_log() = std::move(message);
    m_outlet.send(std::move(out));
}

void Commands::removeNode(wire::RemoveNode message)
{
    if (!begin(message.node(), Kind::Removal))
        return;
    wire::ClientMessage out;
    *out.mutable_remove_node() = std::move(message);
    m_outlet.send(std::move(out));
}

void Commands::disconnected()
{
    m_connected = false;
    for (const auto& [about, kind] : std::exchange(m_waiting, {}))
        if (kind != Kind::Removal) // a removal that was taken has no answer; the next status tells
            m_outlet.emit(CommandFailed{about, away()});
}

void Commands::onPreflightDone(wire::PreflightDone done)
{
    if (end(done.id(), Kind::Preflight))
        m_outlet.emit(PreflightArrived{std::move(done)});
}

void Commands::onDeployAnswer(wire::DeployAnswer answer)
{
    if (end(answer.id(), Kind::Deploy))
        m_outlet.emit(DeployAnswered{std::move(answer)});
}

void Commands::onJoinLine(wire::JoinLine line)
{
    if (end(line.id(), Kind::JoinLine))
        m_outlet.emit(JoinLineArrived{std::move(line)});
}

void Commands::onLogText(wire::LogText log)
{
    if (end(log.id(), Kind::Log))
        m_outlet.emit(LogArrived{std::move(log)});
}

bool Commands::onRefused(const std::string& about, const Error& error)
{
    if (m_waiting.erase(about) == 0)
        return false;
    m_outlet.emit(CommandFailed{about, error});
    return true;
}

} // namespace argus::client
