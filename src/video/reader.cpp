#include "rrpo/video/reader.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <memory>

#include "decoder.h"
#include "rrpo/video/sampling.h"
#include "upright.h"

extern "C" {
#include <libavutil/display.h>
}

namespace rrpo::video {
namespace {

constexpr int64_t kMaxRgbBytes = int64_t{4} << 30;

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

bool inside(const std::optional<Clip>& clip, const Container& container, int64_t stamp, int64_t number) {
  if (!clip) return true;
  if (stamp == AV_NOPTS_VALUE) {
    bad_video(container.file(), "frame " + std::to_string(number) + " has no time, so no clip can be taken", "re-encode it");
  }
  const double time = container.seconds(stamp);
  return time >= clip->start_s && time < clip->end_s;
}

// The packets of a stream: counted once, and kept for decoding unless they are large.
class Packets {
 public:
  explicit Packets(const std::filesystem::path& file) : container_(std::make_unique<Container>(file)) {
    PacketHandle packet = new_packet();
    for (int64_t bytes = 0; container_->next(*packet); packet = new_packet()) {
      bytes += packet->size;
      stamps_.push_back((packet->flags & AV_PKT_FLAG_DISCARD) != 0 ? kDiscarded : packet->pts);
      if (bytes <= kKeptBytes) kept_.push_back(std::move(packet));
    }
  }

  /// How many frames the request should find: a guess, made without decoding.
  int64_t expected(const std::optional<Clip>& clip) const {
    int64_t count = 0;
    for (const int64_t stamp : stamps_) {
      if (stamp == kDiscarded) continue;
      count += !clip || stamp == AV_NOPTS_VALUE || inside(clip, *container_, stamp, count) ? 1 : 0;
    }
    return count;
  }

  /// All packets from the first one; the file is opened anew where they were not kept.
  PacketSource from_start() {
    if (kept_.size() < stamps_.size()) {
      kept_.clear();
      container_ = std::make_unique<Container>(container_->file());
      return [this](AVPacket& packet) { return container_->next(packet); };
    }
    return [this, at = size_t{0}](AVPacket& packet) mutable {
      return at < kept_.size() && av_packet_ref(&packet, kept_[at++].get()) == 0;
    };
  }

  /// Throws Error(input) when packets from the first decoded frame on gave no frame: a decoder drops some damaged pictures
  /// without a word. Asked only where every packet is one shown frame: H.264 and HEVC without fields. Frames before the
  /// first that can be decoded (a cut inside a group of pictures) are no fault.
  void check_all_shown(std::vector<int64_t> shown) const {
    const AVCodecParameters& codec = *container_->stream().codecpar;
    const bool one_to_one = codec.codec_id == AV_CODEC_ID_H264 || codec.codec_id == AV_CODEC_ID_HEVC;
    const bool fields = codec.field_order != AV_FIELD_PROGRESSIVE && codec.field_order != AV_FIELD_UNKNOWN;
    std::vector<int64_t> sent = stamps_;
    std::erase(sent, kDiscarded);
    std::sort(sent.begin(), sent.end());
    std::sort(shown.begin(), shown.end());
    if (!one_to_one || fields || sent.empty() || shown.empty()) return;
    if (sent.front() == AV_NOPTS_VALUE || shown.front() == AV_NOPTS_VALUE) return;
    sent.erase(sent.begin(), std::lower_bound(sent.begin(), sent.end(), shown.front()));
    std::vector<int64_t> lost;
    std::set_difference(sent.begin(), sent.end(), shown.begin(), shown.end(), std::back_inserter(lost));
    if (lost.empty()) return;
    bad_video(container_->file(),
              std::to_string(lost.size()) + " of " + std::to_string(sent.size()) + " frames do not decode, the first at " +
                  std::to_string(container_->seconds(lost.front())) + " s",
              "copy it again or re-encode it");
  }

  const Container& container() const { return *container_; }

 private:
  static constexpr int64_t kKeptBytes = int64_t{32} << 20;
  static constexpr int64_t kDiscarded = AV_NOPTS_VALUE + 1;  // not shown by the file's own wish
  std::unique_ptr<Container> container_;
  std::vector<PacketHandle> kept_;
  std::vector<int64_t> stamps_;
};

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

// Seconds of a frame; where the file has no times, by its number and the container's frame rate.
double time_of(const Container& container, const AVFrame& frame, int64_t number) {
  if (frame.best_effort_timestamp != AV_NOPTS_VALUE) return container.seconds(frame.best_effort_timestamp);
  const AVRational rate = container.stream().avg_frame_rate;
  return rate.num > 0 ? static_cast<double>(number) * rate.den / rate.num : static_cast<double>(number);
}

// Collects the chosen frames of one decoding pass.
class Collector {
 public:
  Collector(const Container& container, const std::optional<Clip>& clip, std::vector<int64_t> chosen)
      : container_(container), clip_(clip), chosen_(std::move(chosen)) {}

  void see(const AVFrame& frame) {
    const int64_t number = decoded();
    stamps_.push_back(frame.pts);
    if (!inside(clip_, container_, frame.best_effort_timestamp, number)) return;
    const int64_t member = members_++;
    if (next_ >= chosen_.size() || chosen_[next_] != member) return;
    begin(frame, number);
    const size_t at = frames_.rgb.size();
    frames_.rgb.resize(at + static_cast<size_t>(frames_.frame_bytes()));
    converter_->convert(frame, frames_.rgb.data() + at, container_.file());
    note(frame, number);
    for (++next_; next_ < chosen_.size() && chosen_[next_] == member; ++next_) {  // a frame chosen twice
      frames_.rgb.resize(frames_.rgb.size() + static_cast<size_t>(frames_.frame_bytes()));
      std::copy_n(frames_.frame(frames_.count - 1), frames_.frame_bytes(), frames_.frame(frames_.count));
      note(frame, number);
    }
  }

  int64_t members() const { return members_; }
  int64_t decoded() const { return static_cast<int64_t>(stamps_.size()); }
  const std::vector<int64_t>& stamps() const { return stamps_; }
  Frames take() {
    const AVRational rate = container_.stream().avg_frame_rate;
    if (rate.num > 0) frames_.duration_s = static_cast<double>(members_) * rate.den / rate.num;
    return std::move(frames_);
  }

 private:
  void begin(const AVFrame& frame, int64_t number) {
    if (!converter_) {
      converter_.emplace(orientation_in(container_, frame));
      frames_.height = converter_->height(frame);
      frames_.width = converter_->width(frame);
      const int64_t bytes = frames_.frame_bytes() * static_cast<int64_t>(chosen_.size());
      if (bytes > kMaxRgbBytes) {
        bad_video(container_.file(), std::to_string(chosen_.size()) + " frames take more than 4 GiB",
                  "ask for fewer frames");
      }
      frames_.rgb.reserve(static_cast<size_t>(bytes));
    } else if (converter_->height(frame) != frames_.height || converter_->width(frame) != frames_.width) {
      bad_video(container_.file(), "frame " + std::to_string(number) + " has another size than the first", "re-encode it");
    }
  }

  void note(const AVFrame& frame, int64_t number) {
    ++frames_.count;
    frames_.index.push_back(number);
    frames_.time_s.push_back(time_of(container_, frame, number) - (clip_ ? clip_->start_s : 0));
  }

  const Container& container_;
  const std::optional<Clip>& clip_;
  std::vector<int64_t> chosen_;
  std::optional<RgbConverter> converter_;
  Frames frames_;
  size_t next_ = 0;
  int64_t members_ = 0;
  std::vector<int64_t> stamps_;  // of every frame that decoded
};

// Plans by the number of packets, then decodes everything. Where another number of frames came out, that number is the
// truth and a second pass takes its plan; two passes that disagree are a fault.
Frames read_planned(const std::filesystem::path& file, const std::optional<Clip>& clip, const Plan& plan) {
  check_clip(clip, file);
  Packets packets(file);
  int64_t expected = packets.expected(clip);
  for (int pass = 0; pass < 2; ++pass) {
    const PacketSource source = packets.from_start();
    Decoder decoder(packets.container(), source);
    Collector collector(packets.container(), clip, expected > 0 ? plan(expected) : std::vector<int64_t>{});
    const FrameHandle frame = new_frame();
    while (decoder.next(*frame)) collector.see(*frame);
    if (collector.decoded() == 0) bad_video(file, "no frame decodes", "re-encode it");
    packets.check_all_shown(collector.stamps());
    if (collector.members() == 0) {
      bad_video(
          file,
          "no frame lies in the clip from " + std::to_string(clip->start_s) + " s to " + std::to_string(clip->end_s) + " s",
          "check start_s and end_s");
    }
    if (collector.members() == expected) return collector.take();
    expected = collector.members();
  }
  bad_video(file, "two passes decode different numbers of frames", "re-encode it");
}

}  // namespace

Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip) {
  return read_planned(file, clip, [&](int64_t total) { return sample_indices(rule, total, wanted); });
}

Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip) {
  return read_planned(file, clip, [](int64_t total) {
    std::vector<int64_t> all(static_cast<size_t>(total));
    for (int64_t i = 0; i < total; ++i) all[static_cast<size_t>(i)] = i;
    return all;
  });
}

}  // namespace rrpo::video
