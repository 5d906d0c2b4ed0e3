#include "clip_times.h"

#include "rrpo/data/media.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"

namespace rrpo::data {

ClipTimes::Times ClipTimes::look(const rows::Media& media) const {
  try {
    return {read_times(media, root_, rules_.video), nullptr};
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    return {{}, std::current_exception()};
  }
}

void ClipTimes::find(const std::vector<const rows::Media*>& all) {
  std::vector<const rows::Media*> unknown;
  for (const rows::Media* media : all) {
    if (times_.try_emplace(media->key()).second) unknown.push_back(media);
  }
  Prefetch<Times> found(0, static_cast<int64_t>(unknown.size()), rules_.threads, 2 * rules_.threads,
                        [&](int64_t i) { return look(*unknown[static_cast<size_t>(i)]); });
  for (const rows::Media* media : unknown) times_[media->key()] = *found.next();
}

const video::Frames& ClipTimes::of(const rows::Media& media) const {
  const Times& times = times_.at(media.key());
  if (times.fault) std::rethrow_exception(times.fault);
  return times.frames;
}

}  // namespace rrpo::data
