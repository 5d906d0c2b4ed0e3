// The settings of a generation_config.json that change logits before a token is chosen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace rrpo::policy {

/// As transformers 5 applies them, in this order, to logits in float32.
struct LogitsRules {
  double repetition_penalty = 1;     ///< a logit above 0 of a token that occurred is divided by it, else multiplied
  int64_t no_repeat_ngram_size = 0;  ///< no sequence of so many tokens occurs twice; 0: off
  std::vector<std::vector<int64_t>> bad_words;  ///< sequences of tokens that do not occur
  int64_t min_new_tokens = 0;                   ///< before so many new tokens no stop id
  std::vector<int64_t> suppressed;              ///< tokens that never occur
  std::vector<int64_t> suppressed_first;        ///< tokens that are not the first
  bool sees_prompt = true;            ///< the prompt's tokens occurred (the authors' code hands on embeddings only)
  std::vector<int64_t> prompt_extra;  ///< the id that stands for visual tokens in the prompt

  bool any() const;
};

/// The rules of a checkpoint folder's generation_config.json. Throws Error(input, "model") naming the key for a value that
/// is none.
LogitsRules read_logits_rules(const std::filesystem::path& folder);

/// A sentence on what of that file changes answers: what is applied and what is not. Empty where nothing does.
std::string logits_note(const std::filesystem::path& folder);

/// Changes the logits [count] of the next token: `prompt` and `said` are the ids before it.
void apply_rules(const LogitsRules& rules, const std::vector<int64_t>& stop_ids, const std::vector<int64_t>& prompt,
                 const std::vector<int64_t>& said, float* logits, int64_t count);

}  // namespace rrpo::policy
