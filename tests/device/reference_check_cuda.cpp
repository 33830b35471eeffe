// reference_check_cuda DIR [--dtype bfloat16|float16|float32] [--device N] and the options of reference_check
//
// The whole model on an NVIDIA GPU against what another implementation computed with the same weights
// (tests/golden/reference_checks.h). Ends with "N passed, N failed".

#include "tests/device/device_options.h"
#include "tests/golden/reference_checks.h"

#include <fmt/format.h>

int main(int argc, char** argv)
{
    CLI::App app{"Qwen2.5-VL on a GPU against reference tensors"};
    argus::golden::CheckOptions options{.mode = argus::golden::Mode::Relative, .tolerance = 2e-2};
    argus::device_check::DeviceOptions device;
    addOptions(app, options);
    addDeviceOptions(app, device);
    CLI11_PARSE(app, argc, argv);
    try {
        return checkReferences(options, [&] { return openDevice(device); });
    } catch (const std::exception& problem) {
        fmt::print(stderr, "reference_check_cuda: {}\n", problem.what());
        return 1;
    }
}
