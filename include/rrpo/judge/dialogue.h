// A talk with a language model about one response: its replies come from a record, and what the record lacks is noted. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/io/chat.h"

namespace rrpo::judge {

/// What a language model said to one prompt: a row of judgements.jsonl.
struct Judgement {
  std::string reply;  ///< as it was said
  std::string fault;  ///< why there is no reply; empty when there is one
};

/// By the hash of the prompt.
using QuestionJudgements = std::map<std::string, Judgement>;
/// By the id of the question.
using Judgements = std::map<std::string, QuestionJudgements>;

/// A prompt for which the record holds nothing.
struct Prompt {
  std::string on;  ///< what the response is about: in gen the perturbed or the clean video
  int64_t sample = 0;
  int64_t turn = 1;
  std::string hash;  ///< of the request: SHA-256, the first 32 hexadecimal digits
  Json request;
};

class Dialogue {
 public:
  /// `said` may be nullptr: nothing is on record. Both must outlive the dialogue.
  Dialogue(const io::ChatFields& chat, const QuestionJudgements* said, std::string on, int64_t sample);

  /// What the language model says to `text` in turn `turn` = 1, 2, …, having heard the turns before it. A turn that was
  /// taken before gives the same again. Nothing when it is silent.
  std::optional<std::string> say(int64_t turn, const std::string& text);

  /// True after a turn without a reply: `missing` is to be asked, or `fault` says why there is none.
  bool silent() const { return missing_.has_value() || !fault_.empty(); }
  const std::optional<Prompt>& missing() const { return missing_; }
  const std::string& fault() const { return fault_; }
  /// Hashes of the prompts that were answered, in order.
  const std::vector<std::string>& prompts() const { return prompts_; }

 private:
  const io::ChatFields* chat_;
  const QuestionJudgements* said_;
  std::string on_;
  int64_t sample_;
  std::vector<io::ChatMessage> messages_;
  std::vector<std::string> prompts_;
  std::optional<Prompt> missing_;
  std::string fault_;
};

}  // namespace rrpo::judge
