#pragma once
// A planner's port that keeps what is said and sent, and asks to give it.

#include "engine/node/planner.h"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace argus::node::testing {

/// Keeps what the planner says and sends.
class ScriptedPort final : public PlannerPort {
public:
    bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors) override
    {
        if (!takes)
            return false;
        if (onSend)
            onSend(message);
        sent.push_back(message);
        descriptorCounts.push_back(descriptors.size());
        return true;
    }
    void readMedia(AskNumber number, std::size_t index, const std::filesystem::path&) override
    {
        wanted.emplace_back(number, index);
    }
    void tell(NodeEvent event) override { events.push_back(std::move(event)); }
    void giveUpOn(std::uint64_t epoch, const Said& why) override
    {
        givenUp = epoch;
        givenUpWhy = english(why);
    }

    /// The oldest step that was sent and not looked at yet; drops before it are noted.
    std::optional<wire::NodeToExecutor> nextStep()
    {
        while (!sent.empty()) {
            wire::NodeToExecutor message = std::move(sent.front());
            sent.pop_front();
            if (message.has_step())
                return message;
            for (const std::uint64_t sequence : message.drop().sequences())
                dropped.push_back(sequence);
        }
        return std::nullopt;
    }
    [[nodiscard]] std::vector<AskEnded> ends(AskNumber number) const
    {
        std::vector<AskEnded> found;
        for (const NodeEvent& event : events)
            if (const auto* ended = std::get_if<AskEnded>(&event); ended && ended->number == number)
                found.push_back(*ended);
        return found;
    }
    [[nodiscard]] std::string said(AskNumber number) const
    {
        std::string text;
        for (const NodeEvent& event : events)
            if (const auto* piece = std::get_if<AskSaid>(&event); piece && piece->number == number)
                text += piece->text;
        return text;
    }

    std::function<void(const wire::NodeToExecutor&)> onSend;
    std::deque<wire::NodeToExecutor> sent;
    std::vector<std::size_t> descriptorCounts;
    std::vector<std::uint64_t> dropped;
    std::vector<std::pair<AskNumber, std::size_t>> wanted;
    std::vector<NodeEvent> events;
    std::optional<std::uint64_t> givenUp;
    std::string givenUpWhy;
    bool takes = true;
};

inline SubmitAsk question(AskNumber number, const std::string& text, std::uint32_t maxTokens, int images = 0)
{
    SubmitAsk submit;
    submit.ask.number = number;
    submit.ask.accepted = now();
    submit.ask.ask.set_id("ask-" + std::to_string(number));
    submit.ask.ask.mutable_sampling()->set_max_tokens(maxTokens);
    wire::ChatMessage& message = *submit.ask.ask.add_messages();
    message.set_role("user");
    for (int i = 0; i < images; ++i) {
        const Sha256 digest(32, static_cast<char>(i));
        message.add_parts()->set_image(digest);
        submit.ask.files[digest] = "/nowhere";
    }
    message.add_parts()->set_text(text);
    return submit;
}

inline media::Pixels picture()
{
    media::Pixels pixels;
    pixels.frames = 1;
    pixels.gridT = 1;
    pixels.gridH = 4;
    pixels.gridW = 6;
    return pixels;
}

} // namespace argus::node::testing
