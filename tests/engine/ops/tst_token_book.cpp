// Tokens that stay on the device: embedding what was drawn last, marking what was seen, drawing, and bringing it home.

#include "engine/ops/cpu/cpu_ops.h"

#include <QTest>

#include <cstring>
#include <limits>
#include <utility>
#include <vector>

using namespace argus;
using namespace argus::ops;

namespace {

constexpr int kSlots = 3;
constexpr int kVocab = 70; // two words and a bit of marks
constexpr std::int64_t kWords = 3;
constexpr std::int64_t kColumns = 2;

HostTensor integers(const std::vector<std::int32_t>& values)
{
    HostTensor tensor(DType::I32, {static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), tensor.view().data<std::int32_t>());
    return tensor;
}

/// What a person sees of an operation that is refused.
template <typename Operation>
std::string refusal(const Operation& operation)
{
    try {
        operation();
    } catch (const OpsError& error) {
        return error.what();
    }
    return "nothing";
}

} // namespace

class TstTokenBook : public QObject {
    Q_OBJECT
private slots:
    void init();
    void rowsOfIdsAreGatheredAndMarked();
    void idsBelowZeroAreWhatWasDrawnLast();
    void paddingLeavesNoMark();
    void aSlotWithoutATokenIsZeroAndUnmarked();
    void strayIdsAndSlotsAreRefused();
    void aPartOfATableGivesItsRowsAndMarksAll();
    void idsCanBeMarkedWithoutATable();
    void theBestIsDrawnRememberedAndMarked();
    void thePenaltyKnowsPromptAndAnswer();
    void rowsDrawForTheirOwnSlots();
    void scoresThatAreNotFiniteDrawNothing();
    void paddingDrawsNothing();
    void fetchedNumbersAreThoseOfTheirTime();
    void placesForFetchesRunOut();
    void aProcessorRecordsNothing();

private:
    [[nodiscard]] TokenBook book() { return {.last = m_last.view(), .seen = m_seen.view()}; }
    [[nodiscard]] bool marked(std::int64_t slot, std::int32_t id)
    {
        const auto word = static_cast<std::uint32_t>(m_seen.view().data<std::int32_t>()[slot * kWords + id / 32]);
        return (word >> (id % 32) & 1U) != 0;
    }
    [[nodiscard]] int marks()
    {
        int count = 0;
        for (std::int64_t slot = 0; slot < kSlots; ++slot)
            for (std::int32_t id = 0; id < kVocab; ++id)
                count += marked(slot, id) ? 1 : 0;
        return count;
    }
    /// The embeddings of the ids; element [id, c] of the table is 10 · id + c.
    std::vector<float> embed(const std::vector<std::int32_t>& ids, const std::vector<std::int32_t>& of,
                             const TableRows& held = {})
    {
        HostTensor y(DType::F32, {static_cast<std::int64_t>(ids.size()), kColumns});
        m_ops.embed(y.view(), m_table.view(), integers(ids).view(), integers(of).view(), book(), held);
        const auto* values = y.view().data<float>();
        return {values, values + y.shape().elements()};
    }
    /// Ids drawn from rows whose scores are 0 apart from those that are named.
    std::vector<std::int32_t> sample(const std::vector<SamplingRow>& rows,
                                     const std::vector<std::vector<std::pair<std::int32_t, float>>>& scores)
    {
        const auto count = static_cast<std::int64_t>(rows.size());
        HostTensor all(DType::F32, {count, kVocab});
        HostTensor sampling(DType::I32, {count, static_cast<std::int64_t>(sizeof(SamplingRow) / 4)});
        HostTensor drawn = integers(std::vector<std::int32_t>(rows.size(), -7));
        std::fill_n(all.view().data<float>(), count * kVocab, 0.0f);
        std::memcpy(sampling.view().bytes(), rows.data(), rows.size() * sizeof(SamplingRow));
        for (std::int64_t row = 0; row < count; ++row)
            for (const auto& [id, score] : scores[static_cast<std::size_t>(row)])
                all.view().data<float>()[row * kVocab + id] = score;
        m_ops.sample(drawn.view(), all.view(), sampling.view(), book(), false);
        const auto* ids = drawn.view().data<std::int32_t>();
        return {ids, ids + count};
    }

    CpuOps m_ops{1};
    HostTensor m_table, m_last, m_seen;
};

void TstTokenBook::init()
{
    m_table = HostTensor(DType::F32, {kVocab, kColumns});
    for (std::int32_t id = 0; id < kVocab; ++id)
        for (std::int32_t column = 0; column < kColumns; ++column)
            m_table.view().data<float>()[id * kColumns + column] = static_cast<float>(10 * id + column);
    m_last = integers({5, 6, 69});
    m_seen = HostTensor(DType::I32, {kSlots, kWords});
    m_ops.fillZero(m_seen.view());
}

void TstTokenBook::rowsOfIdsAreGatheredAndMarked()
{
    QCOMPARE(embed({2, 69, 2}, {0, 0, 2}), (std::vector<float>{20, 21, 690, 691, 20, 21}));
    QVERIFY(marked(0, 2) && marked(0, 69) && marked(2, 2));
    QCOMPARE(marks(), 3);
}

void TstTokenBook::idsBelowZeroAreWhatWasDrawnLast()
{
    QCOMPARE(embed({-1, -3, 1}, {0, 2, 1}), (std::vector<float>{50, 51, 690, 691, 10, 11}));
    QVERIFY(marked(0, 5) && marked(2, 69) && marked(1, 1));
    QCOMPARE(marks(), 3);
}

void TstTokenBook::paddingLeavesNoMark()
{
    QCOMPARE(embed({3, 0}, {1, -1}), (std::vector<float>{30, 31, 0, 1}));
    QVERIFY(marked(1, 3));
    QCOMPARE(marks(), 1);
}

void TstTokenBook::aSlotWithoutATokenIsZeroAndUnmarked()
{
    m_last = integers({5, -1, 69});
    QCOMPARE(embed({-2, 3}, {1, 0}), (std::vector<float>{0, 0, 30, 31}));
    QCOMPARE(marks(), 1);
}

void TstTokenBook::strayIdsAndSlotsAreRefused()
{
    QCOMPARE(refusal([&] { embed({0, kVocab}, {0, 0}); }), std::string("embed: ids[1] = 70 is not below 70"));
    QCOMPARE(refusal([&] { embed({0}, {kSlots}); }), std::string("embed: slot 3 of 3"));
    QCOMPARE(refusal([&] { embed({-1 - kSlots}, {0}); }), std::string("embed: slot 3 of 3"));
    QCOMPARE(refusal([&] { embed({std::numeric_limits<std::int32_t>::min()}, {0}); }),
             std::string("embed: slot 2147483647 of 3"));
    QCOMPARE(refusal([&] { (void)sample({{.slot = kSlots}}, {{}}); }), std::string("sample: slot 3 of 3"));
    QCOMPARE(marks(), 0);
}

void TstTokenBook::aPartOfATableGivesItsRowsAndMarksAll()
{
    const HostTensor whole = std::move(m_table);
    m_table = HostTensor(DType::F32, {3, kColumns}); // ids 5, 6 and 7
    m_ops.upload(m_table.view(), whole.view().rows(5, 3));
    const TableRows held{.firstId = 5, .vocabulary = kVocab};
    QCOMPARE(embed({4, 5, 7, 8, -2, -3, 0}, {0, 0, 1, 1, 2, 2, -1}, held),
             (std::vector<float>{0, 0, 50, 51, 70, 71, 0, 0, 60, 61, 0, 0, 0, 0}));
    QVERIFY(marked(0, 4) && marked(0, 5) && marked(1, 7) && marked(1, 8) && marked(2, 6) && marked(2, 69));
    QCOMPARE(marks(), 6);
    m_last = integers({5, -1, 69});
    QCOMPARE(embed({-2}, {1}, held), (std::vector<float>{0, 0}));
    QCOMPARE(marks(), 6);
    QCOMPARE(refusal([&] { embed({kVocab}, {0}, held); }), std::string("embed: ids[0] = 70 is not below 70"));
}

void TstTokenBook::idsCanBeMarkedWithoutATable()
{
    m_last = integers({5, -1, 69});
    m_ops.markSeen(integers({1, 69, -1, -2, 3}).view(), integers({0, 2, 1, 1, -1}).view(), kVocab, book());
    QVERIFY(marked(0, 1) && marked(2, 69) && marked(1, 5));
    QCOMPARE(marks(), 3);
    QCOMPARE(refusal([&] { m_ops.markSeen(integers({kVocab}).view(), integers({0}).view(), kVocab, book()); }),
             std::string("markSeen: ids[0] = 70 is not below 70"));
    QCOMPARE(marks(), 3);
}

void TstTokenBook::theBestIsDrawnRememberedAndMarked()
{
    QCOMPARE(sample({{.slot = 1}}, {{{40, 2.0f}, {41, 1.0f}}}), (std::vector<std::int32_t>{40}));
    QCOMPARE(m_last.view().data<std::int32_t>()[1], 40);
    QVERIFY(marked(1, 40));
    QCOMPARE(marks(), 1);
    QCOMPARE(embed({-2}, {1}), (std::vector<float>{400, 401}));
}

void TstTokenBook::thePenaltyKnowsPromptAndAnswer()
{
    const SamplingRow row{.slot = 0, .penalty = 2};
    const std::vector<std::vector<std::pair<std::int32_t, float>>> scores{{{40, 2.0f}, {41, 1.9f}, {42, 1.8f}}};
    embed({40}, {0}); // the prompt has the best
    QCOMPARE(sample({row}, scores), (std::vector<std::int32_t>{41}));
    QCOMPARE(sample({row}, scores), (std::vector<std::int32_t>{42})); // and the answer has the next
    QCOMPARE(sample({{.slot = 1, .penalty = 2}}, scores), (std::vector<std::int32_t>{40})); // another slot has neither
}

void TstTokenBook::rowsDrawForTheirOwnSlots()
{
    QCOMPARE(sample({{.slot = 2}, {.slot = 0}}, {{{11, 1.0f}}, {{12, 1.0f}}}), (std::vector<std::int32_t>{11, 12}));
    const auto* last = m_last.view().data<std::int32_t>();
    QCOMPARE((std::vector<std::int32_t>(last, last + kSlots)), (std::vector<std::int32_t>{12, 6, 11}));
}

void TstTokenBook::scoresThatAreNotFiniteDrawNothing()
{
    const float nothing = std::numeric_limits<float>::quiet_NaN();
    QCOMPARE(sample({{.slot = 0}, {.slot = 1}}, {{{3, nothing}}, {{12, 1.0f}}}), (std::vector<std::int32_t>{-1, 12}));
    QCOMPARE(m_last.view().data<std::int32_t>()[0], -1);
    QCOMPARE(marks(), 1);
}

void TstTokenBook::paddingDrawsNothing()
{
    QCOMPARE(sample({{}, {.slot = 1}}, {{{3, 1.0f}}, {{12, 1.0f}}})[1], 12);
    const auto* last = m_last.view().data<std::int32_t>();
    QCOMPARE((std::vector<std::int32_t>(last, last + kSlots)), (std::vector<std::int32_t>{5, 12, 69}));
    QCOMPARE(marks(), 1);
}

void TstTokenBook::fetchedNumbersAreThoseOfTheirTime()
{
    const Fetch before = m_ops.fetch(m_last.view());
    m_last = integers({1, 2, 3});
    const Fetch after = m_ops.fetch(m_last.view().rows(0, 2));
    std::vector<std::int32_t> numbers(3);
    QVERIFY(m_ops.arrived(after));
    m_ops.take(after, std::span(numbers).first(2));
    QCOMPARE(numbers, (std::vector<std::int32_t>{1, 2, 0}));
    m_ops.take(before, numbers);
    QCOMPARE(numbers, (std::vector<std::int32_t>{5, 6, 69}));
}

void TstTokenBook::placesForFetchesRunOut()
{
    std::vector<Fetch> open;
    for (int i = 0; i < kMostFetches; ++i)
        open.push_back(m_ops.fetch(m_last.view()));
    QVERIFY(refusal([&] { (void)m_ops.fetch(m_last.view()); }).find("more numbers") != std::string::npos);
    std::vector<std::int32_t> numbers(kSlots);
    m_ops.take(open[2], numbers);
    QCOMPARE(m_ops.fetch(m_last.view()), open[2]);
}

void TstTokenBook::aProcessorRecordsNothing()
{
    QVERIFY(!m_ops.records());
    QVERIFY(refusal([&] { m_ops.beginRecording(); }).find("records no steps") != std::string::npos);
}

QTEST_GUILESS_MAIN(TstTokenBook)
#include "tst_token_book.moc"
