// Every media of a run read once, before the run: what `--dry-run --decode` does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/util/error.h"

namespace rrpo::data {

/// A media that cannot be read, by its key, and why.
struct MediaFault {
  std::string media, reason;
};

/// Decodes the media of `all` with all that they hold (`video.verify`), each once, on `threads` threads, makes every view
/// of them, and returns the faults in order, one for a media. Throws Stopped when a stop was asked for.
std::vector<MediaFault> unreadable_media(const std::vector<rows::View>& all, const std::filesystem::path& root,
                                         const policy::VideoConfig& video, int64_t threads);

/// One line per fault.
std::string fault_lines(const std::vector<MediaFault>& faults);

/// The Error(budget) of a check of `all` media with faults.
Error unreadable(const std::vector<MediaFault>& faults, size_t all);

}  // namespace rrpo::data
