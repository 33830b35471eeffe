// What sizes, devices and their memory have in store; see tst_traps.cpp.

#include "engine/base/catalogue.h"
#include "tests/engine/plan/traps.h"

namespace argus::plan::testing {
namespace {

/// Cards of which one has too little to say.
std::vector<ClusterDevice> mixed(const Card& most, int count, const Card& last)
{
    std::vector<ClusterDevice> devices = cards(most, count);
    devices.push_back(deviceWith(last, static_cast<std::uint32_t>(count)));
    return devices;
}

const Cluster kTwoByTwo = machines(2, kAda, 2);

} // namespace

std::vector<Row> deviceRows()
{
    Cluster oldCard;
    oldCard.nodes = {nodeWith("gpu-a", mixed(kTuring, 2, kPascal))};
    Cluster twoSizes;
    twoSizes.nodes = {nodeWith("gpu-a", mixed(kTuring, 1, kSmallTuring))};
    Cluster threeSizes;
    threeSizes.nodes = {nodeWith("gpu-a", mixed(kTuring, 2, kSmallTuring))};
    threeSizes.nodes[0].devices[0].index = 0;
    Cluster mixedAges;
    mixedAges.nodes = {nodeWith("gpu-a", cards(kAda, 2), 0), nodeWith("gpu-b", cards(kTuring, 2), 1)};
    Cluster fifteen = machines(2, kHopper, 8);
    fifteen.nodes[1].devices[5].gpu->problem = say("gpu-no-memory", "GPU is lost (NVML error 15)");
    return {
        {"1: a card without kernels is left out",
         {threeB(), oldCard, wish(2, 1)},
         "GPU-01",
         "gpu-a",
         true,
         {"gpu-a cuda:2 (NVIDIA GeForce GTX 1080 Ti)", "6.1", "7.5, 8.0, 8.6, 8.9, 9.0"},
         {"devices 0,1"}},
        {"1: a card without kernels that was asked for",
         {threeB(), oldCard, with(wish(2, 1), [](auto& s) { setDevices(s, "gpu-a", "1,2"); })},
         "GPU-01",
         "gpu-a",
         false,
         {"6.1"},
         {}},
        {"1: a card without kernels that is needed",
         {threeB(), oldCard, wish(1, 3)},
         "GPU-01",
         "gpu-a",
         false,
         {"6.1"},
         {"pipeline_parallel_size 2"}},
        {"2: AWQ on a card without kernels",
         {awqOf(threeB()), oldCard, wish(1, 3)},
         "GPU-03",
         "gpu-a",
         false,
         {"6.1", "kernels for AWQ for 7.5"},
         {"pipeline_parallel_size 2"}},
        {"3: AWQ groups that do not split",
         {awqOf(threeB()), machines(1, kAda, 4), wish(4, 1)},
         "PAR-02",
         "",
         false,
         {"down_proj", "11008", "86 AWQ groups of 128", "21.5 each", "use one of 1, 2"},
         {"tensor_parallel_size 2"}},
        {"6: heads of the 3B model",
         {threeB(), machines(1, kAda, 8), wish(6, 1)},
         "PAR-01",
         "",
         false,
         {"16 attention heads", "tensor_parallel_size 6", "1, 2, 4, 8, 16"},
         {"tensor_parallel_size 4", "tensor_parallel_size 8"}},
        {"6: heads of the 7B model",
         {sevenB(), machines(1, kAda, 8), wish(8, 1)},
         "PAR-01",
         "",
         false,
         {"28 attention heads", "use one of 1, 2, 4", "tensor_parallel_size 4 with pipeline_parallel_size 2"},
         {"tensor_parallel_size 4", "tensor_parallel_size 2", "tensor_parallel_size 1"}},
        {"6: KV heads of the 7B model",
         {sevenB(), machines(1, kAda, 8), wish(7, 1)},
         "PAR-01",
         "",
         false,
         {"4 KV heads"},
         {"tensor_parallel_size 4"}},
        {"more stages than layers",
         {sevenB(), machines(8, kAda, 8), wish(1, 29)},
         "PAR-01",
         "",
         false,
         {"28 layers", "29"},
         {"pipeline_parallel_size 28"}},
        {"layers that do not add up",
         {sevenB(), kTwoByTwo, with(wish(1, 2), [](auto& s) { s.set_stage_layers("20,16"); })},
         "PAR-05",
         "",
         false,
         {"36 layers in all", "28", "14,14"},
         {"stage_layers "}},
        {"a device too few",
         {seventyTwoB(), fifteen, wish(8, 2)},
         "PAR-03",
         "",
         false,
         {"16 GPUs", "gpu-a has 8", "gpu-b has 7"},
         {"pipeline_parallel_size 1"}},
        {"a card that is ill, and needed",
         {seventyTwoB(), fifteen, wish(8, 2)},
         "GPU-07",
         "gpu-b",
         false,
         {"gpu-b cuda:5", "GPU is lost"},
         {"pipeline_parallel_size 1"}},
        {"9: too few cards are left by the settings",
         {threeB(), machines(1, kAda, 4), with(wish(4, 1), [](auto& s) { setDevices(s, "gpu-a", "0,1"); })},
         "PAR-03",
         "",
         false,
         {"4 GPUs", "gpu-a has 2"},
         {"devices all", "tensor_parallel_size 2"}},
        {"9: a card that is not there",
         {threeB(), machines(1, kAda, 2), with(wish(1, 1), [](auto& s) { setDevices(s, "gpu-a", "1,7"); })},
         "SET-01",
         "gpu-a",
         false,
         {"names 7", "it has 0, 1"},
         {"devices 1"}},
        {"11: bfloat16 before Ampere",
         {sevenB(), mixedAges, with(wish(2, 2), [](auto& s) { s.set_dtype("bfloat16"); })},
         "GPU-02",
         "",
         false,
         {"bfloat16", "NVIDIA GeForce RTX 2080 Ti", "7.5", "float16"},
         {"dtype auto", "dtype float16"}},
        {"cards of two sizes in a stage",
         {threeB(), twoSizes, wish(2, 1)},
         "PAR-04",
         "gpu-a",
         true,
         {"stage 0", "RTX 2080 Ti", "RTX 2070", "stay unused"},
         {}},
        {"one GPU and two ranks",
         {threeB(), machines(1, kAda, 2), with(wish(2, 1), [](auto& s) { s.set_device("cuda:0"); })},
         "SET-01",
         "",
         false,
         {"cuda:0", "2 ranks"},
         {"device auto"}},
    };
}

std::vector<Row> memoryRows()
{
    Cluster occupied = machines(1, kAda, 3);
    for (ClusterDevice& device : occupied.nodes[0].devices)
        device.memoryFree -= 9 * kGiB;
    occupied.nodes[0].devices[1].users = {"process 4711 \"VLLM::Worker_TP3\", 9.0 GiB"};
    Cluster politely = machines(1, kAda, 2);
    politely.nodes[0].devices[0].memoryFree -= 5 * kGiB;
    politely.nodes[0].devices[0].users = {"process 812 \"blender\", 5.0 GiB"};
    return {
        {"4: a context longer than the cache",
         {sevenB(), machines(1, kAda, 1), with(wish(1, 1), [](auto& s) { s.set_max_model_len(120000); })},
         "GPU-04",
         "gpu-a",
         false,
         {"120000 tokens", "KV cache 6.4 GiB", "set max_model_len to"},
         {"max_model_len "}},
        {"4: more cards make the wish fit",
         {sevenB(), machines(2, kAda, 2), with(wish(1, 1), [](auto& s) { s.set_max_model_len(120000); })},
         "GPU-04",
         "gpu-a",
         false,
         {"120000 tokens"},
         {"tensor_parallel_size 2", "pipeline_parallel_size 2"}},
        {"5: weights larger than the card",
         {thirtyTwoB(), machines(2, kAda, 4), wish(2, 1)},
         "GPU-04",
         "gpu-a",
         false,
         {"weights 31.", "CUDA itself 700 MiB", "communication", "of 24.0 GiB", "are free"},
         {}},
        {"5: a smaller share than is needed",
         {sevenB(), machines(1, kAda, 1), with(wish(1, 1), [](auto& s) { s.set_gpu_memory_utilization(0.6); })},
         "GPU-04",
         "gpu-a",
         false,
         {"gpu_memory_utilization 0.6"},
         {"gpu_memory_utilization 0."}},
        {"5: others use the card",
         {sevenB(), occupied, wish(1, 1)},
         "GPU-05",
         "gpu-a",
         false,
         {"9.0 GiB are used by"},
         {"tensor_parallel_size 2", "pipeline_parallel_size 3"}},
        {"5: others use the card, and it fits nevertheless",
         {threeB(), politely, wish(2, 1)},
         "GPU-05",
         "gpu-a",
         true,
         {"cuda:0", "process 812 \"blender\""},
         {}},
        {"4: a context longer than the model's",
         {sevenB(), machines(1, kAda, 1), with(wish(1, 1), [](auto& s) { s.set_max_model_len(200000); })},
         "SET-01",
         "",
         false,
         {"200000", "128000"},
         {"max_model_len "}},
        {"4: CPU machines that are too small",
         {threeB(), cpuMachines(2, 1, 8 * kGiB), with(wish(1, 2), [](auto& s) { s.set_max_model_len(60000); })},
         "GPU-04",
         "box-a",
         false,
         {"60000 tokens", "box-a cpu:0"},
         {"max_model_len "}},
    };
}

} // namespace argus::plan::testing
