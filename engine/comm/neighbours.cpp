#include "engine/comm/neighbours.h"

namespace argus::comm {

bool inOneExecutor(const GroupPlace& place, MeetingPoint& meeting, Deadline forming)
{
    meeting.put(place.key("executor", place.rank), meeting.executor());
    bool same = true;
    for (int rank = 0; rank < place.size; ++rank)
        same = meeting.get(place.key("executor", rank), forming) == meeting.executor() && same;
    return same;
}

} // namespace argus::comm
