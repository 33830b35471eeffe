#pragma once
// The one table of engine settings: names, kinds, ranges, defaults, help texts. The command line, the preflight and the
// desktop's form read it.

#include "engine/base/result.h"
#include "engine/protocol/settings.pb.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace argus::plan {

enum class SettingKind {
    Switch, ///< on or off
    Count,  ///< a whole number
    Bytes,  ///< a whole number of bytes
    Share,  ///< a fraction
    Choice, ///< one of `choices`
    Device, ///< auto, cpu or cuda:N
    Folder, ///< a path
    Text,   ///< words of a form of their own
};

/// When a changed value counts.
enum class Effect {
    Live,    ///< from the next ask on
    Restart, ///< after the executor was started again
};

using SettingValue = std::variant<bool, std::uint64_t, double, std::string>;

struct Setting {
    std::string_view name; ///< of the field in EngineSettings; with '-' for '_' the option of the command line
    SettingKind kind = SettingKind::Count;
    SettingValue standard; ///< what an absent value (0, "", false) stands for; itself 0 or "" where the program decides
    double lowest = 0;     ///< of numbers
    double highest = 0;
    std::span<const std::string_view> choices; ///< of SettingKind::Choice
    Effect effect = Effect::Restart;
    std::string_view help; ///< one sentence, English; translated where it is shown
    SettingValue (*get)(const wire::EngineSettings&) = nullptr;
    void (*set)(wire::EngineSettings&, const SettingValue&) = nullptr; ///< the value must hold the kind's type
};

/// Every field of EngineSettings, in the order a form shows them.
[[nodiscard]] std::span<const Setting> settingTable();
/// The row of that name, with '_' or '-'; null for a stranger.
[[nodiscard]] const Setting* findSetting(std::string_view name);

/// A value as the command line writes it.
[[nodiscard]] std::string textOf(const SettingValue& value);
/// "1 to 256", "auto, dummy", "on, off": what may be entered.
[[nodiscard]] Said allowedValues(const Setting& setting);
/// Errors: BadRequest outside the row's range or choices; cause and remedy name the values, setting is the row's name.
[[nodiscard]] Result<Done> checkSetting(const Setting& setting, const SettingValue& value);
/// Reads `text` and stores it. Bytes take KiB, MiB and GiB. Errors: BadRequest for a stranger, for text that is no such
/// value, or outside the range.
[[nodiscard]] Result<Done> setFromText(wire::EngineSettings& settings, std::string_view name, std::string_view text);

} // namespace argus::plan
