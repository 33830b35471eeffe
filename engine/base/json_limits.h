#pragma once
// JSON of files that may be hostile: bounds on size, nesting and number of values; no key twice; errors that say where.

#include "engine/base/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace argus {

struct JsonLimits {
    std::size_t bytes = std::size_t{1} << 20; ///< of text
    std::size_t depth = 32;                   ///< arrays and objects inside one another
    std::size_t values = 100'000;             ///< of any kind, containers included
};

/// The document, parsed without recursion. `name` (a file) opens every message; the position of the fault, in bytes,
/// stands in it too.
///
/// Errors  Corrupt: not JSON, invalid UTF-8, a key twice in one object, text after the document, nested too deeply, too
/// many values;
///         TooLarge: more text than `limits.bytes`
[[nodiscard]] Result<nlohmann::json> parseJson(std::string_view text, const std::string& name,
                                               const JsonLimits& limits);

} // namespace argus
