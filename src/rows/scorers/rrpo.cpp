// The authors' scripts for LLaVA-Video and VideoChat2 (eval/ of pritamqu/RRPO). The two models differ in one point that a
// verdict can see: a reply of LLaVA-Video that is a bare capital letter gets brackets, which no rule of TempCompass reads.
#include <array>

#include "../parsers/letters.h"
#include "../parsers/shared_rules.h"
#include "entries.h"

namespace rrpo::rows {
namespace {

/// As LLaVA-Video's scripts hand a reply to TempCompass's rules.
py::Text wrapped(py::View reply) {
  const py::View text = py::strip(reply);
  const bool letter = text.size() == 1 && text[0] >= U'A' && text[0] <= U'Z';
  return without_end_token(letter ? U"(" + py::Text(text) + U")" : py::Text(text));
}

Judged judge_videomme(const Question& question, py::View reply) {
  const std::string letter = letter_without(reply, rrpo_prefixes(), 'D');
  if (letter.empty())
    return {Verdict::dropped, question.item.keys, {}, "the script leaves replies without a letter out of the denominator"};
  return read_letter(question, letter, own_letter(question));
}

/// The letter was published here, and is compared as it is.
Judged judge_longvideobench(const Question& question, py::View reply) {
  return read_letter(question, first_letter(reply), own_letter(question));
}

using Reply = py::View;
constexpr std::array<Rule, 13> kRules = {
    {{"tvbench", "mcq", judge_first_letter},
     {"mvbench", "mcq", judge_first_letter},
     {"mlvu", "mcq", judge_first_letter},
     {"longvideobench", "mcq", judge_longvideobench},
     {"videomme", "mcq", judge_videomme},
     {"tempcompass", "mcq", [](const Question& q, Reply r) { return judge_tempcompass_choice(q, wrapped(r)); }},
     {"tempcompass", "yesno", [](const Question& q, Reply r) { return judge_tempcompass_yesno(q, wrapped(r)); }},
     {"tempcompass", "caption_match", [](const Question& q, Reply r) { return judge_tempcompass_caption(q, wrapped(r)); }},
     {"tempcompass", "caption_gen", judge_caption},
     {"videohallucer", "yesno", judge_videohallucer},
     {"vidhalluc", "yesno", judge_vidhalluc_yesno},
     {"vidhalluc", "mcq_set", [](const Question& q, Reply r) { return judge_vidhalluc_choices(q, py::strip(r)); }},
     {"vidhalluc", "scene_change", [](const Question& q, Reply r) { return judge_vidhalluc_scene(q, py::strip(r)); }}}};

}  // namespace

Scorer scorer_rrpo() {
  return {"rrpo", "the authors' scripts for LLaVA-Video and VideoChat2", "a905573 (2025-11-02)",
          [](const Question& question, std::string_view reply) { return apply_rule(kRules, question, reply); },
          [](const Question& question) { return find_rule(kRules, question) != nullptr; }};
}

}  // namespace rrpo::rows
