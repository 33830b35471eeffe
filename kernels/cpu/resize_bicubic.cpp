#include "kernels/resize_bicubic.h"

#include "kernels/bicubic_coefficients.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/resize_bicubic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef ARGUS_RESIZE_SHARED
#define ARGUS_RESIZE_SHARED
namespace argus::kernels {
namespace {

constexpr int kBits = kBicubicBits;
constexpr int kLowBits = 12;       // a weight is high · 2^12 + low, both of which fit 16 bits
constexpr std::size_t kSlack = 64; // vector loads and stores may pass the end of a row by this much

/// The window of each output position along one axis. Weight j of position i stands at [i * stride + j]; unused ones
/// are zero.
template <typename Weight>
struct Axis {
    std::vector<int> first;
    std::vector<int> count;
    std::vector<Weight> weights;
    std::size_t stride = 0;
};

template <typename Real>
Axis<Real> makeAxis(int in, int out)
{
    const BicubicAxis<Real> filter(in, out);
    Axis<Real> axis;
    axis.stride = filter.mostWeights();
    axis.weights.assign(axis.stride * static_cast<std::size_t>(out), 0);
    for (int i = 0; i < out; ++i) {
        const auto window = filter.window(i, axis.weights.data() + axis.stride * static_cast<std::size_t>(i));
        axis.first.push_back(window.first);
        axis.count.push_back(window.count);
    }
    return axis;
}

Axis<std::int32_t> makeFixedAxis(int in, int out)
{
    const Axis<double> exact = makeAxis<double>(in, out);
    Axis<std::int32_t> axis{exact.first, exact.count, {}, exact.stride};
    axis.weights.reserve(exact.weights.size());
    for (const double w : exact.weights)
        axis.weights.push_back(fixedBicubicWeight(w));
    return axis;
}

std::uint8_t clampToByte(int v)
{
    return static_cast<std::uint8_t>(std::clamp(v, 0, 255));
}

void horizontalPlain(const std::uint8_t* in, std::uint8_t* out, const Axis<std::int32_t>& axis, int channels)
{
    for (std::size_t i = 0; i < axis.first.size(); ++i) {
        const std::int32_t* w = axis.weights.data() + i * axis.stride;
        for (int c = 0; c < channels; ++c) {
            std::int32_t sum = 1 << (kBits - 1);
            for (int j = 0; j < axis.count[i]; ++j)
                sum += in[(axis.first[i] + j) * channels + c] * w[j];
            out[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] = clampToByte(sum >> kBits);
        }
    }
}

void verticalPlain(const std::uint8_t* const* rows, std::uint8_t* out, const std::int32_t* w, int count,
                   std::size_t bytes)
{
    for (std::size_t x = 0; x < bytes; ++x) {
        std::int32_t sum = 1 << (kBits - 1);
        for (int j = 0; j < count; ++j)
            sum += rows[j][x] * w[j];
        out[x] = clampToByte(sum >> kBits);
    }
}

/// Runs both passes over a ring of horizontally resized rows, so that the rows between the passes stay in the cache.
///
/// `across(in row, out row, next in row, next out row)` resizes two rows, the second one null at the end of the
/// picture; `down(rows, out row, position)` makes one output row of the window's rows.
template <typename Cell, typename Across, typename Down, typename Weight>
void resizeRows(const ResizeBicubic& job, const Axis<Weight>& vertical, Across across, Down down)
{
    const std::size_t rowCells =
        static_cast<std::size_t>(job.outWidth) * static_cast<std::size_t>(job.channels) + kSlack;
    const std::size_t depth = vertical.stride + 1; // the largest window and one row ahead
    std::vector<Cell> ring(depth * rowCells);
    std::vector<const Cell*> window(depth);
    const auto slot = [&](int row) { return ring.data() + static_cast<std::size_t>(row) % depth * rowCells; };
    int ready = 0; // input rows resized so far
    for (int y = 0; y < job.outHeight; ++y) {
        const int first = vertical.first[static_cast<std::size_t>(y)];
        const int count = vertical.count[static_cast<std::size_t>(y)];
        for (ready = std::max(ready, first); ready < first + count; ready += 2) {
            const bool alone = ready + 1 >= job.inHeight;
            const std::uint8_t* in = job.row(ready);
            across(in, slot(ready), alone ? nullptr : job.row(ready + 1), alone ? nullptr : slot(ready + 1));
        }
        for (int j = 0; j < count; ++j)
            window[static_cast<std::size_t>(j)] = slot(first + j);
        down(window.data(), job.out + static_cast<std::size_t>(y) * job.outStride, static_cast<std::size_t>(y));
    }
}

/// Two rows by a function of one.
template <typename Cell, typename One>
auto oneByOne(One one)
{
    return [one](const std::uint8_t* in, Cell* out, const std::uint8_t* nextIn, Cell* nextOut) {
        one(in, out);
        if (nextIn != nullptr)
            one(nextIn, nextOut);
    };
}

void copyRows(const ResizeBicubic& job)
{
    const std::size_t bytes = static_cast<std::size_t>(job.inWidth) * static_cast<std::size_t>(job.channels);
    for (int y = 0; y < job.inHeight; ++y)
        std::memcpy(job.out + static_cast<std::size_t>(y) * job.outStride, job.row(y), bytes);
}

/// A vertical axis that hands each row through, for jobs whose height does not change.
template <typename Weight>
Axis<Weight> straight(int rows)
{
    Axis<Weight> axis{{}, std::vector<int>(static_cast<std::size_t>(rows), 1), {}, 2};
    for (int i = 0; i < rows; ++i)
        axis.first.push_back(i);
    return axis;
}

void fixedPlain(const ResizeBicubic& job)
{
    const auto across = makeFixedAxis(job.inWidth, job.outWidth);
    const bool sameHeight = job.inHeight == job.outHeight;
    const auto down = sameHeight ? straight<std::int32_t>(job.inHeight) : makeFixedAxis(job.inHeight, job.outHeight);
    const std::size_t outBytes = static_cast<std::size_t>(job.outWidth) * static_cast<std::size_t>(job.channels);
    resizeRows<std::uint8_t>(job, down, oneByOne<std::uint8_t>([&](const std::uint8_t* in, std::uint8_t* out) {
                                 if (job.inWidth == job.outWidth)
                                     std::memcpy(out, in, outBytes);
                                 else
                                     horizontalPlain(in, out, across, job.channels);
                             }),
                             [&](const std::uint8_t* const* rows, std::uint8_t* out, std::size_t y) {
                                 if (sameHeight)
                                     std::memcpy(out, rows[0], outBytes);
                                 else
                                     verticalPlain(rows, out, down.weights.data() + y * down.stride, down.count[y],
                                                   outBytes);
                             });
}

void horizontalFloatPlain(const std::uint8_t* in, float* out, const Axis<float>& axis, int channels)
{
    for (std::size_t i = 0; i < axis.first.size(); ++i) {
        const float* w = axis.weights.data() + i * axis.stride;
        for (int c = 0; c < channels; ++c) {
            float sum = 0;
            for (int j = 0; j < axis.count[i]; ++j)
                sum += static_cast<float>(in[(axis.first[i] + j) * channels + c]) * w[j];
            out[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] = sum;
        }
    }
}

void verticalFloatPlain(const float* const* rows, std::uint8_t* out, const float* w, int count, std::size_t bytes)
{
    for (std::size_t x = 0; x < bytes; ++x) {
        float sum = 0;
        for (int j = 0; j < count; ++j)
            sum += rows[j][x] * w[j];
        out[x] = static_cast<std::uint8_t>(std::nearbyint(std::clamp(sum, 0.0F, 255.0F)));
    }
}

Axis<float> makeFloatAxis(int in, int out)
{
    if (in != out)
        return makeAxis<float>(in, out);
    Axis<float> axis = straight<float>(in);
    axis.weights.assign(static_cast<std::size_t>(in) * axis.stride, 1.0F);
    return axis;
}

void floatPlain(const ResizeBicubic& job)
{
    const auto across = makeFloatAxis(job.inWidth, job.outWidth);
    const auto down = makeFloatAxis(job.inHeight, job.outHeight);
    const std::size_t outBytes = static_cast<std::size_t>(job.outWidth) * static_cast<std::size_t>(job.channels);
    resizeRows<float>(job, down, oneByOne<float>([&](const std::uint8_t* in, float* out) {
                          horizontalFloatPlain(in, out, across, job.channels);
                      }),
                      [&](const float* const* rows, std::uint8_t* out, std::size_t y) {
                          verticalFloatPlain(rows, out, down.weights.data() + y * down.stride, down.count[y], outBytes);
                      });
}

/// A weight pair for one multiply-add of 16-bit pairs: high halves, then low halves.
struct SplitWeights {
    std::vector<std::int32_t> high;
    std::vector<std::int32_t> low;
    std::size_t stride = 0; // pairs a position
};

SplitWeights split(const Axis<std::int32_t>& axis)
{
    SplitWeights result{{}, {}, axis.stride / 2};
    const auto pair = [](std::int32_t a, std::int32_t b) {
        return static_cast<std::int32_t>((static_cast<std::uint32_t>(a) & 0xFFFFU) | static_cast<std::uint32_t>(b)
                                                                                         << 16);
    };
    constexpr std::int32_t mask = (1 << kLowBits) - 1;
    for (std::size_t j = 0; j < axis.weights.size(); j += 2) {
        const std::int32_t a = axis.weights[j];
        const std::int32_t b = axis.weights[j + 1];
        result.high.push_back(pair(a >> kLowBits, b >> kLowBits));
        result.low.push_back(pair(a & mask, b & mask));
    }
    return result;
}

} // namespace
} // namespace argus::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR
void resizeFixed(const ResizeBicubic& job)
{
    fixedPlain(job);
}
void resizeFloat(const ResizeBicubic& job)
{
    floatPlain(job);
}
#else
namespace {
namespace hn = hwy::HWY_NAMESPACE;

/// a0·b0 + a1·b1 of each pair of 16-bit lanes.
template <class D32, class V16>
HWY_INLINE hn::Vec<D32> addPairs(D32 d32, hn::Vec<D32> sum, V16 a, V16 b)
{
    auto other = hn::Zero(d32);
    const auto products = hn::ReorderWidenMulAccumulate(d32, a, b, hn::Zero(d32), other);
    return hn::Add(sum, hn::RearrangeToOddPlusEven(products, other));
}

/// Two rows of three channels at once, one in each block of 128 bits (the first twice where vectors have a single
/// block). The rows may be read kSlack bytes past their end, and written as far past it.
class AcrossFixed {
public:
    AcrossFixed(const Axis<std::int32_t>& axis, const SplitWeights& weights) : m_axis(axis), m_weights(weights) {}

    void operator()(const std::uint8_t* in, std::uint8_t* out, const std::uint8_t* nextIn, std::uint8_t* nextOut) const
    {
#if HWY_MAX_BYTES >= 32
        rows(in, out, nextIn, nextOut);
#else
        rows(in, out, nullptr, nullptr);
        if (nextIn != nullptr)
            rows(nextIn, nextOut, nullptr, nullptr);
#endif
    }

private:
#if HWY_MAX_BYTES >= 32
    static constexpr std::size_t kBlocks = 2;
#else
    static constexpr std::size_t kBlocks = 1;
#endif
    using D8 = hn::FixedTag<std::uint8_t, 16 * kBlocks>;
    using D16 = hn::FixedTag<std::int16_t, 8 * kBlocks>;
    using D32 = hn::FixedTag<std::int32_t, 4 * kBlocks>;
    using Block = hn::FixedTag<std::uint8_t, 16>;
    using V32 = hn::Vec<D32>;

    static HWY_INLINE hn::Vec<D8> load(const std::uint8_t* pixel, [[maybe_unused]] const std::uint8_t* nextPixel)
    {
#if HWY_MAX_BYTES >= 32
        return hn::Combine(D8(), hn::LoadU(Block(), nextPixel), hn::LoadU(Block(), pixel));
#else
        return hn::LoadU(D8(), pixel);
#endif
    }

    static HWY_INLINE void store(hn::Vec<D8> pixels, std::uint8_t* out, [[maybe_unused]] std::uint8_t* nextOut)
    {
#if HWY_MAX_BYTES >= 32
        hn::StoreU(hn::LowerHalf(Block(), pixels), Block(), out);
        if (nextOut != nullptr)
            hn::StoreU(hn::UpperHalf(Block(), pixels), Block(), nextOut);
#else
        hn::StoreU(pixels, D8(), out);
#endif
    }

    void rows(const std::uint8_t* in, std::uint8_t* out, const std::uint8_t* nextIn, std::uint8_t* nextOut) const
    {
        const std::size_t count = m_axis.first.size();
        for (std::size_t i = 0; i < count; i += 4) {
            const auto at = [&](std::size_t k) { return position(in, nextIn, std::min(i + k, count - 1)); };
            // Bytes of four pixels side by side in the lane of their channel: r0 r1 r2 r3, g0 ..., b0 ..., nothing.
            const auto channels = hn::Or(hn::Or(at(0), hn::ShiftLeft<8>(at(1))),
                                         hn::Or(hn::ShiftLeft<16>(at(2)), hn::ShiftLeft<24>(at(3))));
            alignas(16) static constexpr std::uint8_t kOrder[16] = {0,  4, 8, 1,  5,  9,  2,  6,
                                                                    10, 3, 7, 11, 12, 13, 14, 15};
            const auto pixels = hn::TableLookupBytes(hn::BitCast(D8(), channels), hn::LoadDup128(D8(), kOrder));
            store(pixels, out + i * 3, nextOut != nullptr ? nextOut + i * 3 : nullptr);
        }
    }

    /// One output position of both rows, clamped to 0..255, a channel a lane.
    HWY_INLINE V32 position(const std::uint8_t* in, const std::uint8_t* nextIn, std::size_t i) const
    {
        // Two pixels r g b r g b as 16-bit pairs (r r)(g g)(b b)(0 0).
        alignas(16) static constexpr std::uint8_t kFirst[16] = {0, 128, 3, 128, 1,   128, 4,   128,
                                                                2, 128, 5, 128, 128, 128, 128, 128};
        alignas(16) static constexpr std::uint8_t kSecond[16] = {6, 128, 9,  128, 7,   128, 10,  128,
                                                                 8, 128, 11, 128, 128, 128, 128, 128};
        const auto first = hn::LoadDup128(D8(), kFirst);
        const auto second = hn::LoadDup128(D8(), kSecond);
        const std::ptrdiff_t start = m_axis.first[i] * 3;
        const std::uint8_t* pixel = in + start;
        const std::uint8_t* nextPixel = (nextIn != nullptr ? nextIn : in) + start;
        const std::int32_t* high = m_weights.high.data() + i * m_weights.stride;
        const std::int32_t* low = m_weights.low.data() + i * m_weights.stride;
        auto sumHigh = hn::Zero(D32());
        auto sumLow = hn::Set(D32(), 1 << (kBits - 1));
        const int pairs = (m_axis.count[i] + 1) / 2;
        for (int p = 0; p < pairs; p += 2, pixel += 12, nextPixel += 12) {
            const auto bytes = load(pixel, nextPixel);
            const auto a = hn::BitCast(D16(), hn::TableLookupBytesOr0(bytes, first));
            const auto b = hn::BitCast(D16(), hn::TableLookupBytesOr0(bytes, second));
            sumHigh = addPairs(D32(), sumHigh, a, hn::BitCast(D16(), hn::Set(D32(), high[p])));
            sumLow = addPairs(D32(), sumLow, a, hn::BitCast(D16(), hn::Set(D32(), low[p])));
            sumHigh = addPairs(D32(), sumHigh, b, hn::BitCast(D16(), hn::Set(D32(), high[p + 1])));
            sumLow = addPairs(D32(), sumLow, b, hn::BitCast(D16(), hn::Set(D32(), low[p + 1])));
        }
        const auto sum = hn::ShiftRight<kBits>(hn::Add(hn::ShiftLeft<kLowBits>(sumHigh), sumLow));
        return hn::Min(hn::Max(sum, hn::Zero(D32())), hn::Set(D32(), 255));
    }

    const Axis<std::int32_t>& m_axis;
    const SplitWeights& m_weights;
};

/// Output row of `bytes` bytes; reads rows in whole vectors (they have slack), writes exactly.
void downFixed(const std::uint8_t* const* rows, std::uint8_t* HWY_RESTRICT out, const std::int32_t* high,
               const std::int32_t* low, int count, std::size_t bytes)
{
    const hn::ScalableTag<std::int16_t> d16;
    const hn::Rebind<std::uint8_t, decltype(d16)> d8;
    const hn::RepartitionToWide<decltype(d16)> d32;
    const std::size_t step = hn::Lanes(d16);
    const auto half = hn::Set(d32, 1 << (kBits - 1));
    const int pairs = (count + 1) / 2;
    alignas(64) std::uint8_t tail[HWY_MAX_BYTES];
    for (std::size_t x = 0; x < bytes; x += step) {
        auto highA = hn::Zero(d32);
        auto highB = hn::Zero(d32);
        auto lowA = half;
        auto lowB = half;
        for (int p = 0; p < pairs; ++p) {
            const auto upper = hn::PromoteTo(d16, hn::LoadU(d8, rows[2 * p] + x));
            const auto lower = hn::PromoteTo(d16, hn::LoadU(d8, rows[std::min(2 * p + 1, count - 1)] + x));
            const auto a = hn::InterleaveLower(d16, upper, lower);
            const auto b = hn::InterleaveUpper(d16, upper, lower);
            const auto h = hn::BitCast(d16, hn::Set(d32, high[p]));
            const auto l = hn::BitCast(d16, hn::Set(d32, low[p]));
            highA = addPairs(d32, highA, a, h);
            highB = addPairs(d32, highB, b, h);
            lowA = addPairs(d32, lowA, a, l);
            lowB = addPairs(d32, lowB, b, l);
        }
        const auto sumA = hn::ShiftRight<kBits>(hn::Add(hn::ShiftLeft<kLowBits>(highA), lowA));
        const auto sumB = hn::ShiftRight<kBits>(hn::Add(hn::ShiftLeft<kLowBits>(highB), lowB));
        // Interleaving and narrowing both work within blocks of 128 bits, so the order is restored.
        const auto result = hn::DemoteTo(d8, hn::ReorderDemote2To(d16, sumA, sumB));
        if (x + step <= bytes) {
            hn::StoreU(result, d8, out + x);
        } else {
            hn::StoreU(result, d8, tail);
            std::memcpy(out + x, tail, bytes - x);
        }
    }
}

void acrossFloat(const std::uint8_t* HWY_RESTRICT in, float* HWY_RESTRICT out, const Axis<float>& axis)
{
    const hn::CappedTag<float, 4> df;
    const hn::RebindToSigned<decltype(df)> d32;
    const hn::Rebind<std::uint8_t, decltype(df)> d8;
    for (std::size_t i = 0; i < axis.first.size(); ++i) {
        const float* w = axis.weights.data() + i * axis.stride;
        auto sum = hn::Zero(df);
        for (int j = 0; j < axis.count[i]; ++j) {
            const auto pixel = hn::ConvertTo(df, hn::PromoteTo(d32, hn::LoadU(d8, in + (axis.first[i] + j) * 3)));
            sum = hn::Add(sum, hn::Mul(pixel, hn::Set(df, w[j])));
        }
        hn::StoreU(sum, df, out + i * 3);
    }
}

void downFloat(const float* const* rows, std::uint8_t* HWY_RESTRICT out, const float* w, int count, std::size_t bytes)
{
    const hn::ScalableTag<float> df;
    const hn::Rebind<std::uint8_t, decltype(df)> d8;
    const std::size_t step = hn::Lanes(df);
    alignas(64) std::uint8_t tail[HWY_MAX_BYTES];
    for (std::size_t x = 0; x < bytes; x += step) {
        auto sum = hn::Zero(df);
        for (int j = 0; j < count; ++j)
            sum = hn::Add(sum, hn::Mul(hn::LoadU(df, rows[j] + x), hn::Set(df, w[j])));
        const auto clamped = hn::Min(hn::Max(sum, hn::Zero(df)), hn::Set(df, 255.0F));
        const auto result = hn::DemoteTo(d8, hn::NearestInt(clamped));
        if (x + step <= bytes) {
            hn::StoreU(result, d8, out + x);
        } else {
            hn::StoreU(result, d8, tail);
            std::memcpy(out + x, tail, bytes - x);
        }
    }
}

} // namespace

/// Each row is copied to where reading past its end is allowed; it stays in the first cache.
void resizeFixed(const ResizeBicubic& job)
{
    const auto across = makeFixedAxis(job.inWidth, job.outWidth);
    const auto acrossWeights = split(across);
    const bool sameHeight = job.inHeight == job.outHeight;
    const auto down = sameHeight ? straight<std::int32_t>(job.inHeight) : makeFixedAxis(job.inHeight, job.outHeight);
    const auto downWeights = split(down);
    const std::size_t inBytes = static_cast<std::size_t>(job.inWidth) * 3;
    const std::size_t outBytes = static_cast<std::size_t>(job.outWidth) * 3;
    std::vector<std::uint8_t> padded(inBytes + kSlack);
    std::vector<std::uint8_t> nextPadded(inBytes + kSlack);
    const AcrossFixed acrossRows(across, acrossWeights);
    resizeRows<std::uint8_t>(
        job, down,
        [&](const std::uint8_t* in, std::uint8_t* out, const std::uint8_t* nextIn, std::uint8_t* nextOut) {
            if (job.inWidth == job.outWidth) {
                std::memcpy(out, in, outBytes);
                if (nextIn != nullptr)
                    std::memcpy(nextOut, nextIn, outBytes);
                return;
            }
            std::memcpy(padded.data(), in, inBytes);
            if (nextIn != nullptr)
                std::memcpy(nextPadded.data(), nextIn, inBytes);
            acrossRows(padded.data(), out, nextIn != nullptr ? nextPadded.data() : nullptr, nextOut);
        },
        [&](const std::uint8_t* const* rows, std::uint8_t* out, std::size_t y) {
            if (sameHeight)
                std::memcpy(out, rows[0], outBytes);
            else
                downFixed(rows, out, downWeights.high.data() + y * downWeights.stride,
                          downWeights.low.data() + y * downWeights.stride, down.count[y], outBytes);
        });
}

void resizeFloat(const ResizeBicubic& job)
{
    const auto across = makeFloatAxis(job.inWidth, job.outWidth);
    const bool sameWidth = job.inWidth == job.outWidth;
    const auto down = makeFloatAxis(job.inHeight, job.outHeight);
    const std::size_t inBytes = static_cast<std::size_t>(job.inWidth) * 3;
    const std::size_t outBytes = static_cast<std::size_t>(job.outWidth) * 3;
    std::vector<std::uint8_t> padded(inBytes + kSlack);
    resizeRows<float>(job, down, oneByOne<float>([&](const std::uint8_t* in, float* out) {
                          if (sameWidth) {
                              std::copy_n(in, outBytes, out);
                              return;
                          }
                          std::memcpy(padded.data(), in, inBytes);
                          acrossFloat(padded.data(), out, across);
                      }),
                      [&](const float* const* rows, std::uint8_t* out, std::size_t y) {
                          downFloat(rows, out, down.weights.data() + y * down.stride, down.count[y], outBytes);
                      });
}

#endif
} // namespace argus::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels {

namespace {

// Chosen here and not by HWY_DYNAMIC_DISPATCH, which lives in libhwy: that library measures the clock for about ten
// milliseconds when it is loaded, and a decoder process lives for thirty.

/// What Highway's AVX2 stands for; every processor with these has F16C and LZCNT, which clang cannot be asked for.
[[maybe_unused]] bool hasAvx2()
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}

/// What Highway's AVX3 stands for.
[[maybe_unused]] bool hasAvx512()
{
    return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

void resizeFixed(const ResizeBicubic& job)
{
#if HWY_TARGETS & HWY_AVX3
    if (hasAvx512())
        return N_AVX3::resizeFixed(job);
#endif
#if HWY_TARGETS & HWY_AVX2
    if (hasAvx2())
        return N_AVX2::resizeFixed(job);
#endif
    return HWY_STATIC_DISPATCH(resizeFixed)(job);
}

void resizeFloat(const ResizeBicubic& job)
{
#if HWY_TARGETS & HWY_AVX3
    if (hasAvx512())
        return N_AVX3::resizeFloat(job);
#endif
#if HWY_TARGETS & HWY_AVX2
    if (hasAvx2())
        return N_AVX2::resizeFloat(job);
#endif
    return HWY_STATIC_DISPATCH(resizeFloat)(job);
}

} // namespace

void resizeBicubicFixedPlain(const ResizeBicubic& job)
{
    fixedPlain(job);
}

void resizeBicubicFixed(const ResizeBicubic& job)
{
    if (job.inWidth == job.outWidth && job.inHeight == job.outHeight)
        copyRows(job);
    else if (job.channels == 3)
        resizeFixed(job);
    else
        resizeBicubicFixedPlain(job);
}

void resizeBicubicFloat(const ResizeBicubic& job)
{
    if (job.inWidth == job.outWidth && job.inHeight == job.outHeight)
        copyRows(job);
    else if (job.channels == 3)
        resizeFloat(job);
    else
        floatPlain(job);
}

} // namespace argus::kernels
#endif
