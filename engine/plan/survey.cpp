#include "engine/plan/survey.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace argus::plan {
namespace {

/// The oldest GPUs that argus-executor-cuda has kernels for, and those it names.
constexpr std::pair kOldestCapability{7, 5};
constexpr const char* kCapabilities = "7.5, 8.0, 8.6, 8.9, 9.0";

using Numbers = std::set<std::uint32_t>;

/// The numbers of "0,1,3"; nothing when it is no such list.
std::optional<Numbers> numbersIn(std::string_view text)
{
    Numbers numbers;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        while (at != end && *at == ' ')
            ++at;
        std::uint32_t number = 0;
        const auto [next, problem] = std::from_chars(at, end, number);
        if (problem != std::errc())
            return std::nullopt;
        numbers.insert(number);
        at = next;
        while (at != end && *at == ' ')
            ++at;
        if (at == end)
            return numbers;
        if (*at++ != ',')
            return std::nullopt;
    }
}

/// What of a node's devices its settings leave.
struct Filter {
    std::optional<Numbers> numbers; ///< none: all
    [[nodiscard]] bool takes(const ClusterDevice& device) const
    {
        return !numbers || numbers->count(device.index) != 0;
    }
    [[nodiscard]] bool takesNone() const { return numbers && numbers->empty(); }
};

Problem aboutDevices(const ClusterNode& node, const char* code, ErrorCode error, Said cause, Said remedy)
{
    return {.code = code, .error = makeError(error, std::move(cause), std::move(remedy), "devices"), .node = node.name};
}

Filter filterOf(const ClusterNode& node, const wire::NodeSettings* settings, std::vector<Problem>& problems)
{
    const std::string text = settings == nullptr ? std::string() : settings->devices();
    if (text.empty() || text == "all")
        return {};
    if (text == "none")
        return {Numbers{}};
    const std::optional<Numbers> numbers = numbersIn(text);
    if (!numbers) {
        problems.push_back(aboutDevices(node, "SET-01", ErrorCode::BadRequest,
                                        say("devices-no-list", node.name, fmt::format("{:.60}", text)),
                                        say("do-write-list")));
        return {};
    }
    Numbers there;
    for (const ClusterDevice& device : node.devices)
        there.insert(device.index);
    Numbers strangers;
    std::set_difference(numbers->begin(), numbers->end(), there.begin(), there.end(),
                        std::inserter(strangers, strangers.end()));
    const std::string named = fmt::format("{}", fmt::join(strangers, ", "));
    if (!strangers.empty() && node.present)
        problems.push_back(
            there.empty()
                ? aboutDevices(node, "SET-01", ErrorCode::NotFound, say("devices-none-there", node.name, named),
                               say("do-write-none"))
                : aboutDevices(node, "SET-01", ErrorCode::NotFound,
                               say("devices-others-there", node.name, named, fmt::format("{}", fmt::join(there, ", "))),
                               say("do-write-some", fmt::format("{}", fmt::join(there, ",")))));
    return {*numbers};
}

/// What keeps models off all GPUs of a node.
std::optional<Problem> commonProblem(const ClusterNode& node)
{
    if (node.gpuFailure) {
        Error failure = *node.gpuFailure;
        failure.setting = "devices";
        return Problem{.code = "GPU-07", .error = std::move(failure).in(node.name), .node = node.name};
    }
    const bool gpus = std::any_of(node.devices.begin(), node.devices.end(),
                                  [](const ClusterDevice& device) { return device.gpu.has_value(); });
    if (!gpus)
        return std::nullopt;
    if (!node.cudaInstalled)
        return aboutDevices(node, "VER-04", ErrorCode::NotFound, say("cuda-executor-missing-on", node.name),
                            say("do-install-cuda-on", node.name));
    if (node.driverCuda != 0 && node.driverCuda / 1000 < node.cudaNeeded)
        return aboutDevices(node, "VER-03", ErrorCode::Unsupported,
                            say("driver-on-supports", node.name, node.driver,
                                fmt::format("{}.{}", node.driverCuda / 1000, node.driverCuda % 1000 / 10),
                                node.cudaNeeded),
                            say("do-update-driver-on", node.name,
                                node.cudaNeeded >= 13   ? 580
                                : node.cudaNeeded == 12 ? 525
                                                        : 450));
    return std::nullopt;
}

/// Takes the GPUs that may compute; says in one problem a kind why others may not.
void takeGpus(const ClusterNode& node, const Filter& filter, bool awq, NodeSurvey& survey)
{
    std::optional<Problem> common = commonProblem(node);
    std::vector<Said> old;
    std::vector<Said> sick;
    bool any = false;
    for (std::size_t i = 0; i < node.devices.size(); ++i) {
        const ClusterDevice& device = node.devices[i];
        if (!device.gpu || !filter.takes(device))
            continue;
        any = true;
        const Gpu& gpu = *device.gpu;
        if (!gpu.problem.empty())
            sick.push_back(say("device-is", nameOf(node, device), gpu.problem));
        else if (std::pair(gpu.capabilityMajor, gpu.capabilityMinor) < kOldestCapability)
            old.push_back(say("capability", nameOf(node, device), gpu.capability()));
        else if (!common)
            survey.gpus.push_back(i);
    }
    if (common && (any || node.gpuFailure) && !filter.takesNone())
        survey.left.push_back(std::move(*common));
    const Said without = say("do-other-devices", node.name);
    if (!old.empty())
        survey.left.push_back(aboutDevices(node, awq ? "GPU-03" : "GPU-01", ErrorCode::Unsupported,
                                           awq ? say("awq-kernels-for", std::move(old), kCapabilities)
                                               : say("kernels-for", std::move(old), kCapabilities),
                                           without));
    if (!sick.empty())
        survey.left.push_back(
            aboutDevices(node, "GPU-07", ErrorCode::Unsupported, say("some-devices-are", std::move(sick)), without));
    survey.insisted = filter.numbers && any && !survey.left.empty();
}

NodeSurvey surveyOf(const ClusterNode& node, const Filter& filter, bool awq)
{
    NodeSurvey survey;
    if (!node.present) {
        if (!filter.takesNone())
            survey.left.push_back(
                aboutDevices(node, "NET-01", ErrorCode::Unreachable,
                             node.absence.empty() ? say("away", node.name) : say("away-why", node.name, node.absence),
                             say("do-start-node-on", node.name)));
        return survey;
    }
    takeGpus(node, filter, awq, survey);
    for (std::size_t i = 0; i < node.devices.size(); ++i)
        if (!node.devices[i].gpu && filter.takes(node.devices[i]))
            survey.cpus.push_back(i);
    return survey;
}

} // namespace

Device deviceOf(const ClusterDevice& device)
{
    if (!device.gpu)
        return {.gpu = {}, .hostMemoryFree = device.memoryFree};
    Device result{.gpu = device.gpu, .hostMemoryFree = 0};
    result.gpu->index = device.index;
    if (result.gpu->name.empty())
        result.gpu->name = device.name;
    if (device.memoryTotal != 0) {
        result.gpu->memoryTotal = device.memoryTotal;
        result.gpu->memoryFree = std::min(device.memoryFree, device.memoryTotal);
    }
    return result;
}

std::string nameOf(const ClusterNode& node, const ClusterDevice& device)
{
    return fmt::format("{} {}", node.name, device.gpu ? deviceOf(device).gpu->text() : device.text());
}

const wire::NodeSettings* settingsOf(const wire::EngineSettings& settings, std::string_view node)
{
    for (const wire::NodeSettings& each : settings.nodes())
        if (each.node() == node)
            return &each;
    return nullptr;
}

Survey survey(const Cluster& cluster, const wire::EngineSettings& settings, bool awq)
{
    Survey survey;
    for (const ClusterNode& node : cluster.nodes) {
        const Filter filter = filterOf(node, settingsOf(settings, node.name), survey.problems);
        survey.nodes.push_back(surveyOf(node, filter, awq));
        survey.anyGpu = survey.anyGpu || !survey.nodes.back().gpus.empty();
    }
    for (const wire::NodeSettings& each : settings.nodes()) {
        const bool known = std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                                       [&](const ClusterNode& node) { return node.name == each.node(); });
        if (!known)
            survey.problems.push_back({.code = "SET-02",
                                       .warning = true,
                                       .error = makeError(ErrorCode::NotFound, say("settings-of-stranger", each.node()),
                                                          say("do-start-or-forget"), "nodes"),
                                       .node = each.node()});
    }
    return survey;
}

std::string devicesText(const ClusterNode& node, const std::vector<std::size_t>& devices)
{
    Numbers numbers;
    for (const std::size_t device : devices)
        numbers.insert(node.devices[device].index);
    return numbers.empty() ? "none" : fmt::format("{}", fmt::join(numbers, ","));
}

} // namespace argus::plan
