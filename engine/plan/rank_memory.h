#pragma once
// What one rank takes of its device, as a function of the context, and what its device has. Pure.

#include "engine/base/said.h"
#include "engine/model/config.h"
#include "engine/model/footprint.h"
#include "engine/model/shard.h"
#include "engine/plan/device.h"
#include "engine/protocol/settings.pb.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace argus::plan {

/// A context below this answers nobody.
inline constexpr std::uint32_t kSmallestContext = 16;
/// Tokens of a block: a GPU's warp reads a whole block of keys with one table look-up.
inline constexpr std::uint32_t kCpuBlockTokens = 16;
inline constexpr std::uint32_t kGpuBlockTokens = 64;

/// "7.0 GiB", "340 MiB": rounded so that a person can compare.
[[nodiscard]] std::string bytesText(std::uint64_t bytes);

/// The memory of a device, and the part of it that may be filled.
struct Room {
    std::uint64_t whole = 0;         ///< what gpu_memory_utilization is a share of
    std::uint64_t free = 0;          ///< of it, what nobody uses
    std::uint64_t available = 0;     ///< of it, whatever the share
    std::uint64_t runtime = 0;       ///< of the share, by ourselves before anything is placed: CUDA's own
    std::uint64_t communication = 0; ///< likewise: the groups that the rank is in
    double share = 0;
    bool gpu = false;

    [[nodiscard]] std::uint64_t taken() const { return runtime + communication; }
    [[nodiscard]] std::uint64_t allowed() const;
    [[nodiscard]] std::uint64_t usable() const;
    /// "9.7 GiB may be used (gpu_memory_utilization 0.9 of 10.8 GiB, 10.6 GiB of which are free)"
    [[nodiscard]] Said said() const;
    /// The least share, in hundredths, under which `needed` bytes fit; above 1 or 0 when none does.
    [[nodiscard]] double shareFor(std::uint64_t needed) const;
};

/// `communication`: what the groups of its rank keep.
[[nodiscard]] Room roomOn(const Device& device, double share, std::uint64_t communication);

/// What a group of ranks keeps on each of its devices; `linked`: GPUs that NVLink joins.
[[nodiscard]] std::uint64_t groupBytes(bool gpus, bool linked);

/// Sizes of one model; remembers them, because a plan asks for the same ones many times.
class Footprints {
public:
    /// checkpointBytes: of all tensors as they are stored, which is how a CPU computes with them
    Footprints(const model::ModelConfig& model, std::uint64_t checkpointBytes)
        : m_model(model), m_checkpointBytes(checkpointBytes)
    {
    }

    [[nodiscard]] const model::ModelConfig& model() const { return m_model; }
    /// Of all weights, what a rank holds.
    [[nodiscard]] double shareOf(const model::Shard& shard);
    /// `settings` are settled, `patches` those of one pass of the vision tower on a GPU. Throws what operations throw.
    [[nodiscard]] model::Footprint of(const Device& device, const model::Shard& shard,
                                      const wire::EngineSettings& settings, std::int64_t patches,
                                      std::uint32_t context);

private:
    using Key = std::array<std::int64_t, 13>;
    struct Depth {
        int layers = 1;
        int blocks = 1; ///< of the vision tower
    };
    [[nodiscard]] model::Footprint onCpu(const model::Shard& shard, const wire::EngineSettings& settings,
                                         std::uint32_t context);
    [[nodiscard]] model::Footprint onGpu(const Gpu& gpu, const model::Shard& shard,
                                         const wire::EngineSettings& settings, std::int64_t patches,
                                         std::uint32_t context);
    [[nodiscard]] model::Footprint ofFew(const Depth& depth, const Gpu& gpu, const model::Shard& shard,
                                         const wire::EngineSettings& settings, std::int64_t patches,
                                         std::uint32_t context);

    const model::ModelConfig& m_model;
    std::uint64_t m_checkpointBytes = 0;
    std::map<Key, model::Footprint> m_known;
    std::map<std::array<int, 4>, double> m_shares;
};

/// The sizes of one rank under given settings. All that it is given outlives it.
class RankSizes {
public:
    RankSizes(Footprints& footprints, const Device& device, const model::Shard& shard,
              const wire::EngineSettings& settings, std::int64_t patches)
        : m_footprints(footprints), m_device(device), m_shard(shard), m_settings(settings), m_patches(patches)
    {
    }

    [[nodiscard]] std::uint32_t blockTokens() const { return m_device.gpu ? kGpuBlockTokens : kCpuBlockTokens; }
    [[nodiscard]] model::Footprint parts(std::uint32_t context) const
    {
        return m_footprints.of(m_device, m_shard, m_settings, m_patches, context);
    }
    [[nodiscard]] std::uint64_t blocksFor(std::uint32_t context) const
    {
        return (std::uint64_t{context} + blockTokens() - 1) / blockTokens();
    }
    /// All that one sequence of that context needs.
    [[nodiscard]] std::uint64_t total(std::uint32_t context) const;
    /// The largest context up to `most` whose total is within `bytes`; 0 when none is.
    [[nodiscard]] std::uint32_t largestContext(std::uint32_t most, std::uint64_t bytes) const;

private:
    Footprints& m_footprints;
    const Device& m_device;
    model::Shard m_shard;
    const wire::EngineSettings& m_settings;
    std::int64_t m_patches = 0;
};

/// Patches of one pass of the vision tower that are worth their memory on this rank: the rest holds the KV cache.
[[nodiscard]] std::int64_t passPatches(Footprints& footprints, const Device& device, const model::Shard& shard,
                                       const wire::EngineSettings& settings, std::uint64_t usable);
/// Of the smallest pass.
[[nodiscard]] std::int64_t smallestPassPatches();

} // namespace argus::plan
