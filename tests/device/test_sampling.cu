// The sampler of the GPU against the CPU sampler's rules worked out in double.
//
//   test_sampling [--bench] [--seed N] [--quick] [--only combinations|many|broken|repeats|graph|frequencies]

#include "kernels/cuda/sampling.h"
#include "tests/device/device_check.h"

#include <atomic>
#include <functional>
#include <numeric>
#include <thread>

using namespace argus;
using namespace argus::device_check;
namespace cuda = argus::kernels::cuda;
using cuda::SamplingRow;

namespace {

// ---- What is right -------------------------------------------------------------------------------------------------

/// Probabilities this close to a limit may be taken for either side of it: sums of float exponentials differ that much
/// between two orders of addition.
constexpr double kEdge = 1e-5;

enum class Verdict { Right, Borderline, Wrong };

/// One row, worked out in double: scores as float where the CPU rounds (penalty, temperature), probabilities in double.
class Reference {
public:
    Reference(std::vector<float> scores, const std::vector<std::uint32_t>& seen, const SamplingRow& row) : m_row(row)
    {
        if (!allFinite(scores)) {
            m_only = -1;
            return;
        }
        if (row.penalty != 1)
            for (std::size_t i = 0; i < scores.size(); ++i)
                if (seen[i / 32] >> i % 32 & 1)
                    scores[i] = scores[i] < 0 ? scores[i] * row.penalty : scores[i] / row.penalty;
        const auto best = static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
        if (row.temperature <= 0) {
            m_only = best;
            return;
        }
        for (float& score : scores)
            score /= row.temperature;
        if (!allFinite(scores)) {
            m_only = best;
            return;
        }
        weigh(scores);
    }

    [[nodiscard]] Verdict judge(int token) const
    {
        if (m_only != kNone)
            return token == m_only ? Verdict::Right : Verdict::Wrong;
        if (token < 0 || token >= static_cast<int>(m_mass.size()))
            return Verdict::Wrong;
        if (inside(token, m_begin, 0))
            return Verdict::Right;
        for (std::size_t begin = m_earliest; begin <= m_latest; ++begin)
            if (inside(token, begin, kEdge))
                return Verdict::Borderline;
        return Verdict::Wrong;
    }
    /// Of each id, after top-k and top-p.
    [[nodiscard]] std::vector<double> probabilities() const
    {
        std::vector<double> result(m_mass.size(), 0.0);
        double total = 0;
        for (std::size_t rank = m_begin; rank < m_order.size(); ++rank)
            total += m_mass[m_order[rank]];
        for (std::size_t rank = m_begin; rank < m_order.size(); ++rank)
            result[m_order[rank]] = m_mass[m_order[rank]] / total;
        return result;
    }

private:
    static constexpr int kNone = -2;

    static bool allFinite(const std::vector<float>& scores)
    {
        return std::all_of(scores.begin(), scores.end(), [](float score) { return std::isfinite(score); });
    }

    void weigh(const std::vector<float>& scores)
    {
        const double largest = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
        for (const float score : scores)
            m_mass.push_back(std::exp(static_cast<double>(score) - largest));
        m_order.resize(scores.size());
        std::iota(m_order.begin(), m_order.end(), std::size_t{0});
        std::sort(m_order.begin(), m_order.end(), [&](std::size_t a, std::size_t b) {
            return scores[a] < scores[b] || (scores[a] == scores[b] && a < b);
        });
        const std::size_t size = scores.size();
        if (m_row.topK > 0 && static_cast<std::size_t>(m_row.topK) < size) {
            m_begin = size - static_cast<std::size_t>(m_row.topK);
            while (m_begin > 0 && scores[m_order[m_begin - 1]] == scores[m_order[m_begin]])
                --m_begin; // ties with the k-th survive
        }
        m_earliest = m_latest = m_begin;
        if (m_row.topP < 1)
            cut();
        m_rank.resize(size);
        for (std::size_t rank = 0; rank < size; ++rank)
            m_rank[m_order[rank]] = rank;
    }

    void cut()
    {
        double total = 0;
        for (std::size_t rank = m_begin; rank < m_order.size(); ++rank)
            total += m_mass[m_order[rank]];
        const double limit = static_cast<double>(static_cast<float>(1.0 - static_cast<double>(m_row.topP)));
        double cumulative = 0;
        bool exact = false;
        bool early = false;
        for (std::size_t rank = m_begin; rank + 1 < m_order.size(); ++rank) {
            cumulative += m_mass[m_order[rank]];
            const double share = cumulative / total;
            early = early || share > limit - kEdge;
            exact = exact || static_cast<double>(static_cast<float>(share)) > limit;
            m_earliest += early ? 0 : 1;
            m_begin += exact ? 0 : 1;
            if (share > limit + kEdge)
                break;
            ++m_latest;
        }
    }

    /// Whether uniform falls on the token when the ranks from `begin` on are kept.
    [[nodiscard]] bool inside(int token, std::size_t begin, double slack) const
    {
        const auto id = static_cast<std::size_t>(token);
        if (m_rank[id] < begin)
            return false;
        double total = 0;
        double before = 0;
        for (std::size_t i = 0; i < m_mass.size(); ++i)
            if (m_rank[i] >= begin) {
                total += m_mass[i];
                before += i < id ? m_mass[i] : 0;
            }
        return before <= (m_row.uniform + slack) * total && (m_row.uniform - slack) * total < before + m_mass[id];
    }

    SamplingRow m_row;
    int m_only = kNone;               // the one possible answer
    std::vector<double> m_mass;       // by id
    std::vector<std::size_t> m_order; // ids by (score, id)
    std::vector<std::size_t> m_rank;  // by id
    std::size_t m_begin = 0;          // the first rank that is kept
    std::size_t m_earliest = 0;       // and what it might be as well
    std::size_t m_latest = 0;
};

/// Calls `use` for 0 to count - 1, on all processors.
template <typename Use>
void inParallel(std::size_t count, Use use)
{
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
        threads.emplace_back([&] {
            for (std::size_t index = next++; index < count; index = next++)
                use(index);
        });
    for (std::thread& thread : threads)
        thread.join();
}

// ---- Inputs --------------------------------------------------------------------------------------------------------

enum class Shape { Model, Spread, Coarse, Flat, Confident, Level, Signed };
constexpr Shape kShapes[] = {Shape::Model,     Shape::Spread, Shape::Coarse, Shape::Flat,
                             Shape::Confident, Shape::Level,  Shape::Signed};

std::vector<double> makeScores(Shape shape, int vocab, Format type, std::mt19937_64& random)
{
    const double deviation = shape == Shape::Flat ? 0.05 : shape == Shape::Spread ? 12 : 2.5;
    std::vector<double> scores = randomValues(static_cast<std::size_t>(vocab), random, type, deviation);
    const auto anywhere = [&] { return static_cast<std::size_t>(random() % static_cast<unsigned>(vocab)); };
    if (shape == Shape::Coarse) // ties everywhere
        for (double& score : scores)
            score = std::round(score);
    if (shape == Shape::Level)
        std::fill(scores.begin(), scores.end(), 1.5);
    if (shape == Shape::Signed) // both zeros, which are one score
        for (double& score : scores)
            score = score < 0 ? -0.0 : 0.0;
    if (shape == Shape::Model) // a few that stand out, as from a model
        for (int i = 0; i < 40; ++i)
            scores[anywhere()] = rounded(12 + 0.25 * i, type);
    if (shape == Shape::Confident)
        scores[anywhere()] = 40;
    return scores;
}

struct Batch {
    Format type = Format::BF16;
    int vocab = 0;
    int stride = 0;
    std::vector<SamplingRow> rows = {};
    std::vector<double> scores = {}; // [rows, stride]
    std::vector<std::uint32_t> seen = {};
    int slots = 0;
    int seenStride = 0;
};

Batch makeBatch(const std::vector<SamplingRow>& rows, int vocab, Format type, std::mt19937_64& random)
{
    Batch batch{.type = type, .vocab = vocab, .stride = vocab + 24, .rows = rows};
    batch.slots = static_cast<int>(rows.size()) + 3;
    batch.seenStride = (vocab + 31) / 32 + 5;
    std::vector<int> slots(static_cast<std::size_t>(batch.slots));
    std::iota(slots.begin(), slots.end(), 0);
    std::shuffle(slots.begin(), slots.end(), random);
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (batch.rows[i].slot >= 0)
            batch.rows[i].slot = slots[i];
    batch.seen.resize(static_cast<std::size_t>(batch.slots) * static_cast<std::size_t>(batch.seenStride));
    for (std::uint32_t& word : batch.seen)
        word = static_cast<std::uint32_t>(random() & random() & random());
    // Between the rows NaN, which must not be read as scores.
    batch.scores.assign(rows.size() * static_cast<std::size_t>(batch.stride), std::nan(""));
    std::vector<std::uint64_t> seeds(rows.size());
    for (std::uint64_t& seed : seeds)
        seed = random();
    inParallel(rows.size(), [&](std::size_t i) {
        std::mt19937_64 own(seeds[i]);
        const auto scores = makeScores(kShapes[own() % std::size(kShapes)], vocab, type, own);
        std::copy(scores.begin(), scores.end(), batch.scores.begin() + static_cast<std::ptrdiff_t>(i) * batch.stride);
    });
    return batch;
}

std::vector<float> scoresOf(const Batch& batch, std::size_t row)
{
    const auto begin = batch.scores.begin() + static_cast<std::ptrdiff_t>(row) * batch.stride;
    return {begin, begin + batch.vocab};
}
std::vector<std::uint32_t> seenOf(const Batch& batch, std::size_t row)
{
    const int slot = std::max(batch.rows[row].slot, 0);
    const auto begin = batch.seen.begin() + static_cast<std::ptrdiff_t>(slot) * batch.seenStride;
    return {begin, begin + (batch.vocab + 31) / 32};
}

// ---- On the device -------------------------------------------------------------------------------------------------

constexpr int kUntouched = -777;

/// Everything one launch needs, on the device.
struct Setup {
    DeviceBytes scores;
    DeviceBytes rows;
    DeviceBytes seen;
    DeviceBytes tokens;
    DeviceBytes drawn;
    DeviceBytes workspace;
    cuda::Sampling work;

    explicit Setup(const Batch& batch)
        : scores(upload(batch.scores, batch.type)), rows(uploadPlain(batch.rows)), seen(uploadPlain(batch.seen)),
          tokens(uploadPlain(std::vector<int>(static_cast<std::size_t>(batch.slots), kUntouched))),
          drawn(uploadPlain(std::vector<int>(batch.rows.size(), kUntouched))),
          workspace(cuda::samplingWorkspace(static_cast<int>(batch.rows.size()), batch.vocab))
    {
        workspace.zero();
        work = {.scores = scores.get(),
                .scoreStride = batch.stride,
                .sampling = rows.as<SamplingRow>(),
                .seen = seen.as<std::uint32_t>(),
                .seenStride = batch.seenStride,
                .tokens = tokens.as<std::int32_t>(),
                .drawn = drawn.as<std::int32_t>(),
                .rows = static_cast<int>(batch.rows.size()),
                .vocab = batch.vocab,
                .type = batch.type,
                .workspace = workspace.get(),
                .workspaceBytes = workspace.bytes()};
    }
    [[nodiscard]] bool guardsIntact() const
    {
        return scores.guardsIntact() && rows.guardsIntact() && seen.guardsIntact() && tokens.guardsIntact() &&
               drawn.guardsIntact() && workspace.guardsIntact();
    }
};

/// What is drawn, in `rows`' place of the batch.
std::vector<int> sampled(Setup& setup)
{
    must(cuda::sample(setup.work, nullptr), "sample");
    return downloadPlain<int>(setup.drawn);
}

// ---- Checks --------------------------------------------------------------------------------------------------------

struct Totals {
    std::atomic<int> rows = 0;
    std::atomic<int> borderline = 0;
};

std::string describe(const SamplingRow& row)
{
    char text[160];
    std::snprintf(text, sizeof text, "T %g, k %d, p %g, penalty %g, uniform %g", static_cast<double>(row.temperature),
                  row.topK, static_cast<double>(row.topP), static_cast<double>(row.penalty), row.uniform);
    return text;
}

/// Whether tokens and marks stand where they should, and nothing else changed.
std::string bookkeeping(const Batch& batch, const Setup& setup, const std::vector<int>& drawn)
{
    std::vector<int> tokens(static_cast<std::size_t>(batch.slots), kUntouched);
    std::vector<std::uint32_t> seen = batch.seen;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const int slot = batch.rows[i].slot;
        if (slot < 0) {
            if (drawn[i] != kUntouched)
                return "a row of padding was drawn";
            continue;
        }
        tokens[static_cast<std::size_t>(slot)] = drawn[i];
        if (drawn[i] >= 0)
            seen[static_cast<std::size_t>(slot) * static_cast<std::size_t>(batch.seenStride) +
                 static_cast<std::size_t>(drawn[i]) / 32] |= 1U << drawn[i] % 32;
    }
    if (downloadPlain<int>(setup.tokens) != tokens)
        return "tokens";
    if (downloadPlain<std::uint32_t>(setup.seen) != seen)
        return "seen";
    const DeviceBytes fresh = upload(batch.scores, batch.type);
    if (downloadPlain<unsigned char>(setup.scores) != downloadPlain<unsigned char>(fresh))
        return "scores were changed";
    return setup.guardsIntact() ? "" : "guards";
}

void checkBatch(Tally& tally, Totals& totals, const std::string& name, const Batch& batch)
{
    Setup setup(batch);
    const std::vector<int> drawn = sampled(setup);
    std::vector<Verdict> verdicts(drawn.size(), Verdict::Right);
    inParallel(drawn.size(), [&](std::size_t i) {
        if (batch.rows[i].slot >= 0)
            verdicts[i] = Reference(scoresOf(batch, i), seenOf(batch, i), batch.rows[i]).judge(drawn[i]);
    });
    int wrong = 0;
    int borderline = 0;
    std::string first;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        borderline += verdicts[i] == Verdict::Borderline ? 1 : 0;
        if (verdicts[i] == Verdict::Wrong && ++wrong == 1)
            first =
                "; row " + std::to_string(i) + " drew " + std::to_string(drawn[i]) + " with " + describe(batch.rows[i]);
    }
    totals.rows += static_cast<int>(drawn.size());
    totals.borderline += borderline;
    const std::string books = bookkeeping(batch, setup, drawn);
    tally.count(wrong == 0 && books.empty(), name + ": " + std::to_string(drawn.size()) + " rows, " +
                                                 std::to_string(wrong) + " wrong, " + std::to_string(borderline) +
                                                 " borderline" + first + (books.empty() ? "" : "; " + books));
}

template <typename T, std::size_t kSize>
T anyOf(const T (&values)[kSize], std::mt19937_64& random)
{
    return values[random() % kSize];
}
SamplingRow anyRow(int vocab, std::mt19937_64& random)
{
    const int topKs[] = {0, 1, 2, 50, vocab, 700, vocab / 2};
    constexpr float kTemperatures[] = {0, 1e-6F, 0.1F, 1, 2};
    constexpr float kTopPs[] = {1, 0.9F, 0.5F, 0.001F, 0};
    constexpr float kPenalties[] = {1, 1.05F, 2, 0.5F};
    const double uniforms[] = {0, 0.999999, 1 - 0x1p-53, std::uniform_real_distribution<double>()(random),
                               std::uniform_real_distribution<double>()(random)};
    return {.slot = 0,
            .topK = anyOf(topKs, random),
            .temperature = anyOf(kTemperatures, random),
            .topP = anyOf(kTopPs, random),
            .penalty = anyOf(kPenalties, random),
            .uniform = uniforms[random() % std::size(uniforms)]};
}

/// Every combination of temperature, top-k and top-p once, with any penalty and number, and padding between.
std::vector<SamplingRow> everyCombination(int vocab, std::mt19937_64& random)
{
    std::vector<SamplingRow> rows;
    for (const float temperature : {0.0F, 1e-6F, 0.1F, 1.0F, 2.0F})
        for (const int topK : {0, 1, 2, 50, vocab})
            for (const float topP : {1.0F, 0.9F, 0.5F, 0.001F, 0.0F}) {
                SamplingRow row = anyRow(vocab, random);
                row.temperature = temperature;
                row.topK = topK;
                row.topP = topP;
                rows.push_back(row);
                if (rows.size() % 9 == 4)
                    rows.push_back({.slot = -1, .temperature = 1});
            }
    std::shuffle(rows.begin(), rows.end(), random);
    return rows;
}

void checkCombinations(Tally& tally, Totals& totals, std::mt19937_64& random, bool quick)
{
    for (const Format type : {Format::BF16, Format::F16, Format::F32})
        for (const int vocab : {1024, 2048, 151936, 152064}) {
            if (quick && vocab > 2048)
                continue;
            const std::vector<SamplingRow> rows = everyCombination(vocab, random);
            std::size_t done = 0;
            for (const std::size_t size :
                 {std::size_t{64}, std::size_t{1}, std::size_t{3}, std::size_t{64}, rows.size()}) {
                const std::size_t end = std::min(rows.size(), done + size);
                const std::vector<SamplingRow> some(rows.begin() + static_cast<std::ptrdiff_t>(done),
                                                    rows.begin() + static_cast<std::ptrdiff_t>(end));
                done = end;
                if (!some.empty())
                    checkBatch(tally, totals, std::string(nameOf(type)) + " vocab " + std::to_string(vocab),
                               makeBatch(some, vocab, type, random));
            }
        }
}

/// As many rows as a step may have.
void checkManyRows(Tally& tally, Totals& totals, std::mt19937_64& random)
{
    constexpr int kVocab = 152064;
    std::vector<SamplingRow> rows;
    for (int i = 0; i < 256; ++i)
        rows.push_back(anyRow(kVocab, random));
    checkBatch(tally, totals, "many rows", makeBatch(rows, kVocab, Format::BF16, random));
}

/// Scores that are not finite, and those that stop being so when they are scaled.
void checkBroken(Tally& tally, Totals& totals, std::mt19937_64& random)
{
    constexpr int kVocab = 152064;
    std::vector<SamplingRow> rows;
    for (int i = 0; i < 20; ++i)
        rows.push_back(anyRow(kVocab, random));
    Batch batch = makeBatch(rows, kVocab, Format::BF16, random);
    const double broken[] = {std::nan(""), INFINITY, -INFINITY};
    const int places[] = {0, kVocab - 1, 77777, 255, 256};
    for (std::size_t i = 0; i < 15; ++i)
        batch.scores[i * static_cast<std::size_t>(batch.stride) + static_cast<std::size_t>(places[i / 3])] =
            broken[i % 3];
    checkBatch(tally, totals, "NaN and infinity", batch);

    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i].temperature = i % 2 == 0 ? 1e-38F : 1e-44F;
    checkBatch(tally, totals, "temperatures that overflow", makeBatch(rows, kVocab, Format::F32, random));
}

/// A row draws the same alone and among others, and each time.
void checkRepeats(Tally& tally, std::mt19937_64& random)
{
    constexpr int kVocab = 152064;
    std::vector<SamplingRow> rows;
    for (int i = 0; i < 64; ++i)
        rows.push_back(anyRow(kVocab, random));
    const Batch batch = makeBatch(rows, kVocab, Format::BF16, random);
    Setup setup(batch);
    const std::vector<int> together = sampled(setup);
    bool same = true;
    for (int i = 0; i < 3; ++i) {
        must(cudaMemcpy(setup.seen.get(), batch.seen.data(), setup.seen.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
        same = same && sampled(setup) == together;
    }
    tally.count(same, "four times the same 64 rows");

    for (SamplingRow& row : rows)
        row.temperature = 0;
    Setup greedy(makeBatch(rows, kVocab, Format::BF16, random));
    const std::vector<std::uint32_t> seenBefore = downloadPlain<std::uint32_t>(greedy.seen);
    const std::vector<int> inThree = sampled(greedy);
    const std::vector<std::uint32_t> seenAfter = downloadPlain<std::uint32_t>(greedy.seen);
    must(cudaMemcpy(greedy.seen.get(), seenBefore.data(), greedy.seen.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    must(cudaMemset(greedy.drawn.get(), 0xFF, greedy.drawn.bytes()), "cudaMemset");
    greedy.work.greedy = true;
    tally.count(sampled(greedy) == inThree && downloadPlain<std::uint32_t>(greedy.seen) == seenAfter,
                "64 greedy rows in one launch: the ids of three");

    must(cudaMemcpy(setup.seen.get(), batch.seen.data(), setup.seen.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    int different = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        cuda::Sampling alone = setup.work;
        alone.rows = 1;
        alone.scores = setup.scores.as<char>() + i * static_cast<std::size_t>(batch.stride) * 2;
        alone.sampling += i;
        must(cuda::sample(alone, nullptr), "sample");
        different += downloadPlain<int>(setup.drawn)[0] == together[i] ? 0 : 1;
    }
    tally.count(different == 0, "64 rows alone: " + std::to_string(different) + " drew something else");
}

/// One recorded launch serves whatever the rows in device memory ask for.
void checkGraph(Tally& tally, std::mt19937_64& random, bool quick)
{
    constexpr int kVocab = 151936;
    const Batch batch = makeBatch(std::vector<SamplingRow>(5, SamplingRow{.slot = 0}), kVocab, Format::BF16, random);
    Setup setup(batch);
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t replay;
    must(cudaStreamCreate(&stream), "cudaStreamCreate");
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    must(cuda::sample(setup.work, stream), "sample");
    must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
    const int rounds = quick ? 2 : 12;
    int wrong = 0;
    int borderline = 0;
    for (int round = 0; round < rounds; ++round) {
        Batch now = batch;
        for (SamplingRow& row : now.rows) {
            const int slot = row.slot;
            row = anyRow(kVocab, random);
            row.slot = slot;
        }
        now.seen = downloadPlain<std::uint32_t>(setup.seen);
        must(cudaMemcpy(setup.rows.get(), now.rows.data(), setup.rows.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
        must(cudaGraphLaunch(replay, stream), "cudaGraphLaunch");
        const std::vector<int> drawn = downloadPlain<int>(setup.drawn);
        for (std::size_t i = 0; i < drawn.size(); ++i) {
            const Verdict verdict = Reference(scoresOf(now, i), seenOf(now, i), now.rows[i]).judge(drawn[i]);
            wrong += verdict == Verdict::Wrong ? 1 : 0;
            borderline += verdict == Verdict::Borderline ? 1 : 0;
        }
    }
    tally.count(wrong == 0, "a recorded launch, " + std::to_string(rounds) + " times 5 rows: " + std::to_string(wrong) +
                                " wrong, " + std::to_string(borderline) + " borderline");
    cudaGraphExecDestroy(replay);
    cudaGraphDestroy(graph);
    cudaStreamDestroy(stream);
}

/// Counts of `draws` draws of one row of scores, with these numbers.
std::vector<int> drawMany(const Batch& one, const std::vector<double>& uniforms)
{
    constexpr std::size_t kRows = 250;
    Batch many = one;
    many.slots = static_cast<int>(kRows);
    many.seen.assign(kRows * static_cast<std::size_t>(one.seenStride), 0);
    many.rows.assign(kRows, one.rows[0]);
    Setup setup(many);
    setup.work.scoreStride = 0; // all rows read the same
    std::vector<int> counts(static_cast<std::size_t>(one.vocab), 0);
    for (std::size_t begin = 0; begin < uniforms.size(); begin += kRows) {
        for (std::size_t i = 0; i < kRows; ++i) {
            many.rows[i].slot = static_cast<int>(i);
            many.rows[i].uniform = uniforms[begin + i];
        }
        must(cudaMemcpy(setup.rows.get(), many.rows.data(), setup.rows.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
        for (const int token : sampled(setup))
            ++counts[static_cast<std::size_t>(token)];
    }
    return counts;
}

/// Frequencies: with random numbers by chi-square, with evenly spaced ones to within a draw of each token.
void checkFrequencies(Tally& tally, std::mt19937_64& random, bool quick)
{
    const std::size_t draws = quick ? 2000 : 20000;
    constexpr int kVocab = 2048;
    const SamplingRow asked[] = {{.slot = 0, .temperature = 1},
                                 {.slot = 0, .topK = 50, .temperature = 1},
                                 {.slot = 0, .temperature = 0.7F, .topP = 0.9F},
                                 {.slot = 0, .topK = 50, .temperature = 2, .topP = 0.5F}};
    for (const SamplingRow& row : asked) {
        Batch one = makeBatch({row}, kVocab, Format::BF16, random);
        const std::vector<double> scores = makeScores(Shape::Model, kVocab, Format::BF16, random);
        std::copy(scores.begin(), scores.end(), one.scores.begin());
        one.rows[0].slot = 0;
        const auto expected =
            Reference(scoresOf(one, 0), std::vector<std::uint32_t>(kVocab / 32, 0), row).probabilities();
        std::vector<double> uniforms(draws);
        for (double& uniform : uniforms)
            uniform = std::uniform_real_distribution<double>()(random);
        const std::vector<int> counts = drawMany(one, uniforms);
        double chiSquare = 0;
        double freedom = -1;
        double restExpected = 0;
        double restCount = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const double mean = expected[i] * static_cast<double>(draws);
            if (mean < 5) {
                restExpected += mean;
                restCount += counts[i];
                continue;
            }
            chiSquare += (counts[i] - mean) * (counts[i] - mean) / mean;
            ++freedom;
        }
        if (restExpected >= 5) {
            chiSquare += (restCount - restExpected) * (restCount - restExpected) / restExpected;
            ++freedom;
        }
        const double limit = freedom + 6 * std::sqrt(2 * std::max(freedom, 1.0)) + 6; // six deviations
        char text[200];
        std::snprintf(text, sizeof text, "frequencies, %s: chi-square %.1f, %.0f degrees of freedom",
                      describe(row).c_str(), chiSquare, freedom);
        tally.count(chiSquare <= limit && (restExpected > 0 || restCount == 0), text);

        for (std::size_t i = 0; i < draws; ++i)
            uniforms[i] = (static_cast<double>(i) + 0.5) / static_cast<double>(draws);
        const std::vector<int> even = drawMany(one, uniforms);
        double worst = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
            worst = std::max(worst, std::abs(even[i] - expected[i] * static_cast<double>(draws)));
        std::snprintf(text, sizeof text, "even numbers, %s: off by %.3f draws at most", describe(row).c_str(), worst);
        tally.count(worst <= 1 + 2 * kEdge * static_cast<double>(draws), text);
    }
}

// ---- Speed ---------------------------------------------------------------------------------------------------------

/// What is measured: rows that all ask the same, of scores of one kind, 600 ids of each seen.
struct Scene {
    static constexpr int kVocab = 152064;
    static constexpr int kDifferent = 4; // rows of scores; the others repeat them

    std::size_t setBytes;
    std::size_t sets;
    DeviceBytes scores;
    DeviceBytes rows;
    DeviceBytes seen;
    DeviceBytes tokens;
    DeviceBytes drawn;
    DeviceBytes workspace;

    /// Sets of scores that together exceed the second-level cache.
    Scene(const SamplingRow& asked, Shape shape, int count, std::mt19937_64& random)
        : setBytes(static_cast<std::size_t>(count) * kVocab * 2),
          sets(std::max<std::size_t>(2, (160U << 20) / setBytes)), scores(sets * setBytes),
          rows(uploadPlain(rowsLike(asked, count))), seen(uploadPlain(someSeen(count, random))),
          tokens(static_cast<std::size_t>(count) * 4), drawn(static_cast<std::size_t>(count) * 4),
          workspace(cuda::samplingWorkspace(count, kVocab))
    {
        workspace.zero();
        for (int i = 0; i < kDifferent; ++i) {
            const DeviceBytes row = upload(makeScores(shape, kVocab, Format::BF16, random), Format::BF16);
            for (std::size_t at = static_cast<std::size_t>(i) * row.bytes(); at < scores.bytes();
                 at += kDifferent * row.bytes())
                must(cudaMemcpy(scores.as<char>() + at, row.get(), row.bytes(), cudaMemcpyDeviceToDevice),
                     "cudaMemcpy");
        }
    }
    static std::vector<SamplingRow> rowsLike(const SamplingRow& asked, int count)
    {
        std::vector<SamplingRow> result(static_cast<std::size_t>(count), asked);
        for (int i = 0; i < count; ++i)
            result[static_cast<std::size_t>(i)].slot = i;
        return result;
    }
    static std::vector<std::uint32_t> someSeen(int count, std::mt19937_64& random)
    {
        std::vector<std::uint32_t> result(static_cast<std::size_t>(count) * (kVocab / 32));
        for (int i = 0; i < 600 * count; ++i)
            result[random() % result.size()] |= 1U << random() % 32;
        return result;
    }
    [[nodiscard]] cuda::Sampling work(std::size_t set) const
    {
        return {.scores = scores.as<char>() + set * setBytes,
                .scoreStride = kVocab,
                .sampling = rows.as<SamplingRow>(),
                .seen = seen.as<std::uint32_t>(),
                .seenStride = kVocab / 32,
                .tokens = tokens.as<std::int32_t>(),
                .drawn = drawn.as<std::int32_t>(),
                .rows = static_cast<int>(rows.bytes() / sizeof(SamplingRow)),
                .vocab = kVocab,
                .type = Format::BF16,
                .workspace = workspace.get(),
                .workspaceBytes = workspace.bytes()};
    }
};

/// Microseconds of a step, from a graph of one step a set.
void measure(const char* name, const SamplingRow& asked, Shape shape, int rows, std::mt19937_64& random)
{
    const Scene scene(asked, shape, rows, random);
    must(cuda::sample(scene.work(0), nullptr), "sample"); // loads the kernels, which a capture must not
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t replay;
    must(cudaStreamCreate(&stream), "cudaStreamCreate");
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    for (std::size_t set = 0; set < scene.sets; ++set)
        must(cuda::sample(scene.work(set), stream), "sample");
    must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
    const double milliseconds =
        medianMilliseconds([&] { must(cudaGraphLaunch(replay, nullptr), "cudaGraphLaunch"); }, 9);
    const double microseconds = milliseconds * 1000 / static_cast<double>(scene.sets);
    std::printf("{\"bench\": \"sampling\", \"case\": \"%s\", \"rows\": %d, \"vocab\": %d, \"us\": %.2f, "
                "\"gb_per_s\": %.0f}\n",
                name, rows, Scene::kVocab, microseconds, static_cast<double>(scene.setBytes) / microseconds / 1000);
    std::fflush(stdout);
    must(cudaGraphExecDestroy(replay), "cudaGraphExecDestroy");
    must(cudaGraphDestroy(graph), "cudaGraphDestroy");
    must(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

void bench(std::mt19937_64& random)
{
    for (const int rows : {1, 64, 256}) {
        measure("greedy", {.slot = 0}, Shape::Model, rows, random);
        measure("greedy, penalty", {.slot = 0, .penalty = 1.05F}, Shape::Model, rows, random);
        measure("k 1, T 0.1, p 0.001, penalty",
                {.slot = 0, .topK = 1, .temperature = 0.1F, .topP = 0.001F, .penalty = 1.05F}, Shape::Confident, rows,
                random);
        measure("T 1", {.slot = 0, .temperature = 1, .uniform = 0.7}, Shape::Model, rows, random);
        measure("k 50, T 0.7", {.slot = 0, .topK = 50, .temperature = 0.7F, .uniform = 0.7}, Shape::Model, rows,
                random);
        measure("p 0.9, T 1", {.slot = 0, .temperature = 1, .topP = 0.9F, .uniform = 0.7}, Shape::Model, rows, random);
        measure("k 50, p 0.9, T 0.7, penalty",
                {.slot = 0, .topK = 50, .temperature = 0.7F, .topP = 0.9F, .penalty = 1.05F, .uniform = 0.7},
                Shape::Model, rows, random);
        measure("k 50, p 0.9, all tie", {.slot = 0, .topK = 50, .temperature = 1, .topP = 0.9F, .uniform = 0.7},
                Shape::Level, rows, random);
    }
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    std::mt19937_64 random(options.seed);
    if (options.bench) {
        bench(random);
        return 0;
    }
    Tally tally;
    Totals totals;
    const std::pair<const char*, std::function<void()>> groups[] = {
        {"combinations", [&] { checkCombinations(tally, totals, random, options.quick); }},
        {"many", [&] { checkManyRows(tally, totals, random); }},
        {"broken", [&] { checkBroken(tally, totals, random); }},
        {"repeats", [&] { checkRepeats(tally, random); }},
        {"graph", [&] { checkGraph(tally, random, options.quick); }},
        {"frequencies", [&] { checkFrequencies(tally, random, options.quick); }}};
    for (const auto& [name, check] : groups)
        if (options.wants(name))
            check();
    std::printf("%d rows, %d of them decided on a borderline\n", totals.rows.load(), totals.borderline.load());
    return tally.close();
}
