// What a reader of the results must know about how their inputs were read.
#pragma once

#include <string>
#include <vector>

namespace rrpo {

/// A warning that run.json lists as well. Said once in a process.
void log_note(const std::string& message);
/// What log_note() was given so far, in order.
std::vector<std::string> logged_notes();

}  // namespace rrpo
