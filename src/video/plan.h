// From a choice to the numbers of frames.
#pragma once

#include <functional>

#include "rrpo/video/reader.h"

namespace rrpo::video {

/// What a choice asks of a video, before the number of its frames is certain.
class Plan {
 public:
  /// `file` names the video or the folder in errors. Throws Error(input) for an impossible clip, Error(usage) for no rule.
  Plan(const Choice& choice, std::filesystem::path file);
  /// Every frame of the clip.
  static Plan all_of(const std::optional<Clip>& clip, std::filesystem::path file);

  /// True where frames are numbered in the whole; else among the frames inside the clip.
  bool whole() const { return whole_; }
  const std::optional<Clip>& clip() const { return clip_; }
  /// Where times count from.
  double start_s() const { return clip_ ? clip_->start_s : 0; }

  /// The chosen ones of `all` frames, numbered from 0, as listed; none where they do not lie among them or there are none.
  /// Throws Error(input) where a rate is needed and not known.
  std::vector<int64_t> numbers(const Sequence& all) const;
  /// Why there are none.
  [[noreturn]] void refuse(int64_t count) const;

 private:
  std::filesystem::path file_;
  std::optional<Clip> clip_;
  bool whole_ = false;
  std::vector<int64_t> indices_;
  const Sampler* sampler_ = nullptr;  ///< of the table; none: all frames
  SamplingFields fields_;
};

}  // namespace rrpo::video
