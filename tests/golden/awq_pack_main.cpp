// awq_pack IN OUT_PREFIX [--variant A|B|C]
//
// IN is a checkpoint's folder or the PREFIX of PREFIX.config.json and PREFIX.model.safetensors. Packs the decoder's
// linear layers to four bits (groups of 128, each from its smallest weight to its largest) as AutoAWQ publishes them,
// beside a twin OUT_PREFIX-wide that holds the same numbers as float16. Where PREFIX.cases.json is, both become file
// sets for reference_check: what they are checked against is what the twin computes on the processor.

#include "tests/golden/awq_pack.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <map>

namespace {

/// Four bits change the scores of a model, but not into those of another one.
constexpr double kMostApart = 0.8; // strangers are about 1.4 apart

int run(const std::filesystem::path& from, const std::filesystem::path& to, argus::model::PositionVariant variant)
{
    std::filesystem::create_directories(to.parent_path());
    argus::golden::packCheckpoint(from, to);
    if (!std::filesystem::exists(from.string() + ".cases.json"))
        return 0;
    const double apart = argus::golden::answerCases(from, to, variant);
    fmt::print("{}: scores {:.3f} from those of the unpacked model\n", to.filename().string(), apart);
    return apart < kMostApart ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    CLI::App app{"Packs a Qwen2.5-VL checkpoint to four bits"};
    std::string from;
    std::string to;
    auto variant = argus::model::PositionVariant::A;
    const std::map<std::string, argus::model::PositionVariant> variants{{"A", argus::model::PositionVariant::A},
                                                                        {"B", argus::model::PositionVariant::B},
                                                                        {"C", argus::model::PositionVariant::C}};
    app.add_option("IN", from, "Folder of a checkpoint, or what its files' names begin with")->required();
    app.add_option("OUT_PREFIX", to, "What the names of the files to write begin with")->required();
    app.add_option("--variant", variant, "Rule for positions of clips")->transform(CLI::CheckedTransformer(variants));
    CLI11_PARSE(app, argc, argv);
    try {
        return run(from, to, variant);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "awq_pack: {}\n", problem.what());
        return 1;
    }
}
