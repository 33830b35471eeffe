#include "engine/comm/arithmetic.h"

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
    if (type == DType::F32) {
        std::memcpy(y, total, 4 * count);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t bits = type == DType::F16 ? toF16(total[i]) : toBf16(total[i]);
        std::memcpy(y + 2 * i, &bits, 2);
    }
}

} // namespace argus::comm
