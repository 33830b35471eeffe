#pragma once
// One rank among those that compute a model together: its part, and how it reaches the others.

#include "engine/comm/communicator.h"
#include "engine/model/shard.h"

namespace argus::model {

struct Rank {
    Shard shard;
    comm::Communicator* tensor = nullptr;   ///< of its stage; null: it is alone, or only measured
    comm::Communicator* pipeline = nullptr; ///< over the stages
};

} // namespace argus::model
