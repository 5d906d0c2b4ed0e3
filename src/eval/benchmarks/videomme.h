// Video-MME asked with subtitles: what they say depends on the frames that a model sees.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rrpo/eval/benchmark.h"

namespace rrpo::eval {

/// The text after the video. `cues`: what is said at the model's frames (cues_at_frames); empty where nothing is, nothing
/// where the video has no subtitles.
std::string videomme_text(std::string_view profile, const rows::Question& question, const std::optional<std::string>& cues);

/// The whole prompt of a run with subtitles. VideoChat2 is given a system text and the beginning of its answer there, which
/// it is not in a run without.
Asking ask_videomme_with_subtitles(std::string_view profile, const rows::Question& question,
                                   const std::optional<std::string>& cues);

}  // namespace rrpo::eval
