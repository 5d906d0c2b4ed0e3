// When the frames of clips are, for prompts that say it.
#pragma once

#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/data/dataset.h"
#include "rrpo/video/frames.h"

namespace rrpo::data {

class ClipTimes {
 public:
  ClipTimes(const std::filesystem::path& root, const DatasetRules& rules) : root_(root), rules_(rules) {}

  /// Looks into the media that are not known yet, several at a time. What is wrong with one is told by of().
  void find(const std::vector<const rows::Media*>& all);
  /// The frames of a media without their pictures. Throws Error(input) where it could not be read.
  const video::Frames& of(const rows::Media& media) const;

 private:
  struct Times {
    video::Frames frames;
    std::exception_ptr fault;
  };
  Times look(const rows::Media& media) const;

  const std::filesystem::path& root_;
  const DatasetRules& rules_;
  std::map<std::string, Times> times_;  ///< by media
};

}  // namespace rrpo::data
