#include "rrpo/video/reader.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "limits.h"
#include "packets.h"
#include "rrpo/video/sampling.h"
#include "upright.h"

extern "C" {
#include <libavutil/display.h>
}

namespace rrpo::video {
namespace {

// The frames that belong to the request, as the numbers that the chosen ones have among them. `plan(total)` lists the
// chosen numbers, never falling, for a total count.
using Plan = std::function<std::vector<int64_t>(int64_t)>;

void check_clip(const std::optional<Clip>& clip, const std::filesystem::path& file) {
  if (!clip) return;
  if (!std::isfinite(clip->start_s) || !std::isfinite(clip->end_s) || clip->start_s < 0 || clip->end_s <= clip->start_s) {
    bad_video(file,
              "the clip from " + std::to_string(clip->start_s) + " s to " + std::to_string(clip->end_s) + " s is empty",
              "give 0 <= start_s < end_s");
  }
}

Orientation orientation_in(const Container& container, const AVFrame& frame) {
  const AVFrameSideData* shown = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (shown != nullptr && shown->size >= 9 * sizeof(int32_t)) {
    return orientation_of(reinterpret_cast<const int32_t*>(shown->data), container.file());
  }
  size_t bytes = 0;
  const uint8_t* stored = av_stream_get_side_data(&container.stream(), AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  const bool there = stored != nullptr && bytes >= 9 * sizeof(int32_t);
  return orientation_of(there ? reinterpret_cast<const int32_t*>(stored) : nullptr, container.file());
}

// The times of frames in the order in which they are shown.
class Clock {
 public:
  explicit Clock(const Container& container) : container_(container) {
    const AVRational rate = container.stream().avg_frame_rate;
    if (rate.num > 0) step_ = static_cast<double>(rate.den) / rate.num;
  }

  /// Seconds from the beginning; where the file has no times, by the frame's number and the container's frame rate. Where
  /// joined segments begin their times anew, they go on one frame after the last.
  double next(const AVFrame& frame, int64_t number) {
    if (frame.best_effort_timestamp == AV_NOPTS_VALUE) {
      const AVRational rate = container_.stream().avg_frame_rate;
      return rate.num > 0 ? static_cast<double>(number) * rate.den / rate.num : static_cast<double>(number);
    }
    const double time = container_.seconds(frame.best_effort_timestamp);
    if (container_.joins() && number > 0 && time < last_) ahead_ += last_ + step_ - time;
    last_ = time;
    return time + ahead_;
  }

 private:
  const Container& container_;
  double step_ = 0, last_ = 0, ahead_ = 0;
};

// Collects the chosen frames of one decoding pass.
class Collector {
 public:
  Collector(const Packets& packets, const std::optional<Clip>& clip, std::vector<int64_t> chosen, const ReadLimits& limits)
      : packets_(packets), clip_(clip), chosen_(std::move(chosen)), limits_(limits), clock_(packets.container()) {}

  void see(const AVFrame& frame) {
    const auto number = static_cast<int64_t>(stamps_.size());
    stamps_.push_back(frame.pts);
    const double time = clock_.next(frame, number);
    if (clip_ && frame.best_effort_timestamp == AV_NOPTS_VALUE) {
      bad_video(file(), "frame " + std::to_string(number) + " has no time, so no clip can be taken", "re-encode it");
    }
    if (!inside(clip_, time)) return;
    const int64_t member = members_++;
    if (next_ >= chosen_.size() || chosen_[next_] != member) return;
    begin(frame, number);
    const size_t at = frames_.rgb.size();
    frames_.rgb.resize(at + static_cast<size_t>(frames_.frame_bytes()));
    converter_->convert(frame, frames_.rgb.data() + at, file());
    note(number, time);
    for (++next_; next_ < chosen_.size() && chosen_[next_] == member; ++next_) {  // a frame chosen twice
      frames_.rgb.resize(frames_.rgb.size() + static_cast<size_t>(frames_.frame_bytes()));
      std::copy_n(frames_.frame(frames_.count - 1), frames_.frame_bytes(), frames_.frame(frames_.count));
      note(number, time);
    }
  }

  int64_t members() const { return members_; }
  const std::vector<int64_t>& stamps() const { return stamps_; }
  Frames take() {
    const AVRational rate = packets_.container().stream().avg_frame_rate;
    if (rate.num > 0) frames_.duration_s = static_cast<double>(members_) * rate.den / rate.num;
    return std::move(frames_);
  }

 private:
  const std::filesystem::path& file() const { return packets_.container().file(); }

  void begin(const AVFrame& frame, int64_t number) {
    if (!converter_) {
      converter_.emplace(orientation_in(packets_.container(), frame));
      frames_.height = converter_->height(frame);
      frames_.width = converter_->width(frame);
      const int64_t bytes = frames_.frame_bytes() * static_cast<int64_t>(chosen_.size());
      const std::string size = std::to_string(frames_.width) + "x" + std::to_string(frames_.height);
      check_memory(file(), std::to_string(chosen_.size()) + " frames of " + size + " and its packets",
                   bytes + packets_.memory(), limits_);
      frames_.rgb.reserve(static_cast<size_t>(bytes));
    } else if (converter_->height(frame) != frames_.height || converter_->width(frame) != frames_.width) {
      bad_video(file(), "frame " + std::to_string(number) + " has another size than the first", "re-encode it");
    }
  }

  void note(int64_t number, double time) {
    ++frames_.count;
    frames_.index.push_back(number);
    frames_.time_s.push_back(time - (clip_ ? clip_->start_s : 0));
  }

  const Packets& packets_;
  const std::optional<Clip>& clip_;
  std::vector<int64_t> chosen_;
  const ReadLimits& limits_;
  Clock clock_;
  std::optional<RgbConverter> converter_;
  Frames frames_;
  size_t next_ = 0;
  int64_t members_ = 0;
  std::vector<int64_t> stamps_;  // of every frame that decoded
};

// Plans by the number of packets, then decodes everything. Where another number of frames came out, that number is the
// truth and a second pass takes its plan; two passes that disagree are a fault.
Frames read_planned(const Source& source, const std::optional<Clip>& clip, const Plan& plan, const ReadLimits& limits) {
  check_clip(clip, source.name());
  Packets packets(source, limits);
  int64_t expected = packets.expected(clip);
  for (int pass = 0; pass < 2; ++pass) {
    const PacketSource from = packets.from_start();
    Decoder decoder(packets.container(), from);
    Collector collector(packets, clip, expected > 0 ? plan(expected) : std::vector<int64_t>{}, limits);
    const FrameHandle frame = new_frame();
    while (decoder.next(*frame)) collector.see(*frame);
    if (collector.stamps().empty()) bad_video(source.name(), "no frame decodes", "re-encode it");
    packets.check_all_shown(collector.stamps());
    if (collector.members() == 0) {
      bad_video(
          source.name(),
          "no frame lies in the clip from " + std::to_string(clip->start_s) + " s to " + std::to_string(clip->end_s) + " s",
          "check start_s and end_s");
    }
    if (collector.members() == expected) return collector.take();
    expected = collector.members();
  }
  bad_video(source.name(), "two passes decode different numbers of frames", "re-encode it");
}

Plan by_rule(const std::string& rule, int64_t wanted) {
  return [&rule, wanted](int64_t total) { return sample_indices(rule, total, wanted); };
}

}  // namespace

Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip, const ReadLimits& limits) {
  return read_planned(Source(file), clip, by_rule(rule, wanted), limits);
}

Frames read_video_bytes(std::string_view bytes, const std::string& rule, int64_t wanted, const std::optional<Clip>& clip,
                        const ReadLimits& limits, const std::filesystem::path& name) {
  return read_planned(Source(bytes, name), clip, by_rule(rule, wanted), limits);
}

Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip, const ReadLimits& limits) {
  const Plan every = [](int64_t total) {
    std::vector<int64_t> all(static_cast<size_t>(total));
    std::iota(all.begin(), all.end(), int64_t{0});
    return all;
  };
  return read_planned(Source(file), clip, every, limits);
}

}  // namespace rrpo::video
