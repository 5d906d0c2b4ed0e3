// Prompt forms: how one question about one video is written for a model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// One form of prompt. The rendered text is
///   `before_video` + `clip_start` + (`run_start` + visual tokens + `run_end`) for each run + `clip_end` + `after_video` +
///   question + `answer_start`;
/// the model answers with text, `answer_end` and `end_of_turn`. A still that is shown as a picture stands between
/// `still_start` and `still_end` in place of clip and run. In `run_start`, `{n}` is the number of the run from 1, `{t}` its
/// moment in seconds with one decimal.
struct ChatTemplate {
  std::string name;          ///< value of `model.prompt`: onevision, onevision_2024, authors, ...
  std::string help;          ///< one line
  std::string before_video;  ///< `<|im_start|>user\n`
  std::string clip_start = {};
  std::string run_start = {};  ///< `Frame{n}: <img>`
  std::string run_end = {};    ///< `</img>\n`
  std::string clip_end = {};
  std::string still_start = {};   ///< `<img>`
  std::string still_end = {};     ///< `</img>\n`
  std::string after_video = {};   ///< `\n`
  std::string answer_start = {};  ///< `<|im_end|>\n<|im_start|>assistant\n`
  std::string answer_end = {};
  std::string end_of_turn = {};         ///< `<|im_end|>`
  std::string instruction = {};         ///< what an eye with a vocabulary of its own reads
  std::string placeholder = "<video>";  ///< what the checkpoint's own template writes for a clip
};

/// All known forms.
const std::vector<ChatTemplate>& chat_templates();

/// The form that a checkpoint's Jinja template writes, recognised by its text; nullptr when it is none of ours. Of several
/// that begin with the same template `preferred` is taken, else the first.
const ChatTemplate* recognise_template(std::string_view jinja, std::string_view preferred = "");

/// The first of the form's markers (`<|im_start|>`) that is no token of the tokenizer and would be written as plain text;
/// empty when all are.
std::string missing_marker(const Tokenizer& tokenizer, const ChatTemplate& chat);

/// LLaVA-Video's sentence about a clip of `duration_s` seconds of which the frames at `times_s` are shown.
std::string time_sentence(double duration_s, const std::vector<double>& times_s);

/// What a prompt knows of the clip that it shows.
struct PromptClip {
  std::vector<double> times_s = {0};  ///< the moment of each run of visual tokens
  bool still = false;                 ///< shown as a picture
  /// Words before each run and behind the last, on lines of their own: what is heard between frames. Empty: none.
  std::vector<std::string> heard = {};
};

/// Ids of the words before each run of visual tokens. What ends the last run is encoded with the question, so that its first
/// bytes meet what stands before them exactly as in the original.
std::vector<std::vector<int64_t>> encode_leads(const Tokenizer& tokenizer, const ChatTemplate& chat, const PromptClip& clip);

/// Ids from the last visual token to the answer. `answer_prefix` is how the answer begins: put into the model's mouth.
std::vector<int64_t> encode_question(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                                     std::string_view answer_prefix = "", const PromptClip& clip = {});

/// Ids around a clip that is shown in one run at its beginning.
struct PromptIds {
  std::vector<int64_t> before;  ///< depends on the form only
  std::vector<int64_t> after;
};
PromptIds encode_prompt(const Tokenizer& tokenizer, const ChatTemplate& chat, std::string_view question,
                        std::string_view answer_prefix = "");

/// The same as text, `run` in the place of each run: what the original's template would have written.
std::string prompt_text(const ChatTemplate& chat, const PromptClip& clip, std::string_view run, std::string_view question,
                        std::string_view answer_prefix = "");

}  // namespace rrpo::text
