#pragma once
// Where the ranks of an epoch leave what the others need to find them: addresses, ids. Carried by the head.

#include "engine/base/clock.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace argus::comm {

/// One of each executor, shared by its ranks; any thread. Bounded: keys up to 256 bytes, values up to 64 KiB, 4096 of
/// them.
class MeetingPoint {
public:
    /// Brings a key and its value to the meeting points of all other executors of the epoch.
    using Publish = std::function<void(const std::string& key, const std::string& value)>;
    explicit MeetingPoint(Publish publish) : m_publish(std::move(publish)) {}

    /// Leaves a value here and everywhere.
    void put(const std::string& key, const std::string& value);
    /// What came from another executor; the first value of a key stays.
    void arrived(const std::string& key, const std::string& value);
    /// Waits for a value. Throws GroupBroken at the deadline (naming the key) or after abort().
    [[nodiscard]] std::string get(const std::string& key, Deadline deadline);
    [[nodiscard]] bool has(const std::string& key);
    /// Everybody who waits, now or later, gets GroupBroken.
    void abort(const std::string& why);

private:
    Publish m_publish;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::map<std::string, std::string> m_values;
    std::optional<std::string> m_aborted;
};

} // namespace argus::comm
