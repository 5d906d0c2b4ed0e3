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

/// First and last number of the part in seconds, where there is one: round(start * fps) and round(end * fps), not before the
/// first frame and not behind the last.
struct Bounds {
  int64_t first, last;
};
Bounds bounds_of(const Sequence& sequence);

}  // namespace rrpo::video
