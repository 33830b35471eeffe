// argus-executor-cpu, argus-executor-cuda: the ranks of one machine, a child of argus-node. Ends when its channel does.

#include "engine/apps/executor_device.h"
#include "engine/base/log.h"
#include "engine/executor/link.h"
#include "engine/protocol/fault_hooks.h"

#include <CLI/CLI.hpp>

#include <signal.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>

namespace {

bool isSocket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

} // namespace

int main(int argc, char** argv)
{
    int channelFd = 3;
    int threads = 0;
    std::string level = "info";
    CLI::App app("Runs a model for argus-node, which starts it; of no use by hand.", argus::apps::kExecutorName);
    app.add_option("--channel-fd", channelFd, "Inherited socket to the node")
        ->capture_default_str()
        ->check(CLI::Range(3, 1'000'000));
    app.add_option("--threads", threads, "CPU threads; 0: as the settings say")
        ->capture_default_str()
        ->check(CLI::Range(0, 1024));
    app.add_option("--log-level", level, "debug, info, warn, error or off")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    argus::log::start("argus-executor", level);
    if (const auto faults = argus::protocol::faults::readEnvironment(); !faults) {
        argus::log::error("{}", faults.error().text());
        return 2;
    }
    // Ctrl-C in a terminal reaches the whole process group; the node lets running asks end first and then tells this
    // process to quit.
    ::signal(SIGINT, SIG_IGN);
    if (!isSocket(channelFd)) {
        argus::log::error("descriptor {} is no socket; argus-node starts this program itself", channelFd);
        return 2;
    }
    using namespace argus::executor;
    Link link(argus::protocol::Channel(argus::UniqueFd(channelFd)), {.threads = threads,
                                                                     .makeOps = argus::apps::openExecutorDevice,
                                                                     .openGroups = argus::apps::openExecutorGroups});
    const Link::End end = link.run();
    const int status = end == Link::End::Broken || end == Link::End::RanksGone ? 1 : 0;
    // A long step cannot be interrupted, and nobody waits for its answer any more.
    constexpr argus::Milliseconds kPatience{300};
    if (!link.finish(argus::Deadline::in(kPatience))) {
        std::fflush(nullptr);
        std::_Exit(status);
    }
    return status;
}
