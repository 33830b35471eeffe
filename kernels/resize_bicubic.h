#pragma once
// Bicubic resize with antialiasing of interleaved 8-bit pictures: the two arithmetics the published processors use.

#include <cstddef>
#include <cstdint>
#include <functional>

namespace argus::kernels {

/// Shapes   in [inHeight, inWidth, channels], rows inStride bytes apart; out likewise, of outHeight and outWidth;
/// channels 1 or 3 Promises extents are positive; in and out do not overlap; reads and writes nothing beyond the rows
struct ResizeBicubic {
    const std::uint8_t* in = nullptr;
    std::uint8_t* out = nullptr;
    int inWidth = 0;
    int inHeight = 0;
    int outWidth = 0;
    int outHeight = 0;
    int channels = 3;
    std::size_t inStride = 0;
    std::size_t outStride = 0;
    /// For a picture that is never whole in memory, instead of `in`: called once for each row, in order. A row holds
    /// until the row after the next is asked for.
    std::function<const std::uint8_t*(int row)> rowAt = {};

    [[nodiscard]] const std::uint8_t* row(int y) const
    {
        return rowAt ? rowAt(y) : in + static_cast<std::size_t>(y) * inStride;
    }
};

/// As Pillow does it: horizontal pass, 8-bit rows between, vertical pass; weights are 22-bit fixed point. A pass whose
/// extent does not change is left out. Bit-exact on every processor. Three channels use vector instructions. Source
/// design/qwen2_5_vl.md §6.4
void resizeBicubicFixed(const ResizeBicubic& job);
/// The same by plain loops: what defines right, and what the fast one is measured against.
void resizeBicubicFixedPlain(const ResizeBicubic& job);

/// As PyTorch does it for float pictures: float weights and rows, nothing rounded between the passes; the result is
/// clamped to 0..255 and rounded half to even. Terms are added in order, so every processor gives the same bytes.
/// Source  design/qwen2_5_vl.md §6.5
void resizeBicubicFloat(const ResizeBicubic& job);

} // namespace argus::kernels
