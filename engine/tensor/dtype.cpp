#include "engine/tensor/dtype.h"

namespace argus {

std::string_view nameOf(DType type)
{
    switch (type) {
    case DType::F32:
        return "F32";
    case DType::F16:
        return "F16";
    case DType::BF16:
        return "BF16";
    case DType::I32:
        return "I32";
    case DType::U8:
        return "U8";
    case DType::F64:
        return "F64";
    case DType::I64:
        return "I64";
    case DType::I16:
        return "I16";
    case DType::I8:
        return "I8";
    case DType::Bool:
        return "BOOL";
    }
    return "?";
}

std::uint16_t toBf16(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return static_cast<std::uint16_t>(bits >> 16 |
                                          0x0040u); // quiet: truncation alone could turn a NaN into infinity
    const std::uint32_t half = 0x7fffu + (bits >> 16 & 1u);
    return static_cast<std::uint16_t>((bits + half) >> 16);
}

float fromF16(std::uint16_t bits)
{
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t exponent = bits >> 10 & 0x1fu;
    const std::uint32_t fraction = bits & 0x3ffu;
    if (exponent == 0x1f)
        return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0)
        return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f; // zero and subnormals
    return sign ? -magnitude : magnitude;
}

std::uint16_t toF16(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
    if (magnitude >= 0x477ff000u) // 65520 and more round to infinity
        return static_cast<std::uint16_t>(sign | 0x7c00u);
    if (magnitude <
        0x38800000u) { // below 2^-14: adding 0.5 leaves a multiple of 2^-24 in the low bits, rounded to even
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

} // namespace argus
