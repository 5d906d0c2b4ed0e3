// The benchmarks' own scripts. Video-MME and LongVideoBench published none.
#include <array>

#include "../parsers/letters.h"
#include "../parsers/shared_rules.h"
#include "entries.h"

namespace rrpo::rows {
namespace {

Judged judge_notebook(const Question& question, py::View reply) {
  const std::string truth = last_letter(question);
  const bool right = fits_option(reply, static_cast<unsigned char>(truth[0]));
  return chosen(question, right, truth,
                [&](size_t i) { return fits_option(reply, static_cast<unsigned char>(letter_at(i)[0])); });
}

Judged judge_mlvu(const Question& question, py::View reply) {
  const std::string said = py::utf8(before_bracket(reply)), truth = last_letter(question);
  if (said == truth) return chosen(question, true, truth, {});
  return read_letter(question, said.size() == 1 && said[0] >= 'A' && said[0] <= 'Z' ? said : "", truth);
}

Judged judge_videomme_v2(const Question& question, py::View reply) {
  return read_letter(question, letter_without(reply, mme2_prefixes(), 'H'), own_letter(question));
}

using Reply = py::View;
constexpr std::array<Rule, 14> kRules = {
    {{"tvbench", "mcq", judge_notebook},
     {"mvbench", "mcq", judge_notebook},
     {"tempcompass", "mcq", [](const Question& q, Reply r) { return judge_tempcompass_choice(q, without_end_token(r)); }},
     {"tempcompass", "yesno", [](const Question& q, Reply r) { return judge_tempcompass_yesno(q, without_end_token(r)); }},
     {"tempcompass", "caption_match",
      [](const Question& q, Reply r) { return judge_tempcompass_caption(q, without_end_token(r)); }},
     {"tempcompass", "caption_gen", judge_caption},
     {"videohallucer", "yesno", judge_videohallucer},
     {"vidhalluc", "yesno", judge_vidhalluc_yesno},
     {"vidhalluc", "mcq_set", judge_vidhalluc_choices},
     {"vidhalluc", "scene_change", judge_vidhalluc_scene},
     {"mlvu", "mcq", judge_mlvu},
     {"videomme_v2", "mcq", judge_videomme_v2},
     {"eventhallusion", "yesno", judge_eventhallusion},
     {"elvhalluc", "yesno", judge_elvhalluc}}};

}  // namespace

Scorer scorer_official() {
  return {"official", "the benchmark's own script",
          "tvbench c354322, mvbench 4dd8210, tempcompass e1b4631, videohallucer ae4c2f2, vidhalluc e753864, mlvu fd060c1, "
          "videomme_v2 b24176a, eventhallusion 7396e04, elvhalluc be7ff84",
          [](const Question& question, std::string_view reply) { return apply_rule(kRules, question, reply); },
          [](const Question& question) { return find_rule(kRules, question) != nullptr; }};
}

}  // namespace rrpo::rows
