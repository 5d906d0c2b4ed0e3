#include "rrpo/util/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace rrpo {

namespace {

std::shared_ptr<spdlog::logger> g_logger;
LogFormat g_format = LogFormat::text;

void write(spdlog::level::level_enum level, std::string_view message) {
  if (!g_logger) return;
  if (g_format == LogFormat::text) {
    g_logger->log(level, "{}", message);
    return;
  }
  const auto name = spdlog::level::to_string_view(level);
  const nlohmann::ordered_json line = {{"level", std::string(name.data(), name.size())}, {"message", message}};
  g_logger->log(level, "{}", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void open_log(LogFormat format, bool quiet) {
  g_format = format;
  g_logger = std::make_shared<spdlog::logger>("rrpo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  g_logger->set_pattern(format == LogFormat::json ? "%v" : "%H:%M:%S %l: %v");
  g_logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  g_logger->flush_on(spdlog::level::info);
}

void log_info(std::string_view message) { write(spdlog::level::info, message); }
void log_warning(std::string_view message) { write(spdlog::level::warn, message); }

}  // namespace rrpo
