// The authors' scripts for LongVU, where they read replies in another way than those for the other models.
#include <array>

#include "../parsers/longvu.h"
#include "../parsers/shared_rules.h"
#include "entries.h"

namespace rrpo::rows {
namespace {

/// A reply without a letter has the number -1, and so has an answer that no option has.
Judged judge_clip(const Question& question, py::View reply) {
  const LongvuLetter read = longvu_letter(reply, question.options.size());
  const std::string truth = last_letter(question);
  if (read.stale) return unparsed(question.item.keys, "the script takes the letter of the sample before");
  if (read.key.empty() && truth == "@") return {Verdict::right, question.item.keys, {}, ""};
  return read_letter(question, read.key, truth);
}

Judged judge_mlvu(const Question& question, py::View reply) {
  return read_letter(question, longvu_mlvu_letter(reply), last_letter(question));
}

using Reply = py::View;
constexpr std::array<Rule, 6> kRules = {
    {{"tvbench", "mcq", judge_clip},
     {"mvbench", "mcq", judge_clip},
     {"mlvu", "mcq", judge_mlvu},
     {"tempcompass", "mcq", [](const Question& q, Reply r) { return judge_tempcompass_choice(q, without_end_token(r)); }},
     {"tempcompass", "yesno", [](const Question& q, Reply r) { return judge_tempcompass_yesno(q, without_end_token(r)); }},
     {"tempcompass", "caption_match",
      [](const Question& q, Reply r) { return judge_tempcompass_caption(q, without_end_token(r)); }}}};

Judged judge_longvu(const Question& question, std::string_view reply) {
  if (find_rule(kRules, question) != nullptr) return apply_rule(kRules, question, reply);
  return scorer_rrpo().apply(question, reply);
}

}  // namespace

Scorer scorer_rrpo_longvu() {
  return {"rrpo_longvu", "the authors' scripts for LongVU", "a905573 (2025-11-02)", judge_longvu, scorer_rrpo().serves};
}

}  // namespace rrpo::rows
