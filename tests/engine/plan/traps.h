#pragma once
// One situation that used to be found out late, and what is to be said of it.

#include "tests/engine/plan/clusters.h"

#include <QtTest>

#include <functional>
#include <vector>

namespace argus::plan::testing {

struct Situation {
    ModelFacts model;
    Cluster cluster;
    wire::EngineSettings settings;
};
struct Row {
    const char* name;
    Situation situation;
    const char* code;
    const char* node;
    bool warning;
    std::vector<const char*> words; ///< in cause or remedy
    std::vector<const char*> fixes; ///< "setting value", among those offered
};

inline wire::EngineSettings with(wire::EngineSettings settings,
                                 const std::function<void(wire::EngineSettings&)>& change)
{
    change(settings);
    return settings;
}
inline Cluster with(Cluster cluster, const std::function<void(Cluster&)>& change)
{
    change(cluster);
    return cluster;
}
inline void setDevices(wire::EngineSettings& settings, const char* node, const char* devices)
{
    wire::NodeSettings& own = *settings.add_nodes();
    own.set_node(node);
    own.set_devices(devices);
}

/// Sizes, devices and their memory.
[[nodiscard]] std::vector<Row> deviceRows();
[[nodiscard]] std::vector<Row> memoryRows();
/// Machines and the network between them.
[[nodiscard]] std::vector<Row> machineRows();
[[nodiscard]] std::vector<Row> networkRows();

} // namespace argus::plan::testing
