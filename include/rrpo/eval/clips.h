// The clips that questions are about, for pages.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/eval/config.h"
#include "rrpo/eval/questions.h"

namespace rrpo::eval {

/// Where the clip of each question lies and how it is sampled.
struct Clips {
  std::filesystem::path root;
  policy::VideoConfig video;
  std::map<std::string, rows::Media> media;  ///< by the question's id

  /// A few frames of the clip of question `id`, or why they cannot be shown; empty where the clip is not known.
  std::string strip(const std::string& id) const;
};

Clips clips_of(const EvalConfig& config, const QuestionSet& set);

/// Those of an earlier evaluation, as the run.json of its folder names them; none where that is not there any more.
Clips clips_of(const std::filesystem::path& folder);

}  // namespace rrpo::eval
