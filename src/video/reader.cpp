#include "rrpo/video/reader.h"

#include "canvas.h"
#include "groups.h"

namespace rrpo::video {
namespace {

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

// Counts the frames of one decoding pass and collects the chosen ones.
class Collector {
 public:
  Collector(const Packets& packets, const Plan& plan, const std::vector<int64_t>& chosen, const ReadLimits& limits)
      : packets_(packets), plan_(plan), clock_(packets.container()), canvas_(packets, chosen, plan.start_s(), limits) {}

  void see(const AVFrame& frame) {
    const auto number = static_cast<int64_t>(stamps_.size());
    stamps_.push_back(frame.pts);
    const double time = clock_.next(frame, number);
    if (plan_.clip() && frame.best_effort_timestamp == AV_NOPTS_VALUE) {
      bad_video(packets_.container().file(), "frame " + std::to_string(number) + " has no time, so no clip can be taken",
                "re-encode it");
    }
    const bool member = inside(plan_.clip(), time);
    if (plan_.whole() || member) canvas_.see(frame, plan_.whole() ? number : members_, number, time);
    members_ += member ? 1 : 0;
  }

  /// Frames among which the plan chooses.
  int64_t counted() const { return plan_.whole() ? static_cast<int64_t>(stamps_.size()) : members_; }
  const std::vector<int64_t>& stamps() const { return stamps_; }
  Frames take() { return canvas_.take(members_, static_cast<int64_t>(stamps_.size())); }

 private:
  const Packets& packets_;
  const Plan& plan_;
  Clock clock_;
  Canvas canvas_;
  int64_t members_ = 0;
  std::vector<int64_t> stamps_;  // of every frame that decoded
};

// Plans by the number of packets, then decodes everything. Where another number of frames came out, that number is the
// truth and a second pass takes its plan; two passes that disagree are a fault.
Frames read_whole(Packets& packets, const Plan& plan, const ReadLimits& limits) {
  int64_t expected = packets.expected(plan.whole() ? std::nullopt : plan.clip());
  for (int pass = 0; pass < 2; ++pass) {
    const std::vector<int64_t> chosen = plan.numbers({.count = expected, .fps = packets.container().rate()});
    const PacketSource from = packets.from_start();
    Decoder decoder(packets.container(), from);
    Collector collector(packets, plan, chosen, limits);
    const FrameHandle frame = new_frame();
    while (decoder.next(*frame)) collector.see(*frame);
    if (collector.stamps().empty()) bad_video(packets.container().file(), "no frame decodes", "re-encode it");
    packets.check_all_shown(collector.stamps());
    if (collector.counted() == 0 || (collector.counted() == expected && chosen.empty())) plan.refuse(collector.counted());
    if (collector.counted() == expected) return collector.take();
    expected = collector.counted();
  }
  bad_video(packets.container().file(), "two passes decode different numbers of frames", "re-encode it");
}

Frames read_planned(const Source& source, const Plan& plan, bool verify, const ReadLimits& limits) {
  Packets packets(source, limits);
  if (!verify) {
    if (std::optional<Frames> frames = read_groups(packets, plan, limits)) return std::move(*frames);
  }
  return read_whole(packets, plan, limits);
}

Choice by_rule(const std::string& rule, int64_t wanted, const std::optional<Clip>& clip) {
  return {.rule = rule, .fields = {.frames = wanted}, .clip = clip};
}

}  // namespace

Frames read_video(const std::filesystem::path& file, const Choice& choice, const ReadLimits& limits) {
  return read_planned(Source(file), Plan(choice, file), choice.verify, limits);
}

Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip, const ReadLimits& limits) {
  return read_video(file, by_rule(rule, wanted, clip), limits);
}

Frames read_video_bytes(std::string_view bytes, const Choice& choice, const ReadLimits& limits,
                        const std::filesystem::path& name) {
  return read_planned(Source(bytes, name), Plan(choice, name), choice.verify, limits);
}

Frames read_video_bytes(std::string_view bytes, const std::string& rule, int64_t wanted, const std::optional<Clip>& clip,
                        const ReadLimits& limits, const std::filesystem::path& name) {
  return read_video_bytes(bytes, by_rule(rule, wanted, clip), limits, name);
}

Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip, const ReadLimits& limits) {
  return read_planned(Source(file), Plan::all_of(clip, file), /*verify=*/true, limits);
}

}  // namespace rrpo::video
