#include "canvas.h"

#include <algorithm>

#include "limits.h"

extern "C" {
#include <libavutil/display.h>
}

namespace rrpo::video {
namespace {

Orientation orientation_in(const Container& container, const AVFrame& frame) {
  const AVFrameSideData* shown = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (shown != nullptr && shown->size >= 9 * sizeof(int32_t)) {
    return orientation_of(reinterpret_cast<const int32_t*>(shown->data), container.file());
  }
  return stored_orientation(container);
}

}  // namespace

Orientation stored_orientation(const Container& container) {
  size_t bytes = 0;
  const uint8_t* stored = av_stream_get_side_data(&container.stream(), AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  const bool there = stored != nullptr && bytes >= 9 * sizeof(int32_t);
  return orientation_of(there ? reinterpret_cast<const int32_t*>(stored) : nullptr, container.file());
}

void set_length(Frames& frames, const Container& container, int64_t members, int64_t total) {
  frames.total = total;
  const AVRational rate = container.stream().avg_frame_rate;
  if (rate.num <= 0) return;
  frames.duration_s = static_cast<double>(members) * rate.den / rate.num;
  frames.fps = av_q2d(rate);
}

Canvas::Canvas(const Packets& packets, const std::vector<int64_t>& chosen, double start_s, const ReadLimits& limits)
    : packets_(packets), start_s_(start_s), limits_(limits) {
  for (const int64_t number : chosen) places_.emplace_back(number, places_.size());
  std::sort(places_.begin(), places_.end());
}

void Canvas::see(const AVFrame& frame, int64_t member, int64_t number, double time_s) {
  auto at = std::lower_bound(places_.begin(), places_.end(), std::pair(member, size_t{0}));
  if (at == places_.end() || at->first != member) return;
  begin(frame, number);
  const auto first = static_cast<int64_t>(at->second);
  converter_->convert(frame, frames_.frame(first), packets_.container().file());
  for (; at != places_.end() && at->first == member; ++at, ++filled_) {
    const size_t place = at->second;
    const auto same = static_cast<int64_t>(place);
    if (same != first) std::copy_n(frames_.frame(first), frames_.frame_bytes(), frames_.frame(same));
    frames_.index[place] = number;
    frames_.time_s[place] = std::max(0.0, time_s - start_s_);  // a bound is rounded to a frame by some rules
  }
}

Frames Canvas::take(int64_t members, int64_t total) {
  set_length(frames_, packets_.container(), members, total);
  return std::move(frames_);
}

void Canvas::begin(const AVFrame& frame, int64_t number) {
  const std::filesystem::path& file = packets_.container().file();
  if (!converter_) {
    converter_.emplace(orientation_in(packets_.container(), frame));
    frames_.height = converter_->height(frame);
    frames_.width = converter_->width(frame);
    frames_.count = static_cast<int64_t>(places_.size());
    check_memory(file, frames_, packets_.memory(), limits_);
    frames_.rgb.resize(static_cast<size_t>(frames_.count * frames_.frame_bytes()));
    frames_.index.resize(places_.size());
    frames_.time_s.resize(places_.size());
  } else if (converter_->height(frame) != frames_.height || converter_->width(frame) != frames_.width) {
    bad_video(file, "frame " + std::to_string(number) + " has another size than the first", "re-encode it");
  }
}

}  // namespace rrpo::video
