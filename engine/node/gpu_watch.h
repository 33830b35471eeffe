#pragma once
// GPUs, read on a thread of their own: a driver that hangs holds up nobody else.

#include "engine/base/clock.h"
#include "engine/node/gpu_inventory.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace argus::node {

/// May be called from any thread; nothing waits longer than it says.
class GpuWatch {
public:
    using Open = std::function<std::optional<Nvml>()>;
    /// Nothing is loaded before find(). `open` is called on the thread of its own.
    explicit GpuWatch(Open open = loadNvml);
    /// stop() without patience.
    ~GpuWatch();
    GpuWatch(const GpuWatch&) = delete;
    GpuWatch& operator=(const GpuWatch&) = delete;

    /// What there is. Call it once. A driver that has not answered by the deadline is the facts' failure.
    [[nodiscard]] GpuFacts find(Deadline deadline);
    /// From now on the memory of these GPUs is read once a second.
    void follow(std::vector<std::uint32_t> indices);
    /// The process whose memory is told apart: the executor of the moment.
    void setProcess(pid_t process);
    /// The last reading of a GPU; nothing before the first.
    [[nodiscard]] std::optional<GpuMemory> latest(std::uint32_t index) const;
    /// Ends the thread. One that waits for the driver is left behind: it owns all that it touches.
    void stop(Deadline deadline);

private:
    struct State;
    std::shared_ptr<State> m_state;
};

} // namespace argus::node
