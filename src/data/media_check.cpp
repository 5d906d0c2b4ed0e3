#include "rrpo/data/media_check.h"

#include <map>

#include "rrpo/data/media.h"
#include "rrpo/report/progress.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"

namespace rrpo::data {

namespace {

/// The views of each media, media in order of first use.
std::vector<std::vector<const rows::View*>> by_media(const std::vector<rows::View>& all) {
  std::vector<std::vector<const rows::View*>> groups;
  std::map<std::string, size_t> known;
  for (const rows::View& view : all) {
    const auto [at, is_new] = known.try_emplace(view.media.key(), groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(&view);
  }
  return groups;
}

}  // namespace

std::vector<MediaFault> unreadable_media(const std::vector<rows::View>& all, const std::filesystem::path& root,
                                         const policy::VideoConfig& video, int64_t threads) {
  policy::VideoConfig all_of_it = video;
  all_of_it.verify = true;
  const std::vector<std::vector<const rows::View*>> media = by_media(all);
  const auto count = static_cast<int64_t>(media.size());
  Prefetch<std::string> reasons(0, count, threads, 2 * threads, [&](int64_t i) -> std::string {
    const std::vector<const rows::View*>& views = media[static_cast<size_t>(i)];
    try {
      check_stop();
      const video::Frames frames = read_media(views.front()->media, root, all_of_it);
      for (const rows::View* view : views) {
        if (view->perturbed()) perturbed_frames(*view, frames);
      }
      return "";
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      return error.what();
    }
  });
  report::Progress progress("decode", count, "clips");
  std::vector<MediaFault> faults;
  for (int64_t i = 0; i < count; ++i) {
    const std::string reason = *reasons.next();
    if (!reason.empty()) faults.push_back({media[static_cast<size_t>(i)].front()->media.key(), reason});
    progress.update(i + 1);
  }
  progress.finish();
  return faults;
}

std::string fault_lines(const std::vector<MediaFault>& faults) {
  std::string lines;
  for (const MediaFault& fault : faults) lines += printable(fault.media, 200) + ": " + fault.reason + "\n";
  return lines;
}

Error unreadable(const std::vector<MediaFault>& faults, size_t all) {
  return {Fault::budget, "data",
          std::to_string(faults.size()) + " of " + std::to_string(all) + " media cannot be read, the first is " +
              printable(faults.front().media, 120),
          "mend or leave out the media above"};
}

}  // namespace rrpo::data
