#include "engine/comm/neighbours.h"

namespace argus::comm {

bool allAgree(const char* about, bool yes, const GroupPlace& place, MeetingPoint& meeting, Deadline forming)
{
    meeting.put(place.key(about, place.rank), yes ? "yes" : "no");
    bool all = true;
    for (int rank = 0; rank < place.size; ++rank)
        all = meeting.get(place.key(about, rank), forming) == "yes" && all;
    return all;
}

bool inOneExecutor(const GroupPlace& place, MeetingPoint& meeting, Deadline forming)
{
    meeting.put(place.key("executor", place.rank), meeting.executor());
    bool same = true;
    for (int rank = 0; rank < place.size; ++rank)
        same = meeting.get(place.key("executor", rank), forming) == meeting.executor() && same;
    return same;
}

} // namespace argus::comm
