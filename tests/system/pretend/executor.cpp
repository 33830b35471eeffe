// An argus-executor-cuda for machines without a GPU: says that it has loaded, or fails as ARGUS_PRETEND_EXECUTOR says
// ("refuses", "lacks a library"), and writes what it was given to the file ARGUS_PRETEND_ORDER.

#include "engine/protocol/channel.h"
#include "engine/protocol/executor.pb.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using namespace argus;

std::string variable(const char* name)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

void note(const wire::LoadModel& order)
{
    std::ofstream(variable("ARGUS_PRETEND_ORDER")) << nlohmann::json{
        {"device_index", order.ranks(0).device_index()},
        {"device_bytes", order.ranks(0).device_bytes()},
        {"dtype", order.dtype()},
        {"kv_blocks", order.kv_blocks()},
        {"kv_block_tokens", order.kv_block_tokens()},
        {"max_num_seqs", order.max_num_seqs()},
        {"max_batched_tokens", order.max_batched_tokens()},
        {"max_vision_patches", order.max_vision_patches()},
        {"CUDA_DEVICE_ORDER", variable("CUDA_DEVICE_ORDER")},
        {"CUDA_MODULE_LOADING", variable("CUDA_MODULE_LOADING")},
        {"CUDA_VISIBLE_DEVICES",
         variable("CUDA_VISIBLE_DEVICES")}}.dump();
}

wire::ExecutorToNode answerTo(const wire::NodeToExecutor& order)
{
    note(order.load());
    wire::ExecutorToNode answer;
    answer.set_epoch(order.epoch());
    if (variable("ARGUS_PRETEND_EXECUTOR") == "refuses") {
        wire::Error& error = *answer.mutable_failed()->mutable_error();
        error.set_code("Io");
        error.set_cause("the GPU has fallen off the bus");
        error.set_remedy("restart the computer");
        return answer;
    }
    wire::Loaded& loaded = *answer.mutable_loaded();
    loaded.set_device_kind("cuda");
    loaded.set_weights_bytes(1'000);
    loaded.set_runtime_bytes(200);
    loaded.set_kv_bytes(30);
    return answer;
}

} // namespace

int main()
{
    if (variable("ARGUS_PRETEND_EXECUTOR") == "lacks a library")
        return 127; // as the dynamic loader ends it
    protocol::Channel channel{UniqueFd(3)};
    for (;;) {
        const auto frame = channel.receive(Deadline::in(Milliseconds(1'000)));
        wire::NodeToExecutor message;
        if (!frame)
            return 0;
        if (!*frame || !message.ParseFromString((*frame)->body))
            continue;
        if (message.has_quit())
            return 0;
        if (message.has_load() && !channel.send(answerTo(message), {}, Deadline::in(Milliseconds(5'000))))
            return 1;
    }
}
