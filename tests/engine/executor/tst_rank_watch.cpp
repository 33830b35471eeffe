// Who hangs and who only works for long, with time as an argument.

#include "engine/executor/rank_watch.h"

#include <QtTest>

using namespace argus;
using namespace argus::executor;
using State = Pulse::State;

namespace {

constexpr Milliseconds kLook{250};

/// Two ranks and their watch.
struct Rig {
    Pulse first;
    Pulse second;
    RankWatch watch{{&first, &second}};
    Instant at{std::chrono::hours(1)};

    /// Looks for so long; the first finding, or nothing.
    std::optional<RankWatch::Stuck> pass(Milliseconds time, const std::function<void()>& meanwhile = {})
    {
        for (const Instant end = at + time; at < end;) {
            at += kLook;
            if (meanwhile)
                meanwhile();
            if (auto stuck = watch.look(at))
                return stuck;
        }
        return std::nullopt;
    }
};

wire::StepPlan prefill(int tokens)
{
    wire::StepPlan plan;
    wire::SequenceSlice& slice = *plan.add_slices();
    for (int i = 0; i < tokens; ++i)
        slice.add_ids(1);
    slice.set_sample(true);
    return plan;
}

} // namespace

class TstRankWatch final : public QObject {
    Q_OBJECT

private slots:
    void theOneThatHangsIsFound()
    {
        Rig rig;
        rig.first.enter(State::Working, Milliseconds(5'000));
        rig.second.enter(State::Working, Milliseconds(5'000));
        QVERIFY(!rig.pass(Milliseconds(20'000), [&] {
            rig.first.beat();
            rig.second.beat();
        }));
        const Instant hangs = rig.at;
        const auto stuck = rig.pass(Milliseconds(60'000), [&] { rig.first.beat(); });
        QVERIFY(stuck.has_value());
        QCOMPARE(stuck->rank, std::size_t{1});
        QVERIFY(rig.at - hangs <= Milliseconds(6'000));
        QVERIFY(rig.at - hangs >= Milliseconds(5'000));
    }
    void nobodyIsBlamedForWaiting()
    {
        Rig rig;
        rig.first.enter(State::Idle);
        rig.second.enter(State::Waiting);
        QVERIFY(!rig.pass(std::chrono::minutes(20)));
    }
    void aLongLayerHasItsTime()
    {
        Rig rig;
        rig.first.enter(State::Working, Milliseconds(60'000));
        QVERIFY(!rig.pass(Milliseconds(59'000)));
        QVERIFY(rig.pass(Milliseconds(5'000)).has_value());
    }
    void aProcessThatDidNotRunBlamesNobody()
    {
        Rig rig;
        rig.first.enter(State::Working, Milliseconds(5'000));
        QVERIFY(!rig.pass(Milliseconds(4'000)));
        rig.at += std::chrono::minutes(10);
        QVERIFY(!rig.pass(Milliseconds(4'000)));
        QVERIFY(rig.pass(Milliseconds(2'000)).has_value());
    }
    void whoIsOftenSlowIsNotTakenForStuck()
    {
        Rig rig;
        int looks = 0;
        rig.first.enter(State::Working, Milliseconds(5'000));
        // A sign every two seconds: forty are ordinary then, and they are forgotten some time later.
        QVERIFY(!rig.pass(Milliseconds(20'000), [&] {
            if (++looks % 8 == 0)
                rig.first.beat();
        }));
        QVERIFY(!rig.pass(Milliseconds(15'000)));
        QVERIFY(rig.pass(Milliseconds(60'000)).has_value());
        rig.first.beat();
        QVERIFY(!rig.pass(std::chrono::minutes(10), [&] { rig.first.beat(); }));
        const Instant hangs = rig.at;
        QVERIFY(rig.pass(Milliseconds(60'000)).has_value());
        QVERIFY(rig.at - hangs < Milliseconds(7'000));
    }
    void aDeviceIsBlamedLaterThanAThread()
    {
        for (const double work : {0.0, 1e12, 1e14})
            QVERIFY(devicePatience(work) >=
                    workingPatience({.largestLayer = work / 10, .total = work}, true) + Milliseconds(5'000));
    }
    void patienceFollowsTheWork()
    {
        model::ModelConfig config; // of the 3B model
        config.hiddenSize = 2048;
        config.layers = 36;
        config.heads = 16;
        config.kvHeads = 2;
        config.intermediateSize = 11008;
        config.vocabSize = 151936;
        const StepWork one = workOf(config, prefill(1));
        const StepWork many = workOf(config, prefill(2048));
        // 3.1e9 parameters, of which the embeddings do not compute; twice an operation each.
        QVERIFY(one.total > 5e9 && one.total < 7e9);
        QVERIFY(many.total > 2000 * 5e9 && many.total < 2048 * 9e9);
        QVERIFY(many.largestLayer * config.layers < many.total * 1.01);
        QVERIFY(workingPatience(one, false) < Milliseconds(20'000)); // its table may have to be read again
        QVERIFY(workingPatience(one, true) < Milliseconds(6'000));
        QVERIFY(workingPatience(many, false) > Milliseconds(60'000));
        QVERIFY(workingPatience(many, true) < Milliseconds(30'000));
        wire::StepPlan picture = prefill(300);
        wire::VisionItem& item = *picture.mutable_slices(0)->add_vision();
        item.set_grid_t(1);
        item.set_grid_h(60);
        item.set_grid_w(80);
        QVERIFY(workOf(config, picture).total > workOf(config, prefill(300)).total + 32 * 1e10);
        QCOMPARE(workOf(config, {}).total, 0.0);
    }
};

QTEST_GUILESS_MAIN(TstRankWatch)
#include "tst_rank_watch.moc"
