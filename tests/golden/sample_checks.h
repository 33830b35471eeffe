#pragma once
// The demo model's samples on a device, from file to answer: what samples_check and its sisters on other devices run.

#include "tests/golden/make_ops.h"

#include <filesystem>

namespace CLI {
class App;
}

namespace argus::golden {

struct SampleOptions {
    std::filesystem::path samples = {};
    std::filesystem::path model = {};
    std::filesystem::path decoder = {}; ///< the argus-decoder program
    std::filesystem::path pixels = {};  ///< where pixels are kept between runs and machines; empty: nowhere
    bool answersOnly =
        false; ///< scores may differ, and ids as long as they say the same; for devices with coarser numbers
};

/// The command line of these programs: SAMPLES_DIR MODEL_DIR DECODER_PROGRAM [--answers-only] [--pixels DIR], with what
/// `options` holds as defaults.
void addOptions(CLI::App& app, SampleOptions& options);

/// Prints a line a case and ends with "N passed, N failed"; the exit status, 1 when something failed.
[[nodiscard]] int checkSamples(const SampleOptions& options, const MakeOps& makeOps);

/// Sizes that the model is loaded with.
constexpr int kSampleBlocks = 256;
constexpr int kSampleBlockTokens = 16;
constexpr int kSampleRows = 4096;

} // namespace argus::golden
