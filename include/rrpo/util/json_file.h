// JSON and JSON-lines files, with file and place in every error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rrpo/util/error.h"

namespace rrpo {

/// Keys keep the order in which they were written, so that a file read and written again differs in nothing but what
/// changed.
using Json = nlohmann::ordered_json;

/// The bytes of a file. Throws Error(input) naming `component` and the file when it cannot be read.
std::string read_file(const std::filesystem::path& file, std::string_view component);

/// Parses one JSON text (comments allowed); a key that stands twice in one object is a fault. `place` names it in errors (a
/// file, `file:line`), `fault` is their kind.
Json parse_json(std::string_view text, std::string_view component, std::string_view place, Fault fault = Fault::input);

/// A JSON file; comments are allowed.
Json read_json(const std::filesystem::path& file, std::string_view component, Fault fault = Fault::input);

/// Calls `row(value, line)` for each non-blank line of a JSONL file, `line` counted from 1 with blank lines included.
/// A broken line throws Error(input) with `file:line`.
void each_json_line(const std::filesystem::path& file, std::string_view component,
                    const std::function<void(const Json&, int64_t)>& row);

/// One line of JSONL: no newline, invalid UTF-8 replaced.
std::string json_line(const Json& value);

}  // namespace rrpo
