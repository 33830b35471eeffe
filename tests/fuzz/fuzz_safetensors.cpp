// Any bytes as a safetensors file: an error or tensors that lie inside the file; never more.

#include "engine/tensor/safetensors.h"

#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto file = argus::SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
    if (!file)
        return file.error().cause.empty() ? (std::abort(), 0) : 0;
    unsigned sum = 0;
    for (const auto& [name, entry] : (*file)->entries()) {
        const auto view = (*file)->tensor(name);
        if (!view || view->shape().elements() * static_cast<std::int64_t>(argus::sizeOf(view->dtype())) !=
                         static_cast<std::int64_t>(entry.bytes))
            std::abort();
        for (std::size_t i = 0; i < entry.bytes; ++i)
            sum += std::to_integer<unsigned>(view->bytes()[i]); // every byte is ours to read
    }
    return sum == 1 ? -1 : 0;
}
