// Prompt forms: how one question about one video is written for a model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// One form of prompt. The rendered text is `before_video` + the video's placeholder + `after_video` + question +
/// `answer_start`; the model answers with text and `end_of_turn`.
struct ChatTemplate {
  std::string name;          ///< value of `model.prompt`: onevision, onevision_2024, authors
  std::string help;          ///< one line
  std::string before_video;  ///< `<|im_start|>user\n`
  std::string after_video;   ///< `\n`
  std::string answer_start;  ///< `<|im_end|>\n<|im_start|>assistant\n`
  std::string end_of_turn;   ///< `<|im_end|>`
};

/// All known forms.
const std::vector<ChatTemplate>& chat_templates();

/// The form that a checkpoint's Jinja template writes, recognised by its text; nullptr when it is none of ours.
const ChatTemplate* recognise_template(std::string_view jinja);

/// The first of the form's markers (`<|im_start|>`) that is no token of the tokenizer and would be written as plain text;
/// empty when all are.
std::string missing_marker(const Tokenizer& tokenizer, const ChatTemplate& chat);

/// LLaVA-Video's sentence about a clip of `duration_s` seconds of which the frames at `times_s` are shown.
std::string time_sentence(double duration_s, const std::vector<double>& times_s);

/// Ids around the visual tokens of one question. `after` is encoded as one text, so that the question's first bytes meet the
/// newline after the video exactly as in the original.
struct PromptIds {
  std::vector<int64_t> before;  ///< depends on the template only: shared by all questions of a video
  std::vector<int64_t> after;
};
/// `answer_prefix` is how the answer begins: put into the model's mouth.
PromptIds encode_prompt(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                        std::string_view answer_prefix = "");

}  // namespace rrpo::text
