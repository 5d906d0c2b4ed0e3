// Text files line by line, in memory that does not grow with the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace rrpo {

/// No line of ours or of the field comes near it.
constexpr int64_t kLongestLine = int64_t{64} << 20;

/// A file that is taken into memory as a whole: more than any tokenizer, configuration or JSON array has.
constexpr int64_t kLargestWholeFile = int64_t{2} << 30;

/// Calls `line(text, number)` for each line of a regular file, without its newline, counted from 1; a last line without a
/// newline is one too. `text` lives for the call only. Throws Error(input, `component`) where the file cannot be opened or a
/// line is longer than `longest` bytes, Error(environment, "io") where reading fails in the middle.
void each_line(const std::filesystem::path& file, std::string_view component,
               const std::function<void(std::string_view, int64_t)>& line, int64_t longest = kLongestLine);

}  // namespace rrpo
