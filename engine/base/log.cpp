#include "engine/base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace argus::log {
namespace {

constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S.%e %L %n: %v";

class Listening final : public spdlog::sinks::base_sink<std::mutex> {
public:
    void setListener(std::function<void(std::string_view)> listener)
    {
        const std::scoped_lock lock(mutex_);
        m_listener = std::move(listener);
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override
    {
        if (!m_listener)
            return;
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        m_listener({line.data(), line.size()});
    }
    void flush_() override {}

private:
    std::function<void(std::string_view)> m_listener;
};

} // namespace

void start(std::string_view process, std::string_view level)
{
    auto logger = std::make_shared<spdlog::logger>(
        std::string(process),
        spdlog::sinks_init_list{std::make_shared<spdlog::sinks::stderr_sink_mt>(), std::make_shared<Listening>()});
    logger->set_pattern(kPattern);
    const auto wanted = spdlog::level::from_str(std::string(level));
    logger->set_level(wanted == spdlog::level::off && level != "off" ? spdlog::level::info : wanted);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void alsoTo(std::function<void(std::string_view line)> listener)
{
    for (const spdlog::sink_ptr& sink : spdlog::default_logger()->sinks())
        if (const auto listening = std::dynamic_pointer_cast<Listening>(sink))
            return listening->setListener(std::move(listener));
}

} // namespace argus::log
