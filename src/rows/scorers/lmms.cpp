// lmms-eval, in the convention of its newest commit. It has no task for VideoHallucer, VidHalluc, EventHallusion,
// ELV-Halluc.
#include "../parsers/lmms.h"

#include <array>

#include "../parsers/letters.h"
#include "../parsers/shared_rules.h"
#include "entries.h"

namespace rrpo::rows {
namespace {

Judged judge_videomme(const Question& question, py::View reply) {
  return read_letter(question, lmms_letter(reply), own_letter(question));
}

Judged judge_videomme_v2(const Question& question, py::View reply) {
  return read_letter(question, letter_without(reply, mme2_lmms_prefixes(), 'H'), own_letter(question));
}

/// Its copy of MLVU has letters, the first of options that are equal.
Judged judge_mlvu(const Question& question, py::View reply) {
  return read_letter(question, lmms_letter(reply), first_letter_of(question));
}

Judged judge_mvbench(const Question& question, py::View reply) {
  if (reply.empty())
    return {Verdict::dropped, question.item.keys, {}, "the script leaves empty replies out of the denominator"};
  const std::string truth = first_letter_of(question);
  if (truth == "@") return script_stops(question);
  const auto processed = [](const MvbenchReading& read) { return read.key.empty() ? py::utf8(read.rest) : read.key; };
  const std::string said = processed(lmms_mvbench(reply));
  const auto is = [&](const std::string& letter) { return said == processed(lmms_mvbench(py::text_of(letter))); };
  return chosen(question, is(truth), truth, [&](size_t i) { return is(letter_at(i)); });
}

Judged judge_tvbench(const Question& question, py::View reply) {
  const py::Text answer = py::text_of(published(question));
  return read_letter(question, lmms_tvbench(reply, question.options), lmms_tvbench_truth(answer, question.options));
}

Judged judge_longvideobench(const Question& question, py::View reply) {
  const std::string letter = letter_without(reply, lmms_prefixes(), 'E');
  if (letter.empty()) return {Verdict::random, question.item.keys, {}, "the script draws one of the options here"};
  return read_letter(question, letter, own_letter(question));
}

constexpr std::array<Rule, 10> kRules = {{{"tvbench", "mcq", judge_tvbench},
                                          {"mvbench", "mcq", judge_mvbench},
                                          {"videomme", "mcq", judge_videomme},
                                          {"videomme_v2", "mcq", judge_videomme_v2},
                                          {"mlvu", "mcq", judge_mlvu},
                                          {"longvideobench", "mcq", judge_longvideobench},
                                          {"tempcompass", "mcq", judge_tempcompass_choice},
                                          {"tempcompass", "yesno", judge_tempcompass_yesno},
                                          {"tempcompass", "caption_match", judge_tempcompass_caption},
                                          {"tempcompass", "caption_gen", judge_caption}}};

}  // namespace

Scorer scorer_lmms() {
  return {"lmms", "lmms-eval", "75571cf (2026-08-06), readings of 2026-04-11",
          [](const Question& question, std::string_view reply) { return apply_rule(kRules, question, reply); },
          [](const Question& question) { return find_rule(kRules, question) != nullptr; }};
}

}  // namespace rrpo::rows
