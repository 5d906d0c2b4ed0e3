// What a chat template writes around one question about one video. A part of Jinja is understood: what templates in
// circulation use to lay out a conversation. Where a template does anything else on the way, nothing is said about it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rrpo/util/json_file.h"

namespace rrpo::text {

/// The text that a template writes for `variables`, white space trimmed as transformers sets Jinja up (trim_blocks,
/// lstrip_blocks). Nothing where it comes by an expression, filter, test or statement that is not understood here; what
/// stands in branches that are not taken is not looked at.
std::optional<std::string> render_template(std::string_view jinja, const Json& variables);

/// The prompt of one user turn with one video and one text, and the start of the answer.
struct PromptForm {
  std::string before_question;  ///< what stands for the video included
  std::string answer_start;
};

/// The prompt form of a template that writes the text of a question once and as it is. Nothing for any other.
std::optional<PromptForm> read_prompt_form(std::string_view jinja);

}  // namespace rrpo::text
