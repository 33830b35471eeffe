// Finding a head from its options, and tables on stdout.

#include "engine/apps/argus_node_common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace argus::apps {

void addHeadOptions(CLI::App& command, HeadOptions& options)
{
    command.add_option("--head", options.head, "HOST:PORT of the head [this user's on this computer]");
    command.add_option("--head-key", options.headKey, "The head's public key, or a file with it; remembered");
}

Result<client::HeadAddress> addressOf(const HeadOptions& options)
{
    if (!options.head.empty())
        return namedHead(options.head, options.headKey);
    Result<std::optional<client::HeadAddress>> local = localHead();
    if (!local)
        return std::move(local).error();
    if (*local)
        return std::move(**local);
    return Error{ErrorCode::NotFound,
                 "no head of this user runs on this computer",
                 "start one with: argus-node start --head",
                 {}};
}

Result<std::unique_ptr<Conversation>> connectTo(const HeadOptions& options, const std::string& program)
{
    constexpr Milliseconds kConnectPatience{10'000};
    Result<client::HeadAddress> address = addressOf(options);
    if (!address)
        return std::move(address).error();
    return Conversation::open(std::move(*address), program, Deadline::in(kConnectPatience));
}

std::string fetchText(const wire::NodeStatus& node)
{
    if (node.fetch_total_bytes() == 0)
        return {};
    return fmt::format("{} fetches the model from the head: {} of {}", node.name(), bytesText(node.fetch_done_bytes()),
                       bytesText(node.fetch_total_bytes()));
}

std::string bytesText(std::uint64_t bytes)
{
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    auto amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit)
        amount /= 1024;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

void printTable(const std::vector<Row>& rows)
{
    std::vector<std::size_t> widths;
    for (const Row& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths.resize(std::max(widths.size(), i + 1));
            widths[i] = std::max(widths[i], row[i].size());
        }
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += i + 1 == row.size() ? row[i] : fmt::format("{:{}}  ", row[i], widths[i]);
        fmt::print("{}\n", line);
    }
}

} // namespace argus::apps
