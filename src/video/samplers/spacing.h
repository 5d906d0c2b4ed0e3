// Evenly spaced numbers, as several rules need them.
#pragma once

#include "rrpo/video/sampling.h"

namespace rrpo::video {

/// int(double(total) / wanted * i): repeats when total < wanted.
std::vector<int64_t> floored(int64_t total, int64_t wanted);
/// numpy.linspace(0, total - 1, wanted, dtype=int): both ends among them.
std::vector<int64_t> spread(int64_t total, int64_t wanted);
/// begin, begin + step, … below `end`.
std::vector<int64_t> every(int64_t begin, int64_t end, int64_t step);

/// The nearest whole number, of two the even one (Python's and numpy's `round`), kept where a whole double can stand.
int64_t rounded(double value);
/// Frames from one to the next at `wanted` a second: round(fps / wanted), 1 at least (where the originals fail).
int64_t step_of(double fps, double wanted);

/// `count` numbers start, start + step, … cut to whole ones as torch.arange(start, …, step).int() makes them: in float32,
/// which it counts from every eighth number where it takes sixteen at a time.
std::vector<int64_t> torch_range(double start, double step, int64_t count);
/// numpy.linspace(0, total - 1, wanted).round(): both ends among them.
std::vector<int64_t> spread_rounded(int64_t total, int64_t wanted);
/// torch.linspace(0, total - 1, wanted).round(): in float32, by fused multiplication.
std::vector<int64_t> torch_spread(int64_t total, int64_t wanted);

/// Frames a second that a rule takes: `video.sample_fps`, or `own` where that leaves it open.
inline double rate_of(const SamplingFields& fields, double own = 1) {
  return fields.sample_fps > 0 ? fields.sample_fps : own;
}
/// How many frames the Qwen processors take at `wanted` a second: 4 to 768 (`max_frames` where it is set), not more than
/// there are; not yet a whole number.
double qwen_count(const Sequence& all, const SamplingFields& fields);
/// The same as an even number, but for a single frame.
int64_t qwen_pairs(const Sequence& all, const SamplingFields& fields);

/// First and last number of the part in seconds, where there is one: round(start * fps) and round(end * fps), not before the
/// first frame and not behind the last.
struct Bounds {
  int64_t first, last;
};
Bounds bounds_of(const Sequence& sequence);

}  // namespace rrpo::video
