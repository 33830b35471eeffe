#pragma once
// How weights lie on a GPU and what the device itself takes there: sums that the plan computes without a GPU and
// CudaOps keeps to. No CUDA header.

#include "engine/ops/ops.h"

#include <cstdint>
#include <span>

namespace argus::ops {

/// Device memory that CudaOps takes for itself before any tensor: staging for uploads, cuBLASLt's and the kernels'
/// workspaces, the scratch that packed weights are widened into.
constexpr std::uint64_t kStagingBytes = std::uint64_t{2} << 24;  ///< two halves that take turns
constexpr std::uint64_t kProductBytes = std::uint64_t{32} << 20; ///< what cuBLASLt asks for on sm_90
constexpr std::uint64_t kKernelBytes = std::uint64_t{38} << 20;  ///< split attention, split products, sampling
// Kernels leave counters at zero for their next launch, so each family has a part of kKernelBytes to itself: attention
// from the beginning, products and sampling from here on.
constexpr std::uint64_t kProductPlace = std::uint64_t{16} << 20;
constexpr std::uint64_t kSamplingPlace = std::uint64_t{24} << 20;
constexpr std::uint64_t kSamplingBytes = kKernelBytes - kSamplingPlace - 256; ///< behind it the loader counts overflows
constexpr int kMostSequences = 256; ///< of a step, as max_num_seqs allows: what those parts are large enough for
constexpr std::uint64_t kWidenedBytes = std::uint64_t{64} << 20; ///< AWQ only

/// The pieces of a product on the device, each beginning at a multiple of Arena::kAlignment.
struct ProductLayout {
    bool packed = false;
    std::int64_t rows = 0; ///< of the matrix: all outputs; twice those of a gated product
    std::int64_t inputs = 0;
    std::uint64_t weight = 0;   ///< bytes; of the codes when packed
    std::uint64_t scales = 0;   ///< packed only; zeros take the same
    std::uint64_t bias = 0;     ///< of the compute type; 0: no part has one
    std::uint64_t wideBias = 0; ///< the same numbers as float32, for results that are added to a float32 stream
};
[[nodiscard]] ProductLayout productLayout(std::span<const StoredLinear> parts, DType compute);

} // namespace argus::ops
