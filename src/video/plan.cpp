#include "plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ffmpeg.h"

namespace rrpo::video {
namespace {

std::string part_of(const Clip& clip) {
  return "the clip from " + std::to_string(clip.start_s) + " s to " + std::to_string(clip.end_s) + " s";
}

void check_clip(const std::optional<Clip>& clip, const std::filesystem::path& file) {
  if (!clip) return;
  if (!std::isfinite(clip->start_s) || std::isnan(clip->end_s) || clip->start_s < 0 || clip->end_s <= clip->start_s)
    bad_video(file, part_of(*clip) + " is empty", "give 0 <= start_s < end_s");
}

}  // namespace

Plan::Plan(const Choice& choice, std::filesystem::path file)
    : file_(std::move(file)), clip_(choice.clip), indices_(choice.indices), fields_(choice.fields) {
  check_clip(clip_, file_);
  sampler_ = &sampler(choice.rule);
  if (!sampler_->by_rate && fields_.frames < 1)
    throw Error(Fault::usage, "video", "frames: " + std::to_string(fields_.frames) + " is below 1", "video.frames=16");
  if (!indices_.empty()) clip_.reset();
  whole_ = !indices_.empty() || sampler_->whole;
}

Plan Plan::all_of(const std::optional<Clip>& clip, std::filesystem::path file) {
  Plan plan({.clip = clip}, std::move(file));
  plan.sampler_ = nullptr;
  return plan;
}

std::vector<int64_t> Plan::numbers(const Sequence& all) const {
  if (all.count == 0) return {};
  std::vector<int64_t> chosen = indices_;
  Sequence seen = all;
  if (!whole_) seen.first = 0;  // the frames of the part, from its own beginning
  if (whole_ && clip_) {
    if (clip_->start_s > 0) seen.start_s = clip_->start_s;
    if (std::isfinite(clip_->end_s)) seen.end_s = clip_->end_s;
  }
  if (!indices_.empty()) {
    for (int64_t& index : chosen) index += seen.first;
  } else if (sampler_ == nullptr) {
    chosen.resize(static_cast<size_t>(seen.count));
    std::iota(chosen.begin(), chosen.end(), seen.first);
  } else {
    if (sampler_->needs_rate(seen) && !(seen.fps > 0))
      bad_video(file_, "its frame rate is not known, which video.sampling=" + sampler_->name + " goes by",
                "encode it again");
    chosen = sampler_->pick(seen, fields_);
  }
  for (int64_t& number : chosen) {
    number -= seen.first;
    if (number < 0 || number >= seen.count) return {};
  }
  return chosen;
}

void Plan::refuse(int64_t count) const {
  for (const int64_t index : indices_) {
    if (index >= 0 && index < count) continue;
    bad_video(file_, "frame_indices holds " + std::to_string(index) + ", the video has " + std::to_string(count) + " frames",
              "give numbers from 0 to " + std::to_string(count - 1));
  }
  if (clip_) bad_video(file_, "no frame lies in " + part_of(*clip_), "check start_s and end_s");
  bad_video(
      file_,
      "video.sampling=" + (sampler_ ? sampler_->name : "") + " chooses none of its " + std::to_string(count) + " frames",
      "take another rule, or a longer video");
}

}  // namespace rrpo::video
