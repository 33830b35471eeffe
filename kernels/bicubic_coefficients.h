#pragma once
// The antialiased bicubic filter along one axis: which input positions make an output position, and their weights. The
// CPU and the GPU take their tables from here, so that both give the same bytes.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace argus::kernels {

/// Real is double for Pillow's arithmetic, float for PyTorch's. Compile without contraction into FMA: the order of
/// operations is part of the promise.
/// Source   design/qwen2_5_vl.md §6.4, §6.5
template <typename Real>
class BicubicAxis {
public:
    /// Input positions [first, first + count) of one output position.
    struct Window {
        int first = 0;
        int count = 0;
    };

    BicubicAxis(int in, int out)
        : m_in(in), m_scale(static_cast<Real>(in) / static_cast<Real>(out)), m_widening(std::max(m_scale, Real(1))),
          m_support(2 * m_widening), m_narrowing(1 / m_widening)
    {
    }

    /// No window is wider than this. A multiple of four, so that weights can be taken in pairs of pairs.
    [[nodiscard]] std::size_t mostWeights() const
    {
        return (static_cast<std::size_t>(std::ceil(m_support)) * 2 + 4) & ~std::size_t{3};
    }

    /// Writes the normalised weights of output position i.
    Window window(int i, Real* weights) const
    {
        const Real center = m_scale * (static_cast<Real>(i) + Real(0.5));
        const int first = std::max(0, static_cast<int>(center - m_support + Real(0.5)));
        const int count = std::min(m_in, static_cast<int>(center + m_support + Real(0.5))) - first;
        Real total = 0;
        for (int j = 0; j < count; ++j) {
            weights[j] = cubic((static_cast<Real>(j + first) - center + Real(0.5)) * m_narrowing);
            total += weights[j];
        }
        for (int j = 0; j < count && total != 0; ++j)
            weights[j] /= total;
        return {first, count};
    }

private:
    static Real cubic(Real x)
    {
        constexpr Real a = Real(-0.5);
        x = x < 0 ? -x : x;
        if (x < 1)
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        if (x < 2)
            return (((x - 5) * x + 8) * x - 4) * a;
        return 0;
    }

    int m_in;
    Real m_scale;
    Real m_widening; // the filter covers as many more input positions when a picture shrinks
    Real m_support;
    Real m_narrowing;
};

/// Pillow's precision for 8-bit channels.
constexpr int kBicubicBits = 22;

/// A weight in fixed point, rounded half away from zero.
[[nodiscard]] inline std::int32_t fixedBicubicWeight(double weight)
{
    return static_cast<std::int32_t>(weight * (1 << kBicubicBits) + (weight < 0 ? -0.5 : 0.5));
}

} // namespace argus::kernels
