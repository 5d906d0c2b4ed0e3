// What a video's frames will be, before any of them is decoded.
#include <algorithm>

#include "canvas.h"
#include "limits.h"
#include "plan.h"
#include "rrpo/video/reader.h"

namespace rrpo::video {
namespace {

/// The size at which the stream's frames are shown.
Frames shown_size(const Container& container) {
  const AVCodecParameters& stored = *container.stream().codecpar;
  if (stored.width <= 0 || stored.height <= 0)
    bad_video(container.file(), "it does not say the size of its frames", "encode it again");
  const bool swaps = stored_orientation(container).swaps();
  Frames frames;
  frames.height = swaps ? stored.width : stored.height;
  frames.width = swaps ? stored.height : stored.width;
  return frames;
}

Frames outline_of(const Packets& packets, const Plan& plan, const ReadLimits& limits) {
  const Container& container = packets.container();
  const std::vector<double> moments = packets.moments();
  const auto total = static_cast<int64_t>(moments.size());
  const auto member = [&](double moment) { return inside(plan.clip(), moment); };
  const auto begin = std::find_if(moments.begin(), moments.end(), member) - moments.begin();
  const auto members = std::count_if(moments.begin(), moments.end(), member);
  const int64_t count = plan.whole() ? total : members;
  const std::vector<int64_t> chosen = plan.numbers({.count = count, .fps = container.rate()});
  if (chosen.empty()) plan.refuse(count);
  Frames frames = shown_size(container);
  frames.count = static_cast<int64_t>(chosen.size());
  for (const int64_t number : chosen) {
    frames.index.push_back(plan.whole() ? number : begin + number);
    const double moment = moments[static_cast<size_t>(frames.index.back())];
    frames.time_s.push_back(std::max(0.0, moment - plan.start_s()));
  }
  set_length(frames, container, members, total);
  check_memory(container.file(), frames, packets.memory(), limits);
  return frames;
}

}  // namespace

Frames outline(const std::filesystem::path& file, const Choice& choice, const ReadLimits& limits) {
  const Source source(file);
  const Plan plan(choice, file);
  return outline_of(Packets(source, limits), plan, limits);
}

std::optional<Frames> certain_outline(const std::filesystem::path& file, const Choice& choice, const ReadLimits& limits) {
  const Source source(file);
  const Plan plan(choice, file);
  if (choice.verify) return std::nullopt;
  const Packets packets(source, limits);
  if (!packets.timeline()) return std::nullopt;
  return outline_of(packets, plan, limits);
}

}  // namespace rrpo::video
