// Text for a terminal: its width, wrapped paragraphs, two columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rrpo::apps {

/// Columns of the terminal: COLUMNS, else what the terminal of stdout says, else 80; between 40 and 110, as longer lines are
/// hard to read.
size_t terminal_columns();

/// Columns that a text takes: one for each character (none of ours is wide).
size_t display_width(std::string_view text);

/// `text` in lines of at most `room` columns, broken at spaces; a longer word is broken where it must be.
std::vector<std::string> wrapped(std::string_view text, size_t room);

/// Every line of `text` indented by `indent` and wrapped to the terminal; later lines of a wrapped one by `hang` more.
std::string paragraph(std::string_view text, size_t indent = 0, size_t hang = 0);

/// `left`, and `right` beginning at column `at`, wrapped under itself; where too little room is left, below and a little
/// further in.
std::string two_columns(const std::string& left, const std::string& right, size_t at, size_t indent = 2);

/// A command line that can be pasted into a shell: broken at words, each line but the last ending in a backslash.
std::string shell_line(std::string_view command, size_t indent);

std::string padded(std::string text, size_t width);

}  // namespace rrpo::apps
