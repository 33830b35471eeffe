#include "engine/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string>

namespace argus::log {

void start(std::string_view process, std::string_view level)
{
    auto logger =
        std::make_shared<spdlog::logger>(std::string(process), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %n: %v");
    const auto wanted = spdlog::level::from_str(std::string(level));
    logger->set_level(wanted == spdlog::level::off && level != "off" ? spdlog::level::info : wanted);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace argus::log
