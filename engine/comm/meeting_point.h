#pragma once
// Where the ranks of an epoch leave what the others need to find them: addresses, ids. Carried by the head.

#include "engine/base/clock.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace argus::comm {

/// One of each executor, shared by its ranks; any thread. Bounded: keys of 1 to 256 bytes, values up to 64 KiB, 4096 of
/// them.
class MeetingPoint {
public:
    /// Brings a key and its value to the meeting points of all other executors of the epoch.
    using Publish = std::function<void(const std::string& key, const std::string& value)>;
    explicit MeetingPoint(Publish publish);

    /// A name that no other executor has.
    [[nodiscard]] const std::string& executor() const { return m_executor; }

    /// Leaves a value here and everywhere. Throws OpsError when key or value are out of bounds or the key is taken,
    /// GroupBroken after abort().
    void put(const std::string& key, const std::string& value);
    /// What came from another executor; the first value of a key stays, and what is out of bounds is left out.
    void arrived(const std::string& key, const std::string& value);
    /// Waits for a value. Throws GroupBroken at the deadline (naming the key) or after abort().
    [[nodiscard]] std::string get(const std::string& key, Deadline deadline);
    [[nodiscard]] bool has(const std::string& key);
    /// Lets so much time pass. Throws GroupBroken after abort().
    void pause(Milliseconds time);
    /// Everybody who waits, now or later, gets GroupBroken.
    void abort(const std::string& why);

    /// Memory that ranks of this executor have in common: the object of that key and type, made by whoever asks first,
    /// gone with the last who holds it.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> shared(const std::string& key)
    {
        return std::static_pointer_cast<T>(sharedObject(key, [] { return std::make_shared<T>(); }));
    }

private:
    [[nodiscard]] std::shared_ptr<void> sharedObject(const std::string& key,
                                                     const std::function<std::shared_ptr<void>()>& make);

    Publish m_publish;
    std::string m_executor;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::map<std::string, std::string> m_values;
    std::map<std::string, std::weak_ptr<void>> m_shared;
    std::optional<std::string> m_aborted;
};

} // namespace argus::comm
