#include "other.h"

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {

void add_other(const GenConfig& config, const rows::Question& question, rows::Pair& pair) {
  if (config.gen.other == "perturbed")
    pair.other = rows::View{question.media, perturb_settings(config.gen), static_cast<uint64_t>(config.seed)};
  if (config.gen.other != "twin") return;
  pair.other = question.other;
  if (!question.other_answer.empty()) pair.other_chosen = mark_other(question, question.other_answer);
}

int64_t count_twins(const std::vector<rows::Question>& questions) {
  return std::count_if(questions.begin(), questions.end(),
                       [](const rows::Question& question) { return question.other.has_value(); });
}

void check_twins(const GenConfig& config, const std::vector<rows::Question>& questions) {
  if (config.gen.other != "twin") return;
  for (const rows::Question& question : questions) {
    if (!question.other) continue;
    try {
      data::media_files(question.other->media, media_root(config.gen), config.video.follow_links);
      if (question.other->perturbed()) video::row_perturbations(question.other->perturb, "other.perturb");
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      throw Error(Fault::input, "data", question.place + ": " + error.what(), "");
    }
  }
  if (count_twins(questions) == 0)
    throw Error(Fault::input, "data", config.gen.questions.string() + ": no question names another clip",
                "give questions with other (docs/data.md), or gen.other=perturbed");
}

}  // namespace rrpo::gen
