#include "rrpo/eval/predict.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>

#include "rrpo/data/answers.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/devices.h"
#include "rrpo/report/progress.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::eval {

namespace {

/// Rows of an earlier run that stand; the file is left with exactly these.
std::vector<rows::Prediction> earlier(const std::filesystem::path& file, const std::vector<rows::Question>& questions) {
  std::vector<rows::Prediction> kept;
  if (!std::filesystem::exists(file)) return kept;
  int64_t complete = 0;
  std::vector<rows::Prediction> found = rows::read_predictions(file, &complete);
  std::set<std::string> ids;
  for (const rows::Question& question : questions) ids.insert(question.id);
  std::string lines;
  for (rows::Prediction& row : found) {
    if (!ids.contains(row.id)) {
      throw Error(Fault::input, "data", file.string() + ": '" + row.id + "' is not in the question file",
                  "--overwrite, or another --out");
    }
    if (row.failed()) continue;
    lines += json_line(rows::prediction_json(row)) + "\n";
    kept.push_back(std::move(row));
  }
  if (kept.size() != found.size()) io::write_file(file, lines);
  return kept;
}

std::string hex(uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, value);
  return text.data();
}

rows::Prediction predicted(const rows::Question& question, const data::VideoAnswers& video, size_t number) {
  const std::string& fault = video.fault.empty() ? video.answers[number].fault : video.fault;
  if (!fault.empty()) return rows::failed(question, fault);
  const policy::Generated& answer = video.answers[number];
  rows::Prediction row = rows::predicted(question, answer.text);
  row.finish = answer.finished ? "stop" : "length";
  row.frames = {
      {"index", video.frames}, {"time_s", video.times}, {"pixels", hex(video.pixels)}, {"input_sha256", video.input}};
  row.extra["new_tokens"] = answer.ids.size();
  const policy::Ask& asked = video.asks[number];
  if (asked.text != question.question) row.extra["asked"] = asked.text;
  if (!video.heard.empty()) row.extra["heard"] = video.heard[number];
  if (!asked.answer_prefix.empty()) row.extra["answer_prefix"] = asked.answer_prefix;
  row.extra["prompt_sha256"] = video.prompts[number].text;
  row.extra["ids_sha256"] = video.prompts[number].ids;
  return row;
}

/// The questions that are answered, and for each the hash of the frames that its row tells of: empty in rows of earlier
/// versions.
using Done = std::map<std::string, std::string>;

Done done_by(const std::vector<rows::Prediction>& kept) {
  Done done;
  for (const rows::Prediction& row : kept) {
    const auto pixels = row.frames.find("pixels");
    done[row.id] = pixels != row.frames.end() && pixels->is_string() ? pixels->get<std::string>() : "";
  }
  return done;
}

/// Throws where the row of `question` tells of other frames than those of `video`: half of its questions would be asked
/// about another clip than the rest.
void check_pixels(const Done& done, const rows::Question& question, const data::VideoAnswers& video) {
  const auto before = done.find(question.id);
  if (before == done.end() || before->second.empty() || !video.fault.empty()) return;
  if (before->second != hex(video.pixels)) data::refuse_other_pictures(question.media);
}

/// The clips as `steps` leave them; empty where they stay as they are.
decltype(data::AnswerRules::change) change_of(const std::vector<video::PerturbStep>& steps, uint64_t seed) {
  if (steps.empty()) return {};
  return [steps, seed](const video::Frames& frames, const rows::Media& media) {
    return video::perturb(frames, steps, seed, media.key());
  };
}

data::AnswerRules rules_of(const EvalConfig& config, const QuestionSet& set, const std::vector<video::PerturbStep>& steps) {
  data::AnswerRules rules;
  rules.root = set.root;
  rules.video = config.video;
  rules.max_new_tokens = config.eval.max_new_tokens.value();
  rules.threads = data::answer_threads(config.threads, policy::resolve_device(config.device));
  rules.together = config.eval.together;
  rules.change = change_of(steps, static_cast<uint64_t>(config.seed));
  rules.ask = [&config, &set](const rows::Question& question, const video::Frames& frames) {
    Asking asking = asking_at(config.eval, set.root, question, frames.index, frames.fps);
    return policy::Ask{std::move(asking.text), std::move(asking.answer_prefix)};
  };
  if (hears_between(config.eval, set.benchmark)) {
    rules.heard = [&set](const rows::Question& question, const std::vector<double>& times_s) {
      return heard_between(set.root, question, times_s);
    };
  }
  return rules;
}

/// What is left to ask, and what for.
struct Open {
  const QuestionSet& set;
  const std::vector<data::VideoQuestions>& groups;
  const Done& done;
  const std::string& profile;
};

/// Asks what is open and appends to `out` and to its file, video by video.
void answer_rest(const std::vector<policy::Policy>& policies, const Open& open, const data::AnswerRules& rules,
                 io::LineWriter& writer, Predictions& out) {
  const std::vector<rows::Question>& questions = open.set.questions;
  report::Progress progress("predict", static_cast<int64_t>(questions.size()), "questions", out.already);
  data::AnswerStream stream(policy::pointers(policies), questions, open.groups, rules);
  while (const auto video = stream.next()) {
    const std::vector<int64_t>& asked = open.groups[static_cast<size_t>(video->group)].questions;
    for (const int64_t i : asked) check_pixels(open.done, questions[static_cast<size_t>(i)], *video);
    for (size_t i = 0; i < asked.size(); ++i) {
      const rows::Question& question = questions[static_cast<size_t>(asked[i])];
      if (open.done.contains(question.id)) continue;
      out.rows.push_back(predicted(question, *video, i));
      if (!question.item.benchmark.empty()) out.rows.back().extra["profile"] = open.profile;
      writer.write(rows::prediction_json(out.rows.back()));
    }
    progress.update(static_cast<int64_t>(out.rows.size()));
    if (stop_signal() != 0) break;
  }
  if (out.rows.size() == questions.size()) progress.finish();
}

}  // namespace

std::vector<policy::Policy>& ModelOnDemand::get() {
  if (policies_.empty()) policies_ = policy::open_policies(model_, policy::resolve_devices(device_, devices_));
  return policies_;
}

void check_profile(const EvalConfig& config, const QuestionSet& set) {
  if (config.eval.subtitles && (set.benchmark == nullptr || set.benchmark->heard == Heard::nothing))
    bad_field("eval.subtitles", "is for Video-MME and LongVideoBench, each by itself", "eval.subtitles=false");
  for (const rows::Question& question : set.questions) {
    if (asking_of(config.eval.profile, question).system.empty()) continue;
    bad_field(
        "eval.profile",
        config.eval.profile + " puts a system text before the video, which the prompt forms of these models do not have",
        "eval.profile=rrpo-llava");
  }
}

Predictions predict(const EvalConfig& config, const QuestionSet& set, const std::vector<video::PerturbStep>& steps,
                    ModelOnDemand& model, const std::filesystem::path& file) {
  const std::vector<rows::Question>& questions = set.questions;
  Predictions out;
  out.rows = earlier(file, questions);
  out.already = static_cast<int64_t>(out.rows.size());
  const Done done = done_by(out.rows);
  std::vector<data::VideoQuestions> groups = data::group_by_video(questions);
  data::drop_answered(groups, config.eval.together, [&](const data::VideoQuestions& group) {
    return std::all_of(group.questions.begin(), group.questions.end(),
                       [&](int64_t i) { return done.contains(questions[static_cast<size_t>(i)].id); });
  });
  io::LineWriter writer(file);
  if (groups.empty()) return out;
  try {
    data::AnswerRules rules = rules_of(config, set, steps);
    std::vector<policy::Policy>& policies = model.get();
    data::VisualCache cache(0);
    if (!config.data.cache.empty()) {
      cache.open_folder(config.data.cache, policies.front(), config.video, set.root);
      rules.cache = &cache;
    }
    answer_rest(policies, {set, groups, done, config.eval.profile}, rules, writer, out);
  } catch (const Stopped&) {  // while the model was read: nothing was asked yet
  }
  out.stopped = out.rows.size() < questions.size();
  return out;
}

}  // namespace rrpo::eval
