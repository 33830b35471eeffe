#include "engine/protocol/fault_hooks.h"

#include "engine/base/log.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

namespace argus::protocol::faults {
namespace {

struct Name {
    Speaker speaker;
    std::uint32_t field;
    std::string_view name;
};
/// Every message of the oneofs, from the .proto files.
constexpr Name kNames[] = {
#include "engine/protocol/fault_names.inc"
};

struct Who {
    std::string_view name;
    Speaker speaker;
};
constexpr std::array<Who, 6> kSpeakers{{{"client", Speaker::Client},
                                        {"to_client", Speaker::ToClient},
                                        {"worker", Speaker::Worker},
                                        {"to_worker", Speaker::ToWorker},
                                        {"executor", Speaker::Executor},
                                        {"to_executor", Speaker::ToExecutor}}};

std::optional<std::uint64_t> numberIn(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<std::uint64_t> durationIn(std::string_view text)
{
    if (text.ends_with("ms"))
        return numberIn(text.substr(0, text.size() - 2));
    if (!text.ends_with("s"))
        return std::nullopt;
    const std::optional<std::uint64_t> seconds = numberIn(text.substr(0, text.size() - 1));
    return seconds ? std::optional(*seconds * 1000) : std::nullopt;
}

bool isRank(Speaker speaker, std::string_view what)
{
    return speaker == Speaker::Executor && what.starts_with("rank") && numberIn(what.substr(4)).has_value();
}

bool known(Speaker speaker, std::string_view what)
{
    return what == "*" || isRank(speaker, what) ||
           std::any_of(std::begin(kNames), std::end(kNames),
                       [&](const Name& each) { return each.speaker == speaker && each.name == what; });
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlank);
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// A varint from the front of `bytes`.
std::optional<std::uint64_t> takeVarint(std::string_view& bytes)
{
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
        if ((byte & 0x80U) == 0)
            return value;
    }
    return std::nullopt;
}

/// The rules of this process. The one mutable global of Argus: what it is for would not get there as an argument
/// without every class knowing of it.
struct Process {
    std::mutex mutex; // guards all below
    Rules rules;
    std::string file;          ///< empty: the rules stood in the variable
    std::uint64_t changes = 0; ///< of the file, that were read
    struct stat readAt {};

    void refresh()
    {
        struct stat status {};
        if (file.empty() || ::stat(file.c_str(), &status) != 0 ||
            (status.st_ino == readAt.st_ino && status.st_size == readAt.st_size &&
             status.st_mtim.tv_sec == readAt.st_mtim.tv_sec && status.st_mtim.tv_nsec == readAt.st_mtim.tv_nsec))
            return;
        readAt = status;
        ++changes;
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        Result<Rules> fresh = Rules::parse(text.str());
        if (!fresh)
            log::error("{}", fresh.error().text());
        rules = fresh ? std::move(*fresh) : Rules();
    }
};

Process& process()
{
    static Process instance;
    return instance;
}

/// Until the rules are others than those of that number of changes.
void waitForOthers(std::uint64_t changes)
{
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        Process& ours = process();
        const std::scoped_lock lock(ours.mutex);
        ours.refresh();
        if (ours.changes != changes)
            return;
    }
}

/// False: lose it.
bool suffer(const Rules::Verdict& verdict, std::string_view what, std::uint64_t changes)
{
    if (!verdict.rule.empty())
        log::warn("a fault on purpose at {}: {}", what, verdict.rule);
    if (verdict.delayMs > 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(verdict.delayMs));
    if (verdict.hold)
        waitForOthers(changes);
    while (verdict.freeze)
        std::this_thread::sleep_for(std::chrono::hours(1));
    return !verdict.drop;
}

bool decide(Speaker speaker, Way way, std::string_view what)
{
    Rules::Verdict verdict;
    std::uint64_t changes = 0;
    {
        Process& ours = process();
        const std::scoped_lock lock(ours.mutex);
        ours.refresh();
        if (ours.rules.empty())
            return true;
        verdict = ours.rules.judge(speaker, way, what);
        changes = ours.changes;
    }
    return suffer(verdict, what, changes);
}

} // namespace

Result<Rules> Rules::parse(std::string_view text)
{
    Rules rules;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        const std::string_view one = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (one.empty())
            continue;
        Result<Rule> rule = parseRule(std::string(one));
        if (!rule)
            return std::move(rule).error();
        rules.m_rules.push_back(std::move(*rule));
    }
    return rules;
}

Result<Rules::Rule> Rules::parseRule(const std::string& text)
{
    const auto wrong = [&](const std::string& what) {
        return Error{ErrorCode::BadRequest,
                     fmt::format("ARGUS_FAULTS: \"{}\": {}", text, what),
                     "write drop WHO.WHAT [COUNT], delay WHO.WHAT DURATION [COUNT], hold WHO.WHAT [COUNT] or freeze "
                     "WHO.WHAT, then, if need be, after N and on receive",
                     {}};
    };
    std::vector<std::string> words;
    std::istringstream split(text);
    for (std::string word; split >> word;)
        words.push_back(std::move(word));
    Rule rule{.text = text};
    if (words[0] == "delay")
        rule.action = Action::Delay;
    else if (words[0] == "hold")
        rule.action = Action::Hold;
    else if (words[0] == "freeze")
        rule.action = Action::Freeze;
    else if (words[0] != "drop")
        return wrong(fmt::format("there is no \"{}\"", words[0]));
    if (words.size() < 2)
        return wrong("it does not say which message");
    const std::size_t dot = words[1].find('.');
    const std::string who = words[1].substr(0, dot);
    const auto* const speaker =
        std::find_if(kSpeakers.begin(), kSpeakers.end(), [&](const Who& each) { return each.name == who; });
    if (dot == std::string::npos || speaker == kSpeakers.end())
        return wrong(fmt::format("\"{}\" does not begin with client., to_client., worker., to_worker., executor. or "
                                 "to_executor.",
                                 words[1]));
    rule.speaker = speaker->speaker;
    rule.what = words[1].substr(dot + 1);
    if (!known(rule.speaker, rule.what))
        return wrong(fmt::format("{} says nothing that is called \"{}\"", who, rule.what));
    std::size_t at = 2;
    if (rule.action == Action::Delay) {
        const auto duration = at < words.size() ? durationIn(words[at++]) : std::nullopt;
        if (!duration)
            return wrong("a delay needs a duration, such as 200ms or 2s");
        rule.delayMs = *duration;
    }
    if (rule.action != Action::Freeze && at < words.size() && words[at] != "after" && words[at] != "on") {
        const auto count = numberIn(words[at++]);
        if (!count || *count == 0)
            return wrong(fmt::format("\"{}\" is no count", words[at - 1]));
        rule.count = *count;
    }
    for (; at < words.size(); at += 2) {
        const auto number = at + 1 < words.size() ? numberIn(words[at + 1]) : std::nullopt;
        if (words[at] == "after" && number)
            rule.after = *number;
        else if (words[at] == "on" && at + 1 < words.size() && words[at + 1] == "receive" &&
                 !isRank(rule.speaker, rule.what))
            rule.way = Way::Received;
        else
            return wrong(fmt::format("\"{}\" is not understood", words[at]));
    }
    if (isRank(rule.speaker, rule.what) && rule.action == Action::Drop)
        return wrong("a rank can be late or frozen, not dropped");
    return rule;
}

Rules::Verdict Rules::judge(Speaker speaker, Way way, std::string_view what)
{
    Verdict verdict;
    for (Rule& rule : m_rules) {
        const bool meant = rule.what == what || (rule.what == "*" && !isRank(speaker, what));
        if (rule.speaker != speaker || rule.way != way || !meant)
            continue;
        const std::uint64_t nth = rule.seen++;
        if (nth < rule.after || (rule.count > 0 && nth - rule.after >= rule.count))
            continue;
        verdict.rule = rule.text;
        verdict.drop = verdict.drop || rule.action == Action::Drop;
        verdict.freeze = verdict.freeze || rule.action == Action::Freeze;
        verdict.hold = verdict.hold || rule.action == Action::Hold;
        verdict.delayMs += rule.delayMs;
    }
    return verdict;
}

std::string_view nameOf(Speaker speaker, std::string_view frame)
{
    enum Wire : std::uint64_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
    while (!frame.empty()) {
        const std::optional<std::uint64_t> key = takeVarint(frame);
        if (!key)
            return {};
        for (const Name& each : kNames)
            if (each.speaker == speaker && each.field == *key >> 3U)
                return each.name;
        std::optional<std::uint64_t> skip = 0;
        switch (*key & 7U) {
        case Varint:
            if (!takeVarint(frame))
                return {};
            break;
        case Fixed64:
            skip = 8;
            break;
        case Fixed32:
            skip = 4;
            break;
        case Bytes:
            skip = takeVarint(frame);
            break;
        default:
            return {};
        }
        if (!skip || *skip > frame.size())
            return {};
        frame.remove_prefix(*skip);
    }
    return {};
}

namespace detail {

std::atomic<bool> active{false};

bool frame(Speaker speaker, Way way, std::string_view bytes)
{
    return speaker == Speaker::Nobody || decide(speaker, way, nameOf(speaker, bytes));
}

void rank(std::uint32_t number)
{
    (void)decide(Speaker::Executor, Way::Sent, fmt::format("rank{}", number));
}

Result<Done> read()
{
    const char* const said = std::getenv("ARGUS_FAULTS");
    if (said == nullptr || *said == '\0')
        return Done{};
    Process& ours = process();
    const std::scoped_lock lock(ours.mutex);
    if (*said == '@') {
        ours.file = said + 1;
        ours.refresh();
    } else {
        Result<Rules> rules = Rules::parse(said);
        if (!rules)
            return std::move(rules).error();
        ours.rules = std::move(*rules);
    }
    active.store(true);
    fmt::print(stderr, "faults on purpose: {}\n", said); // in main nothing is logged yet
    return Done{};
}

} // namespace detail
} // namespace argus::protocol::faults
