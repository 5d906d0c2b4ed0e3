#include "rrpo/util/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

namespace rrpo {

namespace {

std::shared_ptr<spdlog::logger> g_logger;
LogFormat g_format = LogFormat::text;
int64_t g_rank = -1;  ///< -1: not to be named

using OrderedJson = nlohmann::ordered_json;

std::string now_utc() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count() % 1000);
  const auto seconds = static_cast<std::time_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%03ldZ", date, ms);
  return text;
}

std::string json_text(OrderedJson line) {
  if (g_rank >= 0) line["rank"] = g_rank;
  return line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

/// What a line of text begins with.
std::string prefix() { return g_rank < 0 ? "" : "[rank " + std::to_string(g_rank) + "] "; }

void write(spdlog::level::level_enum level, std::string_view message) {
  if (!g_logger) return;
  if (g_format == LogFormat::text) {
    g_logger->log(level, "{}", message);
    return;
  }
  const auto name = spdlog::level::to_string_view(level);
  g_logger->log(level, "{}",
                json_text({{"time", now_utc()}, {"level", std::string(name.data(), name.size())}, {"message", message}}));
}

}  // namespace

void open_log(LogFormat format, bool quiet) {
  g_format = format;
  g_logger = std::make_shared<spdlog::logger>("rrpo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  g_logger->set_pattern(format == LogFormat::json ? "%v" : prefix() + "%Y-%m-%d %H:%M:%S %l: %v");
  g_logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  g_logger->flush_on(spdlog::level::info);
}

void log_rank(int64_t rank) { g_rank = rank; }

void log_less() {
  if (g_logger) g_logger->set_level(spdlog::level::warn);
}

void log_info(std::string_view message) { write(spdlog::level::info, message); }
void log_warning(std::string_view message) { write(spdlog::level::warn, message); }

void log_failure(LogFormat format, std::string_view line, int exit_code) {
  const std::string text =
      format == LogFormat::text
          ? prefix() + "error: " + std::string(line)
          : json_text({{"time", now_utc()}, {"level", "error"}, {"message", line}, {"exit", exit_code}});
  std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace rrpo
