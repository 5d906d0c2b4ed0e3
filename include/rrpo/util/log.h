// Log lines on stderr, as text or as JSON; the library is silent until a program calls open_log().
#pragma once

#include <string>
#include <string_view>

namespace rrpo {

enum class LogFormat { text, json };

/// Directs log lines to stderr. `quiet` keeps warnings only.
void open_log(LogFormat format, bool quiet);

void log_info(std::string_view message);
void log_warning(std::string_view message);

}  // namespace rrpo
