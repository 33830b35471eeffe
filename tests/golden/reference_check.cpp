// reference_check DIR [--variant A|B|C] [--tolerance T] [--threads N] [--frequencies float32|bfloat16|auto]
//
// Every NAME.config.json / .model.safetensors / .cases.json / .cases.safetensors of DIR through the model: positions
// equal, vision embeddings and scores of every prompt token within the tolerance, greedy ids equal through the paged
// cache; then the same ids with the prompt in pieces of seven tokens, and with all cases in one batch. A reference
// whose maker converted the whole model to bfloat16 has rotary frequencies rounded for good; `auto` (the default) finds
// that out from the first case and says so. Prints a line a case and ends with "N passed, N failed"; exit status 1 when
// something failed.

#include "tests/golden/reference_cases.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace {

using namespace argus;
using namespace argus::golden;

constexpr std::int64_t kWhole = kMostRows;
constexpr std::int64_t kPiece = 7; // divides neither prompts nor blocks of the cache

struct Tally {
    int passed = 0;
    int failed = 0;
    void count(bool good, const std::string& line)
    {
        ++(good ? passed : failed);
        fmt::print("{} {}\n", good ? "ok   " : "FAIL ", line);
    }
};

/// Blocks out of order and apart, so that a table that is not looked at shows.
std::vector<std::int32_t> scatteredBlocks(int which, int of)
{
    std::vector<std::int32_t> blocks;
    for (int block = kKvBlocks - 1 - which; block >= 0; block -= of)
        blocks.push_back(block);
    return blocks;
}

bool same(ConstTensorView expected, std::span<const std::int32_t> got)
{
    const auto* values = expected.data<const std::int32_t>();
    return expected.shape().elements() == static_cast<std::int64_t>(got.size()) &&
           std::equal(got.begin(), got.end(), values);
}

/// Goes on greedily until every conversation has as many ids as its case.
void finish(ReferenceModel& reference, std::vector<Conversation*> running, std::int64_t most)
{
    while (!running.empty()) {
        takeBest(running, step(reference, running, most));
        std::erase_if(running,
                      [](const Conversation* each) { return each->answer.size() >= each->from->greedy.size(); });
    }
}

void checkAlone(ReferenceModel& reference, const ReferenceCase& each, model::PositionVariant variant, double tolerance,
                Tally& tally)
{
    Conversation conversation = begin(reference, each, variant, scatteredBlocks(0, 3));
    Conversation* one = &conversation;
    const bool positions = same(reference.tensor(each, "position_ids"), conversation.positions.rows) &&
                           conversation.positions.delta == each.delta;
    double vision = 0;
    if (!each.imageGrids.empty())
        vision = std::max(vision, largestDifference(std::as_const(conversation.imageEmbeds).view(),
                                                    reference.tensor(each, "image_embeds")));
    if (!each.videoGrids.empty())
        vision = std::max(vision, largestDifference(std::as_const(conversation.videoEmbeds).view(),
                                                    reference.tensor(each, "video_embeds")));
    const ConstTensorView scores = step(reference, {&one, 1}, kWhole, true);
    const double difference = largestDifference(scores, reference.tensor(each, "logits"));
    takeBest({&one, 1}, scores.rows(scores.extent(0) - 1, 1));
    finish(reference, {one}, kWhole);
    const bool greedy = conversation.answer == each.greedy;
    tally.count(positions && vision <= tolerance && difference <= tolerance && greedy,
                fmt::format("{}.{}: positions {}, vision embeddings {:.2e}, scores {:.2e}, greedy ids {}",
                            reference.name, each.name, positions ? "equal" : "DIFFER", vision, difference,
                            greedy ? "equal" : "DIFFER"));
}

void checkInPieces(ReferenceModel& reference, const ReferenceCase& each, model::PositionVariant variant, Tally& tally)
{
    Conversation conversation = begin(reference, each, variant, scatteredBlocks(1, 3));
    finish(reference, {&conversation}, kPiece);
    tally.count(conversation.answer == each.greedy,
                fmt::format("{}.{}: prompt in pieces of {}", reference.name, each.name, kPiece));
}

void checkTogether(ReferenceModel& reference, model::PositionVariant variant, std::int64_t most, Tally& tally)
{
    std::vector<Conversation> conversations;
    const auto count = static_cast<int>(reference.cases.size());
    for (int i = 0; i < count; ++i)
        conversations.push_back(
            begin(reference, reference.cases[static_cast<std::size_t>(i)], variant, scatteredBlocks(i, count)));
    std::vector<Conversation*> running;
    for (Conversation& each : conversations)
        running.push_back(&each);
    finish(reference, running, most);
    std::vector<std::string> different;
    for (const Conversation& each : conversations)
        if (each.answer != each.from->greedy)
            different.push_back(each.from->name);
    tally.count(different.empty(), fmt::format("{}: {} cases in one batch, at most {} tokens each a step {}",
                                               reference.name, count, most, fmt::join(different, ", ")));
}

enum class Frequencies { Float32, Bfloat16, Auto };

struct Options {
    std::string folder;
    model::PositionVariant variant = model::PositionVariant::A;
    double tolerance = 1e-3;
    int threads = 0;
    Frequencies frequencies = Frequencies::Auto;
};

/// The model with frequencies as the reference has them.
ReferenceModel load(const Options& options, const std::string& name)
{
    if (options.frequencies == Frequencies::Bfloat16)
        return ReferenceModel::load(options.folder, name, options.threads, {.bfloat16Frequencies = true});
    ReferenceModel reference = ReferenceModel::load(options.folder, name, options.threads, {});
    if (options.frequencies == Frequencies::Float32 || reference.cases.empty())
        return reference;
    const auto difference = [&](ReferenceModel& candidate) {
        Conversation first = begin(candidate, candidate.cases.front(), options.variant, scatteredBlocks(0, 1));
        Conversation* one = &first;
        return largestDifference(step(candidate, {&one, 1}, kWhole, true),
                                 candidate.tensor(candidate.cases.front(), "logits"));
    };
    const double plain = difference(reference);
    if (plain <= options.tolerance)
        return reference;
    ReferenceModel rounded = ReferenceModel::load(options.folder, name, options.threads, {.bfloat16Frequencies = true});
    const double other = difference(rounded);
    if (other >= plain)
        return reference;
    fmt::print("note  {}: its maker's rotary frequencies were rounded to bfloat16 (scores {:.2e} apart otherwise); "
               "rounding ours alike\n",
               name, plain);
    return rounded;
}

int run(const Options& options)
{
    Tally tally;
    for (const std::string& name : referenceNames(options.folder)) {
        ReferenceModel reference = load(options, name);
        for (const ReferenceCase& each : reference.cases) {
            checkAlone(reference, each, options.variant, options.tolerance, tally);
            checkInPieces(reference, each, options.variant, tally);
        }
        checkTogether(reference, options.variant, kMostRows / static_cast<int>(reference.cases.size()), tally);
        checkTogether(reference, options.variant, kPiece, tally);
    }
    fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    CLI::App app{"Qwen2.5-VL against reference tensors"};
    Options options;
    const std::map<std::string, model::PositionVariant> variants{
        {"A", model::PositionVariant::A}, {"B", model::PositionVariant::B}, {"C", model::PositionVariant::C}};
    app.add_option("DIR", options.folder, "Folder with NAME.config.json and the files beside it")
        ->required()
        ->check(CLI::ExistingDirectory);
    app.add_option("--variant", options.variant, "Rule for positions of clips")
        ->transform(CLI::CheckedTransformer(variants));
    app.add_option("--tolerance", options.tolerance, "Largest difference allowed in embeddings and scores");
    app.add_option("--threads", options.threads, "Cores to use; 0: all");
    const std::map<std::string, Frequencies> frequencies{
        {"float32", Frequencies::Float32}, {"bfloat16", Frequencies::Bfloat16}, {"auto", Frequencies::Auto}};
    app.add_option("--frequencies", options.frequencies, "Rotary frequencies of the reference")
        ->transform(CLI::CheckedTransformer(frequencies));
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "reference_check: {}\n", problem.what());
        return 1;
    }
}
