// Rows of tst_traps.cpp: machines, their copies of the model, and the network between them.

#include "engine/base/catalogue.h"
#include "tests/engine/plan/traps.h"

namespace argus::plan::testing {
namespace {

const Cluster kTwoByTwo = machines(2, kAda, 2);

/// Every rank of the second stage needs 4 GiB of a copy that lacks everything.
void lacksFourOfEachRank(ClusterNode& node)
{
    node.model.present = false;
    node.model.incomplete = true;
    node.model.canPull = true;
    node.model.missingFor = [](const std::vector<model::Shard>& shards) {
        std::uint64_t bytes = shards.empty() ? 16 * kGiB : 0;
        for (const model::Shard& shard : shards)
            bytes += shard.stage == 1 && shard.last() ? 4 * kGiB : 100 * kGiB;
        return bytes;
    };
}

} // namespace

std::vector<Row> machineRows()
{
    const auto second = [](const std::function<void(ClusterNode&)>& change) {
        return with(kTwoByTwo, [&](Cluster& cluster) { change(cluster.nodes[1]); });
    };
    const wire::EngineSettings both = wish(2, 2);
    return {
        {"14: another build",
         {sevenB(), second([](auto& n) { n.version = "0.3.9"; }), both},
         "VER-01",
         "gpu-b",
         false,
         {"gpu-b runs argus-node 0.3.9", "0.4.0"},
         {"pipeline_parallel_size 1", "tensor_parallel_size 1"}},
        {"14: another NCCL",
         {sevenB(), second([](auto& n) { n.nccl = "2.23.4"; }), both},
         "VER-02",
         "gpu-b",
         false,
         {"gpu-a has 2.27.7, gpu-b has 2.23.4"},
         {"pipeline_parallel_size 1"}},
        {"14: no NCCL",
         {sevenB(), second([](auto& n) { n.nccl.clear(); }), both},
         "VER-02",
         "gpu-b",
         false,
         {"gpu-b has no NCCL"},
         {"pipeline_parallel_size 1"}},
        {"14: a driver that is too old",
         {sevenB(), second([](auto& n) { n.driver = "470.82", n.driverCuda = 11040; }), both},
         "VER-03",
         "gpu-b",
         false,
         {"470.82", "CUDA 11.4", "needs CUDA 13", "580"},
         {"pipeline_parallel_size 1"}},
        {"an executor that is not installed",
         {sevenB(), second([](auto& n) { n.cudaInstalled = false; }), both},
         "VER-04",
         "gpu-b",
         false,
         {"argus-executor-cuda is not installed"},
         {"pipeline_parallel_size 1"}},
        {"/dev/shm of a container",
         {sevenB(), second([](auto& n) { n.sharedMemoryBytes = 64 * kMiB; }), both},
         "GPU-09",
         "gpu-b",
         false,
         {"/dev/shm on gpu-b is 64 MiB", "256 MiB", "--shm-size"},
         {"pipeline_parallel_size 1", "tensor_parallel_size 1"}},
        {"few open files",
         {sevenB(), second([](auto& n) { n.openFiles = 256; }), both},
         "SYS-02",
         "gpu-b",
         true,
         {"256 files", "LimitNOFILE"},
         {}},
        {"a clock that is ahead",
         {sevenB(), second([](auto& n) { n.clockAheadSeconds = 192; }), both},
         "SYS-01",
         "gpu-b",
         true,
         {"3 min 12 s ahead"},
         {}},
        {"10: no model there",
         {sevenB(), second([](auto& n) { n.model.present = false; }), both},
         "MOD-01",
         "gpu-b",
         false,
         {"/models/qwen not found"},
         {"pipeline_parallel_size 1"}},
        {"10: no model there, but the head has it",
         {sevenB(), second([](auto& n) {
              n.model.present = false, n.model.canPull = true, n.model.missingBytes = 11 * 1100'000'000ULL;
          }),
          both},
         "MOD-01",
         "gpu-b",
         true,
         {"11.3 GiB", "fetched from the head first, in about 11 s"},
         {}},
        {"10: only what its ranks need comes, and there is room for that",
         {sevenB(), second([](auto& n) { lacksFourOfEachRank(n), n.model.freeBytes = 9 * kGiB; }), both},
         "MOD-03",
         "gpu-b",
         true,
         {"gpu-b lacks 8.0 GiB that its ranks need", "fetched from the head first"},
         {}},
        {"10: no room for what its ranks need",
         {sevenB(), second([](auto& n) { lacksFourOfEachRank(n), n.model.freeBytes = 7 * kGiB; }), both},
         "DISK-01",
         "gpu-b",
         false,
         {"7.0 GiB free", "8.0 GiB needed", "free 1.0 GiB"},
         {"pipeline_parallel_size 1"}},
        {"10: what did not come",
         {sevenB(), second([](auto& n) {
              lacksFourOfEachRank(n);
              n.model.failure =
                  makeError(ErrorCode::Timeout, say("fetching-stopped", "qwen", 10), say("do-look-at-network"));
          }),
          both},
         "MOD-03",
         "gpu-b",
         false,
         {"gpu-b: fetching qwen from the head has stopped", "heard of it for 10 s", "look at the network"},
         {"pipeline_parallel_size 1"}},
        {"10: another file",
         {sevenB(),
          second([](auto& n) { n.model.difference = say("file-content", "model-00004-of-00011.safetensors"); }), both},
         "MOD-02",
         "gpu-b",
         false,
         {"model-00004-of-00011.safetensors has other content"},
         {"pipeline_parallel_size 1"}},
        {"10: half a model",
         {sevenB(), second([](auto& n) {
              n.model.present = false, n.model.incomplete = true, n.model.missingBytes = 3 * kGiB,
              n.model.freeBytes = 90 * kGiB;
          }),
          both},
         "MOD-03",
         "gpu-b",
         false,
         {"not complete", "3.0 GiB"},
         {"pipeline_parallel_size 1"}},
        {"10: no room for the model",
         {sevenB(), second([](auto& n) {
              n.model.present = false, n.model.missingBytes = 20 * kGiB, n.model.freeBytes = 12 * kGiB;
          }),
          both},
         "DISK-01",
         "gpu-b",
         false,
         {"12.0 GiB free", "20.0 GiB needed", "free 8.0 GiB"},
         {"pipeline_parallel_size 1"}},
        {"12: a machine that is away, and needed",
         {sevenB(), second([](auto& n) { n.present = false, n.absence = say("why-silent", 6); }), both},
         "NET-01",
         "gpu-b",
         false,
         {"gpu-b is not connected: has been silent for 6 s"},
         {"pipeline_parallel_size 1"}},
        {"12: a machine that is away",
         {sevenB(), second([](auto& n) { n.present = false, n.absence = say("why-silent", 6); }), wish(2, 1)},
         "NET-01",
         "gpu-b",
         true,
         {"has been silent for 6 s"},
         {"devices none"}},
    };
}

std::vector<Row> networkRows()
{
    const auto second = [](const std::function<void(ClusterNode&)>& change) {
        return with(kTwoByTwo, [&](Cluster& cluster) { change(cluster.nodes[1]); });
    };
    const wire::EngineSettings both = wish(2, 2);
    return {
        {"8: another subnet",
         {sevenB(), second([](auto& n) { n.address = "10.8.0.3"; }), both},
         "NET-04",
         "gpu-b",
         true,
         {"192.168.10.5/24", "10.8.0.3/24", "choose the interface of gpu-b"},
         {"pipeline_parallel_size 1"}},
        {"8: the machine itself",
         {sevenB(), second([](auto& n) { n.address = "127.0.0.1"; }), both},
         "NET-04",
         "gpu-b",
         false,
         {"127.0.0.1", "every machine itself"},
         {"pipeline_parallel_size 1"}},
        {"8: a slow link",
         {seventyTwoB(), with(machines(2, kHopper, 8), [](Cluster& c) { c.nodes[1].linkBytesPerSecond = 0.11e9; }),
          wish(8, 2)},
         "NET-06",
         "gpu-b",
         true,
         {"0.11 GB/s", "8192 tokens sends 134.2 MB", "1.22 s", "not offered"},
         {"pipeline_parallel_size 1"}},
        {"8: a far machine",
         {sevenB(), second([](auto& n) { n.roundTripSeconds = 0.018; }), both},
         "NET-06",
         "gpu-b",
         true,
         {"round trip of 18.0 ms"},
         {"pipeline_parallel_size 1"}},
        {"8: MTU",
         {sevenB(), second([](auto& n) { n.mtu = 9000; }), both},
         "NET-07",
         "gpu-b",
         true,
         {"gpu-a eno1 1500", "gpu-b eno1 9000"},
         {"pipeline_parallel_size 1"}},
        {"15: a public address",
         {sevenB(), second([](auto& n) { n.publicAddress = true, n.address = "84.1.2.3", n.prefixBits = 0; }), both},
         "NET-08",
         "gpu-b",
         false,
         {"public address 84.1.2.3", "not encrypted"},
         {"interface eno1"}},
    };
}

} // namespace argus::plan::testing
