#pragma once
// What a cluster has to compute with, and where a model would go in it. Values; engine/node finds them out.

#include "engine/base/result.h"
#include "engine/model/shard.h"
#include "engine/plan/device.h"
#include "engine/protocol/settings.pb.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace argus::plan {

/// One device of a node: a GPU, or one of the equal parts that a machine without GPUs is divided into.
struct ClusterDevice {
    std::optional<Gpu> gpu;           ///< none: a CPU device
    std::uint32_t index = 0;          ///< of its kind on its node
    std::string name;                 ///< "NVIDIA GeForce RTX 2080 Ti", "AMD EPYC 9654"
    Said nameSaid{};                  ///< the same as data; empty for a plain name
    std::uint64_t memoryTotal = 0;    ///< of a CPU device its share of the machine
    std::uint64_t memoryFree = 0;     ///< what would be free without the deployment that runs now
    std::vector<std::string> users{}; ///< other programs on it: "process 4711 "python3", 9.2 GiB"

    [[nodiscard]] const char* kind() const { return gpu ? "cuda" : "cpu"; }
    /// "cuda:0", "cpu:1"
    [[nodiscard]] std::string text() const { return std::string(kind()) + ":" + std::to_string(index); }
};

/// What a node says of its copy of the model; empty fields: nobody has asked yet.
struct ModelCopy {
    bool asked = false;
    std::string folder{};
    bool present = false;    ///< config.json and every shard that the index names
    bool incomplete = false; ///< else: the folder is there, but not all of it
    bool weightless = false; ///< load_format dummy: nothing but the config is needed
    Said difference{};       ///< the file that differs from the head's, and how: "model-00004-of-00011.safetensors has
                             ///< other content"
    bool canPull = false;    ///< the head can send what is missing
    std::optional<Error> failure{}; ///< why it did not come when it was tried
    std::uint64_t missingBytes = 0; ///< of all of it
    /// Of what ranks with these parts need; pure. None: nobody knows how to tell, so it is all of it.
    std::function<std::uint64_t(const std::vector<model::Shard>&)> missingFor{};
    [[nodiscard]] std::uint64_t missing(const std::vector<model::Shard>& shards) const
    {
        return missingFor ? missingFor(shards) : missingBytes;
    }
    std::uint64_t freeBytes = 0; ///< on the disk where it would go
};

struct ClusterNode {
    std::string name;
    bool head = false;
    bool present = true; ///< connected and answering
    Said absence;        ///< else why not, and since when
    std::vector<ClusterDevice> devices;
    std::string interface; ///< to the other nodes
    std::string address;   ///< of that interface: "192.168.1.7"
    int prefixBits = 0;    ///< of its subnet
    bool publicAddress = false;
    std::uint32_t mtu = 0;
    double roundTripSeconds = 0;   ///< to the head; 0: itself or not measured
    double linkBytesPerSecond = 0; ///< to the head
    std::string version;           ///< of argus-node
    std::string nccl;              ///< "2.27.7"; empty: none found
    std::string driver;
    int driverCuda = 0; ///< 13000 for 13.0
    int cudaNeeded = 0;
    bool cudaInstalled = false;          ///< argus-executor-cuda is there
    std::optional<Error> gpuFailure{};   ///< why there may be more GPUs than the driver tells of
    std::uint64_t sharedMemoryBytes = 0; ///< size of /dev/shm
    std::uint64_t openFiles = 0;         ///< its limit
    double clockAheadSeconds = 0;        ///< of the head's
    ModelCopy model;
};

struct Cluster {
    std::vector<ClusterNode> nodes; ///< the head first
};

} // namespace argus::plan
