#include "tests/golden/reference_checks.h"

#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/reference_cases.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace argus::golden {

namespace {

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

bool positionsAgree(const ReferenceModel& reference, const Conversation& conversation)
{
    return same(reference.tensor(*conversation.from, "position_ids"), conversation.positions.rows) &&
           conversation.positions.delta == conversation.from->delta;
}

/// The worse `measure` of a case's pictures and of its clips.
double worstEmbeddings(ReferenceModel& reference, const Conversation& conversation,
                       double (*measure)(ConstTensorView got, ConstTensorView expected))
{
    const ReferenceCase& from = *conversation.from;
    double worst = 0;
    if (!from.imageGrids.empty())
        worst =
            measure(reference.model->onHost(conversation.imageEmbeds).view(), reference.tensor(from, "image_embeds"));
    if (!from.videoGrids.empty())
        worst = std::max(worst, measure(reference.model->onHost(conversation.videoEmbeds).view(),
                                        reference.tensor(from, "video_embeds")));
    return worst;
}

// ---- Absolute: the same numbers and the same ids.

/// Goes on greedily until every conversation has as many ids as its case.
void finish(ReferenceModel& reference, std::vector<Conversation*> running, std::int64_t most)
{
    while (!running.empty()) {
        takeDrawn(running, step(reference, running, most).drawn);
        std::erase_if(running,
                      [](const Conversation* each) { return each->answer.size() >= each->from->greedy.size(); });
    }
}

void checkAlone(ReferenceModel& reference, const ReferenceCase& each, const CheckOptions& options, Tally& tally)
{
    Conversation conversation = begin(reference, each, options.variant, scatteredBlocks(0, 3));
    Conversation* one = &conversation;
    const bool positions = positionsAgree(reference, conversation);
    const double vision = worstEmbeddings(reference, conversation, largestDifference);
    const Outcome prompt = step(reference, {&one, 1}, kWhole, true);
    const double difference = largestDifference(prompt.scores, reference.tensor(each, "logits"));
    takeDrawn({&one, 1}, prompt.drawn);
    finish(reference, {one}, kWhole);
    const bool greedy = conversation.answer == each.greedy;
    tally.count(positions && vision <= options.tolerance && difference <= options.tolerance && greedy,
                fmt::format("{}.{}: positions {}, vision embeddings {:.2e}, scores {:.2e}, greedy ids {}",
                            reference.name, each.name, positions ? "equal" : "DIFFER", vision, difference,
                            greedy ? "equal" : "DIFFER"));
}

void checkInPieces(ReferenceModel& reference, const ReferenceCase& each, const CheckOptions& options, Tally& tally)
{
    Conversation conversation = begin(reference, each, options.variant, scatteredBlocks(1, 3));
    finish(reference, {&conversation}, kPiece);
    tally.count(conversation.answer == each.greedy,
                fmt::format("{}.{}: prompt in pieces of {}", reference.name, each.name, kPiece));
}

std::vector<Conversation> beginTogether(ReferenceModel& reference, const CheckOptions& options)
{
    std::vector<Conversation> conversations;
    const auto count = static_cast<int>(reference.cases.size());
    for (int i = 0; i < count; ++i)
        conversations.push_back(begin(reference, reference.cases[static_cast<std::size_t>(i)], options.variant,
                                      scatteredBlocks(i, count), count - i));
    return conversations;
}

void checkTogether(ReferenceModel& reference, const CheckOptions& options, std::int64_t most, Tally& tally)
{
    std::vector<Conversation> conversations = beginTogether(reference, options);
    std::vector<Conversation*> running;
    for (Conversation& each : conversations)
        running.push_back(&each);
    finish(reference, running, most);
    std::vector<std::string> different;
    for (const Conversation& each : conversations)
        if (each.answer != each.from->greedy)
            different.push_back(each.from->name);
    tally.count(different.empty(), fmt::format("{}: {} cases in one batch, at most {} tokens each a step {}",
                                               reference.name, conversations.size(), most, fmt::join(different, ", ")));
}

void checkAbsolutely(ReferenceModel& reference, const CheckOptions& options, Tally& tally)
{
    for (const ReferenceCase& each : reference.cases) {
        checkAlone(reference, each, options, tally);
        checkInPieces(reference, each, options, tally);
    }
    checkTogether(reference, options, kMostRows / static_cast<std::int64_t>(reference.cases.size()), tally);
    checkTogether(reference, options, kPiece, tally);
}

// ---- Relative: as near as the device's numbers allow.

/// How far numbers are from those expected.
class Deviation {
public:
    void see(ConstTensorView got, ConstTensorView expected)
    {
        if (!(got.shape() == expected.shape()) || !got.dense() || !expected.dense()) {
            m_largest = std::numeric_limits<double>::infinity();
            return;
        }
        for (std::int64_t i = 0; i < expected.shape().elements(); ++i) {
            const double wanted = expected.data<const float>()[i];
            const double difference = std::abs(got.data<const float>()[i] - wanted);
            m_differences += difference * difference;
            m_expected += wanted * wanted;
            m_largest =
                std::isfinite(difference) ? std::max(m_largest, difference) : std::numeric_limits<double>::infinity();
        }
    }
    [[nodiscard]] double largest() const { return m_largest; }
    /// |got - expected| / |expected|
    [[nodiscard]] double relative() const
    {
        return std::isfinite(m_largest) ? std::sqrt(m_differences / std::max(m_expected, 1e-30)) : m_largest;
    }

private:
    double m_differences = 0;
    double m_expected = 0;
    double m_largest = 0;
};

double relativeDifference(ConstTensorView got, ConstTensorView expected)
{
    Deviation deviation;
    deviation.see(got, expected);
    return deviation.relative();
}

/// What a case should come to when it is fed the reference's ids: scores of every token of prompt and answer but the
/// last.
struct Expectation {
    HostTensor scores;
    double largestError = 0; ///< of the case alone on the device
    [[nodiscard]] ConstTensorView row(std::int64_t index) const { return scores.view().rows(index, 1); }
};

/// A case on its way through the model, fed the reference's ids.
struct Fed {
    Conversation conversation;
    std::vector<std::int32_t> drawn = {}; ///< what the device would have said instead
};

/// Runs to the end. `see` is told each row of scores that comes back: whose, of which token, and the row.
template <typename See>
void feed(ReferenceModel& reference, std::vector<Fed*> running, std::int64_t most, bool everyRow, const See& see)
{
    while (!running.empty()) {
        std::vector<Conversation*> conversations;
        std::vector<std::int64_t> before;
        for (Fed* each : running) {
            conversations.push_back(&each->conversation);
            before.push_back(each->conversation.cached);
        }
        const Outcome outcome = step(reference, conversations, most, everyRow);
        std::int64_t row = 0;
        for (std::size_t i = 0; i < running.size(); ++i) {
            Conversation& conversation = *conversations[i];
            for (std::int64_t token = everyRow ? before[i] : conversation.cached - 1; token < conversation.cached;
                 ++token)
                see(*running[i], token, outcome.scores.rows(row++, 1));
            if (conversation.cached < conversation.known())
                continue;
            running[i]->drawn.push_back(outcome.drawn[i]);
            conversation.answer.push_back(conversation.from->greedy[conversation.answer.size()]);
        }
        std::erase_if(running,
                      [](const Fed* each) { return each->drawn.size() == each->conversation.from->greedy.size(); });
    }
}

Expectation expectationOf(ReferenceModel& witness, const ReferenceCase& each, const CheckOptions& options)
{
    Fed fed{.conversation = begin(witness, each, options.variant, scatteredBlocks(0, 3))};
    const auto prompt = static_cast<std::int64_t>(each.ids.size());
    const auto tokens = prompt + static_cast<std::int64_t>(each.greedy.size()) - 1;
    Expectation expectation{.scores = HostTensor(DType::F32, {tokens, witness.model->config().vocabSize})};
    const auto copy = [](TensorView to, ConstTensorView from) {
        std::copy_n(from.data<const float>(), from.shape().elements(), to.data<float>());
    };
    feed(witness, {&fed}, kWhole, true, [&](const Fed&, std::int64_t token, ConstTensorView row) {
        copy(expectation.scores.view().rows(token, 1), row);
    });
    copy(expectation.scores.view().rows(0, prompt), witness.tensor(each, "logits"));
    return expectation;
}

/// Ids drawn against the best expected score, and how often two of them were too close to call.
struct Verdict {
    int close = 0;
    int wrong = 0;
    [[nodiscard]] std::string text() const
    {
        return wrong > 0 ? fmt::format("{} ids DIFFER", wrong)
                         : fmt::format("ids equal{}", close > 0 ? fmt::format(" but for {} close calls", close) : "");
    }
};

Verdict judge(const Fed& fed, const Expectation& expectation)
{
    Verdict verdict;
    const auto prompt = static_cast<std::int64_t>(fed.conversation.from->ids.size());
    for (std::size_t i = 0; i < fed.drawn.size(); ++i) {
        const auto row = expectation.row(prompt - 1 + static_cast<std::int64_t>(i));
        std::vector<float> scores(row.data<const float>(), row.data<const float>() + row.extent(1));
        const auto best = std::max_element(scores.begin(), scores.end());
        if (fed.drawn[i] == static_cast<std::int32_t>(best - scores.begin()))
            continue;
        const float highest = std::exchange(*best, -std::numeric_limits<float>::infinity());
        const double gap = double{highest} - double{*std::max_element(scores.begin(), scores.end())};
        ++(gap > 2 * expectation.largestError ? verdict.wrong : verdict.close);
    }
    return verdict;
}

void checkAloneRelatively(ReferenceModel& reference, const ReferenceCase& each, Expectation& expectation,
                          const CheckOptions& options, Tally& tally)
{
    Fed fed{.conversation = begin(reference, each, options.variant, scatteredBlocks(0, 3))};
    const bool positions = positionsAgree(reference, fed.conversation);
    const double vision = worstEmbeddings(reference, fed.conversation, relativeDifference);
    Deviation deviation;
    feed(reference, {&fed}, kWhole, true,
         [&](const Fed&, std::int64_t token, ConstTensorView row) { deviation.see(row, expectation.row(token)); });
    expectation.largestError = deviation.largest();
    const Verdict verdict = judge(fed, expectation);
    tally.count(positions && vision <= options.tolerance && deviation.relative() <= options.tolerance &&
                    verdict.wrong == 0,
                fmt::format("{}.{}: positions {}, vision embeddings {:.2e}, scores {:.2e} (at most {:.2e} apart), {}",
                            reference.name, each.name, positions ? "equal" : "DIFFER", vision, deviation.relative(),
                            deviation.largest(), verdict.text()));
}

void checkInPiecesRelatively(ReferenceModel& reference, const ReferenceCase& each, const Expectation& expectation,
                             const CheckOptions& options, Tally& tally)
{
    Fed fed{.conversation = begin(reference, each, options.variant, scatteredBlocks(1, 3))};
    Deviation deviation;
    feed(reference, {&fed}, kPiece, true,
         [&](const Fed&, std::int64_t token, ConstTensorView row) { deviation.see(row, expectation.row(token)); });
    const Verdict verdict = judge(fed, expectation);
    tally.count(deviation.relative() <= options.tolerance && verdict.wrong == 0,
                fmt::format("{}.{}: prompt in pieces of {}, scores {:.2e}, {}", reference.name, each.name, kPiece,
                            deviation.relative(), verdict.text()));
}

void checkTogetherRelatively(ReferenceModel& reference, std::span<const Expectation> expectations,
                             const CheckOptions& options, std::int64_t most, Tally& tally)
{
    std::vector<Fed> all;
    for (Conversation& each : beginTogether(reference, options))
        all.push_back({.conversation = std::move(each)});
    std::vector<Fed*> running;
    for (Fed& each : all)
        running.push_back(&each);
    std::vector<Deviation> deviations(all.size());
    feed(reference, running, most, false, [&](const Fed& fed, std::int64_t token, ConstTensorView row) {
        const auto which = static_cast<std::size_t>(&fed - all.data());
        deviations[which].see(row, expectations[which].row(token));
    });
    double worst = 0;
    Verdict total;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Verdict verdict = judge(all[i], expectations[i]);
        worst = std::max(worst, deviations[i].relative());
        total.wrong += verdict.wrong;
        total.close += verdict.close;
    }
    tally.count(worst <= options.tolerance && total.wrong == 0,
                fmt::format("{}: {} cases in one batch, at most {} tokens each a step, scores {:.2e}, {}",
                            reference.name, all.size(), most, worst, total.text()));
}

void checkRelatively(ReferenceModel& reference, ReferenceModel& witness, const CheckOptions& options, Tally& tally)
{
    std::vector<Expectation> expectations;
    for (const ReferenceCase& each : reference.cases) {
        Expectation& expectation = expectations.emplace_back(expectationOf(witness, each, options));
        checkAloneRelatively(reference, each, expectation, options, tally);
        checkInPiecesRelatively(reference, each, expectation, options, tally);
    }
    checkTogetherRelatively(reference, expectations, options,
                            kMostRows / static_cast<std::int64_t>(reference.cases.size()), tally);
    checkTogetherRelatively(reference, expectations, options, kPiece, tally);
}

ReferenceModel load(const CheckOptions& options, const std::string& name, const MakeOps& makeOps,
                    model::Compatibility compatibility, const Division& division = {})
{
    const std::filesystem::path prefix = std::filesystem::path(options.folder) / name;
    return ReferenceModel::load(prefix, prefix, makeOps, compatibility, division);
}

/// What a reference's scores may be from ours when both computed in float32, summing in another order.
constexpr double kSameArithmetic = 1e-3;
constexpr model::Compatibility kPlain{};
constexpr model::Compatibility kRounded{.bfloat16Frequencies = true};

/// The model on this machine's processor, with frequencies as the reference has them.
struct Witness {
    ReferenceModel reference;
    model::Compatibility compatibility;
};

double firstDifference(ReferenceModel& reference, const CheckOptions& options)
{
    Conversation first = begin(reference, reference.cases.front(), options.variant, scatteredBlocks(0, 1));
    Conversation* one = &first;
    return largestDifference(step(reference, {&one, 1}, kWhole, true).scores,
                             reference.tensor(reference.cases.front(), "logits"));
}

Witness loadWitness(const CheckOptions& options, const std::string& name)
{
    const MakeOps processor = [&] { return std::make_unique<ops::CpuOps>(options.threads); };
    const auto with = [&](model::Compatibility compatibility) {
        return Witness{load(options, name, processor, compatibility), compatibility};
    };
    if (options.frequencies != Frequencies::Auto)
        return with(options.frequencies == Frequencies::Bfloat16 ? kRounded : kPlain);
    Witness plain = with(kPlain);
    if (plain.reference.cases.empty())
        return plain;
    const double apart = firstDifference(plain.reference, options);
    if (apart <= kSameArithmetic)
        return plain;
    Witness rounded = with(kRounded);
    if (firstDifference(rounded.reference, options) >= apart)
        return plain;
    fmt::print("note  {}: its maker's rotary frequencies were rounded to bfloat16 (scores {:.2e} apart otherwise); "
               "rounding ours alike\n",
               name, apart);
    return rounded;
}

int check(const CheckOptions& options, const MakeOps& makeOps)
{
    Tally tally;
    for (const std::string& name : referenceNames(options.folder)) {
        Witness witness = loadWitness(options, name);
        ReferenceModel reference = load(options, name, makeOps, witness.compatibility, options.division);
        if (options.mode == Mode::Absolute)
            checkAbsolutely(reference, options, tally);
        else
            checkRelatively(reference, witness.reference, options, tally);
    }
    fmt::print("{} passed, {} failed\n", tally.passed, tally.failed);
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}

} // namespace

void addOptions(CLI::App& app, CheckOptions& options)
{
    app.add_option("DIR", options.folder, "Folder with NAME.config.json and the files beside it")
        ->required()
        ->check(CLI::ExistingDirectory);
    const std::map<std::string, model::PositionVariant> variants{
        {"A", model::PositionVariant::A}, {"B", model::PositionVariant::B}, {"C", model::PositionVariant::C}};
    app.add_option("--variant", options.variant, "Rule for positions of clips")
        ->transform(CLI::CheckedTransformer(variants));
    const std::map<std::string, Mode> modes{{"absolute", Mode::Absolute}, {"relative", Mode::Relative}};
    app.add_option("--mode", options.mode, "Whether differences or their share of what is expected are measured")
        ->transform(CLI::CheckedTransformer(modes));
    app.add_option("--tolerance", options.tolerance, "Largest difference or share allowed in embeddings and scores");
    app.add_option("--threads", options.threads, "Cores to use; 0: all");
    app.add_option("--tensor-parallel-size", options.division.tensorSize, "Ranks that share every layer");
    app.add_option("--pipeline-parallel-size", options.division.stages, "Stages that have some layers each");
    app.add_option("--stage-layers", options.division.stageLayers, "Layers of every stage")->delimiter(',');
    const std::map<std::string, Frequencies> frequencies{
        {"float32", Frequencies::Float32}, {"bfloat16", Frequencies::Bfloat16}, {"auto", Frequencies::Auto}};
    app.add_option("--frequencies", options.frequencies, "Rotary frequencies of the reference")
        ->transform(CLI::CheckedTransformer(frequencies));
}

int checkReferences(const CheckOptions& options, const MakeOps& makeOps)
{
    try {
        return check(options, makeOps);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "reference check: {}\n", problem.what());
        return 1;
    }
}

} // namespace argus::golden
