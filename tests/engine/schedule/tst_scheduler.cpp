// The scheduler without a model, a device or a clock: single decisions. tst_scheduler_walk.cpp has what always holds.

#include "engine/schedule/scheduler.h"
#include "tests/engine/schedule/plan_text.h"

#include <QtTest>

#include <string>
#include <utility>
#include <vector>

using namespace argus;
using namespace argus::schedule;
using argus::schedule::testing::text;

namespace {

Limits small()
{
    return {.kvBlocks = 16, .kvBlockTokens = 4, .maxBatchedTokens = 10, .maxSequences = 3, .maxModelLen = 60};
}

Limits inStages(std::uint32_t stages, std::uint32_t sequences)
{
    Limits limits = small();
    limits.maxSequences = sequences;
    limits.stages = stages;
    return limits;
}

/// Sends the next step; says what is in it.
std::string start(Scheduler& scheduler)
{
    StepPlan plan = scheduler.plan();
    std::string said = text(plan);
    if (!plan.empty())
        scheduler.start(std::move(plan));
    return said;
}

/// One step from plan to result, with nothing else on its way.
void run(Scheduler& scheduler)
{
    scheduler.start(scheduler.plan());
    (void)scheduler.commit();
}

} // namespace

class TstScheduler : public QObject {
    Q_OBJECT
private slots:
    void nothingToDoIsAnEmptyPlan();
    void aPromptIsSampledAtItsEnd();
    void longPromptsRunInPieces();
    void decodingComesBeforePrompts();
    void theSecondWaitsForBlocks();
    void aShortOneDoesNotOvertake();
    void noMoreSequencesThanAllowed();
    void theNextStepFollowsTheOneOnItsWay();
    void noMoreThanTwoStepsAreOnTheirWay();
    void piecesOfAPromptFollowEachOther();
    void answersFollowWhileAPromptComesInPieces();
    void anAnswerAtItsLimitIsNotPlanned();
    void anAnswerIsNotPlannedBeyondItsLimit();
    void removeFreesAtOnceWhatNobodySaw();
    void whatWasSeenIsFreeOnlyAfterItsReleaseInOrder();
    void blocksOfARemovedSequenceWaitForItsSteps();
    void aRemovedSequenceKeepsItsPlaceToo();
    void aBeginningOfThePlanMayBeStarted();
    void commitOfNothingIsHarmless();
    void forgetCachesStartsOverInOrder();
    void forgetCachesForgetsStepsOnTheirWay();
    void picturesWaitUntilTheirRoomIsEmpty();
    void oneThatWaitsForRoomIsNotOvertakenByPictures();
    void morePicturesThanTheRoomAreRefused();
    void whatCannotFitIsRefusedWithARemedy();
    void theRemedyWorks();
    void aStepAStageIsOnItsWay();
    void answersAreSpreadEvenlyOverTheStages();
    void oneAnswerGoesThroughTheStagesAlone();
    void piecesOfAPromptFollowEachOtherThroughTheStages();
    void aNewAnswerJoinsTheSmallestStep();
    void whatIsOnItsWayThroughTheStagesIsKeptUntilItIsBack();
};

void TstScheduler::nothingToDoIsAnEmptyPlan()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.usedBlocks(), 0U);
}

void TstScheduler::aPromptIsSampledAtItsEnd()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 5, 4).ok());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+5sf "));
    QCOMPARE(scheduler.usedBlocks(), 3U);
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:5+1s "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:6+1s "));
}

void TstScheduler::longPromptsRunInPieces()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 23, 1).ok());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+10f "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:10+10 "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:20+3s "));
}

void TstScheduler::decodingComesBeforePrompts()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 20, 2).ok());
    QVERIFY(scheduler.add(2, 2, 8).ok());
    run(scheduler);                                             // 1:0+10
    QCOMPARE(text(scheduler.plan()), std::string("1:10+10s ")); // no budget left for 2
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:20+1s 2:0+2sf "));
    run(scheduler);
    QVERIFY(scheduler.add(3, 15, 2).ok());
    QCOMPARE(text(scheduler.plan()), std::string("2:2+1s 3:0+9f ")); // 1 has both of its tokens
}

void TstScheduler::theSecondWaitsForBlocks()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 36).ok()); // 10 of 16 blocks
    QVERIFY(scheduler.add(2, 4, 24).ok()); // 7
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf "));
    QCOMPARE(scheduler.waiting(), 1U);
    scheduler.remove(1);
    QCOMPARE(text(scheduler.plan()), std::string("2:0+4sf "));
}

void TstScheduler::aShortOneDoesNotOvertake()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 36).ok());
    QVERIFY(scheduler.add(2, 4, 36).ok());
    QVERIFY(scheduler.add(3, 1, 1).ok()); // its one block is free, but 2 was here before
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf "));
    QCOMPARE(scheduler.waiting(), 2U);
}

void TstScheduler::noMoreSequencesThanAllowed()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 1, 4).ok());
    QCOMPARE(scheduler.plan().size(), std::size_t{3});
    QCOMPARE(scheduler.running(), 3U);
    QCOMPARE(scheduler.waiting(), 2U);
}

void TstScheduler::theNextStepFollowsTheOneOnItsWay()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 5, 4).ok());
    QCOMPARE(start(scheduler), std::string("1:0+5sf "));
    QVERIFY(scheduler.add(2, 2, 4).ok()); // joins the answer that goes on
    QCOMPARE(start(scheduler), std::string("1:5+1s~ 2:0+2sf "));
    QCOMPARE(text(scheduler.commit()), std::string("1:0+5sf "));
    QCOMPARE(start(scheduler), std::string("1:6+1s~ 2:2+1s~ "));
    QCOMPARE(text(scheduler.commit()), std::string("1:5+1s~ 2:0+2sf "));
    QCOMPARE(text(scheduler.commit()), std::string("1:6+1s~ 2:2+1s~ "));
    // Nothing on its way: the token is known.
    QCOMPARE(text(scheduler.plan()), std::string("1:7+1s 2:3+1s "));
}

void TstScheduler::noMoreThanTwoStepsAreOnTheirWay()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 2, 9).ok());
    for (std::size_t step = 0; step < kStepsOnTheirWay; ++step)
        QVERIFY(!start(scheduler).empty());
    QCOMPARE(scheduler.onTheirWay().size(), kStepsOnTheirWay);
    QVERIFY(scheduler.add(2, 2, 9).ok());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.waiting(), 1U);
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s~ 2:0+2sf "));
}

void TstScheduler::piecesOfAPromptFollowEachOther()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 23, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    QCOMPARE(start(scheduler), std::string("1:10+10 ")); // first is said once
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:20+3s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:23+1s~ "));
}

void TstScheduler::answersFollowWhileAPromptComesInPieces()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 2, 9).ok());
    QVERIFY(scheduler.add(2, 25, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+2sf 2:0+8f "));
    QCOMPARE(start(scheduler), std::string("1:2+1s~ 2:8+9 "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s~ 2:17+8s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:4+1s~ 2:25+1s~ "));
}

void TstScheduler::anAnswerAtItsLimitIsNotPlanned()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 1).ok());
    run(scheduler);
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.usedBlocks(), 1U);
}

void TstScheduler::anAnswerIsNotPlannedBeyondItsLimit()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 1).ok());
    QVERIFY(scheduler.add(2, 4, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+4sf 2:0+4sf "));
    QCOMPARE(start(scheduler), std::string("2:4+1s~ ")); // the one token of 1 is on its way
    (void)scheduler.commit();
    QVERIFY(scheduler.plan().empty()); // and so is the second of 2
}

void TstScheduler::removeFreesAtOnceWhatNobodySaw()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 8, 8).ok());
    QVERIFY(!scheduler.plan().empty()); // admitted, not started
    QCOMPARE(scheduler.usedBlocks(), 4U);
    scheduler.remove(1);
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QVERIFY(scheduler.blocksOf(1).empty());
    QVERIFY(scheduler.release().empty());
    scheduler.remove(1); // twice, and of strangers: nothing
    scheduler.remove(99);
    QVERIFY(scheduler.plan().empty());
}

void TstScheduler::whatWasSeenIsFreeOnlyAfterItsReleaseInOrder()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    scheduler.remove(3);
    scheduler.remove(1);
    scheduler.remove(1);
    QCOMPARE(scheduler.running(), 1U);
    QCOMPARE(scheduler.usedBlocks(), 6U);
    QCOMPARE(scheduler.release(), (std::vector<SequenceId>{3, 1}));
    QCOMPARE(scheduler.usedBlocks(), 2U);
    QVERIFY(scheduler.release().empty());
}

void TstScheduler::blocksOfARemovedSequenceWaitForItsSteps()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 56).ok()); // all blocks
    QVERIFY(scheduler.add(2, 3, 5).ok());
    (void)start(scheduler);
    QCOMPARE(start(scheduler), std::string("1:4+1s~ "));
    (void)scheduler.commit();
    scheduler.remove(1); // its first token was the last, and the next is on its way
    QVERIFY(scheduler.release().empty());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(text(scheduler.commit()), std::string("1:4+1s~ "));
    QVERIFY(scheduler.plan().empty()); // not before the executor can be told
    QCOMPARE(scheduler.release(), std::vector<SequenceId>{1});
    QCOMPARE(text(scheduler.plan()), std::string("2:0+3sf "));
    QCOMPARE(scheduler.usedBlocks(), 2U);
}

void TstScheduler::aRemovedSequenceKeepsItsPlaceToo()
{
    Limits alone = small();
    alone.maxSequences = 1;
    Scheduler scheduler(alone);
    QVERIFY(scheduler.add(1, 4, 4).ok());
    QVERIFY(scheduler.add(2, 4, 4).ok()); // blocks enough, but one sequence at a time
    (void)start(scheduler);
    scheduler.remove(1);
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.running(), 0U);
    QCOMPARE(scheduler.waiting(), 1U);
    (void)scheduler.commit();
    (void)scheduler.release();
    QCOMPARE(start(scheduler), std::string("2:0+4sf "));
}

void TstScheduler::aBeginningOfThePlanMayBeStarted()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 5).ok());
    QVERIFY(scheduler.add(2, 3, 5).ok());
    StepPlan plan = scheduler.plan();
    plan.resize(1);
    scheduler.start(plan);
    QCOMPARE(text(scheduler.plan()), std::string("1:3+1s~ 2:0+3sf "));
}

void TstScheduler::commitOfNothingIsHarmless()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.commit().empty());
    QVERIFY(scheduler.add(1, 3, 5).ok());
    QVERIFY(scheduler.commit().empty());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+3sf "));
}

void TstScheduler::forgetCachesStartsOverInOrder()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 4; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:3+1s 2:3+1s 3:3+1s "));
    scheduler.forgetCaches();
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QCOMPARE(scheduler.waiting(), 4U);
    // The token sampled before the loss is part of what has to be cached again.
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf 2:0+4sf 3:0+2f "));
}

void TstScheduler::forgetCachesForgetsStepsOnTheirWay()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    (void)start(scheduler);
    (void)start(scheduler);
    scheduler.remove(2); // while it is on its way
    scheduler.forgetCaches();
    QVERIFY(scheduler.onTheirWay().empty());
    QVERIFY(scheduler.commit().empty());  // a late answer of the lost executor
    QVERIFY(scheduler.release().empty()); // the new executor never knew 2
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QCOMPARE(scheduler.waiting(), 2U);
    // Of the tokens that were on their way none counts.
    QCOMPARE(start(scheduler), std::string("1:0+4sf 3:0+4sf "));
    QCOMPARE(start(scheduler), std::string("1:4+1s~ 3:4+1s~ "));
}

void TstScheduler::picturesWaitUntilTheirRoomIsEmpty()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 14, 4, 8).ok());
    QVERIFY(scheduler.add(2, 6, 4, 5).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    // The step in which the first one's pictures are cached begins while they are still kept.
    QCOMPARE(start(scheduler), std::string("1:10+4s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:14+1s~ 2:0+6sf "));
}

void TstScheduler::oneThatWaitsForRoomIsNotOvertakenByPictures()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    limits.maxBatchedTokens = 20;
    limits.maxSequences = 4;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 9, 2, 8).ok());
    QVERIFY(scheduler.add(2, 6, 2, 5).ok());
    QVERIFY(scheduler.add(3, 3, 2, 1).ok()); // would fit
    QVERIFY(scheduler.add(4, 3, 2).ok());    // has none
    QCOMPARE(start(scheduler), std::string("1:0+9sf 4:0+3sf "));
    QCOMPARE(start(scheduler), std::string("1:9+1s~ 4:3+1s~ 2:0+6sf 3:0+3sf "));
}

void TstScheduler::morePicturesThanTheRoomAreRefused()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 20, 2, 12).ok());
    const auto refused = scheduler.add(2, 20, 2, 13);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QVERIFY(refused.error().cause.find("13 tokens, there is room for 12") != std::string::npos);
    QCOMPARE(scheduler.waiting(), 1U);
}

void TstScheduler::whatCannotFitIsRefusedWithARemedy()
{
    Scheduler scheduler(small());
    auto refused = scheduler.add(1, 50, 20);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().setting, std::string("max_model_len"));
    QCOMPARE(refused.error().cause,
             std::string("a question of 50 tokens and an answer of up to 20 make 70, more than max_model_len 60"));
    QCOMPARE(refused.error().remedy, std::string("ask for at most 10 new tokens (max_tokens), or raise max_model_len"));
    refused = scheduler.add(1, 60, 1);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().remedy,
             std::string("shorten the question or its pictures to less than 60 tokens, or raise max_model_len"));
    refused = scheduler.add(1, 0xffffffffU, 0xffffffffU); // no overflow on the way
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);

    Limits narrow = small();
    narrow.kvBlocks = 5;
    Scheduler cramped(narrow);
    refused = cramped.add(1, 15, 6);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().cause,
             std::string("a question of 15 tokens and an answer of up to 6 need 6 KV blocks of 4 tokens, there are 5"));

    QCOMPARE(scheduler.add(1, 0, 5).error().code, ErrorCode::BadRequest);
    QCOMPARE(scheduler.add(1, 5, 0).error().code, ErrorCode::BadRequest);
    QVERIFY(scheduler.add(1, 5, 5).ok());
    QCOMPARE(scheduler.add(1, 5, 5).error().code, ErrorCode::Internal);
}

void TstScheduler::theRemedyWorks()
{
    Scheduler scheduler(small());
    QVERIFY(!scheduler.add(1, 50, 20).ok());
    QVERIFY(!scheduler.add(1, 50, 11).ok());
    QVERIFY(scheduler.add(1, 50, 10).ok());
    QVERIFY(scheduler.add(2, 59, 1).ok());
}

void TstScheduler::aStepAStageIsOnItsWay()
{
    Scheduler scheduler(inStages(3, 6));
    QCOMPARE(scheduler.mostOnTheirWay(), std::size_t{3});
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 2, 6).ok());
    QCOMPARE(start(scheduler), std::string("1:0+2sf 2:0+2sf 3:0+2sf 4:0+2sf 5:0+2sf "));
    QVERIFY(scheduler.plan().empty()); // all of them wait for their tokens
    QVERIFY(scheduler.add(6, 1, 6).ok());
    QCOMPARE(start(scheduler), std::string("6:0+1sf "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s "));
    QCOMPARE(start(scheduler), std::string("3:2+1s 4:2+1s "));
    QCOMPARE(scheduler.onTheirWay().size(), std::size_t{3});
    QVERIFY(scheduler.plan().empty()); // although 5 could go on
}

void TstScheduler::answersAreSpreadEvenlyOverTheStages()
{
    Scheduler scheduler(inStages(2, 5));
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 2, 6).ok());
    run(scheduler);
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s 3:2+1s "));
    QCOMPARE(start(scheduler), std::string("4:2+1s 5:2+1s "));
    (void)scheduler.commit();
    scheduler.remove(1);
    (void)scheduler.release();
    QCOMPARE(start(scheduler), std::string("2:3+1s 3:3+1s ")); // four are left
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("4:3+1s 5:3+1s "));
}

void TstScheduler::oneAnswerGoesThroughTheStagesAlone()
{
    Scheduler scheduler(inStages(4, 5));
    QVERIFY(scheduler.add(1, 2, 3).ok());
    for (const char* step : {"1:0+2sf ", "1:2+1s ", "1:3+1s "}) {
        QCOMPARE(start(scheduler), std::string(step));
        QVERIFY(scheduler.plan().empty());
        (void)scheduler.commit();
    }
    QVERIFY(scheduler.plan().empty()); // it has its three tokens
}

void TstScheduler::piecesOfAPromptFollowEachOtherThroughTheStages()
{
    Scheduler scheduler(inStages(3, 5));
    QVERIFY(scheduler.add(1, 43, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    QCOMPARE(start(scheduler), std::string("1:10+10 "));
    QCOMPARE(start(scheduler), std::string("1:20+10 "));
    QVERIFY(scheduler.plan().empty());
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:30+10 "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:40+3s "));
    (void)scheduler.commit();
    QVERIFY(scheduler.plan().empty()); // what comes next needs a token
    (void)scheduler.commit();
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:43+1s "));
}

void TstScheduler::aNewAnswerJoinsTheSmallestStep()
{
    Scheduler scheduler(inStages(2, 5));
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 2, 9).ok());
    run(scheduler);
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s "));
    QVERIFY(scheduler.add(4, 2, 9).ok());
    QCOMPARE(start(scheduler), std::string("3:2+1s 4:0+2sf "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s 2:3+1s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("3:3+1s 4:2+1s "));
}

void TstScheduler::whatIsOnItsWayThroughTheStagesIsKeptUntilItIsBack()
{
    Scheduler scheduler(inStages(2, 5));
    QVERIFY(scheduler.add(1, 12, 6).ok());
    (void)start(scheduler);
    QCOMPARE(start(scheduler), std::string("1:10+2s "));
    scheduler.remove(1);
    (void)scheduler.commit();
    QVERIFY(scheduler.release().empty()); // its second piece may still be written
    (void)scheduler.commit();
    QCOMPARE(scheduler.release(), std::vector<SequenceId>{1});
    QCOMPARE(scheduler.usedBlocks(), 0U);
}

QTEST_GUILESS_MAIN(TstScheduler)
#include "tst_scheduler.moc"
