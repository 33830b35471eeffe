#include "engine/client/private_head.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/private_head_handshake.h"

#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace argus::client {
namespace {

constexpr int kDescriptorInChild = 3;

/// argus-node beside the running program; tests name another one.
std::filesystem::path nodeProgram()
{
    if (const char* value = std::getenv("ARGUS_NODE_PROGRAM"); value && *value)
        return value;
    return programFolder() / "argus-node";
}

} // namespace

Result<PrivateHead> PrivateHead::start(const std::vector<std::string>& settings, Deadline deadline)
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return makeError(ErrorCode::Io, say("no-socket-pair", systemError(errno)), say("do-close-programs"));
    PrivateHead head;
    head.m_lifeline.reset(ends[0]);
    UniqueFd theirs(ends[1]);

    ChildOptions options{.program = nodeProgram(),
                         .arguments = {"start", "--head", "--private-fd", std::to_string(kDescriptorInChild)},
                         .descriptors = {{theirs.get(), kDescriptorInChild}}};
    options.arguments.insert(options.arguments.end(), settings.begin(), settings.end());
    auto process = ChildProcess::start(options);
    if (!process)
        return std::move(process).error();
    head.m_process = std::move(process).value();
    theirs.reset(); // ours would keep the line open after the head has ended

    const protocol::CurveKeys own = protocol::makeKeys();
    auto answer = protocol::offerPrivateHead(head.m_lifeline.get(),
                                             {.clientPublicKey = own.publicKey, .clientName = "argus"}, deadline);
    if (!answer)
        return head.explain(std::move(answer).error());
    head.m_address = {
        .endpoint = answer->endpoint, .headPublicKey = answer->headPublicKey, .own = {own.publicKey, own.secretKey}};
    return head;
}

/// Why it did not start, with how it ended when it has.
Error PrivateHead::explain(Error error)
{
    if (error.code != ErrorCode::Crashed)
        return error;
    const auto exit = m_process.wait(Deadline::in(Milliseconds(500)));
    if (exit)
        return makeError(error.code, say("private-head-ended", exit->said()), error.saidRemedy(), error.setting);
    return error;
}

void PrivateHead::stop(Deadline deadline)
{
    m_lifeline.reset();
    if (!m_process.running())
        return;
    m_process.signal(SIGTERM); // for one that has not yet come to reading its line
    if (!m_process.wait(deadline))
        m_process.kill();
}

} // namespace argus::client
