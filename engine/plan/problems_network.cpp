#include "engine/base/catalogue.h"
#include "engine/plan/problems.h"
#include "engine/plan/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace argus::plan {
namespace {

/// A hop that takes longer than this for the rows of a full step is worth a word.
constexpr double kSlowHop = 0.05; // seconds
/// Round trips that slow decoding down more than they need to.
constexpr double kSlowRoundTrip = 0.002; // seconds

std::optional<std::uint32_t> addressOf(const std::string& text)
{
    std::uint32_t address = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int i = 0; i < 4; ++i) {
        unsigned part = 0;
        const auto [next, problem] = std::from_chars(at, end, part);
        if (problem != std::errc() || part > 255)
            return std::nullopt;
        address = address << 8 | part;
        at = next;
        if (i < 3 && (at == end || *at++ != '.'))
            return std::nullopt;
    }
    return at == end ? std::optional(address) : std::nullopt;
}

bool isLoopback(const ClusterNode& node)
{
    return node.address.starts_with("127.") || node.address == "::1";
}

bool sameSubnet(const ClusterNode& a, const ClusterNode& b)
{
    const auto first = addressOf(a.address);
    const auto second = addressOf(b.address);
    const int bits = std::clamp(std::min(a.prefixBits, b.prefixBits), 0, 32);
    if (!first || !second || bits == 0)
        return true; // nothing is known that speaks against it
    return (*first ^ *second) >> (32 - bits) == 0;
}

std::string rateOf(double bytesPerSecond)
{
    return fmt::format("{:.2g} GB/s", bytesPerSecond / 1e9);
}

Problem about(const ClusterNode& node, const char* code, bool warning, Said cause, Said remedy, std::string setting)
{
    return {.code = code,
            .warning = warning,
            .error = makeError(ErrorCode::Unreachable, std::move(cause), std::move(remedy), std::move(setting)),
            .node = node.name};
}

void checkSubnet(const ClusterNode& node, const ClusterNode& first, std::vector<Problem>& problems)
{
    if (node.address.empty() || first.address.empty())
        return;
    if (isLoopback(node) != isLoopback(first)) {
        const ClusterNode& inner = isLoopback(node) ? node : first;
        problems.push_back(about(inner, "NET-04", false, say("address-loopback", inner.name, inner.address),
                                 say("do-choose-interface", inner.name), "interface"));
    } else if (!sameSubnet(node, first)) {
        problems.push_back(about(node, "NET-04", true,
                                 say("other-subnet", first.name, fmt::format("{}/{}", first.address, first.prefixBits),
                                     node.name, fmt::format("{}/{}", node.address, node.prefixBits)),
                                 say("do-choose-interface", node.name), "interface"));
    }
}

void checkMtu(const ClusterNode& node, const ClusterNode& first, std::vector<Problem>& problems)
{
    if (node.mtu == 0 || first.mtu == 0 || node.mtu == first.mtu || isLoopback(node))
        return;
    problems.push_back(
        about(node, "NET-07", true,
              say("mtu-differs", first.name, first.interface, first.mtu, node.name, node.interface, node.mtu),
              say("do-same-mtu"), "interface"));
}

/// Refused until somebody names the interface, and means it.
void checkPublic(const ClusterNode& node, const wire::EngineSettings& settings, std::vector<Problem>& problems)
{
    if (!node.publicAddress)
        return;
    const wire::NodeSettings* const own = settingsOf(settings, node.name);
    const bool meant = own != nullptr && !own->interface().empty();
    problems.push_back(
        about(node, "NET-08", meant,
              meant ? say("public-used", node.name, node.address) : say("public-would", node.name, node.address),
              meant ? say("do-private", node.name) : say("do-private-or-name", node.name), "interface"));
}

/// The link of a machine that is not the head, as far as it was measured.
void checkLink(const ClusterNode& node, const PlanShape& shape, std::vector<Problem>& problems)
{
    const double bytes = static_cast<double>(shape.rowBytes) * shape.batchedTokens;
    const double seconds = node.linkBytesPerSecond > 0 ? bytes / node.linkBytesPerSecond : 0;
    if (seconds <= kSlowHop && node.roundTripSeconds <= kSlowRoundTrip)
        return;
    const std::string rate = rateOf(node.linkBytesPerSecond);
    const std::string size = fmt::format("{:.1f}", bytes / 1e6);
    const std::string hop = fmt::format("{:.2f}", seconds);
    const std::string trip = fmt::format("{:.1f}", node.roundTripSeconds * 1e3);
    Said cause = seconds <= kSlowHop ? say("link-late", node.name, trip)
                 : node.roundTripSeconds <= kSlowRoundTrip
                     ? say("link-slow", node.name, rate, shape.batchedTokens, size, hop)
                     : say("link-slow-late", node.name, rate, shape.batchedTokens, size, hop, trip);
    problems.push_back(
        about(node, "NET-06", true, std::move(cause), say("do-faster-network"), "pipeline_parallel_size"));
}

} // namespace

static Said trafficOf(const ClusterNode& node)
{
    const std::string interface =
        node.address.empty() ? node.interface : fmt::format("{} ({})", node.interface, node.address);
    return node.linkBytesPerSecond > 0
               ? say("remark-traffic-rate", node.name, interface, rateOf(node.linkBytesPerSecond))
               : say("remark-traffic", node.name, interface);
}

std::vector<Problem> networkProblems(const Cluster& cluster, const wire::EngineSettings& settings,
                                     const PlanShape& shape, std::vector<Said>& remarks)
{
    std::vector<Problem> problems;
    if (shape.uses.size() < 2)
        return problems;
    const ClusterNode& first = cluster.nodes[shape.uses.front().node];
    for (const NodeUse& use : shape.uses) {
        const ClusterNode& node = cluster.nodes[use.node];
        if (!node.interface.empty())
            remarks.push_back(trafficOf(node));
        checkPublic(node, settings, problems);
        if (!node.head)
            checkLink(node, shape, problems);
        if (&node == &first)
            continue;
        checkSubnet(node, first, problems);
        checkMtu(node, first, problems);
    }
    return problems;
}

} // namespace argus::plan
