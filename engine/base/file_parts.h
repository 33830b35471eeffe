#pragma once
// A file that is not whole: it has its size and its name, but only some bytes of it are there, and FILE.argus-parts
// beside it says which. What is not there reads as zeros, so whoever reads such a file looks there first.

#include "engine/base/byte_ranges.h"
#include "engine/base/result.h"
#include "engine/base/sha256.h"

#include <filesystem>
#include <optional>

namespace argus {

struct FileParts {
    Sha256 identity; ///< of the whole file, as its owner names it
    std::uint64_t size = 0;
    ByteRanges there;

    [[nodiscard]] bool whole() const { return there.bytes() == size; }
};

/// FILE.argus-parts
[[nodiscard]] std::filesystem::path partsFileOf(const std::filesystem::path& file);
/// None: there is no such file, so the file is whole. Errors: Corrupt, Io.
[[nodiscard]] Result<std::optional<FileParts>> readParts(const std::filesystem::path& file);
/// Replaces FILE.argus-parts whole or not at all. Written before FILE has its name, and after bytes have come.
[[nodiscard]] Result<Done> writeParts(const std::filesystem::path& file, const FileParts& parts);

} // namespace argus
