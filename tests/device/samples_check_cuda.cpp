// samples_check_cuda SAMPLES_DIR MODEL_DIR DECODER_PROGRAM [--answers-only] [--dtype …] [--device N]
//
// The demo model's samples on an NVIDIA GPU, from file to answer. Ends with "N passed, N failed".

#include "tests/device/device_options.h"
#include "tests/golden/sample_checks.h"

#include <fmt/format.h>

int main(int argc, char** argv)
{
    CLI::App app{"The demo model's samples on a GPU against what Hugging Face transformers says"};
    argus::golden::SampleOptions options{.answersOnly = true};
    argus::device_check::DeviceOptions device;
    addOptions(app, options);
    addDeviceOptions(app, device);
    CLI11_PARSE(app, argc, argv);
    try {
        return checkSamples(options, [&] { return openDevice(device); });
    } catch (const std::exception& problem) {
        fmt::print(stderr, "samples_check_cuda: {}\n", problem.what());
        return 1;
    }
}
