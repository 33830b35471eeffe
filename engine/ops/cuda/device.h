#pragma once
// One GPU as this process holds it: context, stream, the arena, pinned memory for uploads and fetches.

#include "engine/base/result.h"
#include "engine/ops/arena.h"
#include "engine/ops/cuda/open.h"
#include "engine/ops/cuda/status.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace argus::ops::cuda {

/// Lives on its rank's thread. Everything is given back in the destructor.
class Device {
public:
    [[nodiscard]] static Result<std::unique_ptr<Device>> open(const CudaSettings& settings);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    [[nodiscard]] cudaStream_t stream() const { return m_stream; }
    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] int processors() const { return m_processors; }
    [[nodiscard]] int capabilityMajor() const { return m_capability[0]; }
    [[nodiscard]] int capabilityMinor() const { return m_capability[1]; }
    [[nodiscard]] const Arena& arena() const { return m_arena; }

    /// A place in the arena, given back with the result. Throws OpsError when it is full.
    [[nodiscard]] std::shared_ptr<std::byte> take(std::uint64_t bytes);

    /// One half of the staging memory: bytes go into `host`, over the bus to `device`, and are worked on from there.
    struct Half {
        std::byte* host = nullptr;
        std::byte* device = nullptr;
        std::size_t bytes = 0;
    };
    /// The half that was used longest ago; waits until the device is done with it.
    [[nodiscard]] Half beginStaging();
    /// Everything enqueued so far that uses the half is before this.
    void endStaging();
    /// Pinned memory for a small upload; copied to `device` in the stream's order. bytes ≤ kSmallBytes.
    void uploadSmall(std::byte* device, const std::byte* host, std::size_t bytes);
    static constexpr std::size_t kSmallBytes = std::size_t{1} << 20;

private:
    static constexpr int kRings = 8; ///< small uploads that may be under way
    Device() = default;
    [[nodiscard]] Result<Done> choose(const CudaSettings& settings);
    [[nodiscard]] Result<Done> reserve(const CudaSettings& settings);

    int m_index = 0;
    std::string m_name;
    int m_processors = 0;
    std::array<int, 2> m_capability{};
    cudaStream_t m_stream = nullptr;
    std::byte* m_memory = nullptr;
    Arena m_arena{0};
    std::byte* m_pinned = nullptr; ///< two halves, then the rings
    std::shared_ptr<std::byte> m_staging;
    cudaEvent_t m_halfDone[2] = {};
    int m_half = 0;
    cudaEvent_t m_ringDone[kRings] = {};
    int m_ring = 0;
};

} // namespace argus::ops::cuda
