#pragma once
// The ways through kernels/cuda/attention.h; attention.cu chooses. All of them launch and return the launch's status.

#include "kernels/cuda/attention.h"

namespace argus::kernels::cuda::attention {

/// What decode needs of the workspace, on any device with `processors` multiprocessors.
[[nodiscard]] std::size_t decodeWorkspace(int heads, int kvHeads, int processors);

/// The slices of one row; all others are passed over.
[[nodiscard]] Status decodePaged(const PagedAttention& work, Stream stream);

/// decodePaged() where no slice has more than one row, for few and short sequences.
[[nodiscard]] bool takesShort(const PagedAttention& work);
[[nodiscard]] Status decodeShort(const PagedAttention& work, Stream stream);
/// See pagedAttentionReach().
[[nodiscard]] int shortReach(int sequences, int longest, int most);

/// The slices of `fewestRows` rows or more; all others are passed over.
[[nodiscard]] Status prefillPaged(const PagedAttention& work, int fewestRows, Stream stream);
/// The same where hasWarpgroupProducts(); prefillPaged() goes this way there.
[[nodiscard]] Status prefillPagedSm90(const PagedAttention& work, int fewestRows, Stream stream);

/// Segments of 16-bit elements.
[[nodiscard]] Status attendSegments(const SegmentAttention& work, Stream stream);
/// The same where hasWarpgroupProducts(); attendSegments() goes this way there unless all of them are short.
[[nodiscard]] Status attendLongSegmentsSm90(const SegmentAttention& work, Stream stream);

/// Whether this device is of compute capability 9.0 and runs code that was compiled for it in particular (sm_90a).
[[nodiscard]] bool hasWarpgroupProducts();

/// F32.
[[nodiscard]] Status attendPagedPlainly(const PagedAttention& work, Stream stream);
[[nodiscard]] Status attendSegmentsPlainly(const SegmentAttention& work, Stream stream);

} // namespace argus::kernels::cuda::attention
