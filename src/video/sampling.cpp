#include "rrpo/video/sampling.h"

#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::video {
namespace {

// int(n / F * i) of a double quotient: an integer formula differs by one frame for some n and F.
std::vector<int64_t> authors(int64_t total, int64_t wanted) {
  const double step = static_cast<double>(total) / static_cast<double>(wanted);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < wanted; ++i) indices.push_back(static_cast<int64_t>(step * static_cast<double>(i)));
  return indices;
}

// numpy.linspace(0, total - 1, wanted, dtype=int): i * step in double, the last one set to the end.
std::vector<int64_t> linspace(int64_t total, int64_t wanted) {
  if (wanted == 1) return {0};
  const double step = static_cast<double>(total - 1) / static_cast<double>(wanted - 1);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i + 1 < wanted; ++i) indices.push_back(static_cast<int64_t>(static_cast<double>(i) * step));
  indices.push_back(total - 1);
  return indices;
}

}  // namespace

const std::vector<std::string>& sampling_rules() {
  static const std::vector<std::string> rules = {"authors", "linspace"};
  return rules;
}

std::vector<int64_t> sample_indices(const std::string& rule, int64_t total, int64_t wanted) {
  expect(total > 0, "sample_indices needs at least one frame");
  if (wanted < 1) throw Error(Fault::usage, "video", "frames: " + std::to_string(wanted) + " is below 1", "video.frames=16");
  if (rule == "authors") return authors(total, wanted);
  if (rule == "linspace") return linspace(total, wanted);
  throw Error(Fault::usage, "video", "sampling: \"" + rule + "\" is not a rule", "one of: " + join(sampling_rules()));
}

}  // namespace rrpo::video
