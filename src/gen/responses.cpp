// What the model says to each question about its perturbed video.
#include <algorithm>
#include <set>

#include "rrpo/data/answers.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/gen/perturbation.h"
#include "rrpo/io/atomic.h"
#include "rrpo/policy/device.h"
#include "rrpo/report/progress.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/stop.h"

namespace rrpo::gen {

namespace {

std::vector<PerturbStep> steps_of(const GenFields& gen) {
  return parse_perturbations(gen.perturb.is_array() ? gen.perturb : Json::array({gen.perturb}));
}

Json steps_json(const std::vector<PerturbStep>& steps) {
  Json list = Json::array();
  for (const PerturbStep& step : steps) list.push_back(step.settings);
  return list;
}

/// The rows of an earlier run.
Responses earlier(const std::filesystem::path& file, const std::vector<rows::Question>& questions) {
  std::set<std::string> ids;
  for (const rows::Question& question : questions) ids.insert(question.id);
  Responses found;
  each_json_line(file, "data", [&](const Json& json, int64_t line) {
    const std::string place = file.string() + ":" + std::to_string(line);
    rows::RowReader row(json, place);
    const std::string id = row.text("id");
    if (!ids.contains(id)) rows::bad_row(place, "'" + id + "' is not in gen.questions", "--overwrite, or another --out");
    const Json* finished = row.find("finished");
    const Response response{row.text("response", true), finished == nullptr || *finished == Json(true), ""};
    if (!found.emplace(id, response).second) rows::bad_row(place, "'" + id + "' occurs twice", "--overwrite");
  });
  return found;
}

Json response_json(const rows::Question& question, const policy::Generated& answer, const std::vector<int64_t>& frames,
                   const Json& steps, int64_t seed) {
  Json row = {{"id", question.id}};
  rows::write_media(question.media, row);
  row["sampled"] = frames;
  row["perturbation"] = {{"steps", steps}};
  row["seed"] = seed;
  row["response"] = answer.text;
  row["finished"] = answer.finished;
  return row;
}

/// Appends what was said about one video.
class Recorder {
 public:
  Recorder(const GenConfig& config, const std::vector<rows::Question>& questions, io::LineWriter& writer, Json steps)
      : config_(config), questions_(questions), writer_(writer), steps_(std::move(steps)) {}

  void record(const data::VideoAnswers& video, const std::vector<int64_t>& asked, Responses& responses) {
    for (size_t i = 0; i < asked.size(); ++i) {
      const rows::Question& question = questions_[static_cast<size_t>(asked[i])];
      if (responses.contains(question.id)) continue;
      if (!video.fault.empty()) {
        responses[question.id] = {"", false, video.fault};
        continue;
      }
      writer_.write(response_json(question, video.answers[i], video.frames, steps_, config_.seed));
      responses[question.id] = {video.answers[i].text, video.answers[i].finished, ""};
    }
  }

 private:
  const GenConfig& config_;
  const std::vector<rows::Question>& questions_;
  io::LineWriter& writer_;
  Json steps_;
};

}  // namespace

Responses collect_responses(const GenConfig& config, const std::vector<rows::Question>& questions,
                            const std::filesystem::path& file) {
  io::LineWriter writer(file);  // first: it cuts a torn last line off
  Responses responses = earlier(file, questions);
  std::vector<data::VideoQuestions> groups = data::group_by_video(questions);
  // A video of which some questions are open is asked all of them again: the responses are those of an undisturbed run.
  std::erase_if(groups, [&](const data::VideoQuestions& group) {
    return std::all_of(group.questions.begin(), group.questions.end(),
                       [&](int64_t i) { return responses.contains(questions[static_cast<size_t>(i)].id); });
  });
  if (groups.empty()) return responses;
  const policy::Policy policy = policy::open_policy(config.model, config.device);
  const int64_t threads = data::answer_threads(config.threads, policy::resolve_device(config.device));
  const std::vector<PerturbStep> steps = steps_of(config.gen);
  const auto change = [&](const video::Frames& frames, const rows::Media& media) {
    return perturb(frames, steps, static_cast<uint64_t>(config.seed), media.key());
  };
  Recorder recorder(config, questions, writer, steps_json(steps));
  report::Progress progress("responses", static_cast<int64_t>(questions.size()), "questions",
                            static_cast<int64_t>(responses.size()));
  data::AnswerStream stream(policy, questions, groups,
                            {media_root(config.gen), config.video, config.gen.max_new_tokens, threads, change});
  while (const auto video = stream.next()) {
    recorder.record(*video, groups[static_cast<size_t>(video->group)].questions, responses);
    progress.update(static_cast<int64_t>(responses.size()));
    if (stop_signal() != 0) return responses;
  }
  progress.finish();
  return responses;
}

}  // namespace rrpo::gen
