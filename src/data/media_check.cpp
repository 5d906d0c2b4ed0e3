#include "rrpo/data/media_check.h"

#include "rrpo/data/media.h"
#include "rrpo/report/progress.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/stop.h"

namespace rrpo::data {

std::vector<MediaFault> unreadable_media(const std::vector<rows::Media>& all, const std::filesystem::path& root,
                                         const policy::VideoConfig& video, int64_t threads) {
  policy::VideoConfig all_of_it = video;
  all_of_it.verify = true;
  const auto count = static_cast<int64_t>(all.size());
  Prefetch<std::string> reasons(0, count, threads, 2 * threads, [&](int64_t i) -> std::string {
    try {
      check_stop();
      read_media(all[static_cast<size_t>(i)], root, all_of_it);
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
    if (!reason.empty()) faults.push_back({all[static_cast<size_t>(i)].key(), reason});
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
