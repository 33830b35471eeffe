#pragma once
// What every kernel's header mentions: how weights are stored. Activations are float on the CPU.

#include <cstdint>

namespace argus::kernels {

/// Element type of stored weights.
enum class Format : std::uint8_t { F32, F16, BF16 };

/// Bytes of one stored weight.
[[nodiscard]] constexpr int bytesOf(Format format)
{
    return format == Format::F32 ? 4 : 2;
}

} // namespace argus::kernels
