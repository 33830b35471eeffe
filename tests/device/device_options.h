#pragma once
// The GPU of a golden program, from its command line.

#include "engine/ops/cuda/open.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <stdexcept>
#include <string>

namespace argus::device_check {

struct DeviceOptions {
    int device = 0;
    std::string dtype = "bfloat16";
};

inline void addDeviceOptions(CLI::App& app, DeviceOptions& options)
{
    app.add_option("--device", options.device, "GPU, as CUDA counts")->capture_default_str();
    app.add_option("--dtype", options.dtype, "What is computed with")
        ->capture_default_str()
        ->check(CLI::IsMember({"bfloat16", "float16", "float32"}));
}

inline std::unique_ptr<ops::Ops> openDevice(const DeviceOptions& options)
{
    const DType type = options.dtype == "float32" ? DType::F32 : options.dtype == "float16" ? DType::F16 : DType::BF16;
    auto ops = ops::openCuda(
        {.device = options.device, .compute = type, .arenaBytes = std::uint64_t{4} << 30, .packed = true});
    if (!ops.ok())
        throw std::runtime_error(ops.error().text());
    return std::move(*ops);
}

} // namespace argus::device_check
