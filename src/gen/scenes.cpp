#include "rrpo/gen/scenes.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "rrpo/io/atomic.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "rrpo/video/writer.h"
#include "scenes_questions.h"
#include "scenes_twin.h"

namespace rrpo::gen {
namespace {

constexpr double kFps = 8;
constexpr int64_t kMostQuestions = 1000;

std::string path_of(const std::string& at, const char* name) { return at.empty() ? name : at + "." + name; }

void check_share(const std::string& at, double value) {
  if (!(value >= 0 && value <= 1)) bad_field(at, "must lie in [0, 1]", at + "=0.5");
}

void check_count(const std::string& at, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) {
    bad_field(at, "must lie between " + std::to_string(least) + " and " + std::to_string(most),
              at + "=" + std::to_string(least));
  }
}

std::string numbered(const char* format, int64_t index) {
  char text[48];
  std::snprintf(text, sizeof text, format, static_cast<long long>(index));
  return text;
}

// The true scene, for whoever wants to count by attribute: [colour, shape, from, to] per object.
Json scene_json(const Scene& scene) {
  Json list = Json::array();
  for (const Object& object : scene) {
    list.push_back({object.colour_name(), object.shape_name(), object.from.name(), object.to.name()});
  }
  return list;
}

std::vector<std::string> types_of(const ScenesConfig& config) {
  return config.types.empty() ? standard_types(config.kind) : config.types;
}

// Weights fit the types; returns how many types can be drawn.
int64_t check_weights(const ScenesConfig& config, const std::string& at) {
  const size_t types = types_of(config).size();
  if (config.weights.empty()) return static_cast<int64_t>(types);
  if (config.questions == 0) bad_field(at, "have no effect with one question of each type", "questions=4");
  const auto positive = std::count_if(config.weights.begin(), config.weights.end(), [](double w) { return w > 0; });
  const bool valid = std::all_of(config.weights.begin(), config.weights.end(), [](double w) { return w >= 0; });
  if (config.weights.size() != types || !valid || positive == 0)
    bad_field(at, "needs " + std::to_string(types) + " numbers >= 0, one per type", "give one weight per type");
  return positive;
}

// The types of one sample's questions: one of each, or drawn by weight, none twice in a round.
std::vector<std::string> draw_types(const ScenesConfig& config, Random& random) {
  const std::vector<std::string> types = types_of(config);
  if (config.questions == 0) return types;
  const std::vector<double> weights = config.weights.empty() ? std::vector<double>(types.size(), 1.0) : config.weights;
  std::vector<std::string> drawn;
  std::vector<double> left;
  for (int64_t i = 0; i < config.questions; ++i) {
    if (i % config.round == 0) left = weights;
    const auto type = static_cast<size_t>(random.weighted(left));
    left[type] = config.round > 1 ? 0 : weights[type];
    drawn.push_back(types[type]);
  }
  return drawn;
}

std::string media_name(const ScenesConfig& config, int64_t index) {
  return numbered(config.kind == "clips" ? "videos/%05lld.mp4" : "frames/%05lld.png", index);
}

std::string twin_name(int64_t index) { return numbered("videos/%05lld-twin.mp4", index); }

/// A clip or still, and the streams of its random choices.
class Sample {
 public:
  Sample(const ScenesConfig& config, int64_t index)
      : config_(config), index_(index), world_(config.kind + "/" + config.distribution) {
    Random shape = stream("scene"), look = stream("look");
    own_.scene = moving() ? draw_clip(config, shape) : draw_still(shape);
    own_.look = draw_look(own_.scene, look);
    if (!config.twins) return;
    Random other = stream("twin");
    twin_ = twin_of(own_, fact_of(config, index), other);
  }

  void write_pictures(const std::filesystem::path& out) const {
    write(out / media_name(config_, index_), own_);
    if (twin_) write(out / twin_name(index_), *twin_);
  }

  /// Its lines of questions.jsonl.
  std::string lines() const {
    Random talk = stream("talk");
    std::string lines;
    int64_t number = 0;
    for (const std::string& type : draw_types(config_, talk)) {
      const Random before = talk;
      rows::Question row = ask(config_, own_.scene, type, talk);
      row.id = config_.kind + "-" + std::to_string(config_.seed) + numbered("-%05lld-", index_) + std::to_string(number++) +
               "-" + type;
      if (moving())
        row.media.video = media_name(config_, index_);
      else
        row.media.frames = {media_name(config_, index_)};
      row.extra["scene"] = scene_json(own_.scene);
      if (twin_) name_twin(before, row);
      lines += json_line(rows::question_json(row)) + "\n";
    }
    return lines;
  }

 private:
  bool moving() const { return config_.kind == "clips"; }
  Random stream(const char* purpose) const {
    return {static_cast<uint64_t>(config_.seed), std::string(purpose) + "/" + world_, static_cast<uint64_t>(index_)};
  }

  void write(const std::filesystem::path& file, const Shown& shown) const {
    const video::Frames frames = paint(shown.scene, moving(), shown.look);
    if (moving())
      video::write_clip(file, frames, kFps, static_cast<int>(config_.crf));
    else
      video::write_png(file, frames, 0);
  }

  /// Where its answer is another one there. `before`: the stream with which the question was asked.
  void name_twin(const Random& before, rows::Question& row) const {
    row.other_answer = answer_there(config_, own_.scene, twin_->scene, row, before);
    if (row.other_answer.empty()) return;
    row.other.emplace().media.video = twin_name(index_);
    row.extra["twin"] = {{"fact", fact_of(config_, index_)}, {"scene", scene_json(twin_->scene)}};
  }

  const ScenesConfig& config_;
  int64_t index_;
  std::string world_;
  Shown own_;
  std::optional<Shown> twin_;
};

/// Makes sample `index`: writes its picture or clip, returns its lines of questions.jsonl.
std::string make_sample(const ScenesConfig& config, const std::filesystem::path& out, int64_t index) {
  const Sample sample(config, index);
  sample.write_pictures(out);
  return sample.lines();
}

void check_twins(const ScenesConfig& config, const std::string& at) {
  if (!config.twins) return;
  if (config.kind == "stills") bad_field(at, "stills have none", "kind=clips");
  if (config.stereotype > 0 || config.lure > 0)
    bad_field(at, "need true answers, and stereotype or lure asks for others", "stereotype=0 lure=0");
}

}  // namespace

void ScenesConfig::check(const std::string& at) const {
  const auto path = [&](const char* name) { return path_of(at, name); };
  check_choice(path("kind"), kind, {"clips", "stills"});
  check_choice(path("distribution"), distribution, {"uniform", "biased"});
  for (const std::string& type : types) check_choice(path("types"), type, question_types(kind));
  check_count(path("count"), count, 1, 1'000'000);
  check_count(path("questions"), questions, 0, kMostQuestions);
  check_count(path("crf"), crf, 0, 51);
  check_share(path("rho"), rho);
  check_share(path("yes_rate"), yes_rate);
  check_share(path("stereotype"), stereotype);
  check_share(path("lure"), lure);
  if (kind == "stills" && distribution != "uniform")
    bad_field(path("distribution"), "stills are uniform only", "distribution=uniform");
  if (kind == "stills" && (stereotype > 0 || lure > 0))
    bad_field(path("stereotype"), "stills are told truly", "use kind=clips");
  check_count(path("round"), round, 1, check_weights(*this, path("weights")));
  check_twins(*this, path("twins"));
}

void make_scenes(const ScenesConfig& config, const std::filesystem::path& out, int64_t threads) {
  config.check("");
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (int64_t i = 0; i < config.count; ++i) {
    files.push_back(out / media_name(config, i));
    if (config.twins) files.push_back(out / twin_name(i));
  }
  io::claim_outputs(files);
  std::filesystem::create_directories(files.front().parent_path(), error);
  if (error) {
    throw Error(Fault::environment, "scenes", printable(out.string()) + ": " + error.message(),
                "check the folder and its permissions");
  }
  Prefetch<std::string> samples(0, config.count, threads, 4 * threads + 1,
                                [&](int64_t i) { return make_sample(config, out, i); });
  std::string lines;
  while (const auto sample = samples.next()) {
    lines += *sample;
    if (stop_signal() != 0) return;
  }
  io::write_file(out / "questions.jsonl", lines);
}

Json scene_counts(const ScenesConfig& config, const std::filesystem::path& out) {
  Json counts = {{config.kind, config.count}};
  if (!config.twins) return counts;
  std::map<std::string, int64_t> facts, types;
  for (int64_t i = 0; i < config.count; ++i) ++facts[fact_of(config, i)];
  int64_t questions = 0, with_other = 0;
  each_json_line(out / "questions.jsonl", "data", [&](const Json& row, int64_t) {
    ++questions;
    if (!row.contains("other")) return;
    ++with_other;
    ++types[row.at("tags").at("type").get<std::string>()];
  });
  counts["twins"] = config.count;
  counts["facts"] = facts;
  counts["questions"] = questions;
  counts["with_other"] = with_other;
  counts["with_other_by_type"] = types;
  return counts;
}

}  // namespace rrpo::gen
