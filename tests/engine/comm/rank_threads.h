#pragma once
// Ranks as threads: in one executor, or as if each were in its own.

#include "engine/comm/gloo/open.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace argus::comm_test {

/// Meeting points of `executors` executors, each of which hears what the others publish.
class Town {
public:
    explicit Town(int executors)
    {
        for (int i = 0; i < executors; ++i)
            m_points.push_back(
                std::make_unique<comm::MeetingPoint>([this, i](const std::string& key, const std::string& value) {
                    for (std::size_t other = 0; other < m_points.size(); ++other)
                        if (other != static_cast<std::size_t>(i))
                            m_points[other]->arrived(key, value);
                }));
    }
    [[nodiscard]] comm::MeetingPoint& of(int rank)
    {
        return *m_points[static_cast<std::size_t>(rank) % m_points.size()];
    }

private:
    std::vector<std::unique_ptr<comm::MeetingPoint>> m_points;
};

struct Ranks {
    int count = 2;
    int tensorRanks = 2;
    int executors = 1;
    Milliseconds forming{20'000};
    Milliseconds operation{20'000};
};

/// What became of a rank: nothing, how its group broke, or what else went wrong.
struct Outcome {
    std::optional<comm::GroupBroken::Why> broken;
    std::string text; ///< empty: all is well
};

/// Runs `work(world, groups)` as every rank; all of them hold their groups until the last is through.
template <typename Work>
std::vector<Outcome> runRanks(const Ranks& ranks, Work&& work)
{
    Town town(ranks.executors);
    std::vector<Outcome> outcomes(static_cast<std::size_t>(ranks.count));
    std::vector<comm::Groups> held(static_cast<std::size_t>(ranks.count));
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks.count; ++rank)
        threads.emplace_back([&, rank] {
            Outcome& outcome = outcomes[static_cast<std::size_t>(rank)];
            const comm::World world{.epoch = 7, .rank = rank, .size = ranks.count, .tensorRanks = ranks.tensorRanks};
            auto groups = comm::openGloo({.world = world,
                                          .address = {},
                                          .interface = {},
                                          .forming = ranks.forming,
                                          .operation = ranks.operation},
                                         town.of(rank));
            if (!groups) {
                outcome.text = groups.error().text();
                return;
            }
            comm::Groups& own = held[static_cast<std::size_t>(rank)];
            own = std::move(*groups);
            try {
                work(world, own);
            } catch (const comm::GroupBroken& broken) {
                outcome = {broken.why(), broken.what()};
            } catch (const std::exception& error) {
                outcome.text = error.what();
            }
        });
    threads.clear();
    return outcomes;
}

} // namespace argus::comm_test
