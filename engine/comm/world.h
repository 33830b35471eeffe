#pragma once
// The ranks of one epoch, and which of them belong together.

#include <cstdint>
#include <string>

namespace argus::comm {

/// Where one rank stands: rank = stage · tensorRanks + tensorRank.
struct World {
    std::uint64_t epoch = 0;
    int rank = 0;
    int size = 1;
    int tensorRanks = 1; ///< of a stage; divides size

    [[nodiscard]] int tensorRank() const { return rank % tensorRanks; }
    [[nodiscard]] int stage() const { return rank / tensorRanks; }
    [[nodiscard]] int stages() const { return size / tensorRanks; }
    [[nodiscard]] bool valid() const
    {
        return tensorRanks > 0 && size > 0 && size % tensorRanks == 0 && rank >= 0 && rank < size;
    }
};

/// One group as its ranks name it at the meeting point.
struct GroupPlace {
    std::string name; ///< "7/tensor0": the same for all of the group's ranks and for nobody else
    int rank = 0;
    int size = 1;

    [[nodiscard]] std::string key(const std::string& what, int ofRank) const
    {
        return name + "/" + what + "/" + std::to_string(ofRank);
    }
};

[[nodiscard]] inline GroupPlace tensorGroup(const World& world)
{
    return {std::to_string(world.epoch) + "/tensor" + std::to_string(world.stage()), world.tensorRank(),
            world.tensorRanks};
}
[[nodiscard]] inline GroupPlace pipelineGroup(const World& world)
{
    return {std::to_string(world.epoch) + "/pipeline" + std::to_string(world.tensorRank()), world.stage(),
            world.stages()};
}

} // namespace argus::comm
