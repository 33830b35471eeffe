#include "engine/comm/arithmetic.h"

#include <algorithm>
#include <cstring>

namespace argus::comm {

namespace {

/// Calls use(i, value) for every element, widened.
template <typename Use>
void forEachFloat(const std::byte* x, DType type, std::size_t count, Use&& use)
{
    if (type == DType::F32) {
        for (std::size_t i = 0; i < count; ++i) {
            float value = 0;
            std::memcpy(&value, x + 4 * i, 4);
            use(i, value);
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, x + 2 * i, 2);
        use(i, type == DType::F16 ? fromF16(bits) : fromBf16(bits));
    }
}

} // namespace

bool addable(DType type)
{
    return type == DType::F32 || type == DType::F16 || type == DType::BF16;
}

void widen(float* total, const std::byte* x, DType type, std::size_t count)
{
    forEachFloat(x, type, count, [total](std::size_t i, float value) { total[i] = value; });
}

void add(float* total, const std::byte* x, DType type, std::size_t count)
{
    forEachFloat(x, type, count, [total](std::size_t i, float value) { total[i] += value; });
}

void narrow(std::byte* y, DType type, const float* total, std::size_t count)
{
    if (count == 0)
        return; // the part of a rank that has nothing to add, in no memory
    if (type == DType::F32) {
        std::memcpy(y, total, 4 * count);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t bits = type == DType::F16 ? toF16(total[i]) : toBf16(total[i]);
        std::memcpy(y + 2 * i, &bits, 2);
    }
}

Range Range::part(int index, int parts) const
{
    const std::int64_t each = (end - begin + parts - 1) / parts;
    return {std::min(begin + index * each, end), std::min(begin + (index + 1) * each, end)};
}

void addFrom(float* total, ConstTensorView x, Range range)
{
    forEachRun(x, range.begin, range.end, [&](const std::byte* run, std::size_t position, std::size_t count) {
        add(total + position, run, x.dtype(), count);
    });
}

void write(TensorView result, bool accumulate, Range range, float* total)
{
    forEachRun(result, range.begin, range.end, [&](std::byte* to, std::size_t position, std::size_t count) {
        if (accumulate)
            add(total + position, to, result.dtype(), count);
        narrow(to, result.dtype(), total + position, count);
    });
}

void pack(std::byte* to, ConstTensorView from, Range range)
{
    const std::size_t size = sizeOf(from.dtype());
    forEachRun(from, range.begin, range.end, [&](const std::byte* run, std::size_t position, std::size_t count) {
        std::memcpy(to + position * size, run, count * size);
    });
}

void unpack(TensorView to, const std::byte* from, Range range)
{
    const std::size_t size = sizeOf(to.dtype());
    forEachRun(to, range.begin, range.end, [&](std::byte* run, std::size_t position, std::size_t count) {
        std::memcpy(run, from + position * size, count * size);
    });
}

} // namespace argus::comm
