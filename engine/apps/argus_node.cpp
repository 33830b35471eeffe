// argus-node: a head, and the command line that talks to heads.

#include "engine/apps/argus_node_common.h"
#include "engine/protocol/fault_hooks.h"

int main(int argc, char** argv)
{
    using namespace argus::apps;
    CLI::App app("Argus: Qwen2.5-VL on your own machines.", "argus-node");
    app.set_version_flag("--version", std::string("argus-node ") + kVersion);
    app.require_subcommand(1);
    app.footer("Examples:\n"
               "  argus-node ask --image photo.jpg \"What is in this picture?\"\n"
               "  argus-node start --head --model /models/Qwen2.5-VL-3B-Instruct\n"
               "  argus-node start --join 'argus://192.168.1.5:47702#CODE'   (the line that the head has printed)\n"
               "  argus-node deploy --tensor-parallel-size 2 --pipeline-parallel-size 2\n"
               "  argus-node status\n"
               "  argus-node stop\n"
               "argus-node COMMAND --help says more.");
    if (const argus::Result<argus::Done> faults = argus::protocol::faults::readEnvironment(); !faults) {
        complain(faults.error());
        return kUsage;
    }
    Action action;
    addStart(app, action);
    addAsk(app, action);
    addStatus(app, action);
    addStop(app, action);
    addKeys(app, action);
    addCluster(app, action);
    addModels(app, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    }
    return action ? action() : kUsage;
}
