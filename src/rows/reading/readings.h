// How a careful person reads a reply, by the kind of question. When in doubt nothing is read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/answer.h"

namespace rrpo::rows {

/// What was read, or why nothing was.
struct Reading {
  std::vector<std::string> found{};
  std::string reason{};  ///< empty when something was
};

/// The key of the one option that the reply gives as its answer. A framed answer counts before a stated one (`the answer
/// is`, the last `final answer`), this before a line or a beginning that is an answer by itself, this before any other
/// mention; what is denied, asked or doubted counts nowhere. Different answers of one rank, and others that are not taken
/// back, are doubt.
Reading read_choice(const std::vector<Option>& options, std::string_view reply);

/// `yes` or `no`, as words of their own: `no dog` says neither.
Reading read_yes_or_no(std::string_view reply);
/// The same for a row whose slots say that answers have a form: it begins with the word.
Reading read_first_word(std::string_view reply);

/// The verdict on a reply to a question with a short answer: right where `truth` stands in it as a phrase, not denied, and
/// no value of `others`; wrong where the truth is denied, or where it is absent from at most two words more than it has.
struct PhraseReading {
  Verdict verdict = Verdict::unparsed;
  std::string found{};  ///< the words of the reply
  std::string reason{};
};
PhraseReading read_phrase(std::string_view truth, const std::vector<std::string>& others, std::string_view reply);

/// The values of the slots in a reply that has the form of the answer; empty where it has not.
std::vector<std::string> read_slots(const Question& question, std::string_view reply);

}  // namespace rrpo::rows
