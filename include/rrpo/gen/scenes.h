// A small video world made from nothing: moving objects in H.264 clips (or still pictures), and questions about them whose
// answers are known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/util/fields.h"

namespace rrpo::gen {

/// What `rrpo-gen scenes` makes.
struct ScenesConfig {
  std::string kind = "clips";
  int64_t count = 100;
  int64_t seed = 42;
  std::string distribution = "uniform";
  double rho = 0.85;
  std::vector<std::string> types;
  std::vector<double> weights;
  int64_t questions = 0;
  int64_t round = 1;
  double yes_rate = 0.5;
  double stereotype = 0;
  double lure = 0;
  std::string style;
  bool twins = false;
  int64_t crf = 20;

  template <class V>
  void fields(V& v) {
    v("kind", kind, "clips (two moving objects, 8 frames) or stills (one picture of 2 to 4 objects)");
    v("count", count, "how many clips or stills");
    v("seed", seed, "sample i depends on (seed, i) alone");
    v("distribution", distribution, "uniform: attributes are independent; biased: they follow stereotypes (clips only)");
    v("rho", rho, "biased: probability that an attribute follows its stereotype, for each attribute");
    v("types", types,
      "question types; clips: shape, dir, mcq, order, exist, cap, path, paths, option; stills: list, at, where, shape, "
      "exist, option; empty: the first six of clips, the first five of stills");
    v("weights", weights, "one weight per type, for questions > 0; empty: equal");
    v("questions", questions, "questions per video, types drawn by weight; 0: one of each type");
    v("round", round, "so many consecutive questions of a video are of different types; 1: each type is drawn for itself");
    v("yes_rate", yes_rate, "exist: share of questions about an object that is there");
    v("stereotype", stereotype,
      "clips: probability that an answer names the stereotype instead of the truth, for each attribute");
    v("lure", lure, "clips: probability that an absent object that the stereotypes suggest is answered with yes");
    v("style", style, "words before every answer but those of mcq and exist, such as \"In this video, \"");
    v("twins", twins,
      "clips: each has a twin NNNNN-twin.mp4 that differs in one fact (the shape, direction or colour of an object, or the "
      "order "
      "in which they appear; each in turn); a question whose answer differs there names it (other, other_answer)");
    v("crf", crf, "H.264 quality, 0 (lossless) to 51");
  }
  void check(const std::string& at) const;
};

/// Writes videos/NNNNN.mp4 (and their twins; stills: frames/NNNNN.png) and questions.jsonl below `out`. The files depend on
/// the configuration alone, not on the number of threads or the kind of processor. After a stop signal it returns before
/// questions.jsonl is written, and running it again completes the folder.
void make_scenes(const ScenesConfig& config, const std::filesystem::path& out, int64_t threads);

/// How many of what a complete folder holds; with twins also how many differ in which fact, and how many questions name
/// them.
Json scene_counts(const ScenesConfig& config, const std::filesystem::path& out);

}  // namespace rrpo::gen
