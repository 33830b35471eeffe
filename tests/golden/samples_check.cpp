// samples_check SAMPLES_DIR MODEL_DIR DECODER_PROGRAM [--answers-only]
//
// Everything but processes and sockets, against what Hugging Face transformers computed for the demo model's samples
// (cases.json, samples.safetensors): files through the decoder to pixels and patches, conversation to ids, scores of
// the first answer token within 1e-3, greedy ids. A clip is its lossless NAME.mkv. With --answers-only what is said has
// to be the same, not the ids and scores. Prints a line a case and "N passed, N failed".

#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/sample_checks.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv)
{
    CLI::App app{"The demo model's samples against what Hugging Face transformers says"};
    argus::golden::SampleOptions options;
    addOptions(app, options);
    CLI11_PARSE(app, argc, argv);
    return checkSamples(options, [] { return std::make_unique<argus::ops::CpuOps>(0); });
}
