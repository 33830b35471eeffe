#include "engine/plan/complete_settings.h"

#include "engine/base/catalogue.h"
#include "engine/plan/setting_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace argus::plan {
namespace {

/// The first compute capability whose tensor cores take bfloat16: Ampere.
constexpr int kBfloat16Since = 8;

/// What max_num_seqs and max_batched_tokens are when nobody says. A CPU is soon busy with a few sequences; a GPU reads
/// its weights once for all of them, and a large one fills its tensor cores with long steps.
struct Standards {
    std::uint32_t sequences = 8;
    std::uint32_t batchedTokens = 2048;
};

/// The smallest device decides.
Standards standardsOf(std::span<const Device> devices)
{
    constexpr std::uint64_t kLargeCard = 40'000'000'000;
    if (!devices.front().gpu)
        return {};
    const bool large = std::all_of(devices.begin(), devices.end(), [](const Device& device) {
        return device.gpu && device.gpu->memoryTotal >= kLargeCard;
    });
    return {.sequences = 64, .batchedTokens = large ? 8192U : 2048U};
}

bool isAbsent(const SettingValue& value)
{
    const std::string text = textOf(value);
    return text.empty() || text == "0";
}

bool hasBfloat16(const Device& device)
{
    return device.gpu && device.gpu->capabilityMajor >= kBfloat16Since;
}

Result<std::string> dtypeOn(std::span<const Device> devices, const std::string& asked)
{
    const bool automatic = asked.empty() || asked == "auto";
    if (!devices.front().gpu) {
        if (automatic || asked == "float32")
            return std::string("float32");
        return makeError(ErrorCode::Unsupported, say("dtype-cpu", asked), say("do-auto-float32"), "dtype");
    }
    const auto older = std::find_if_not(devices.begin(), devices.end(), hasBfloat16);
    if (automatic)
        return std::string(older == devices.end() ? "bfloat16" : "float16");
    if (asked == "bfloat16" && older != devices.end())
        return makeError(
            ErrorCode::Unsupported,
            say("dtype-gpu", older->gpu->text(), older->gpu->capability(), fmt::format("{}.0", kBfloat16Since)),
            say("do-auto-float16"), "dtype");
    return asked;
}

} // namespace

Result<wire::EngineSettings> completed(const wire::EngineSettings& settings)
{
    wire::EngineSettings whole = settings;
    for (const Setting& setting : settingTable()) {
        if (setting.kind == SettingKind::Switch)
            continue;
        if (isAbsent(setting.get(whole)))
            setting.set(whole, setting.standard);
        if (auto checked = checkSetting(setting, setting.get(whole)); !checked)
            return std::move(checked).error();
    }
    if (whole.max_batched_tokens() != 0 && whole.max_batched_tokens() < whole.max_num_seqs())
        return makeError(ErrorCode::BadRequest,
                         say("batch-below-sequences", whole.max_batched_tokens(), whole.max_num_seqs()),
                         say("do-set-batch", whole.max_num_seqs()), "max_batched_tokens");
    return whole;
}

Result<wire::EngineSettings> settled(const wire::EngineSettings& settings, std::span<const Device> devices)
{
    Result<wire::EngineSettings> whole = completed(settings);
    if (!whole)
        return whole;
    Result<std::string> dtype = dtypeOn(devices, whole->dtype());
    if (!dtype)
        return std::move(dtype).error();
    const Device& first = devices.front();
    if (!first.gpu && whole->load_format() == "dummy")
        return makeError(ErrorCode::Unsupported, say("dummy-cpu"), say("do-load-auto"), "load_format");
    if (devices.size() == 1 || !first.gpu)
        whole->set_device(first.name());
    else
        whole->set_device("auto");
    whole->set_dtype(std::move(*dtype));
    const Standards standards = standardsOf(devices);
    if (whole->max_batched_tokens() == 0)
        whole->set_max_batched_tokens(standards.batchedTokens); // more than max_num_seqs can be
    if (whole->max_num_seqs() == 0)
        whole->set_max_num_seqs(std::min(standards.sequences, whole->max_batched_tokens()));
    return whole;
}

Result<wire::EngineSettings> settled(const wire::EngineSettings& settings, const Device& device)
{
    return settled(settings, {&device, 1});
}

std::vector<std::string> dtypesOf(std::span<const Device> devices)
{
    if (devices.empty())
        return {};
    if (!devices.front().gpu)
        return {"auto", "float32"};
    if (std::all_of(devices.begin(), devices.end(), hasBfloat16))
        return {"auto", "bfloat16", "float16", "float32"};
    return {"auto", "float16", "float32"};
}

} // namespace argus::plan
