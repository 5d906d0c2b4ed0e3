// A pair, and the frames of its clip, on a page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/text/tokenizer.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::gen {

/// Where clips lie and how they are shown.
struct ClipView {
  std::filesystem::path root;
  policy::VideoConfig video;
  int64_t columns = 8;
  int64_t most = 0;  ///< so many frames at most, evenly picked; 0: all
};

/// What is done to a clip before the model sees it.
struct Perturbed {
  std::vector<video::PerturbStep> steps;
  uint64_t seed = 0;
  std::string also{};  ///< behind the line below its frames
};

/// The frames of a clip as they are and, where there are steps, as the model saw them. Throws Error(input) for a clip that
/// cannot be read.
std::string clip_html(const ClipView& view, const rows::Media& media, const Perturbed& perturbed);

/// The same for a pair, with the steps that its row names, and below it the clips that it names beside its own, as the model
/// sees them.
std::string pair_frames_html(const ClipView& view, const rows::Pair& pair);

/// The question, both answers with their marks (of whole tokens where there is a tokenizer), the response; `official` is a
/// line below them where it is not empty.
std::string answers_html(const rows::Pair& pair, const text::Tokenizer* tokenizer, const std::string& official);

}  // namespace rrpo::gen
