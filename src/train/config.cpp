#include "rrpo/train/config.h"

#include <algorithm>

#include "recompute.h"
#include "rrpo/loss/loss.h"
#include "rrpo/train/schedule.h"
#include "rrpo/util/compat.h"
#include "session.h"

namespace rrpo::train {

namespace {

constexpr int64_t kMostThreads = 1024;

void at_least(const std::string& at, int64_t value, int64_t least) {
  if (value < least) bad_field(at, std::to_string(value) + " is below " + std::to_string(least), "give a larger number");
}

void in_range(const std::string& at, double value, double low, double below) {
  if (value >= low && value < below) return;
  bad_field(at, Json(value).dump() + " is outside [" + Json(low).dump() + ", " + Json(below).dump() + ")", "see --help");
}

/// The authors' code has one objective over one video.
void check_official(const TrainConfig& config, const loss::Objective& objective) {
  if (!is_official(config.compat)) return;
  const auto beyond = std::find_if(objective.roles.begin(), objective.roles.end(),
                                   [](Role role) { return role != Role::chosen && role != Role::rejected; });
  const char* fix = "compat=none, or an objective of one term and one clip";
  if (objective.config.is_array()) bad_field("compat", "official knows no list of objectives", fix);
  if (beyond != objective.roles.end())
    bad_field("compat", "official knows no second clip: " + objective.name() + " reads " + parts(*beyond).name, fix);
  if (objective.reference_apart)
    bad_field("compat", "official knows no clip for the reference alone, which " + objective.name() + " reads", fix);
}

}  // namespace

void check_threads(int64_t threads) {
  at_least("threads", threads, 1);
  if (threads > kMostThreads)
    bad_field("threads", std::to_string(threads) + " is above " + std::to_string(kMostThreads),
              "as many as there are cores");
}

void DataConfig::check(const std::string& at) const {
  at_least(at + ".max_skipped", max_skipped, 0);
  at_least(at + ".group_by_video", group_by_video, 1);
  at_least(at + ".cache_memory_mb", cache_memory_mb, 0);
  at_least(at + ".ahead_mb", ahead_mb, 1);
  if (threads < 0 || threads > kMostThreads)
    bad_field(at + ".threads", std::to_string(threads) + " is outside 0 to " + std::to_string(kMostThreads),
              "0: one per core");
  check_choice(at + ".marks", marks, {"spans", "difference"});
  check_choice(at + ".equal_media", equal_media, {"refuse", "allow"});
}

void LoopConfig::check(const std::string& at) const {
  if (trainable.empty()) bad_field(at + ".trainable", "is empty", "name lora, vision, projector, decoder or all");
  for (const std::string& part : trainable)
    check_choice(at + ".trainable", part, {"lora", "vision", "projector", "decoder", "all"});
  for (const std::string& part : trainable) {
    if (part == "lora" && trainable.size() > 1) {
      bad_field(at + ".trainable", "names lora beside other parts", "train the adapter alone, or the parts without it");
    }
  }
  at_least(at + ".batch_pairs", batch_pairs, 1);
  at_least(at + ".micro_pairs", micro_pairs, 1);
  at_least(at + ".epochs", epochs, 1);
  if (steps) at_least(at + ".steps", *steps, 1);
  at_least(at + ".save_every", save_every, 0);
  at_least(at + ".keep", keep, 1);
  at_least(at + ".eval_every", eval_every, 0);
  recompute_rules(at + ".recompute", recompute);
  in_range(at + ".memory_gb", memory_gb, 0, 1e6);
}

void LoraFields::check(const std::string& at) const {
  at_least(at + ".rank", rank, 1);
  if (alpha <= 0) bad_field(at + ".alpha", "is not positive", "give a number above 0");
  if (targets.empty()) bad_field(at + ".targets", "is empty", "name linears, such as q_proj, or all-linear");
}

void OptimConfig::check(const std::string& at) const {
  if (!(lr > 0)) bad_field(at + ".lr", "is not positive", "such as 5e-6; rrpo-train score looks without an update");
  if (betas.size() != 2) bad_field(at + ".betas", "are not two numbers", "such as [0.9, 0.999]");
  in_range(at + ".betas[0]", betas[0], 0, 1);
  in_range(at + ".betas[1]", betas[1], 0, 1);
  if (eps <= 0) bad_field(at + ".eps", "is not positive", "such as 1e-8");
  if (weight_decay < 0) bad_field(at + ".weight_decay", "is negative", "give 0 or more");
  check_choice(at + ".schedule", schedule, schedules());
  in_range(at + ".warmup_ratio", warmup_ratio, 0, 1);
  if (max_grad_norm && *max_grad_norm <= 0)
    bad_field(at + ".max_grad_norm", "is not positive", "null switches clipping off");
}

void TrainConfig::check(const std::string&) const {
  check_threads(threads);
  at_least("seed", seed, 0);
  check_choice("compat", compat, kCompatValues);
  check_official(*this, loss::make_objective(objective));
}

}  // namespace rrpo::train
