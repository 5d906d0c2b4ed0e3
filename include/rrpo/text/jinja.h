// What a chat template writes around one question about one video, read off its text without running it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::text {

/// The prompt of one user turn with one video and one text, and the start of the answer.
struct PromptForm {
  std::string before_video, after_video, answer_start;
};

/// One thing that a template writes: a literal text, or the value of an expression (`message['role']`).
struct Output {
  bool literal = false;
  std::string text;
};

/// Everything that a Jinja template writes, branches and loops laid out in a row, white space trimmed as transformers sets
/// Jinja up (trim_blocks, lstrip_blocks). Empty when a tag is not closed or a condition asks for the position in the loop.
std::vector<Output> template_outputs(std::string_view jinja);

/// The prompt form of a template that writes, in this order: a role, `<video>`, the text, the end of the turn, the start of
/// the answer, each as literals or sums of literals. Nothing for any other template.
std::optional<PromptForm> read_prompt_form(std::string_view jinja);

}  // namespace rrpo::text
