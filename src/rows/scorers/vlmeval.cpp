// VLMEvalKit without a judge (its `exact_matching`): what it cannot match is wrong. It has no VideoHallucer, VidHalluc,
// TVBench, EventHallusion, ELV-Halluc.
#include "../parsers/vlmeval.h"

#include <array>

#include "../parsers/letters.h"
#include "../parsers/shared_rules.h"
#include "entries.h"

namespace rrpo::rows {
namespace {

constexpr py::View kFailedCall = U"Failed to obtain answer via API.";

/// A wrong reply was read as the option that was inferred, if any was (`Z` is none).
Judged judge_inferred(const Question& question, const std::string& option, bool right) {
  const bool none = option.empty() || option == "Z";
  if (!right && none) return unparsed(question.item.keys, "neither a letter nor an option is matched");
  return {right ? Verdict::right : Verdict::wrong, question.item.keys, {option}, ""};
}

Judged judge_mvbench(const Question& question, py::View reply) {
  const std::string truth = last_letter(question);
  if (py::contains(reply, kFailedCall))  // counts as -1, and whatever is not 0 as right
    return {Verdict::right, question.item.keys, {}, "the script counts its mark of a failed call as right"};
  const py::View text = py::strip(reply);
  const auto fits = [&](const std::string& letter) { return fits_option(text, static_cast<unsigned char>(letter[0])); };
  if (fits(truth)) return chosen(question, true, truth, {});
  const std::string option = vlmeval_option(reply, question.options);
  if (option == vlmeval_truth(published(question), question.options)) return judge_inferred(question, option, true);
  for (size_t i = 0; i < question.options.size(); ++i) {
    if (fits(letter_at(i))) return judge_inferred(question, letter_at(i), false);
  }
  return judge_inferred(question, option, false);
}

Judged judge_mlvu(const Question& question, py::View reply) {
  const std::string truth = last_letter(question), said = py::utf8(before_bracket(reply));
  if (py::contains(reply, kFailedCall)) return unparsed(question.item.keys, "the script counts a failed call as -1");
  if (said == truth) return chosen(question, true, truth, {});
  const std::string option = vlmeval_option(reply, question.options);
  const bool right = option == vlmeval_truth(published(question), question.options);
  const bool letter = said.size() == 1 && said[0] >= 'A' && said[0] <= 'Z';
  return judge_inferred(question, letter && !right ? said : option, right);
}

/// Where no letter is found the inference is given the options that stand in the question, which are none as a rule.
Judged judge_letter(const Question& question, py::View reply, std::span<const py::View> prefixes, char last) {
  std::string letter = letter_without(reply, prefixes, last);
  if (letter.empty()) letter = vlmeval_option(reply, vlmeval_lines(py::text_of(question.question)));
  return judge_inferred(question, letter, letter == own_letter(question));
}

Judged unmatched_is_wrong(Judged judged) {
  if (judged.verdict != Verdict::unjudged) return judged;
  return unparsed(judged.expected, "no rule matches, and without a judge that is wrong");
}

using Reply = py::View;
constexpr std::array<Rule, 9> kRules = {
    {{"mvbench", "mcq", judge_mvbench},
     {"mlvu", "mcq", judge_mlvu},
     {"videomme", "mcq", [](const Question& q, Reply r) { return judge_letter(q, r, vlmeval_prefixes(), 'D'); }},
     {"videomme_v2", "mcq", [](const Question& q, Reply r) { return judge_letter(q, r, mme2_prefixes(), 'H'); }},
     {"longvideobench", "mcq", [](const Question& q, Reply r) { return judge_letter(q, r, vlmeval_prefixes(), 'E'); }},
     {"tempcompass", "mcq", [](const Question& q, Reply r) { return unmatched_is_wrong(judge_tempcompass_choice(q, r)); }},
     {"tempcompass", "yesno", [](const Question& q, Reply r) { return unmatched_is_wrong(judge_tempcompass_yesno(q, r)); }},
     {"tempcompass", "caption_match",
      [](const Question& q, Reply r) { return unmatched_is_wrong(judge_tempcompass_caption(q, r)); }},
     {"tempcompass", "caption_gen", judge_caption}}};

}  // namespace

Scorer scorer_vlmeval() {
  return {"vlmeval", "VLMEvalKit, exact matching", "e8e78f0 (2026-08-18), inference of 2026-06-17",
          [](const Question& question, std::string_view reply) { return apply_rule(kRules, question, reply); },
          [](const Question& question) { return find_rule(kRules, question) != nullptr; }};
}

}  // namespace rrpo::rows
