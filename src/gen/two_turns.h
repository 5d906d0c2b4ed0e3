// The paper's two prompts, word for word, and what replies to them mean.
#pragma once

#include <string>
#include <string_view>

#include "rrpo/gen/config.h"

namespace rrpo::gen {

/// Source of both: docs/DATA.md of the authors' repository, blanks at the ends of lines included.
std::string difference_prompt(std::string_view truth, std::string_view response);
std::string rewrite_prompt(std::string_view truth);

enum class Differences { none, some, unclear };

/// none: `None`, or a sentence that says as much and nothing else (`There are no key differences between these two
/// sentences.`). some: an item of a list, or a text, that names a difference. unclear: all else, such as `None` and more, a
/// refusal, one word.
Differences read_differences(std::string_view reply);
constexpr const char* kUnclear = "the language model does not say whether there is a key difference";

/// The sentence that a reply gives, or why it gives none.
struct Revision {
  std::string text;
  std::string reason;
};

/// A sentence in the place of `truth`, out of a reply to the second prompt. Labels (`Revised sentence:`), emphasis,
/// quotation marks, fences and a JSON object of one text are taken off where nothing else can be meant. What is left must be
/// a small edit of the truth by the bounds of `llm`, in as many lines and sentences, and must not talk about itself in words
/// that neither `truth` nor `response` has. `begin`: bytes of the truth before its first word behind the style.
Revision read_revision(const LlmFields& llm, std::string_view truth, int64_t begin, std::string_view response,
                       std::string_view reply);

}  // namespace rrpo::gen
