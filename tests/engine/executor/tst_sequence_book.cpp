// Step plans that keep the contract, and every way we know of to break it.

#include "engine/base/files.h"
#include "engine/executor/command_queue.h"
#include "engine/executor/pixels.h"
#include "engine/executor/sequence_book.h"

#include <QtTest>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <thread>

using namespace argus;
using namespace argus::executor;

namespace {

constexpr int kImagePad = 90;
constexpr int kVideoPad = 91;

model::ModelConfig tinyConfig()
{
    model::ModelConfig config;
    config.vocabSize = 100;
    config.maxPositions = 1000;
    config.imageToken = kImagePad;
    config.videoToken = kVideoPad;
    return config;
}
model::RuntimeSizes tinySizes()
{
    return {.kvBlocks = 20, .kvBlockTokens = 4, .maxBatchedTokens = 30, .maxSequences = 3};
}
SequenceBook makeBook()
{
    return SequenceBook(tinyConfig(), tinySizes());
}

wire::SequenceSlice slice(SequenceId id, std::uint32_t start, const std::vector<std::int32_t>& ids,
                          const std::vector<std::uint32_t>& blocks)
{
    wire::SequenceSlice slice;
    slice.set_sequence(id);
    slice.set_start(start);
    for (const std::int32_t token : ids)
        slice.add_ids(token);
    for (int axis = 0; axis < 3; ++axis)
        for (std::size_t i = 0; i < ids.size(); ++i)
            slice.add_positions(static_cast<std::int32_t>(start + i));
    for (const std::uint32_t block : blocks)
        slice.add_blocks(block);
    if (start == 0) {
        slice.mutable_sampling()->set_top_p(1);
        slice.mutable_sampling()->set_repetition_penalty(1);
    }
    return slice;
}
wire::SequenceSlice sampled(wire::SequenceSlice made)
{
    made.set_sample(true);
    return made;
}
/// The token that the step before draws.
wire::SequenceSlice follower(SequenceId id, std::uint32_t start, const std::vector<std::uint32_t>& blocks)
{
    auto made = sampled(slice(id, start, {0}, blocks));
    made.clear_ids();
    made.set_follows(true);
    return made;
}
/// Ids 1, 2, then four pads of a 1 x 4 x 4 picture, then 3.
wire::SequenceSlice withPicture()
{
    auto made = slice(1, 0, {1, 2, kImagePad, kImagePad, kImagePad, kImagePad, 3}, {0, 1});
    wire::VisionItem* const item = made.add_vision();
    item->set_grid_t(1);
    item->set_grid_h(4);
    item->set_grid_w(4);
    item->set_frames(1);
    item->set_first_row(2);
    return made;
}

Command ofEpoch(std::uint64_t epoch)
{
    auto message = std::make_shared<wire::NodeToExecutor>();
    message->set_epoch(epoch);
    return {.message = std::move(message), .descriptors = {}};
}

} // namespace

class TstSequenceBook : public QObject {
    Q_OBJECT
private slots:
    void aSequenceGrowsSliceBySlice();
    void visionIsTakenFromTheFirstSlice();
    void startZeroBeginsAnew();
    void whatFollowsNeedsADrawnToken();
    void brokenFollowersAreRefused_data();
    void brokenFollowersAreRefused();
    void aSequenceKeepsItsSlot();
    void slotsRunOut();
    void whatIsRefusedTakesNoSlot();
    void brokenSlicesAreRefusedAndForgotten_data();
    void brokenSlicesAreRefusedAndForgotten();
    void brokenPicturesAreRefused_data();
    void brokenPicturesAreRefused();
    void padsAreCheckedInEverySlice();
    void blocksOfTwoSequencesDoNotMeet();
    void droppedBlocksAreFree();
    void stepsBeyondTheLimitsAreRefused();
    void pixelsComeBackAsTheyWere();
    void pixelsOfAnotherSizeAreCorrupt();
    void aFullQueueSaysSo();
    void aClosedQueueEndsItsReader();
    void aQueueIsWaitedForUntilADeadline();
};

void TstSequenceBook::aSequenceGrowsSliceBySlice()
{
    SequenceBook book = makeBook();
    auto state = book.take(slice(5, 0, {1, 2, 3}, {7, 3}), 0);
    QVERIFY2(state.ok(), state.ok() ? "" : state.error().cause.c_str());
    QCOMPARE((*state)->cached, std::int64_t{3});
    QCOMPARE((*state)->blocks, (std::vector<std::int32_t>{7, 3}));
    state = book.take(slice(5, 3, {4}, {7, 3}), 0);
    QVERIFY(state.ok());
    state = book.take(slice(5, 4, {5, 6, 7, 8, 9}, {7, 3, 11}), 0); // a table may grow
    QVERIFY(state.ok());
    QCOMPARE((*state)->cached, std::int64_t{9});
    QCOMPARE((*state)->blocks, (std::vector<std::int32_t>{7, 3, 11}));
}

void TstSequenceBook::visionIsTakenFromTheFirstSlice()
{
    SequenceBook book = makeBook();
    auto state = book.take(withPicture(), 1);
    QVERIFY2(state.ok(), state.ok() ? "" : state.error().cause.c_str());
    QCOMPARE((*state)->vision.size(), std::size_t{1});
    QCOMPARE((*state)->vision[0].rows, std::int64_t{4});
    QCOMPARE((*state)->vision[0].endRow(), std::int64_t{6});
}

void TstSequenceBook::startZeroBeginsAnew()
{
    SequenceBook book = makeBook();
    QVERIFY(book.take(slice(5, 0, {1, 2, 3}, {0}), 0).ok());
    auto state = book.take(slice(5, 0, {1, 2, 3, 4}, {0}), 0);
    QVERIFY(state.ok());
    QCOMPARE((*state)->cached, std::int64_t{4});
    QCOMPARE(book.size(), std::size_t{1});
}

void TstSequenceBook::whatFollowsNeedsADrawnToken()
{
    SequenceBook book = makeBook();
    QVERIFY(book.take(slice(5, 0, {1, 2}, {0, 1}), 0).ok());
    QVERIFY(book.take(sampled(slice(5, 2, {3}, {0, 1})), 0).ok());
    auto state = book.take(follower(5, 3, {0, 1}), 0);
    QVERIFY2(state.ok(), state.ok() ? "" : state.error().cause.c_str());
    QCOMPARE((*state)->cached, std::int64_t{4});
    QVERIFY(book.take(follower(5, 4, {0, 1}), 0).ok());
    QVERIFY(book.take(sampled(slice(5, 5, {9}, {0, 1})), 0).ok()); // the node may also say what was drawn
    QVERIFY(book.take(follower(5, 6, {0, 1}), 0).ok());
    QVERIFY(book.take(slice(5, 7, {9}, {0, 1}), 0).ok()); // nothing is drawn after this one
    const auto taken = book.take(follower(5, 8, {0, 1, 2}), 0);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().cause, std::string("sequence 5 follows a token that was not drawn"));
    QVERIFY(!book.has(5));
}

void TstSequenceBook::brokenFollowersAreRefused_data()
{
    using Change = std::function<void(wire::SequenceSlice&)>;
    QTest::addColumn<Change>("change");
    QTest::addColumn<QByteArray>("cause");
    const auto row = [](const char* name, Change change, const char* cause) {
        QTest::newRow(name) << std::move(change) << QByteArray(cause);
    };
    row(
        "ids of its own", [](auto& s) { s.add_ids(1); }, "brings 1 of its own");
    row(
        "no token after it", [](auto& s) { s.set_sample(false); }, "wants none after it");
    row(
        "positions for two",
        [](auto& s) {
            for (int axis = 0; axis < 3; ++axis)
                s.add_positions(1);
        },
        "6 positions for 1 tokens");
    row(
        "a gap", [](auto& s) { s.set_start(5); }, "goes on at token 5 but 4 are cached");
    row(
        "too few blocks", [](auto& s) { s.mutable_blocks()->RemoveLast(); }, "too few for 5 tokens");
    row(
        "vision again", [](auto& s) { s.add_vision(); }, "brings sampling or vision again");
}

void TstSequenceBook::brokenFollowersAreRefused()
{
    QFETCH(std::function<void(wire::SequenceSlice&)>, change);
    QFETCH(QByteArray, cause);
    SequenceBook book = makeBook();
    QVERIFY(book.take(sampled(slice(5, 0, {1, 2, 3, 4}, {0, 1})), 0).ok());
    auto made = follower(5, 4, {0, 1});
    change(made);
    const auto taken = book.take(made, 0);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().code, ErrorCode::Internal);
    QVERIFY2(taken.error().cause.find(cause.toStdString()) != std::string::npos, taken.error().cause.c_str());
    QCOMPARE(book.size(), std::size_t{0});
}

void TstSequenceBook::aSequenceKeepsItsSlot()
{
    SequenceBook book = makeBook();
    const std::int32_t slot = (*book.take(sampled(slice(5, 0, {1, 2}, {0, 1})), 0))->slot;
    const std::int32_t other = (*book.take(slice(6, 0, {1, 2}, {2}), 0))->slot;
    QVERIFY(slot != other);
    QCOMPARE((*book.take(follower(5, 2, {0, 1}), 0))->slot, slot);
    book.drop(6);
    QCOMPARE((*book.take(slice(7, 0, {1, 2}, {2}), 0))->slot, other); // the only one given back
    QCOMPARE((*book.take(follower(5, 3, {0, 1}), 0))->slot, slot);
}

void TstSequenceBook::slotsRunOut()
{
    SequenceBook book = makeBook();
    for (SequenceId id = 1; id <= 6; ++id) // twice as many as run at a time
        QVERIFY(book.take(slice(id, 0, {1}, {static_cast<std::uint32_t>(id)}), 0).ok());
    const auto taken = book.take(slice(7, 0, {1}, {7}), 0);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().cause, std::string("sequence 7 finds all 6 slots taken: ended ones were not dropped"));
    QVERIFY(book.take(slice(3, 1, {1}, {3}), 0).ok()); // the others go on
    book.drop(3);
    QVERIFY(book.take(slice(7, 0, {1}, {7}), 0).ok());
    QVERIFY(book.take(slice(6, 0, {1}, {6}), 0).ok()); // one that begins anew takes its own
    book.clear();
    for (SequenceId id = 1; id <= 6; ++id)
        QVERIFY(book.take(slice(id, 0, {1}, {static_cast<std::uint32_t>(id)}), 0).ok());
}

void TstSequenceBook::whatIsRefusedTakesNoSlot()
{
    SequenceBook book = makeBook();
    for (int i = 0; i < 20; ++i) {
        auto broken = slice(5, 0, {1}, {0});
        broken.set_blocks(0, 20);
        QVERIFY(!book.take(broken, 0).ok());
    }
    QVERIFY(book.take(slice(5, 0, {1}, {0}), 0).ok());
}

void TstSequenceBook::brokenSlicesAreRefusedAndForgotten_data()
{
    using Change = std::function<void(wire::SequenceSlice&)>;
    QTest::addColumn<int>("start");
    QTest::addColumn<Change>("change");
    const auto row = [](const char* name, int start, Change change) {
        QTest::newRow(name) << start << std::move(change);
    };
    row("no tokens", 0, [](auto& s) {
        s.clear_ids();
        s.clear_positions();
    });
    row("too few positions", 0, [](auto& s) { s.mutable_positions()->RemoveLast(); });
    row("too many positions", 0, [](auto& s) { s.add_positions(1); });
    row("negative position", 0, [](auto& s) { s.set_positions(0, -1); });
    row("absurd position", 0, [](auto& s) { s.set_positions(0, 2'000'000'000); });
    row("negative id", 0, [](auto& s) { s.set_ids(0, -1); });
    row("id beyond the vocabulary", 0, [](auto& s) { s.set_ids(1, 100); });
    row("no blocks", 0, [](auto& s) { s.clear_blocks(); });
    row("too few blocks", 4, [](auto& s) { s.mutable_blocks()->RemoveLast(); });
    row("block beyond the cache", 0, [](auto& s) { s.set_blocks(0, 20); });
    row("huge block", 0, [](auto& s) { s.set_blocks(0, 0xffffffffU); });
    row("a block twice", 0, [](auto& s) { s.set_blocks(1, s.blocks(0)); });
    row("moved blocks", 4, [](auto& s) { s.set_blocks(0, 9); });
    row("follows with no token drawn", 4, [](auto& s) {
        s.clear_ids();
        s.mutable_positions()->Truncate(3);
        s.set_follows(true);
        s.set_sample(true);
    });
    row("follows at the beginning", 0, [](auto& s) {
        s.clear_ids();
        s.mutable_positions()->Truncate(3);
        s.set_follows(true);
        s.set_sample(true);
    });
    row("no sampling", 0, [](auto& s) { s.clear_sampling(); });
    row("sampling again", 4, [](auto& s) { s.mutable_sampling()->set_top_p(1); });
    row("negative temperature", 0, [](auto& s) { s.mutable_sampling()->set_temperature(-1); });
    row("temperature that is no number", 0, [](auto& s) { s.mutable_sampling()->set_temperature(std::nan("")); });
    row("top_p above one", 0, [](auto& s) { s.mutable_sampling()->set_top_p(1.5); });
    row("no penalty", 0, [](auto& s) { s.mutable_sampling()->set_repetition_penalty(0); });
    row("a gap", 4, [](auto& s) { s.set_start(5); });
    row("a step back", 4, [](auto& s) { s.set_start(3); });
}

void TstSequenceBook::brokenSlicesAreRefusedAndForgotten()
{
    QFETCH(int, start);
    QFETCH(std::function<void(wire::SequenceSlice&)>, change);
    SequenceBook book = makeBook();
    QVERIFY(book.take(slice(8, 0, {1}, {19}), 0).ok());
    if (start > 0)
        QVERIFY(book.take(slice(5, 0, {1, 2, 3, 4}, {0, 1}), 0).ok());
    auto made = slice(5, static_cast<std::uint32_t>(start), {5, 6}, {0, 1});
    change(made);
    const auto taken = book.take(made, 0);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().code, ErrorCode::Internal);
    QVERIFY2(taken.error().cause.find("sequence 5") != std::string::npos, taken.error().cause.c_str());
    QCOMPARE(book.size(), std::size_t{1}); // the other one is untouched
    QVERIFY(book.take(slice(8, 1, {2}, {19}), 0).ok());
    QVERIFY(book.take(slice(6, 0, {5, 6}, {0, 1}), 0).ok()); // and its blocks are free
}

void TstSequenceBook::brokenPicturesAreRefused_data()
{
    using Change = std::function<void(wire::VisionItem&)>;
    QTest::addColumn<Change>("change");
    const auto row = [](const char* name, Change change) { QTest::newRow(name) << std::move(change); };
    row("no time", [](auto& v) { v.set_grid_t(0); });
    row("odd height", [](auto& v) { v.set_grid_h(3); });
    row("no frames", [](auto& v) { v.set_frames(0); });
    row("a frame too many", [](auto& v) { v.set_frames(3); });
    row("huge number of frames", [](auto& v) { v.set_frames(0xffffffffU); });
    row("no width", [](auto& v) { v.set_grid_w(0); });
    row("huge grid", [](auto& v) {
        v.set_grid_h(0xfffffffeU);
        v.set_grid_w(0xfffffffeU);
        v.set_grid_t(0xffffffffU);
    });
    row("more rows than pads", [](auto& v) { v.set_grid_h(6); });
    row("rows beyond the blocks", [](auto& v) { v.set_first_row(5); });
    row("huge first row", [](auto& v) { v.set_first_row(0xffffffffU); });
    row("rows beside the pads", [](auto& v) { v.set_first_row(1); });
    row("a clip where a picture is", [](auto& v) { v.set_video(true); });
    row("pixels that did not come", [](auto& v) { v.set_pixels_descriptor(1); });
}

void TstSequenceBook::brokenPicturesAreRefused()
{
    QFETCH(std::function<void(wire::VisionItem&)>, change);
    SequenceBook book = makeBook();
    auto made = withPicture();
    change(*made.mutable_vision(0));
    const auto taken = book.take(made, 1);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().code, ErrorCode::BadRequest);
    QCOMPARE(book.size(), std::size_t{0});
    QVERIFY(book.take(withPicture(), 1).ok());
}

void TstSequenceBook::padsAreCheckedInEverySlice()
{
    const auto firstHalf = [] {
        auto made = withPicture();
        made.mutable_ids()->Truncate(4);
        made.mutable_positions()->Truncate(12);
        return made;
    };
    SequenceBook book = makeBook();
    QVERIFY(book.take(firstHalf(), 1).ok());
    QVERIFY(book.take(slice(1, 4, {kImagePad, kImagePad, 3}, {0, 1}), 0).ok());
    QVERIFY(book.take(firstHalf(), 1).ok());
    QCOMPARE(book.take(slice(1, 4, {kImagePad, 3}, {0, 1}), 0).error().code, ErrorCode::BadRequest);
    auto tooEarly = firstHalf();
    tooEarly.set_sample(true); // an answer before the picture is whole
    QCOMPARE(book.take(tooEarly, 1).error().code, ErrorCode::BadRequest);
}

void TstSequenceBook::blocksOfTwoSequencesDoNotMeet()
{
    SequenceBook book = makeBook();
    QVERIFY(book.take(slice(1, 0, {1}, {4, 5}), 0).ok());
    const auto taken = book.take(slice(2, 0, {1}, {6, 5}), 0);
    QVERIFY(!taken.ok());
    QCOMPARE(taken.error().cause, std::string("sequence 2 names KV block 5, which belongs to sequence 1"));
    QVERIFY(book.take(slice(3, 0, {1}, {6}), 0).ok()); // what 2 had claimed before is free again
    QVERIFY(book.take(slice(1, 1, {1}, {4, 5}), 0).ok());
}

void TstSequenceBook::droppedBlocksAreFree()
{
    SequenceBook book = makeBook();
    QVERIFY(book.take(slice(1, 0, {1}, {4, 5}), 0).ok());
    book.drop(1);
    book.drop(77);
    QVERIFY(book.take(slice(2, 0, {1}, {4, 5}), 0).ok());
    QVERIFY(!book.take(slice(1, 1, {1}, {4, 5}), 0).ok()); // 1 is gone
    book.clear();
    QCOMPARE(book.size(), std::size_t{0});
    QVERIFY(book.take(slice(3, 0, {1}, {4, 5}), 0).ok());
}

void TstSequenceBook::stepsBeyondTheLimitsAreRefused()
{
    const SequenceBook book = makeBook();
    wire::StepPlan plan;
    QVERIFY(!book.checkStep(plan).ok());
    for (SequenceId id = 1; id <= 3; ++id)
        *plan.add_slices() = slice(id, 0, std::vector<std::int32_t>(10, 1), {0});
    QVERIFY(book.checkStep(plan).ok());
    *plan.mutable_slices(2) = follower(3, 10, {0}); // one token
    plan.mutable_slices(1)->mutable_ids()->Add(plan.slices(0).ids().begin(), plan.slices(0).ids().begin() + 9);
    QVERIFY(book.checkStep(plan).ok());
    plan.mutable_slices(1)->add_ids(1);
    QVERIFY(book.checkStep(plan).error().cause.find("31 tokens, at most 30") != std::string::npos);
    plan.mutable_slices(1)->mutable_ids()->Truncate(1);
    plan.mutable_slices(2)->set_sequence(1);
    QVERIFY(book.checkStep(plan).error().cause.find("sequence 1 twice") != std::string::npos);
    plan.mutable_slices(2)->set_sequence(3);
    *plan.add_slices() = slice(4, 0, {1}, {0});
    QVERIFY(book.checkStep(plan).error().cause.find("4 slices") != std::string::npos);
}

void TstSequenceBook::pixelsComeBackAsTheyWere()
{
    std::vector<std::uint8_t> bytes(3 * 4 * 6 * 3);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    auto file = memoryFile("pixels", bytes.size());
    QVERIFY(file.ok());
    QCOMPARE(::pwrite(file->get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    const auto pixels = readPixels(file->get(), {.t = 2, .h = 2, .w = 3}, 3, 2);
    QVERIFY(pixels.ok());
    QVERIFY(pixels->shape() == Shape({3, 4, 6, 3}));
    QVERIFY(std::equal(bytes.begin(), bytes.end(), pixels->view().data<const std::uint8_t>()));
}

void TstSequenceBook::pixelsOfAnotherSizeAreCorrupt()
{
    const model::Grid grid{.t = 1, .h = 2, .w = 2};
    for (const std::uint64_t bytes : {0, 47, 49, 96, 4800}) { // one frame of 4 x 4 pixels is 48
        auto file = memoryFile("pixels", bytes);
        QVERIFY(file.ok());
        const auto pixels = readPixels(file->get(), grid, 1, 2);
        QVERIFY(!pixels.ok());
        QCOMPARE(pixels.error().code, ErrorCode::Corrupt);
    }
    int ends[2];
    QCOMPARE(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd readEnd(ends[0]);
    const UniqueFd writeEnd(ends[1]);
    QCOMPARE(readPixels(readEnd.get(), grid, 1, 2).error().code, ErrorCode::Corrupt);
    QCOMPARE(readPixels(-1, grid, 1, 2).error().code, ErrorCode::Io);
}

void TstSequenceBook::aFullQueueSaysSo()
{
    CommandQueue queue;
    const Deadline already = Deadline::in(Milliseconds(0));
    for (std::size_t i = 0; i < CommandQueue::kCapacity; ++i) {
        Command command = ofEpoch(i);
        QVERIFY(queue.push(command, already));
    }
    Command late = ofEpoch(1000);
    QVERIFY(!queue.push(late, already));
    QCOMPARE(late.message->epoch(), std::uint64_t{1000});
    QCOMPARE(queue.pop()->message->epoch(), std::uint64_t{0});
    QVERIFY(queue.push(late, already));
}

void TstSequenceBook::aClosedQueueEndsItsReader()
{
    CommandQueue queue;
    bool ended = false;
    std::thread reader([&] { ended = !queue.pop().has_value(); });
    queue.close();
    reader.join();
    QVERIFY(ended);
    Command command;
    QVERIFY(!queue.push(command, Deadline::in(Milliseconds(5'000))));
}

void TstSequenceBook::aQueueIsWaitedForUntilADeadline()
{
    CommandQueue queue;
    QVERIFY(!queue.popUntil(Deadline::in(Milliseconds(1))).has_value());
    QVERIFY(!queue.closed());
    Command command = ofEpoch(4);
    QVERIFY(queue.push(command, Deadline::in(Milliseconds(0))));
    QCOMPARE(queue.popUntil(Deadline::in(Milliseconds(5'000)))->message->epoch(), std::uint64_t{4});
    bool ended = false;
    std::thread reader([&] { ended = !queue.popUntil(Deadline::in(Milliseconds(60'000))).has_value(); });
    queue.close();
    reader.join();
    QVERIFY(ended);
    QVERIFY(queue.closed());
}

QTEST_GUILESS_MAIN(TstSequenceBook)
#include "tst_sequence_book.moc"
