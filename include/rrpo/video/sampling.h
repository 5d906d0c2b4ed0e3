// Which frames of a clip the model sees.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rrpo::video {

/// The frames that a rule chooses from: those of a video, or of a folder of numbered pictures.
struct Sequence {
  int64_t count = 0;                               ///< > 0
  double fps = 0;                                  ///< mean rate, as the container states it; 0: not known
  int64_t first = 0;                               ///< number of the first one
  std::optional<double> start_s = {}, end_s = {};  ///< the part that is asked for
  bool is_folder = false;

  int64_t last() const { return first + count - 1; }
};

/// What the configuration says to a rule (`video.*`).
struct SamplingFields {
  int64_t frames = 16;
  double sample_fps = 0;   ///< 0: the rule's own
  int64_t max_frames = 0;  ///< 0: no cap
};

/// An entry of the table of rules.
struct Sampler {
  std::string name;
  std::string help;
  bool by_rate = false;  ///< takes a frame every so many: how many they are follows from the length; else `frames` of them
  bool whole = false;    ///< is told the whole sequence and the part's bounds; else only the frames inside the part
  /// Numbers from `first` to last(), as the original computes them; outside of those, or none, where it would fail.
  std::function<std::vector<int64_t>(const Sequence&, const SamplingFields&)> pick;

  /// True where `sequence` must have a rate.
  bool needs_rate(const Sequence& sequence) const { return by_rate || (whole && (sequence.start_s || sequence.end_s)); }
};

/// All entries: authors, linspace, segment_centre, videochat2, internvl, videomme_v2, fps, fps_capped_official,
/// longvu_segment, longvu_mlvu, lmms, qwen2_5_vl, qwen_vl_utils, qwen3_vl.
const std::vector<Sampler>& samplers();

/// The entry `rule`. Throws Error(usage) for a name that is none.
const Sampler& sampler(const std::string& rule);

/// Numbers of `frames` frames out of `total` > 0 by a rule that asks for nothing else. Throws Error(usage).
std::vector<int64_t> sample_indices(const std::string& rule, int64_t total, int64_t frames);

}  // namespace rrpo::video
