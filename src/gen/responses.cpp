// What the model says to each question about its perturbed video, and about the clean one where gen.require wants to know.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "rrpo/data/answers.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/devices.h"
#include "rrpo/report/progress.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/random.h"
#include "rrpo/util/stop.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {

namespace {

/// One way in which all questions are asked.
struct Pass {
  bool clean = false;      ///< about the video as it is
  bool condition = false;  ///< asked once, greedily, beside the pass that mistakes are taken from
  std::vector<video::PerturbStep> steps{};
};

std::vector<Pass> passes_of(const GenFields& gen) {
  if (!requires_of(gen, "wrong_on_perturbed")) return {{.clean = true}};
  std::vector<Pass> passes = {{.steps = video::parse_perturbations(perturb_list(gen), "gen.perturb")}};
  if (gen.require.size() > 1) passes.push_back({.clean = true, .condition = true});
  return passes;
}

const char* video_of(const Pass& pass) { return pass.clean ? "clean" : "perturbed"; }

int64_t samples_of(const GenFields& gen, const Pass& pass) { return pass.condition ? 1 : gen.samples; }

/// What `pass` has heard so far, as a list of samples without a text where one is missing.
class Heard {
 public:
  Heard(const GenFields& gen, Responses& responses) : gen_(gen), responses_(responses) {}

  /// False when the row was there before.
  bool add(const Pass& pass, const std::string& id, int64_t sample, Response response) {
    if (!known_.insert(key(pass, id, sample)).second) return false;
    Said& said = responses_[id];
    if (pass.condition) {
      said.clean = std::move(response);
    } else {
      said.samples.resize(static_cast<size_t>(gen_.samples));
      said.samples[static_cast<size_t>(sample)] = std::move(response);
    }
    return true;
  }
  void fail(const std::string& id, const std::string& fault) { responses_[id].fault = fault; }
  bool failed(const std::string& id) const { return responses_.contains(id) && !responses_.at(id).fault.empty(); }

  bool has(const Pass& pass, const std::string& id, int64_t sample) const { return known_.contains(key(pass, id, sample)); }
  bool has_all(const Pass& pass, const std::string& id) const {
    for (int64_t s = 0; s < samples_of(gen_, pass); ++s) {
      if (!has(pass, id, s)) return false;
    }
    return true;
  }
  /// Rows so far.
  int64_t rows() const { return static_cast<int64_t>(known_.size()); }

 private:
  using Key = std::tuple<bool, std::string, int64_t>;
  static Key key(const Pass& pass, const std::string& id, int64_t sample) { return {pass.condition, id, sample}; }

  const GenFields& gen_;
  Responses& responses_;
  std::set<Key> known_;
};

/// A row of an earlier run.
void hear(const Json& json, const std::string& place, const std::vector<Pass>& passes, const GenFields& gen,
          const std::set<std::string>& ids, Heard& heard) {
  rows::RowReader row(json, place);
  const std::string id = row.text("id"), on = row.text_or("on", "perturbed");
  if (!ids.contains(id)) rows::bad_row(place, "'" + id + "' is not in gen.questions", "--overwrite, or another --out");
  const auto pass = std::find_if(passes.begin(), passes.end(), [&](const Pass& p) { return video_of(p) == on; });
  const auto sample = static_cast<int64_t>(row.number("sample").value_or(0));
  if (pass == passes.end() || sample < 0 || sample >= samples_of(gen, *pass))
    rows::bad_row(place, "'" + id + "' was asked in another way", "--overwrite, or another --out");
  const Json* finished = row.find("finished");
  const Json* frames = row.find("sampled");
  Response response{row.text("response", true), finished == nullptr || *finished == Json(true),
                    frames == nullptr ? Json() : *frames, row.text_or("pixels", "")};
  if (!heard.add(*pass, id, sample, std::move(response))) rows::bad_row(place, "'" + id + "' occurs twice", "--overwrite");
}

/// The rows of `file`.
void hear_all(const std::filesystem::path& file, const std::vector<Pass>& passes, const GenFields& gen,
              const std::vector<rows::Question>& questions, Heard& heard) {
  std::set<std::string> ids;
  for (const rows::Question& question : questions) ids.insert(question.id);
  each_json_line(file, "data", [&](const Json& json, int64_t line) {
    hear(json, file.string() + ":" + std::to_string(line), passes, gen, ids, heard);
  });
}

Json response_json(const rows::Question& question, const Pass& pass, int64_t sample, const Response& response,
                   int64_t seed) {
  Json steps = Json::array();
  for (const video::PerturbStep& step : pass.steps) steps.push_back(step.settings);
  Json row = {{"id", question.id}, {"on", video_of(pass)}, {"sample", sample}};
  rows::write_media(question.media, row);
  row["sampled"] = response.frames;
  row["pixels"] = response.pixels;
  row["perturbation"] = {{"steps", steps}};
  row["seed"] = seed;
  row["response"] = response.text;
  row["finished"] = response.finished;
  return row;
}

std::string hex(uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, value);
  return text.data();
}

/// Takes in and appends what was said about one video.
void record(const GenConfig& config, const std::vector<rows::Question>& questions, const std::vector<int64_t>& asked,
            const Pass& pass, const data::VideoAnswers& video, Heard& heard, io::LineWriter& writer) {
  const int64_t samples = samples_of(config.gen, pass);
  for (size_t i = 0; i < asked.size(); ++i) {
    const rows::Question& question = questions[static_cast<size_t>(asked[i])];
    if (!video.fault.empty()) heard.fail(question.id, video.fault);
    for (int64_t s = 0; s < samples && video.fault.empty(); ++s) {
      if (heard.has(pass, question.id, s)) continue;
      const policy::Generated& answer = video.answers[i * static_cast<size_t>(samples) + static_cast<size_t>(s)];
      if (!answer.fault.empty()) {
        heard.fail(question.id, answer.fault);
        break;
      }
      const Response response{answer.text, answer.finished, video.frames, hex(video.pixels)};
      writer.write(response_json(question, pass, s, response, config.seed));
      heard.add(pass, question.id, s, response);
    }
  }
}

/// Hashes of the frames that an earlier part of the run has shown: by whether the video was clean, and its media.
using Seen = std::map<std::pair<bool, std::string>, std::string>;

/// What the rows of one question tell of the frames of `pass`; empty: nothing.
std::string pixels_in(const Said& said, const Pass& pass) {
  if (pass.condition) return said.clean ? said.clean->pixels : "";
  for (const Response& sample : said.samples) {
    if (!sample.pixels.empty()) return sample.pixels;
  }
  return "";
}

Seen seen_in(const Responses& responses, const std::vector<rows::Question>& questions, const std::vector<Pass>& passes) {
  Seen seen;
  for (const rows::Question& question : questions) {
    const auto said = responses.find(question.id);
    for (const Pass& pass : passes) {
      const std::string pixels = said == responses.end() ? "" : pixels_in(said->second, pass);
      if (!pixels.empty()) seen.try_emplace({pass.clean, question.media.key()}, pixels);
    }
  }
  return seen;
}

/// The frames of a video as `pass` shows them.
video::Frames shown(const video::Frames& frames, const rows::Media& media, const Pass& pass, uint64_t seed) {
  return pass.clean ? frames : video::perturb(frames, pass.steps, seed, media.key());
}

/// Throws where any pass over `frames` would show other pictures than it has shown before: a pass may be done with a video
/// that another one still asks about.
void check_pixels(const Seen& seen, const video::Frames& frames, const rows::Media& media, const std::vector<Pass>& passes,
                  uint64_t seed) {
  for (const Pass& pass : passes) {
    const auto before = seen.find({pass.clean, media.key()});
    if (before == seen.end()) continue;
    const video::Frames now = shown(frames, media, pass, seed);
    if (before->second != hex(hash64({reinterpret_cast<const char*>(now.rgb.data()), now.rgb.size()})))
      data::refuse_other_pictures(media);
  }
}

/// `passes` and `seen` must outlive the rules.
data::AnswerRules rules_of(const GenConfig& config, const Pass& pass, const std::vector<Pass>& passes, const Seen& seen) {
  data::AnswerRules rules{media_root(config.gen), config.video, config.gen.max_new_tokens,
                          data::answer_threads(config.threads, policy::resolve_device(config.device))};
  rules.together = config.gen.together;
  rules.seed = static_cast<uint64_t>(config.seed);
  if (!pass.clean || !seen.empty()) {
    rules.change = [&, seed = rules.seed](const video::Frames& frames, const rows::Media& media) {
      check_pixels(seen, frames, media, passes, seed);
      return shown(frames, media, pass, seed);
    };
  }
  if (pass.condition) return rules;
  rules.samples = config.gen.samples;
  rules.temperature = config.gen.temperature;
  rules.top_p = config.gen.top_p;
  return rules;
}

/// A block of videos of which something is open is asked everything of this pass again: the responses are those of an
/// undisturbed run.
std::vector<data::VideoQuestions> open_groups(const std::vector<rows::Question>& questions, const Pass& pass,
                                              const Heard& heard, int64_t together) {
  std::vector<data::VideoQuestions> groups = data::group_by_video(questions);
  data::drop_answered(groups, together, [&](const data::VideoQuestions& group) {
    return std::all_of(group.questions.begin(), group.questions.end(),
                       [&](int64_t i) { return heard.has_all(pass, questions[static_cast<size_t>(i)].id); });
  });
  return groups;
}

bool nothing_open(const std::vector<rows::Question>& questions, const std::vector<Pass>& passes, const Heard& heard) {
  return std::all_of(questions.begin(), questions.end(), [&](const rows::Question& question) {
    return heard.failed(question.id) ||
           std::all_of(passes.begin(), passes.end(), [&](const Pass& pass) { return heard.has_all(pass, question.id); });
  });
}

/// Asks what is open, pass by pass. False where a stop left something to ask.
bool hear_rest(const GenConfig& config, const std::vector<rows::Question>& questions, const std::vector<Pass>& passes,
               const Seen& seen, Heard& heard, io::LineWriter& writer) {
  int64_t total = 0;
  for (const Pass& pass : passes) total += static_cast<int64_t>(questions.size()) * samples_of(config.gen, pass);
  report::Progress progress("responses", total, "responses", heard.rows());
  std::vector<policy::Policy> policies;
  for (const Pass& pass : passes) {
    const std::vector<data::VideoQuestions> groups = open_groups(questions, pass, heard, config.gen.together);
    if (groups.empty()) continue;
    if (policies.empty())
      policies = policy::open_policies(config.model, policy::resolve_devices(config.device, config.devices));
    data::AnswerStream stream(policy::pointers(policies), questions, groups, rules_of(config, pass, passes, seen));
    while (const auto video = stream.next()) {
      record(config, questions, groups[static_cast<size_t>(video->group)].questions, pass, *video, heard, writer);
      progress.update(heard.rows());
      if (stop_signal() != 0) break;
    }
    if (stop_signal() != 0) return nothing_open(questions, passes, heard);
  }
  progress.finish();
  return true;
}

}  // namespace

Collected read_responses(const GenConfig& config, const std::vector<rows::Question>& questions,
                         const std::filesystem::path& file, const std::map<std::string, std::string>& faults) {
  Collected out;
  Heard heard(config.gen, out.responses);
  const std::vector<Pass> passes = passes_of(config.gen);
  hear_all(file, passes, config.gen, questions, heard);
  for (const auto& [id, fault] : faults) heard.fail(id, fault);
  out.complete = nothing_open(questions, passes, heard);
  return out;
}

Collected collect_responses(const GenConfig& config, const std::vector<rows::Question>& questions,
                            const std::filesystem::path& file) {
  io::LineWriter writer(file);  // first: it cuts a torn last line off
  Collected out;
  Heard heard(config.gen, out.responses);
  const std::vector<Pass> passes = passes_of(config.gen);
  hear_all(file, passes, config.gen, questions, heard);
  const Seen seen = seen_in(out.responses, questions, passes);
  try {
    out.complete = hear_rest(config, questions, passes, seen, heard, writer);
  } catch (const Stopped&) {  // while the model was read: nothing was asked yet
  }
  return out;
}

}  // namespace rrpo::gen
