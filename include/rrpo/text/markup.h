// The markup of chats that gets into texts: control tokens, applied templates, ends of turn, places of pictures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// The first marker in `text` that is markup of some model's prompt and never part of what people say: `<image>`, `<video>`,
/// `<|im_start|>` and all of that form, `[INST]`, `<start_of_turn>`, an end of text `</s>` at the end. Empty when there is
/// none.
std::string_view markup_in(std::string_view text);

/// The first special token of `tokenizer` that `text` is encoded with: what would control the model instead of being read.
/// Empty when there is none.
std::string special_token_in(const Tokenizer& tokenizer, std::string_view text);

/// Takes ends of turn (`<|im_end|>`, `</s>`, `<|eot_id|>`, …) and the white space between them off the end of `text`, and
/// behind them the header of the next turn. True when there was one.
bool cut_end_of_turn(std::string& text);

/// What stood inside of an applied chat template.
struct Untemplated {
  std::string form;    ///< its name: chatml, llama3, gemma, phi, mistral, vicuna
  std::string system;  ///< empty when there was none
  std::string text;
};

/// The one question of a prompt that a known template wrote, without its markup; nothing when none did or the prompt holds
/// several turns.
std::optional<Untemplated> question_in_template(std::string_view prompt);

/// Takes the header of the assistant's turn and an empty `<think></think>` off the front of an answer. True when there was
/// one.
bool cut_answer_header(std::string& text);

}  // namespace rrpo::text
