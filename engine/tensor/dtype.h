#pragma once
// Element types, and the 16-bit floats on the host.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace argus {

enum class DType : std::uint8_t { F32, F16, BF16, I32, U8, F64, I64, I16, I8, Bool };

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t sizeOf(DType type)
{
    switch (type) {
    case DType::F64:
    case DType::I64:
        return 8;
    case DType::F32:
    case DType::I32:
        return 4;
    case DType::F16:
    case DType::BF16:
    case DType::I16:
        return 2;
    case DType::U8:
    case DType::I8:
    case DType::Bool:
        return 1;
    }
    return 0;
}
/// Its name in safetensors files: "BF16".
[[nodiscard]] std::string_view nameOf(DType type);

/// bfloat16 is the upper half of a float.
[[nodiscard]] constexpr float fromBf16(std::uint16_t bits)
{
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
/// Round to nearest, ties to even; NaN stays NaN.
[[nodiscard]] std::uint16_t toBf16(float value);
[[nodiscard]] float fromF16(std::uint16_t bits);
[[nodiscard]] std::uint16_t toF16(float value);

} // namespace argus
