#pragma once
// What is in a model folder of this machine, found out on a thread of its own: reading every byte takes a while.

#include "engine/protocol/cluster.pb.h"

#include <atomic>
#include <functional>
#include <thread>

namespace argus::node {

/// One check at a time; a newer one ends the one before. Lives on one thread but for the reports.
class ModelCheck {
public:
    /// `report` is called on the thread of the check: progress twice a second (no files in it), then the outcome.
    explicit ModelCheck(std::function<void(wire::ModelReport)> report) : m_report(std::move(report)) {}
    ~ModelCheck() { cancel(); }
    ModelCheck(const ModelCheck&) = delete;
    ModelCheck& operator=(const ModelCheck&) = delete;

    void start(const wire::CheckModel& check);
    void cancel();

private:
    void work(const wire::CheckModel& check);

    std::function<void(wire::ModelReport)> m_report;
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

} // namespace argus::node
