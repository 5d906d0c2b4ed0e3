#include "timeline.h"

#include <algorithm>
#include <iterator>

#include "ffmpeg.h"

namespace rrpo::video {

std::optional<Timeline> Timeline::of(const std::vector<Place>& places, bool leads) {
  Timeline line(places, leads);
  if (places.empty() || !places.front().start || !line.find_frames()) return std::nullopt;
  line.find_starts();
  return line;
}

bool Timeline::find_frames() {
  int64_t before = INT64_MIN;
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    if (place.pts == AV_NOPTS_VALUE || place.flagged) return false;
    if (place.dts != AV_NOPTS_VALUE && place.dts < before) return false;  // times that begin anew
    if (place.dts != AV_NOPTS_VALUE) before = place.dts;
    if (place.visible()) frames_.push_back({place.pts, i});
  }
  std::sort(frames_.begin(), frames_.end(), [](const Frame& a, const Frame& b) { return a.pts < b.pts; });
  const auto same = [](const Frame& a, const Frame& b) { return a.pts == b.pts; };
  if (std::adjacent_find(frames_.begin(), frames_.end(), same) != frames_.end()) return false;
  return !frames_.empty() && frames_.front().pts >= places_.front().pts;
}

// A start parts the stream in two: all that is shown before it in decoding order stands before it in presentation too, and
// all behind it behind it, but for the pictures that lead.
void Timeline::find_starts() {
  std::vector<int64_t> least(places_.size() + 1, INT64_MAX);
  for (size_t i = places_.size(); i > 0; --i)
    least[i - 1] = places_[i - 1].visible() ? std::min(least[i], places_[i - 1].pts) : least[i];
  int64_t most = INT64_MIN;
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    if (place.start && most < place.pts && (leads_ || least[i] >= place.pts)) starts_.push_back({place.pts, i});
    if (place.visible()) most = std::max(most, place.pts);
  }
}

int64_t Timeline::number_of(int64_t stamp) const {
  const auto less = [](const Frame& frame, int64_t value) { return frame.pts < value; };
  const auto found = std::lower_bound(frames_.begin(), frames_.end(), stamp, less);
  return found != frames_.end() && found->pts == stamp ? found - frames_.begin() : -1;
}

// What stands before a start in decoding order stands before it in presentation: the last start not behind a frame in
// presentation is not behind it in decoding order.
size_t Timeline::start_of(const Frame& frame) const {
  const auto before = [](const Frame& a, const Frame& b) { return a.pts < b.pts; };
  return std::prev(std::upper_bound(starts_.begin(), starts_.end(), frame, before))->packet;
}

Run Timeline::run_of(size_t begin, std::vector<size_t> wanted) const {
  Run run;
  std::sort(wanted.begin(), wanted.end());
  const size_t end = wanted.back() + 1;
  for (size_t i = begin; i < end; ++i) {
    const Place& place = places_[i];
    const bool leads = leads_ && place.pts < places_[begin].pts;  // needs what stands before the start
    const bool unused = place.spare && i != begin && !std::binary_search(wanted.begin(), wanted.end(), i);
    if (leads || unused) continue;
    run.packets.push_back(i);
    if (place.visible()) run.shown.push_back(place.pts);
  }
  std::sort(run.shown.begin(), run.shown.end());
  return run;
}

std::vector<Run> Timeline::runs(const std::vector<int64_t>& numbers) const {
  std::vector<Run> runs;
  size_t begin = 0, end = 0;
  std::vector<size_t> wanted;
  const auto close = [&] {
    if (!wanted.empty()) runs.push_back(run_of(begin, wanted));
    wanted.clear();
  };
  for (const int64_t number : numbers) {
    const Frame& frame = frames_[static_cast<size_t>(number)];
    const size_t start = start_of(frame);
    if (wanted.empty() || start >= end) {
      close();
      begin = start;
      end = 0;
    }
    wanted.push_back(frame.packet);
    end = std::max(end, frame.packet + 1);
  }
  close();
  return runs;
}

}  // namespace rrpo::video
