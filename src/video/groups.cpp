#include "groups.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "canvas.h"
#include "rrpo/util/prefetch.h"

namespace rrpo::video {
namespace {

/// The frames inside the clip, as numbers of a timeline.
struct Members {
  int64_t begin = 0, count = 0;
};

Members members_of(const Timeline& line, const Plan& plan, const Container& container) {
  Members members;
  for (int64_t i = 0; i < line.count(); ++i) {
    const bool member = inside(plan.clip(), container.seconds(line.stamp(i)));
    if (member && members.count++ == 0) members.begin = i;
  }
  return members;
}

/// Hands out the packets that are asked for: the first one at any time, the others in rising order.
class Feeder {
 public:
  explicit Feeder(Packets& packets) : all_(packets.from_start()), first_(new_packet()) { all_(*first_); }

  /// One after another, while nobody else asks; `run` outlives what is given.
  PacketSource source(const Run& run) {
    return [this, &run, next = size_t{0}](AVPacket& packet) mutable {
      if (next == run.packets.size()) return false;
      const size_t wanted = run.packets[next++];
      if (wanted == 0) share_packet(packet, *first_);
      for (; at_ <= wanted; ++at_) {
        av_packet_unref(&packet);
        if (!all_(packet)) return false;
      }
      return true;
    };
  }

  /// All of them now, to be decoded beside others.
  PacketSource taken(const Run& run) {
    const auto held = std::make_shared<std::vector<PacketHandle>>();
    const PacketSource from = source(run);
    for (PacketHandle packet = new_packet(); from(*packet); packet = new_packet()) held->push_back(std::move(packet));
    return [held, next = size_t{0}](AVPacket& packet) mutable {
      if (next == held->size()) return false;
      av_packet_move_ref(&packet, (*held)[next++].get());
      return true;
    };
  }

 private:
  PacketSource all_;
  PacketHandle first_;
  size_t at_ = 1;
};

/// Decodes runs, one or several at a time, each by a decoder of one thread. FFmpeg's frame threads would share out a single
/// run too, but a frame leaves them before all of its damage is marked.
class RunReader {
 public:
  /// `numbers`: rising, each once. `packets`, `line` and `canvas` outlive this.
  RunReader(Packets& packets, const Timeline& line, const std::vector<int64_t>& numbers, Canvas& canvas)
      : packets_(packets), line_(line), canvas_(canvas), runs_(line.runs(numbers)), first_(line.first()), feeder_(packets) {
    for (const int64_t number : numbers) times_[number] = packets.container().seconds(line.stamp(number));
  }

  /// False where something else comes out than the packets promise.
  bool read(const ReadLimits& limits) {
    const auto count = static_cast<int64_t>(runs_.size());
    const int64_t threads = threads_of(limits);
    for (int64_t i = 0; i < threads; ++i) {
      if (!open_decoder(threads == 1)) return false;
    }
    Prefetch<bool> sound(0, count, threads > 1 ? threads : 0, count, [&](int64_t) { return next(threads > 1); });
    for (int64_t i = 0; i < count; ++i) {
      if (!*sound.next()) return false;
    }
    return canvas_.full();
  }

 private:
  /// Packets of runs that wait for their decoder take memory, unless they are in memory anyway.
  int64_t threads_of(const ReadLimits& limits) const {
    int64_t largest = 1;
    for (const Run& run : runs_) largest = std::max(largest, packets_.bytes_of(run.packets));
    const int64_t fit = packets_.kept() ? limits.threads : limits.memory_bytes / 4 / largest;
    return std::max<int64_t>(1, std::min({limits.threads, fit, static_cast<int64_t>(runs_.size())}));
  }

  /// H.264 keeps the encoder's version as its first packet tells it: each decoder is shown that one.
  bool open_decoder(bool alone) {
    const PacketSource none = [](AVPacket&) { return false; };
    decoders_.push_back(std::make_unique<Decoder>(packets_.container(), none));
    const bool asks = packets_.container().stream().codecpar->codec_id == AV_CODEC_ID_H264;
    const bool begins_there = alone && runs_.front().packets.front() == 0;
    return !asks || begins_there || decode(*decoders_.back(), first_, feeder_.source(first_), [](const AVFrame&) {});
  }

  using See = std::function<void(const AVFrame&)>;
  static bool decode(Decoder& decoder, const Run& run, PacketSource source, const See& see) {
    decoder.restart(std::move(source));
    const FrameHandle frame = new_frame();
    size_t shown = 0;
    for (; decoder.next(*frame); ++shown) {
      if (shown == run.shown.size() || frame->pts != run.shown[shown] || frame->best_effort_timestamp != frame->pts)
        return false;
      see(*frame);
    }
    return shown == run.shown.size();
  }

  /// A decoder for one run.
  struct Loan {
    explicit Loan(RunReader& from) : from(from), decoder(std::move(from.decoders_.back())) { from.decoders_.pop_back(); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() {
      const std::lock_guard held(from.mutex_);
      from.decoders_.push_back(std::move(decoder));
    }
    RunReader& from;
    std::unique_ptr<Decoder> decoder;
  };

  /// The next run, whichever thread asks: packets are read in one order alone. Packets, their file and the canvas belong to
  /// the one who holds the lock; decoding does not ask for it.
  bool next(bool beside_others) {
    std::unique_lock lock(mutex_);
    const Run& run = runs_[next_++];
    PacketSource source = beside_others ? feeder_.taken(run) : feeder_.source(run);
    const Loan loan(*this);
    lock.unlock();
    return decode(*loan.decoder, run, std::move(source), [this](const AVFrame& frame) {
      const int64_t number = line_.number_of(frame.pts);
      const auto chosen = times_.find(number);
      if (chosen == times_.end()) return;
      const std::lock_guard held(mutex_);
      canvas_.see(frame, number, number, chosen->second);
    });
  }

  Packets& packets_;
  const Timeline& line_;
  Canvas& canvas_;
  std::vector<Run> runs_;
  Run first_;
  std::map<int64_t, double> times_;  ///< of the chosen frames
  std::mutex mutex_;
  Feeder feeder_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Decoder>> decoders_;  ///< that wait for a run
};

}  // namespace

std::optional<Frames> read_groups(Packets& packets, const Plan& plan, const ReadLimits& limits) {
  const std::optional<Timeline> line = packets.timeline();
  if (!line) return std::nullopt;
  const Members members = members_of(*line, plan, packets.container());
  const int64_t count = plan.whole() ? line->count() : members.count;
  std::vector<int64_t> chosen = plan.numbers({.count = count, .fps = packets.container().rate()});
  if (chosen.empty()) plan.refuse(count);
  if (!plan.whole()) {
    for (int64_t& number : chosen) number += members.begin;
  }
  std::vector<int64_t> once = chosen;
  std::sort(once.begin(), once.end());
  once.erase(std::unique(once.begin(), once.end()), once.end());
  try {
    Canvas canvas(packets, chosen, plan.start_s(), limits);
    if (RunReader(packets, *line, once, canvas).read(limits)) return canvas.take(members.count, line->count());
  } catch (const Error& error) {
    if (error.fault() != Fault::input)
      throw;  // a fault of the file: decoding everything finds it too, and numbers it rightly
  }
  return std::nullopt;
}

}  // namespace rrpo::video
