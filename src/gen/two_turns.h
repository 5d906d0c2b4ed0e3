// The paper's two prompts, word for word, and what a reply to the first one means.
#pragma once

#include <string>
#include <string_view>

namespace rrpo::gen {

/// Source of both: docs/DATA.md of the authors' repository, blanks at the ends of lines included.
std::string difference_prompt(std::string_view truth, std::string_view response);
std::string rewrite_prompt(std::string_view truth);

enum class Differences { none, some, unclear };

/// none: the word `None`, quoted or with a full stop, and nothing else. unclear: `None` as a sentence of its own, and more.
Differences read_differences(std::string_view reply);
constexpr const char* kUnclear = "the language model says None, and more";

}  // namespace rrpo::gen
