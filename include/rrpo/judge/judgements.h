// Asking a language model about many questions: every reply is a line of judgements.jsonl the moment it is there.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rrpo/judge/dialogue.h"

namespace rrpo::judge {

/// What asking has brought. Not complete after a stop signal: some is left to ask.
struct CollectedJudgements {
  Judgements judgements;
  bool complete = false;
};

/// The replies on record in `file`: one row per prompt of a question; of several the last one counts, and a reply before a
/// fault. Rows of other questions do no harm. Without `faults` prompts that got no reply are not on record.
Judgements read_judgements(const std::filesystem::path& file, bool faults);

/// What is asked about.
struct Inquiry {
  std::vector<std::string> ids;  ///< of the questions, each once
  /// The first prompt that question `i` lacks, given what was said about it; nothing when it needs no other one.
  std::function<std::optional<Prompt>(int64_t i, const QuestionJudgements& said)> next;
  io::ChatFields chat;
  uint64_t seed = 42;
  std::string at;  ///< where `chat` stands in the configuration: `gen.llm`
};

/// Asks what each question lacks, chat.concurrency questions at a time, each prompt of a question after the reply to the one
/// before, and appends each reply or fault to `file` (judgements.jsonl). What an earlier run left there is not asked again,
/// but for its faults. Throws Error(judge) when nobody can be asked: the endpoint refuses, or no request at all, or none of
/// 64 in a row, got a reply; what was said is kept.
CollectedJudgements collect_judgements(const Inquiry& inquiry, const std::filesystem::path& file);

}  // namespace rrpo::judge
