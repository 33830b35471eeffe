// argus-node ask: one question, one answer on stdout.

#include "engine/apps/argus_node_common.h"
#include "engine/base/files.h"
#include "engine/base/json_limits.h"
#include "engine/base/log.h"
#include "engine/client/private_head.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <utility>

namespace argus::apps {
namespace fs = std::filesystem;
using Json = nlohmann::json;
namespace {

constexpr Milliseconds kConnectPatience{10'000};
constexpr Milliseconds kPrivateHeadPatience{20'000};
constexpr Milliseconds kInspectPatience{30'000};
constexpr Milliseconds kCancelPatience{3'000};
constexpr Milliseconds kLook{100}; // between two looks at Ctrl-C
constexpr std::size_t kMaxStdin = 1U << 20;

struct Media {
    std::string file;
    bool video = false;
};

struct AskOptions {
    std::string head;
    std::string headKey;
    std::vector<Media> media; ///< images and videos as they stood on the command line
    std::optional<std::string> system;
    std::string history;
    std::string question;
    std::string model;
    std::string device;
    bool json = false;
    unsigned timeoutSeconds = 3600;
    wire::Sampling sampling;
};

// ---- Ctrl-C ----

volatile sig_atomic_t interrupted = 0;

void onInterrupt(int)
{
    interrupted = 1;
}

// ---- the ask ----

Result<std::string> questionText(const std::string& typed)
{
    if (typed != "-")
        return typed;
    std::string text;
    char piece[4096];
    while (std::cin.read(piece, sizeof piece) || std::cin.gcount() > 0) {
        text.append(piece, static_cast<std::size_t>(std::cin.gcount()));
        if (text.size() > kMaxStdin)
            return Error{ErrorCode::TooLarge,
                         fmt::format("the question on standard input is longer than {} bytes", kMaxStdin),
                         "ask a shorter question",
                         {}};
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.pop_back();
    return text;
}

/// A JSON list of [question, answer].
Result<std::vector<std::pair<std::string, std::string>>> readHistory(const std::string& file)
{
    std::vector<std::pair<std::string, std::string>> turns;
    if (file.empty())
        return turns;
    Result<std::string> text = readFile(file, kMaxStdin);
    if (!text)
        return std::move(text).error();
    Result<Json> json = parseJson(*text, file, {.bytes = kMaxStdin});
    if (!json)
        return std::move(json).error();
    const Error wrong{ErrorCode::BadRequest,
                      fmt::format("{} is not a list of [question, answer]", file),
                      R"(write [["question", "answer"], ...])",
                      {}};
    if (!json->is_array())
        return wrong;
    for (const Json& turn : *json) {
        if (!turn.is_array() || turn.size() != 2 || !turn[0].is_string() || !turn[1].is_string())
            return wrong;
        turns.emplace_back(turn[0].get<std::string>(), turn[1].get<std::string>());
    }
    return turns;
}

/// Media stand before the first question, as people show a picture and then talk about it.
wire::Ask askOf(const AskOptions& options, const std::string& question, const std::vector<Sha256>& digests,
                const std::vector<std::pair<std::string, std::string>>& history)
{
    wire::Ask ask;
    *ask.mutable_sampling() = options.sampling;
    const auto say = [&ask](const char* role, const std::string& text) {
        wire::ChatMessage& message = *ask.add_messages();
        message.set_role(role);
        message.add_parts()->set_text(text);
    };
    if (options.system)
        say("system", *options.system);
    bool first = true;
    const auto askQuestion = [&](const std::string& text) {
        wire::ChatMessage& message = *ask.add_messages();
        message.set_role("user");
        for (std::size_t i = 0; first && i < digests.size(); ++i)
            options.media[i].video ? message.add_parts()->set_video(digests[i])
                                   : message.add_parts()->set_image(digests[i]);
        first = false;
        message.add_parts()->set_text(text);
    };
    for (const auto& [asked, answered] : history) {
        askQuestion(asked);
        say("assistant", answered);
    }
    askQuestion(question);
    return ask;
}

// ---- the head to ask ----

/// Where to ask, and the private head behind it if there is one.
struct Target {
    client::HeadAddress address;
    std::optional<client::PrivateHead> own;
};

Result<Target> findTarget(const AskOptions& options)
{
    if (!options.head.empty()) {
        Result<client::HeadAddress> named = namedHead(options.head, options.headKey);
        if (!named)
            return std::move(named).error();
        return Target{.address = std::move(*named), .own = {}};
    }
    if (options.model.empty() && options.device.empty()) {
        Result<std::optional<client::HeadAddress>> local = localHead();
        if (!local)
            return std::move(local).error();
        if (*local)
            return Target{.address = std::move(**local), .own = {}};
    }
    std::vector<std::string> settings{"--log-level", "error"};
    if (!options.model.empty())
        settings.insert(settings.end(), {"--model", fs::absolute(options.model).string()});
    if (!options.device.empty())
        settings.insert(settings.end(), {"--device", options.device});
    Result<client::PrivateHead> own = client::PrivateHead::start(settings, Deadline::in(kPrivateHeadPatience));
    if (!own)
        return std::move(own).error();
    Target target;
    target.address = own->address();
    target.own.emplace(std::move(*own));
    return target;
}

// ---- one question, one answer ----

/// What came back, whole.
struct Answer {
    std::string text;
    std::optional<wire::AskFinished> finished;
    std::optional<Error> error;
    std::map<Sha256, wire::MediaInfo> media;
};

class OneAsk {
public:
    OneAsk(const AskOptions& options, Conversation& conversation)
        : m_options(options), m_conversation(conversation),
          m_until(Deadline::in(std::chrono::seconds(options.timeoutSeconds)))
    {
    }

    Answer run(const std::string& question, const std::vector<std::pair<std::string, std::string>>& history)
    {
        if (!upload())
            return std::move(m_answer);
        m_id = m_conversation.client().ask(askOf(m_options, question, m_digests, history));
        while (!m_answer.finished && !m_answer.error)
            turn();
        if (m_options.json && m_answer.finished)
            describeMedia();
        return std::move(m_answer);
    }

private:
    /// Hands every file to the client, which reads and hashes it on its side.
    bool upload()
    {
        using Hashed = std::pair<std::size_t, Result<Sha256>>;
        auto hashed = std::make_shared<Inbox<Hashed>>(m_options.media.size() + 1);
        for (std::size_t i = 0; i < m_options.media.size(); ++i)
            m_conversation.client().upload(m_options.media[i].file, [hashed, i](Result<Sha256> digest) {
                hashed->push({i, std::move(digest)});
            });
        m_digests.resize(m_options.media.size());
        for (std::size_t left = m_options.media.size(); left > 0 && !m_answer.error;) {
            std::optional<Hashed> one = hashed->pop(Deadline::in(kLook));
            if (interrupted || m_until.passed())
                m_answer.error = Error{ErrorCode::Cancelled, "cancelled while the files were read", {}, {}};
            if (!one)
                continue;
            --left;
            if (one->second)
                m_digests[one->first] = *one->second;
            else
                m_answer.error = one->second.error();
        }
        return !m_answer.error;
    }

    void turn()
    {
        if ((interrupted || m_until.passed()) && !m_cancelledAt) {
            m_cancelledAt = now();
            m_conversation.client().cancel(m_id);
        }
        if (m_cancelledAt && now() - *m_cancelledAt > kCancelPatience) {
            m_answer.error = Error{ErrorCode::Timeout, "the head did not end the question", {}, {}};
            return;
        }
        if (std::optional<client::Event> event = m_conversation.next(Deadline::in(kLook)))
            std::visit([this](auto&& happened) { on(std::forward<decltype(happened)>(happened)); }, std::move(*event));
        if (m_awaySince && now() - *m_awaySince > kAwayPatience)
            m_answer.error = m_away;
    }

    void on(client::TextArrived&& event)
    {
        if (event.ask != m_id)
            return;
        m_answer.text += event.text;
        if (m_options.json)
            return;
        std::fwrite(event.text.data(), 1, event.text.size(), stdout);
        std::fflush(stdout);
    }
    void on(client::AskFinished&& event)
    {
        if (event.finished.id() != m_id)
            return;
        m_answer.text = event.finished.text();
        m_answer.finished = std::move(event.finished);
        if (m_until.passed())
            m_answer.error = Error{ErrorCode::Timeout,
                                   fmt::format("no answer within {} s", m_options.timeoutSeconds),
                                   "allow more with --timeout, or less with --max-tokens",
                                   {}};
    }
    void on(client::AskFailed&& event)
    {
        if (event.ask == m_id)
            m_answer.error = named(std::move(event.error));
    }
    void on(client::Disconnected&& event)
    {
        if (event.why.causeSaid.id == "key-revoked") { // waiting does not change that
            m_answer.error = std::move(event.why);
            return;
        }
        m_away = std::move(event.why);
        m_awaySince = m_awaySince.value_or(now());
    }
    void on(client::Connected&&) { m_awaySince.reset(); }
    void on(client::Inspected&& event) { m_answer.media[event.sha256] = std::move(event.info); }
    void on(client::InspectFailed&& event) { m_answer.media[event.sha256]; }
    template <typename Other>
    void on(Other&&)
    {
    }

    /// The head knows attachments by digest and number; the person knows them by name.
    [[nodiscard]] Error named(Error error) const
    {
        for (std::size_t i = m_options.media.size(); i > 0; --i) {
            const std::string& file = m_options.media[i - 1].file;
            const std::string digest = hexOf(m_digests[i - 1]);
            if (const std::size_t at = error.cause.find(digest); at != std::string::npos)
                error.cause.replace(at, digest.size(), file);
            const std::string number = fmt::format("attachment {} of {}: ", i, m_options.media.size());
            if (error.cause.starts_with(number + file))
                error.cause.erase(0, number.size());
            else if (error.cause.starts_with(number))
                error.cause.replace(0, number.size(), file + ": ");
        }
        return error;
    }

    void describeMedia()
    {
        const std::vector<Sha256> wanted = m_digests;
        for (const Sha256& digest : wanted)
            m_conversation.client().inspect(digest, 0);
        const Deadline patience = Deadline::in(kInspectPatience);
        const auto known = [&](const Sha256& digest) { return m_answer.media.contains(digest); };
        while (!std::all_of(wanted.begin(), wanted.end(), known) && !patience.passed() && !interrupted)
            turn();
    }

    static constexpr Milliseconds kAwayPatience{15'000};
    const AskOptions& m_options;
    Conversation& m_conversation;
    Deadline m_until;
    std::vector<Sha256> m_digests;
    std::string m_id;
    Answer m_answer;
    std::optional<Instant> m_cancelledAt;
    std::optional<Instant> m_awaySince;
    Error m_away;

public:
    [[nodiscard]] const std::vector<Sha256>& digests() const { return m_digests; }
};

// ---- what is printed ----

const char* reasonName(wire::AskFinished::Reason reason)
{
    switch (reason) {
    case wire::AskFinished::STOP:
        return "stop";
    case wire::AskFinished::LENGTH:
        return "length";
    case wire::AskFinished::CANCELLED:
        return "cancelled";
    default:
        return "unknown";
    }
}

Json mediaJson(const std::string& file, const wire::MediaInfo& info)
{
    Json json{{"file", file}};
    if (info.kind() == wire::MediaInfo::KIND_UNSPECIFIED)
        return json;
    json.update({{"kind", info.kind() == wire::MediaInfo::VIDEO ? "video" : "image"},
                 {"width", info.width()},
                 {"height", info.height()},
                 {"model_width", info.model_width()},
                 {"model_height", info.model_height()},
                 {"model_tokens", info.model_tokens()}});
    if (info.kind() == wire::MediaInfo::VIDEO)
        json.update(
            {{"seconds", info.duration_seconds()}, {"frames", info.frames()}, {"model_frames", info.model_frames()}});
    return json;
}

Json jsonOf(const Answer& answer, const AskOptions& options, const std::vector<Sha256>& digests)
{
    Json json{{"text", answer.text}};
    if (answer.finished) {
        const wire::AskStats& stats = answer.finished->stats();
        json.update({{"reason", reasonName(answer.finished->reason())},
                     {"prompt_tokens", stats.prompt_tokens()},
                     {"completion_tokens", stats.completion_tokens()},
                     {"seconds_media", stats.seconds_media()},
                     {"seconds_to_first_token", stats.seconds_to_first_token()},
                     {"seconds_total", stats.seconds_total()},
                     {"tokens_per_second", stats.tokens_per_second()},
                     {"output_ids", std::vector<std::uint32_t>(answer.finished->output_ids().begin(),
                                                               answer.finished->output_ids().end())}});
    }
    json["media"] = Json::array();
    for (std::size_t i = 0; i < options.media.size(); ++i) {
        const auto info = i < digests.size() ? answer.media.find(digests[i]) : answer.media.end();
        json["media"].push_back(
            mediaJson(options.media[i].file, info == answer.media.end() ? wire::MediaInfo() : info->second));
    }
    if (answer.error)
        json["error"] = apps::jsonOf(*answer.error);
    return json;
}

int finish(const Answer& answer, const AskOptions& options, const std::vector<Sha256>& digests)
{
    if (options.json)
        fmt::print("{}\n", jsonOf(answer, options, digests).dump(2, ' ', false, Json::error_handler_t::replace));
    else if (!answer.text.empty())
        fmt::print("\n");
    std::fflush(stdout);
    if (answer.error)
        return complain(*answer.error);
    return interrupted ? kInterrupted : kOk;
}

int failEarly(const Error& error, const AskOptions& options)
{
    Answer answer;
    answer.error = error;
    return finish(answer, options, {});
}

std::optional<Error> firstMissingFile(const AskOptions& options)
{
    std::error_code ignored;
    for (const Media& media : options.media)
        if (!fs::exists(media.file, ignored))
            return Error{ErrorCode::NotFound, fmt::format("there is no file {}", media.file), "check its name", {}};
    return std::nullopt;
}

int ask(const AskOptions& options)
{
    log::start("argus-node", "error");
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    if (const std::optional<Error> missing = firstMissingFile(options))
        return failEarly(*missing, options);
    const Result<std::string> question = questionText(options.question);
    if (!question)
        return failEarly(question.error(), options);
    const auto history = readHistory(options.history);
    if (!history)
        return failEarly(history.error(), options);
    Result<Target> target = findTarget(options);
    if (!target)
        return failEarly(target.error(), options);
    int code = kFailed;
    {
        auto conversation = Conversation::open(target->address, "argus-node ask", Deadline::in(kConnectPatience));
        if (!conversation)
            return failEarly(conversation.error(), options);
        OneAsk one(options, **conversation);
        const Answer answer = one.run(*question, *history);
        code = finish(answer, options, one.digests());
    }
    if (target->own)
        target->own->stop(Deadline::in(kCancelPatience));
    return code;
}

/// CLI11 keeps the values of each option apart; the order between them it tells by option.
void keepOrder(const CLI::App& command, const CLI::Option* image, const CLI::Option* video, AskOptions& options)
{
    std::size_t images = 0;
    std::size_t videos = 0;
    for (const CLI::Option* option : command.parse_order()) {
        if (option == image)
            options.media.push_back({.file = image->results().at(images++), .video = false});
        else if (option == video)
            options.media.push_back({.file = video->results().at(videos++), .video = true});
    }
}

template <typename T, typename Set>
void addSampling(CLI::App& command, const char* name, const char* help, Set set)
{
    command
        .add_option_function<T>(
            name, [set](const T& value) { set(value); }, help)
        ->group("Sampling");
}

} // namespace

void addAsk(CLI::App& app, Action& action)
{
    auto options = std::make_shared<AskOptions>();
    CLI::App* command = app.add_subcommand("ask", "Ask one question, about pictures and clips or without");
    command->footer("Examples:\n"
                    "  argus-node ask --image photo.jpg \"What is in this picture?\"\n"
                    "  argus-node ask --image a.png --image b.png --video c.mp4 --json \"What has changed?\"\n"
                    "  echo \"Hello!\" | argus-node ask -\n"
                    "Exit status: 0 answered, 1 failed, 2 wrong usage.");
    command->add_option("question", options->question, "The question; - reads it from standard input")->required();
    auto files = std::make_shared<std::pair<std::vector<std::string>, std::vector<std::string>>>();
    CLI::Option* image = command->add_option("--image", files->first, "A picture (several times for several)")
                             ->allow_extra_args(false)
                             ->type_name("FILE");
    CLI::Option* video = command->add_option("--video", files->second, "A clip (several times for several)")
                             ->allow_extra_args(false)
                             ->type_name("FILE");
    command->add_option("--system", options->system, "What the model is told to be");
    command
        ->add_option("--history", options->history, "JSON file with earlier turns: [[\"question\", \"answer\"], ...]")
        ->type_name("FILE");
    command->add_option("--head", options->head, "HOST:PORT of the head to ask [this user's, else one of its own]");
    command->add_option("--head-key", options->headKey, "The head's public key, or a file with it; remembered");
    command->add_option("--model", options->model, "Folder of the checkpoint, for a head of its own [the demo model]")
        ->type_name("DIR");
    command->add_option("--device", options->device, "What computes, for a head of its own: auto, cpu or cuda:N");
    command->add_flag("--json", options->json, "Print one JSON object at the end instead of text as it comes");
    command->add_option("--timeout", options->timeoutSeconds, "Seconds to wait for the whole answer")
        ->capture_default_str()
        ->check(CLI::Range(1U, 86'400U));
    wire::Sampling& sampling = options->sampling;
    addSampling<double>(*command, "--temperature", "0: always the likeliest token",
                        [&](double v) { sampling.set_temperature(v); });
    addSampling<double>(*command, "--top-p", "Draw from the likeliest tokens that make up this share",
                        [&](double v) { sampling.set_top_p(v); });
    addSampling<std::uint32_t>(*command, "--top-k", "Draw from this many tokens; 0: all",
                               [&](std::uint32_t v) { sampling.set_top_k(v); });
    addSampling<double>(*command, "--repetition-penalty", "1: none",
                        [&](double v) { sampling.set_repetition_penalty(v); });
    addSampling<std::uint32_t>(*command, "--max-tokens", "Longest answer",
                               [&](std::uint32_t v) { sampling.set_max_tokens(v); });
    addSampling<std::uint64_t>(*command, "--seed", "The same seed draws the same",
                               [&](std::uint64_t v) { sampling.set_seed(v); });
    auto stops = std::make_shared<std::vector<std::string>>();
    command->add_option("--stop", *stops, "End the answer before this text (several times for several)")
        ->allow_extra_args(false)
        ->group("Sampling");
    command->callback([=, &action] {
        keepOrder(*command, image, video, *options);
        for (const std::string& stop : *stops)
            options->sampling.add_stop(stop);
        action = [options, files] { return ask(*options); };
    });
}

} // namespace argus::apps
