#include "rrpo/gen/scenes.h"

#include <cstdio>

#include "rrpo/io/atomic.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "rrpo/video/writer.h"
#include "scenes_questions.h"

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

// The types of one sample's questions: one of each, or drawn by weight.
std::vector<std::string> draw_types(const ScenesConfig& config, Random& random) {
  std::vector<std::string> types = types_of(config);
  if (config.questions == 0) return types;
  const std::vector<double> weights = config.weights.empty() ? std::vector<double>(types.size(), 1.0) : config.weights;
  std::vector<std::string> drawn;
  for (int64_t i = 0; i < config.questions; ++i) drawn.push_back(types[static_cast<size_t>(random.weighted(weights))]);
  return drawn;
}

// Makes sample `index`: writes its picture or clip, returns its lines of questions.jsonl.
std::string make_sample(const ScenesConfig& config, const std::filesystem::path& out, int64_t index) {
  const std::string world = config.kind + "/" + config.distribution;
  const auto seed = static_cast<uint64_t>(config.seed);
  const auto sample = static_cast<uint64_t>(index);
  Random shape(seed, "scene/" + world, sample), look(seed, "look/" + world, sample), talk(seed, "talk/" + world, sample);
  const bool moving = config.kind == "clips";
  const Scene scene = moving ? draw_clip(config, shape) : draw_still(shape);
  const std::string name = numbered(moving ? "videos/%05lld.mp4" : "frames/%05lld.png", index);
  const video::Frames frames = paint(scene, moving, look);
  if (moving)
    video::write_clip(out / name, frames, kFps, static_cast<int>(config.crf));
  else
    video::write_png(out / name, frames, 0);
  std::string lines;
  int64_t number = 0;
  for (const std::string& type : draw_types(config, talk)) {
    rows::Question row = ask(config, scene, type, talk);
    row.id = config.kind + "-" + std::to_string(config.seed) + numbered("-%05lld-", index) + std::to_string(number++) + "-" +
             type;
    if (moving)
      row.media.video = name;
    else
      row.media.frames = {name};
    row.extra["scene"] = scene_json(scene);
    lines += json_line(rows::question_json(row)) + "\n";
  }
  return lines;
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
  if (weights.empty()) return;
  if (questions == 0) bad_field(path("weights"), "have no effect with one question of each type", "questions=4");
  const size_t wanted = types.empty() ? standard_types(kind).size() : types.size();
  double sum = 0;
  for (const double weight : weights) sum += weight < 0 ? -1e300 : weight;
  if (weights.size() != wanted || !(sum > 0)) {
    bad_field(path("weights"), "needs " + std::to_string(wanted) + " numbers >= 0, one per type",
              "give one weight per type");
  }
}

void make_scenes(const ScenesConfig& config, const std::filesystem::path& out, int64_t threads) {
  config.check("");
  std::error_code error;
  std::filesystem::create_directories(out / (config.kind == "clips" ? "videos" : "frames"), error);
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

}  // namespace rrpo::gen
