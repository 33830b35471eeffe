#pragma once
// Engine settings in the words of people: names, help, values, fixes, titles of problems. The engine's own table is in
// English and out of sight of gui/.

#include "gui/link/engine_facts.h"

namespace argus::gui {

/// "Tensor parallel" of "tensor_parallel_size"; of what is not edited here the name itself.
[[nodiscard]] QString settingLabel(const QString& setting);
/// One sentence; empty for what is not edited here.
[[nodiscard]] QString settingHelp(const QString& setting);
/// A value as a sentence about a change shows it: "automatic", "2", "the demo model".
[[nodiscard]] QString settingValue(const EngineSettings& settings, const QString& setting);
/// What the button of a fix says: "Set tensor parallel to 4".
[[nodiscard]] QString fixText(const Fix& fix);
/// The same as a settings file has it, in every language: "tensor_parallel_size = 4", "gpu-b: devices = 0,1".
[[nodiscard]] QString fixSetting(const Fix& fix);
/// What kind of problem it is, from its code: "Tensor parallel does not fit the model" of "PAR-01".
[[nodiscard]] QString problemTitle(const Problem& problem);

} // namespace argus::gui
