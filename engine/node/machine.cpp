#include "engine/node/machine.h"

#include "engine/base/files.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace argus::node {
namespace {

constexpr std::uint64_t kMaxProcFile = 16U << 20; // cpuinfo of a machine with a thousand cores has about 2 MiB

std::string procFile(const char* path)
{
    Result<std::string> text = readFile(path, kMaxProcFile);
    return text ? std::move(*text) : std::string();
}

std::string_view valueOf(std::string_view text, std::string_view key)
{
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (const std::size_t colon = line.find(':'); line.starts_with(key) && colon != line.npos) {
            const std::size_t start = line.find_first_not_of(" \t", colon + 1);
            return start == line.npos ? std::string_view() : line.substr(start);
        }
        at = end + 1;
    }
    return {};
}

std::uint64_t kibibytes(std::string_view value)
{
    std::uint64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    return number << 10;
}

} // namespace

MemoryFigures parseMemoryInfo(std::string_view text)
{
    return {.total = kibibytes(valueOf(text, "MemTotal")), .available = kibibytes(valueOf(text, "MemAvailable"))};
}

std::string parseProcessorName(std::string_view text)
{
    return std::string(valueOf(text, "model name"));
}

MemoryFigures memoryFigures()
{
    return parseMemoryInfo(procFile("/proc/meminfo"));
}

MachineFacts machineFacts()
{
    MachineFacts facts;
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) == 0)
        facts.hostName = name;
    facts.processor = parseProcessorName(procFile("/proc/cpuinfo"));
    if (facts.processor.empty())
        facts.processor = "CPU";
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        facts.threads = static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
    return facts;
}

} // namespace argus::node
