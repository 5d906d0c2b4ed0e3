// One question on its way to a pair: its samples judged, its mistakes counted, the first that can be rewritten taken.
#pragma once

#include <vector>

#include "rrpo/gen/judge.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/rewrite.h"

namespace rrpo::gen {

/// A mistake, the number of the first sample that makes it, and in how many it is made.
struct Mistake {
  size_t sample = 0;
  int64_t times = 1;
  rows::Judged judged;
};

/// What was said to a question, and the dialogues about it with a language model.
class Case {
 public:
  /// Keeps references to all of them; `judgements` is nullptr where none are known of this question.
  Case(const GenFields& gen, const rows::Question& question, const Said& said, const judge::QuestionJudgements* judgements);

  const GenFields& gen() const { return gen_; }
  const rows::Question& question() const { return question_; }
  const Said& said() const { return said_; }
  const Judge& judge() const { return judge_of(gen_, question_.format); }
  const Rewrite& rewrite() const { return rewrite_of(gen_, question_.format); }
  /// The language model's part in what became of sample `i`.
  const judge::Dialogue& talk(size_t i) const { return talks_[i]; }
  /// The dialogue that lacks a reply, nullptr where none does.
  const judge::Dialogue* silent() const;

  rows::Judged judge_sample(size_t i);
  rows::Judged judge_clean();
  Rewritten rewrite_sample(size_t i, const rows::Judged& judged);

 private:
  /// A cut response is no wrong phrase: the true one may have followed.
  rows::Judged judge_response(const Response& response, judge::Dialogue& talk);

  const GenFields& gen_;
  const rows::Question& question_;
  const Said& said_;
  std::vector<judge::Dialogue> talks_;  ///< one per sample, and one about the response to the clean video
};

/// Where one question ends, and the most frequent mistake that can be rewritten, if it ends as a pair.
struct End {
  Fate fate;
  Mistake mistake{};
  Rewritten sides{};
};

/// Asks the judge and the rewriter in the order of the samples; ends as "unjudged" at the first reply that is not on record.
End end_of(Case& one);

}  // namespace rrpo::gen
