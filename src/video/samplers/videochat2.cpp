#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  const double segment = static_cast<double>(all.count - 1) / static_cast<double>(fields.frames);
  const auto start = static_cast<int64_t>(segment / 2);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < fields.frames; ++i) indices.push_back(start + rounded(segment * static_cast<double>(i)));
  return indices;
}

}  // namespace

Sampler videochat2_sampler() {
  return {.name = "videochat2", .help = "int(s/2) + round(s*i), s = (n-1)/F: VideoChat2's reader", .pick = pick};
}

}  // namespace rrpo::video
