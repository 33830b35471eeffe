#pragma once
// What this machine offers a cluster: devices with their memory, network interfaces, versions. Heads and workers have
// one, and tell of it in the same words.

#include "engine/base/clock.h"
#include "engine/node/gpu_watch.h"
#include "engine/node/machine.h"
#include "engine/plan/cluster.h"
#include "engine/protocol/cluster.pb.h"

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace argus::node {

/// May be called from any thread.
class LocalMachine {
public:
    struct Options {
        std::filesystem::path programs; ///< folder of the executors
        unsigned cpuDevices = 1;        ///< equal parts the processor is divided into
        bool gpus = true;               ///< false: never look for GPUs
        std::string headAddress{};      ///< host that is to be reached: "192.168.1.5"; empty: this is the head
        std::string interface {
        }; ///< set by hand; empty: found
    };
    explicit LocalMachine(Options options);

    /// Looks for everything once. Waking an NVIDIA driver may take seconds.
    void find(Deadline deadline);
    /// Looks at the network again: a cable may have been plugged in since.
    void findInterfaces();
    [[nodiscard]] wire::Inventory inventory() const;
    /// Of the inventory's devices, in their order, now.
    [[nodiscard]] std::vector<wire::DeviceMemory> memory() const;
    /// The executor of the moment, whose memory is told apart; 0: none.
    void setProcess(pid_t process);
    void stop(Deadline deadline);
    [[nodiscard]] const MachineFacts& facts() const { return m_facts; }

private:
    const Options m_options;
    const MachineFacts m_facts;
    GpuWatch m_gpus;
    mutable std::mutex m_mutex; // guards what stands below
    wire::Inventory m_inventory;
};

/// The interfaces that are up and have an IPv4 address, loopback last.
[[nodiscard]] std::vector<wire::NetworkInterface> networkInterfaces();
/// The one whose address this machine would use to reach `host`; empty when there is no way.
[[nodiscard]] std::string interfaceTowards(const std::string& host,
                                           const std::vector<wire::NetworkInterface>& interfaces);
/// The same for a head: the one in the subnet of `address`; else the first.
[[nodiscard]] std::string interfaceBeside(const std::string& address,
                                          const std::vector<wire::NetworkInterface>& interfaces);

/// Not of RFC 1918, loopback, link-local or carrier-grade NAT: it can be reached from anywhere.
[[nodiscard]] bool isPublicAddress(const std::string& address);

/// A node as plan sees it. `memory` may be empty: then as in the inventory.
[[nodiscard]] plan::ClusterNode clusterNodeOf(const std::string& name, const wire::Inventory& inventory,
                                              const std::vector<wire::DeviceMemory>& memory);

} // namespace argus::node
