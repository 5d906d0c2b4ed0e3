#include "rrpo/eval/clips.h"

#include "rrpo/data/sheet.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {

std::string Clips::strip(const std::string& id) const {
  const auto found = media.find(id);
  return found == media.end() ? "" : data::strip_html(found->second, root, video);
}

Clips clips_of(const EvalConfig& config, const QuestionSet& set) {
  Clips clips{set.root, config.video, {}};
  for (const rows::Question& question : set.questions) clips.media[question.id] = question.media;
  return clips;
}

Clips clips_of(const std::filesystem::path& folder) {
  const std::filesystem::path record = folder / "run.json";
  if (!std::filesystem::is_regular_file(record)) return {};
  try {
    const auto config = config_from<EvalConfig>(read_json(record, "data", Fault::input).value("config", Json::object()));
    return clips_of(config, read_question_set(config.eval));
  } catch (const Error&) {
    return {};  // moved or changed since: the page has its words all the same
  }
}

}  // namespace rrpo::eval
