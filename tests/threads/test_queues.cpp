// Mailboxes between the threads of a node and of an executor: nothing lost, nothing twice, each sender's values in
// their order, and an end that everybody notices.

#include "engine/base/inbox.h"
#include "engine/executor/command_queue.h"
#include "tests/threads/check.h"

#include <memory>
#include <vector>

using namespace argus;
using namespace argus::threads;

namespace {

constexpr int kSenders = 4;
constexpr int kEach = 4'000;

struct Letter {
    int sender = 0;
    int number = 0;
    std::unique_ptr<int> content; ///< written by the sender, read by the owner
};

void everyLetterArrivesOnce(Checks& checks)
{
    Inbox<Letter> inbox(64);
    std::vector<int> next(kSenders, 0);
    bool ordered = true;
    {
        const std::jthread owner([&] {
            while (!inbox.ended())
                if (const std::optional<Letter> letter = inbox.pop(Deadline::in(Milliseconds(100)))) {
                    ordered = ordered && letter->number == next[static_cast<std::size_t>(letter->sender)]++ &&
                              *letter->content == letter->number * 3;
                }
        });
        together(kSenders, [&](int sender) {
            for (int i = 0; i < kEach; ++i)
                while (!inbox.push({sender, i, std::make_unique<int>(i * 3)}))
                    std::this_thread::yield(); // full
        });
        inbox.close();
    }
    checks.that(ordered, "letters came out of order or with another content");
    checks.that(next == std::vector<int>(kSenders, kEach), "letters were lost");
    checks.that(!inbox.push({}), "a closed inbox took a letter");
}

wire::NodeToExecutor stepOf(std::uint64_t number)
{
    wire::NodeToExecutor message;
    message.mutable_step()->set_step(number);
    return message;
}

/// As link and rank: one thread pushes what all ranks get, each rank pops its own queue, now and then with a deadline.
void ranksGetTheSameCommands(Checks& checks)
{
    std::vector<std::unique_ptr<executor::CommandQueue>> ranks;
    for (int i = 0; i < 3; ++i)
        ranks.push_back(std::make_unique<executor::CommandQueue>());
    std::vector<std::uint64_t> seen(ranks.size(), 0);
    together(static_cast<int>(ranks.size()) + 1, [&](int who) {
        if (who == 3) {
            for (std::uint64_t step = 1; step <= kEach; ++step) {
                const executor::Command command{.message = std::make_shared<const wire::NodeToExecutor>(stepOf(step)),
                                                .descriptors = std::make_shared<const std::vector<UniqueFd>>()};
                for (const auto& rank : ranks) {
                    executor::Command copy = command;
                    checks.that(rank->push(copy, Deadline::in(Milliseconds(60'000))), "a rank did not take a command");
                }
            }
            return;
        }
        executor::CommandQueue& own = *ranks[static_cast<std::size_t>(who)];
        std::uint64_t& last = seen[static_cast<std::size_t>(who)];
        while (last < kEach) {
            const auto command =
                last % 2 == 0 ? own.pop() : own.popUntil(Deadline(now() + std::chrono::microseconds(50)));
            if (command && command->message->step().step() != ++last)
                return checks.that(false, "a rank missed a command");
        }
    });
    checks.that(seen == std::vector<std::uint64_t>(3, kEach), "a rank did not get every command");
}

/// A queue that is closed wakes who waits for room and who waits for a command.
void aClosedQueueWakesBothSides(Checks& checks)
{
    for (int round = 0; round < 50; ++round) {
        executor::CommandQueue queue;
        const executor::Command command{.message = std::make_shared<const wire::NodeToExecutor>(), .descriptors = {}};
        together(4, [&](int who) {
            if (who == 0)
                return queue.close();
            if (who == 1)
                while (queue.pop()) {
                }
            while (who > 1) {
                executor::Command copy = command;
                if (!queue.push(copy, Deadline::in(Milliseconds(60'000))))
                    break;
            }
        });
        if (!queue.closed())
            return checks.that(false, "a queue was not closed");
    }
    checks.that(true, "");
}

} // namespace

int main()
{
    Checks checks;
    everyLetterArrivesOnce(checks);
    ranksGetTheSameCommands(checks);
    aClosedQueueWakesBothSides(checks);
    return checks.end();
}
