// reference_check DIR [--variant A|B|C] [--mode absolute|relative] [--tolerance T] [--threads N]
//                     [--frequencies float32|bfloat16|auto]
//                     [--tensor-parallel-size N] [--pipeline-parallel-size N] [--stage-layers N,N,...]
//
// Every NAME.config.json / .model.safetensors / .cases.json / .cases.safetensors of DIR through the model on this
// machine's processor: positions equal, vision embeddings and scores of every prompt token within the tolerance, greedy
// ids equal through the paged cache; then the same ids with the prompt in pieces of seven tokens, and with all cases in
// one batch. A reference whose maker converted the whole model to bfloat16 has rotary frequencies rounded for good;
// `auto` (the default) finds that out from the first case and says so. `relative` is how devices with coarser numbers
// are measured (reference_checks.h). With more than one rank the model is divided among threads of this program, each
// with its part of the weights, and they exchange what ranks of a cluster exchange. Prints a line a case and ends with
// "N passed, N failed"; exit status 1 when something failed.

#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/reference_checks.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv)
{
    CLI::App app{"Qwen2.5-VL against reference tensors"};
    argus::golden::CheckOptions options;
    addOptions(app, options);
    CLI11_PARSE(app, argc, argv);
    return checkReferences(options, [&] { return std::make_unique<argus::ops::CpuOps>(options.threads); });
}
