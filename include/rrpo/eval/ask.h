// One question about one video.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "rrpo/eval/config.h"
#include "rrpo/video/frames.h"

namespace rrpo::eval {

/// The answer of the model to `question` about a video or a picture. `on_text` gets each new piece of it, whole characters
/// only; `seen`, if given, the frames as the model sees them: sampled and resized.
std::string ask(const AskConfig& config, const std::filesystem::path& video, const std::string& question,
                const std::function<void(const std::string&)>& on_text = {}, video::Frames* seen = nullptr);

/// A page with the question, the answer and the frames.
std::string ask_page(const std::string& video, const std::string& question, const std::string& answer,
                     const video::Frames& seen);

}  // namespace rrpo::eval
