// The form of an answer: its style, and how its words are written behind it.
#pragma once

#include <string_view>

#include "rrpo/rows/question.h"

namespace rrpo::rows {

inline constexpr std::string_view kBlank = " \t\r\n";

std::string_view without_blanks(std::string_view text);
/// The text without blanks around it and without the question's style in front.
std::string_view without_style(const Question& question, std::string_view text);
/// True when `text` continues with `wanted` at `at`. The case of the first letter of all is free when the question has a
/// style.
bool continues(const Question& question, std::string_view text, size_t at, std::string_view wanted);

}  // namespace rrpo::rows
