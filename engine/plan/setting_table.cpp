#include "engine/plan/setting_table.h"

#include "engine/base/catalogue.h"
#include "engine/plan/device.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace argus::plan {
namespace {

using E = wire::EngineSettings;
using namespace std::string_view_literals;

// One row's access to its field; the widths of the proto's integers disappear here.
template <auto Get, auto Set>
struct Field {
    using Raw = std::remove_cvref_t<decltype((std::declval<const E&>().*Get)())>;
    using Held = std::conditional_t<std::is_same_v<Raw, bool> || std::is_same_v<Raw, double>, Raw, std::uint64_t>;
    static SettingValue get(const E& settings) { return static_cast<Held>((settings.*Get)()); }
    static void set(E& settings, const SettingValue& value)
    {
        if (const auto* held = std::get_if<Held>(&value))
            (settings.*Set)(static_cast<Raw>(*held));
    }
};
template <auto Get, auto Mutable>
struct TextField {
    static SettingValue get(const E& settings) { return (settings.*Get)(); }
    static void set(E& settings, const SettingValue& value)
    {
        if (const auto* held = std::get_if<std::string>(&value))
            *(settings.*Mutable)() = *held;
    }
};

template <typename F>
Setting number(std::string_view name, SettingKind kind, SettingValue standard, double lowest, double highest,
               Effect effect, std::string_view help)
{
    return {name, kind, std::move(standard), lowest, highest, {}, effect, help, &F::get, &F::set};
}
template <typename F>
Setting words(std::string_view name, SettingKind kind, std::string standard, std::span<const std::string_view> choices,
              std::string_view help)
{
    return {name, kind, std::move(standard), 0, 0, choices, Effect::Restart, help, &F::get, &F::set};
}
template <typename F>
Setting onOff(std::string_view name, std::string_view help)
{
    return {name, SettingKind::Switch, false, 0, 0, {}, Effect::Restart, help, &F::get, &F::set};
}

constexpr std::array kDTypes{"auto"sv, "bfloat16"sv, "float16"sv, "float32"sv};
constexpr std::array kLoadFormats{"auto"sv, "dummy"sv};
constexpr std::array kQuantizations{"auto"sv};
constexpr std::array kVariants{"A"sv, "B"sv, "C"sv};

constexpr std::uint64_t operator""_u(unsigned long long value)
{
    return value;
}

std::vector<Setting> makeTable()
{
    using enum SettingKind;
    using enum Effect;
    constexpr double kGiB = 1024.0 * 1024 * 1024;
    return {
        words<TextField<&E::model, &E::mutable_model>>("model", Folder, "", {},
                                                       "Folder of the checkpoint; empty for the built-in demo model."),
        number<Field<&E::tensor_parallel_size, &E::set_tensor_parallel_size>>(
            "tensor_parallel_size", Count, 1_u, 1, 64, Restart, "Devices of one machine that share every layer."),
        number<Field<&E::pipeline_parallel_size, &E::set_pipeline_parallel_size>>(
            "pipeline_parallel_size", Count, 1_u, 1, 64, Restart,
            "Groups of devices that each hold some of the layers."),
        words<TextField<&E::stage_layers, &E::mutable_stage_layers>>(
            "stage_layers", Text, "", {},
            "Decoder layers of each pipeline stage, such as 20,16; empty to share them by memory and speed."),
        words<TextField<&E::device, &E::mutable_device>>("device", Device, "auto", {},
                                                         "What computes: cpu, or cuda:N for one GPU; auto takes the "
                                                         "GPU with most free memory, without one the CPU."),
        words<TextField<&E::dtype, &E::mutable_dtype>>(
            "dtype", Choice, "auto", kDTypes,
            "Number format of the computation; auto takes float32 on a CPU, on a GPU bfloat16 or, before compute "
            "capability 8.0, float16."),
        number<Field<&E::gpu_memory_utilization, &E::set_gpu_memory_utilization>>(
            "gpu_memory_utilization", Share, 0.9, 0.05, 1, Restart,
            "Share of a device's memory that Argus may use; on a CPU of the memory that is free at the start."),
        number<Field<&E::max_model_len, &E::set_max_model_len>>(
            "max_model_len", Count, 0_u, 16, 1'048'576, Restart,
            "Tokens of question and answer together; 0 for what the model and the memory allow."),
        number<Field<&E::max_num_seqs, &E::set_max_num_seqs>>(
            "max_num_seqs", Count, 0_u, 1, 256, Restart,
            "Questions that are answered at the same time, more wait in a queue; 0 for 8 on a CPU and 64 on a GPU."),
        number<Field<&E::max_batched_tokens, &E::set_max_batched_tokens>>(
            "max_batched_tokens", Count, 0_u, 16, 65'536, Restart,
            "Tokens of one step, longer questions are read in pieces of this size; 0 for 2048, on a GPU with 40 GB or "
            "more 8192."),
        onOff<Field<&E::enforce_eager, &E::set_enforce_eager>>(
            "enforce_eager", "Run every step kernel by kernel instead of replaying recorded ones."),
        words<TextField<&E::load_format, &E::mutable_load_format>>(
            "load_format", Choice, "auto", kLoadFormats,
            "auto reads the weights; dummy invents them on a GPU, to measure speed with nothing but config.json and "
            "the "
            "tokenizer."),
        words<TextField<&E::quantization, &E::mutable_quantization>>("quantization", Choice, "auto", kQuantizations,
                                                                     "auto does what the checkpoint says."),
        words<TextField<&E::position_variant, &E::mutable_position_variant>>(
            "position_variant", Choice, "A", kVariants,
            "Rotary positions of clips as in transformers 4.49 and vLLM (A), later 4.x (B) or 5.x (C)."),
        number<Field<&E::threads, &E::set_threads>>("threads", Count, 0_u, 1, 1024, Restart,
                                                    "CPU threads that compute; 0 for all cores."),
        number<Field<&E::max_images, &E::set_max_images>>("max_images", Count, 10_u, 1, 64, Live,
                                                          "Pictures in one conversation."),
        number<Field<&E::max_videos, &E::set_max_videos>>("max_videos", Count, 4_u, 1, 64, Live,
                                                          "Clips in one conversation."),
        number<Field<&E::max_image_pixels, &E::set_max_image_pixels>>(
            "max_image_pixels", Count, 64'000'000_u, 784, 1e9, Live, "Pixels of a picture file that is still opened."),
        number<Field<&E::max_video_seconds, &E::set_max_video_seconds>>("max_video_seconds", Count, 3600_u, 1, 86'400,
                                                                        Live, "Length of a clip that is still opened."),
        number<Field<&E::max_upload_bytes, &E::set_max_upload_bytes>>(
            "max_upload_bytes", Bytes, 2147483648_u, 65'536, 64 * kGiB, Live, "Size of a file that is still taken."),
    };
}

double numberOf(const SettingValue& value)
{
    if (const auto* whole = std::get_if<std::uint64_t>(&value))
        return static_cast<double>(*whole);
    if (const auto* share = std::get_if<double>(&value))
        return *share;
    return 0;
}

bool isNumber(SettingKind kind)
{
    return kind == SettingKind::Count || kind == SettingKind::Bytes || kind == SettingKind::Share;
}

std::string quoted(const Setting& setting, const std::string& text)
{
    return setting.kind == SettingKind::Choice || setting.kind == SettingKind::Device ? "\"" + text + "\"" : text;
}

Error refused(const Setting& setting, const std::string& text)
{
    const std::string standard = textOf(setting.standard);
    return makeError(
        ErrorCode::BadRequest, say("setting-refused", setting.name, quoted(setting, text), allowedValues(setting)),
        say("do-use-default", standard == "0" ? say("value-automatic") : Said(standard)), std::string(setting.name));
}

template <typename T>
bool parseWhole(std::string_view text, T& value)
{
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    return problem == std::errc() && end == text.data() + text.size();
}

/// "2147483648", "2048 MiB", "2GiB".
bool parseBytes(std::string_view text, std::uint64_t& bytes)
{
    constexpr std::array<std::pair<std::string_view, int>, 3> kUnits{{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
    int shift = 0;
    for (const auto& [unit, bits] : kUnits)
        if (text.ends_with(unit)) {
            text.remove_suffix(unit.size());
            shift = bits;
        }
    while (text.ends_with(' '))
        text.remove_suffix(1);
    std::uint64_t count = 0;
    if (!parseWhole(text, count) || count > (~std::uint64_t{0} >> shift))
        return false;
    bytes = count << shift;
    return true;
}

bool parseValue(const Setting& setting, std::string_view text, SettingValue& value)
{
    switch (setting.kind) {
    case SettingKind::Switch:
        value = text == "on" || text == "true" || text == "1";
        return std::get<bool>(value) || text == "off" || text == "false" || text == "0";
    case SettingKind::Count:
        return parseWhole(text, value.emplace<std::uint64_t>());
    case SettingKind::Bytes:
        return parseBytes(text, value.emplace<std::uint64_t>());
    case SettingKind::Share:
        return parseWhole(text, value.emplace<double>());
    case SettingKind::Choice:
    case SettingKind::Device:
    case SettingKind::Folder:
    case SettingKind::Text:
        value = std::string(text);
        return true;
    }
    return false;
}

} // namespace

std::span<const Setting> settingTable()
{
    static const std::vector<Setting> table = makeTable();
    return table;
}

const Setting* findSetting(std::string_view name)
{
    std::string plain(name);
    std::replace(plain.begin(), plain.end(), '-', '_');
    for (const Setting& setting : settingTable())
        if (setting.name == plain)
            return &setting;
    return nullptr;
}

std::string textOf(const SettingValue& value)
{
    if (const auto* flag = std::get_if<bool>(&value))
        return *flag ? "on" : "off";
    if (const auto* text = std::get_if<std::string>(&value))
        return *text;
    if (const auto* whole = std::get_if<std::uint64_t>(&value))
        return fmt::format("{}", *whole);
    return fmt::format("{}", std::get<double>(value));
}

Said allowedValues(const Setting& setting)
{
    switch (setting.kind) {
    case SettingKind::Switch:
        return "on, off";
    case SettingKind::Choice:
        return fmt::format("{}", fmt::join(setting.choices, ", "));
    case SettingKind::Device:
        return "auto, cpu, cuda:0, cuda:1, ...";
    case SettingKind::Folder:
        return say("allowed-folder");
    case SettingKind::Text:
        return say("allowed-numbers");
    case SettingKind::Share:
        return say("allowed-range", fmt::format("{}", setting.lowest), fmt::format("{}", setting.highest));
    case SettingKind::Count:
    case SettingKind::Bytes:
        break;
    }
    return say("allowed-range", fmt::format("{:.0f}", setting.lowest), fmt::format("{:.0f}", setting.highest));
}

Result<Done> checkSetting(const Setting& setting, const SettingValue& value)
{
    const auto* text = std::get_if<std::string>(&value);
    if (setting.kind == SettingKind::Choice &&
        (text == nullptr || std::find(setting.choices.begin(), setting.choices.end(), *text) == setting.choices.end()))
        return refused(setting, textOf(value));
    if (setting.kind == SettingKind::Device &&
        (text == nullptr || (*text != "auto" && *text != "cpu" && !cudaIndex(*text))))
        return refused(setting, textOf(value));
    if (isNumber(setting.kind)) {
        const double number = numberOf(value);
        const bool automatic = number == 0 && textOf(setting.standard) == "0";
        if (!automatic && !(number >= setting.lowest && number <= setting.highest)) // this way round NaN is refused too
            return refused(setting, textOf(value));
    }
    return Done{};
}

Result<Done> setFromText(wire::EngineSettings& settings, std::string_view name, std::string_view text)
{
    const Setting* const setting = findSetting(name);
    if (setting == nullptr)
        return makeError(ErrorCode::BadRequest, say("setting-unknown", name), say("do-see-settings"));
    SettingValue value;
    if (!parseValue(*setting, text, value))
        return refused(*setting, std::string(text));
    if (auto checked = checkSetting(*setting, value); !checked)
        return checked;
    setting->set(settings, value);
    return Done{};
}

} // namespace argus::plan
