#pragma once
// The whole model on a device against what another implementation computed with the same weights: what reference_check
// and its sisters on other devices run.

#include "engine/model/positions.h"
#include "tests/golden/make_ops.h"
#include "tests/golden/model_ranks.h"

#include <string>

namespace CLI {
class App;
}

namespace argus::golden {

/// How a device is measured.
///
/// Absolute  for a device that computes in float32 and gives a row the same bits whatever it is computed with:
/// embeddings
///           and scores differ nowhere by more than the tolerance, and the greedy ids are the reference's
/// Relative  for every other: |got - expected| / |expected| over all embeddings and over all scores is at most the
///           tolerance. Every run is fed the reference's ids, so that one close call does not end the comparison. The
///           id drawn is the expected one wherever the two best expected scores lie further apart than twice the
///           largest error of the case's scores. What is expected after the prompt, where references have ids but no
///           scores, is what this machine's processor computes
enum class Mode { Absolute, Relative };

/// Rotary frequencies as the reference's maker had them; Auto finds out from the first case, on the processor.
enum class Frequencies { Float32, Bfloat16, Auto };

struct CheckOptions {
    std::string folder = {};
    model::PositionVariant variant = model::PositionVariant::A;
    Mode mode = Mode::Absolute;
    double tolerance = 1e-3;
    int threads = 0; ///< of the processor
    Frequencies frequencies = Frequencies::Auto;
    Division division = {}; ///< of the model that is checked
};

/// The command line of these programs: DIR [--variant A|B|C] [--mode absolute|relative] [--tolerance T] [--threads N]
/// [--frequencies float32|bfloat16|auto] [--tensor-parallel-size N] [--pipeline-parallel-size N] [--stage-layers N,N],
/// with what `options` holds as defaults.
void addOptions(CLI::App& app, CheckOptions& options);

/// Every file set of the folder, each case alone, with its prompt in pieces of seven tokens, and with all others in one
/// batch. Prints a line a case and ends with "N passed, N failed"; the exit status, 1 when something failed.
[[nodiscard]] int checkReferences(const CheckOptions& options, const MakeOps& makeOps);

} // namespace argus::golden
