// Log lines on stderr, as text or as JSON; the library is silent until a program calls open_log().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rrpo {

enum class LogFormat { text, json };

/// Directs log lines to stderr, each with its time (UTC in JSON). `quiet` keeps warnings only.
void open_log(LogFormat format, bool quiet);

/// From now on every line of this process names its rank: `[rank 1] `, or a member of the JSON object.
void log_rank(int64_t rank);
/// From now on warnings only.
void log_less();

void log_info(std::string_view message);
void log_warning(std::string_view message);

/// The line with which a program ends that fails: `error: LINE`, or a JSON object with time, message and exit code. It is
/// written whether the log is open, quiet or neither.
void log_failure(LogFormat format, std::string_view line, int exit_code);

}  // namespace rrpo
