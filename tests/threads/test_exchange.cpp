// Ranks of one executor: how they find each other, what they exchange in a step, signs of life that another thread
// reads, and a group that is ended from outside while they wait.

#include "engine/comm/local/local_communicator.h"
#include "engine/comm/local/local_group.h"
#include "engine/comm/meeting_point.h"
#include "engine/executor/rank_watch.h"
#include "tests/threads/check.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

using namespace argus;
using namespace argus::threads;

namespace {

constexpr int kRanks = 4;
constexpr Milliseconds kPatience{60'000};

/// Two executors whose meeting points tell each other what is left at them, as link and node do.
struct Town {
    comm::MeetingPoint west{[this](const std::string& key, const std::string& value) { east.arrived(key, value); }};
    comm::MeetingPoint east{[this](const std::string& key, const std::string& value) { west.arrived(key, value); }};
    comm::MeetingPoint& of(int rank) { return rank < kRanks / 2 ? west : east; }
};

void ranksFindEachOther(Checks& checks)
{
    Town town;
    std::atomic<int> found = 0;
    together(kRanks, [&](int rank) {
        comm::MeetingPoint& meeting = town.of(rank);
        for (int round = 0; round < 50; ++round) {
            const std::string about = std::to_string(round) + "/address/";
            meeting.put(about + std::to_string(rank), "of " + std::to_string(rank));
            for (int other = 0; other < kRanks; ++other)
                found +=
                    meeting.get(about + std::to_string(other), Deadline::in(kPatience)) == "of " + std::to_string(other)
                        ? 1
                        : 0;
            const std::shared_ptr<std::atomic<int>> shared =
                meeting.shared<std::atomic<int>>("counter" + std::to_string(round));
            ++*shared;
        }
    });
    checks.that(found == kRanks * kRanks * 50, "a rank found another value than was left for it");
}

void abortWakesWhoWaits(Checks& checks)
{
    for (int round = 0; round < 20; ++round) {
        Town town;
        std::atomic<int> woken = 0;
        together(3, [&](int who) {
            if (who == 0)
                return town.west.abort("the deployment was changed");
            try {
                if (who == 1)
                    (void)town.west.get("never", Deadline::in(kPatience));
                else
                    town.west.pause(kPatience);
            } catch (const comm::GroupBroken&) {
                ++woken;
            }
        });
        if (woken != 2)
            return checks.that(false, "somebody slept on after abort()");
    }
    checks.that(true, "");
}

/// As a step: sums within a stage, and a message from each rank to the next; a watch looks at their pulses meanwhile.
void stepsGiveTheSameEverywhere(Checks& checks)
{
    const auto group = std::make_shared<comm::local::LocalGroup>();
    std::vector<executor::Pulse> pulses(kRanks);
    std::atomic<bool> over = false;
    bool stuck = false;
    std::jthread watching([&] {
        executor::RankWatch watch({&pulses[0], &pulses[1], &pulses[2], &pulses[3]});
        while (!over) {
            stuck = watch.look(now()).has_value() || stuck;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    constexpr int kSteps = 100;
    constexpr std::int64_t kWide = 257;
    std::vector<std::vector<float>> results(kRanks);
    together(kRanks, [&](int rank) {
        const comm::GroupPlace place{.name = "1/tensor0", .rank = rank, .size = kRanks};
        executor::Pulse& pulse = pulses[static_cast<std::size_t>(rank)];
        const std::unique_ptr<comm::Communicator> mine =
            executor::watched(std::make_unique<comm::local::LocalCommunicator>(group, place, kPatience), pulse);
        std::vector<float> state(kWide);
        std::vector<float> received(kWide);
        std::vector<float> gathered(kWide * kRanks);
        std::vector<float> scratch(kWide * kRanks);
        const auto view = [](std::vector<float>& of, std::int64_t rows) {
            return TensorView(reinterpret_cast<std::byte*>(of.data()), DType::F32,
                              {rows, static_cast<std::int64_t>(of.size()) / rows});
        };
        for (int step = 0; step < kSteps; ++step) {
            pulse.enter(executor::Pulse::State::Working, kPatience);
            for (std::int64_t i = 0; i < kWide; ++i)
                state[static_cast<std::size_t>(i)] = static_cast<float>((rank + 1) * (i % 5) + step % 3);
            mine->sum(view(state, 1));
            mine->gatherColumns(view(gathered, 1), view(state, 1), view(scratch, kRanks));
            if (rank + 1 < kRanks)
                mine->send(view(state, 1), rank + 1);
            if (rank > 0)
                mine->receive(view(received, 1), rank - 1);
            mine->requireWhole();
            pulse.beat();
        }
        pulse.enter(executor::Pulse::State::Idle);
        std::vector<float>& result = results[static_cast<std::size_t>(rank)];
        result = gathered;
        result.insert(result.end(), state.begin(), state.end());
        if (rank > 0)
            checks.that(received == state, "a message came with another content");
        // All are through before the first one leaves, which would break the group.
        mine->sum(view(state, 1));
        mine->sum(view(state, 1));
    });
    over = true;
    watching.join();
    for (const std::vector<float>& result : results)
        checks.that(result == results.front() && !result.empty(), "ranks have different sums");
    checks.that(!stuck, "a rank that worked was called stuck");
}

/// Somebody ends the group while its ranks are in the middle of anything: all of them get out, and none crashes.
void aGroupIsEndedFromOutside(Checks& checks)
{
    for (int round = 0; round < 30; ++round) {
        const auto group = std::make_shared<comm::local::LocalGroup>();
        std::vector<std::unique_ptr<comm::local::LocalCommunicator>> seats;
        for (int rank = 0; rank < kRanks; ++rank)
            seats.push_back(std::make_unique<comm::local::LocalCommunicator>(
                group, comm::GroupPlace{.name = "1/tensor0", .rank = rank, .size = kRanks}, kPatience));
        std::atomic<int> out = 0;
        together(kRanks + 1, [&](int who) {
            if (who == kRanks) {
                std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
                return seats[static_cast<std::size_t>(round % kRanks)]->abort();
            }
            std::vector<float> x(300, 1);
            try {
                for (;;)
                    seats[static_cast<std::size_t>(who)]->sum(
                        TensorView(reinterpret_cast<std::byte*>(x.data()), DType::F32, {1, 300}));
            } catch (const comm::GroupBroken& broken) {
                out += broken.why() == comm::GroupBroken::Why::Aborted ? 1 : 0;
            }
        });
        if (out != kRanks)
            return checks.that(false, "a rank did not notice the end of its group");
    }
    checks.that(true, "");
}

} // namespace

int main()
{
    Checks checks;
    ranksFindEachOther(checks);
    abortWakesWhoWaits(checks);
    stepsGiveTheSameEverywhere(checks);
    aGroupIsEndedFromOutside(checks);
    return checks.end();
}
