// What the files of Qwen2.5-VL and Qwen3-VL have in common: two layouts of config.json, rotary positions on three axes, and
// the processor's files.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "../config_reader.h"
#include "../vision/qwen_parts.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/video/transform.h"

namespace rrpo::model {

/// The keys of the decoder: in `text_config`, or at the top, as transformers 4 wrote Qwen2.5-VL.
ConfigReader qwen_text(const ConfigReader& config);
/// Whether the head is the embedding: true in either place counts.
bool qwen_tied_head(const ConfigReader& config);
/// Frequencies: `rope_scaling` or `rope_parameters`, of which the kinds "default" and "mrope" mean the same.
double qwen_theta(const ConfigReader& text);
RotaryAxes qwen_axes(const ConfigReader& text, int64_t head_width, bool interleaved);

/// Refuses `model.video_pool`, which these families have no use for, and `model.positions` but for the value `known`.
void check_qwen_options(const LoadOptions& options, const std::string& family, const std::string& known);

/// What a processor's class takes where its file is silent.
struct QwenProcessor {
  video::Fit fit = video::Fit::budget_frame;
  int64_t min_pixels = 0, max_pixels = 0;
  std::array<float, 3> mean = {}, std = {};
};

/// How frames become pixels. transformers' order of look-up: `processor_config.json#video_processor`, then
/// `video_preprocessor_config.json`, then `preprocessor_config.json`. Throws Error(input, "model") naming file and key for
/// what is not computed and for patches that are not the tower's.
video::PixelSpec qwen_video_pixels(const std::filesystem::path& folder, const PatchForm& form,
                                   const QwenProcessor& standard);
/// How a still shown as a picture does: `processor_config.json#image_processor`, then `preprocessor_config.json`.
video::PixelSpec qwen_still_pixels(const std::filesystem::path& folder, const PatchForm& form,
                                   const QwenProcessor& standard);

}  // namespace rrpo::model
