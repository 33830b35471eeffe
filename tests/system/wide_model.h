#pragma once
// A model that takes a while to fetch.

#include <filesystem>

namespace argus::tests {

/// The demo model with a MLP thirty times as wide, all zeros: it says nothing, but takes a while to fetch.
void writeWideModel(const std::filesystem::path& folder);

} // namespace argus::tests
