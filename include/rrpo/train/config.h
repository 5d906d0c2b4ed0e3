// The configuration of `rrpo-train`: defaults are the authors' LLaVA-Video recipe where one exists.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/io/existing.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/fields.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

/// `data.*`.
struct DataConfig {
  std::vector<std::filesystem::path> pairs;
  std::vector<std::filesystem::path> eval_pairs;
  std::filesystem::path video_root;
  int64_t max_skipped = 0;
  bool shuffle = true;
  int64_t group_by_video = 1;
  std::optional<std::filesystem::path> cache;
  int64_t cache_memory_mb = 4096;
  int64_t threads = 0;
  int64_t ahead_mb = 1024;
  std::string marks = "spans";
  std::string equal_media = "refuse";
  template <class V>
  void fields(V& v) {
    v("pairs", pairs,
      "files of pairs (JSONL, docs/data.md), as rrpo-gen writes and import makes them; sft takes questions too");
    v("eval_pairs", eval_pairs, "held-out pairs, scored every train.eval_every steps and at the end");
    v("video_root", video_root, "folder that the rows' videos and frames are relative to");
    v("max_skipped", max_skipped, "bad rows to skip before the run counts as failed; 0: the first one ends it");
    v("shuffle", shuffle, "a new order every epoch, from the seed");
    v("group_by_video", group_by_video, "so many rows of one video are kept adjacent and encoded once");
    v("cache", cache,
      "folder of visual tokens and of the reference's rows, used while vision and projector are frozen; null: memory only");
    v("cache_memory_mb", cache_memory_mb,
      "MiB of visual tokens kept in memory, an eighth of it for the reference's rows where a run asks for them twice; what "
      "is beyond it is made again");
    v("threads", threads, "threads that read and prepare clips; 0: one per core of this rank, 16 at most");
    v("ahead_mb", ahead_mb, "MiB of prepared pixels that wait for their step at most; one pass always may");
    v("marks", marks,
      "spans of the rows; or difference: the tokens in which both answers differ, as VideoChat2's code has it");
    v("equal_media", equal_media,
      "refuse: two files of a run that give equal visual tokens end it, as long as vision and projector are frozen; allow: "
      "the set holds one clip under two names, or the model is meant to see nothing");
  }
  void check(const std::string& at) const;
};

/// `train.*`.
struct LoopConfig {
  std::vector<std::string> trainable = {"lora"};
  int64_t batch_pairs = 32;
  int64_t micro_pairs = 1;
  int64_t epochs = 1;
  std::optional<int64_t> steps;
  int64_t save_every = 100;
  int64_t keep = 2;
  int64_t eval_every = 0;
  bool tensorboard = false;
  std::string recompute = "none";
  bool fit = false;
  double memory_gb = 0;
  bool reference_cache = true;
  bool sight = true;
  bool self_check = true;
  template <class V>
  void fields(V& v) {
    v("trainable", trainable, "lora, or any of vision, projector, decoder, all");
    v("batch_pairs", batch_pairs, "rows of one optimizer step, of all ranks together");
    v("micro_pairs", micro_pairs, "rows of one pass, at least data.group_by_video");
    v("epochs", epochs, "passes over the data");
    v("steps", steps, "optimizer steps; overrides epochs, the data repeat");
    v("save_every", save_every, "steps between two checkpoints; 0: only when stopped");
    v("keep", keep, "checkpoints kept, the newest");
    v("eval_every", eval_every, "steps between two scorings of data.eval_pairs; 0: only at the end");
    v("tensorboard", tensorboard, "write TensorBoard's event file beside metrics.jsonl");
    v("recompute", recompute,
      "what backward computes again instead of keeping it, for less memory: none; mlp: gate and up of each layer; layer: "
      "each layer from its input; or a number of layers, the first ones, as layer does");
    v("fit", fit,
      "let the plan choose model.frozen and train.recompute, whatever they say, by the memory of the device: what moves no "
      "number first (sharded only among several ranks), four bits last; the plan, a note and run.json say what it chose");
    v("memory_gb", memory_gb, "10^9 bytes that train.fit may plan with; 0: all that the GPU has");
    v("reference_cache", reference_cache,
      "keep what the reference says of each pass (in memory, and in data.cache where it is given) instead of asking it "
      "again: no number changes; a pass is found again where it holds the same rows, with train.micro_pairs=1 always");
    v("sight", sight,
      "proof that the video was seen: held-out and scored pairs are asked about their clip blank and with its frames "
      "shuffled too; costs two more passes of the policy, and two clips to encode, for each of those pairs");
    v("self_check", self_check,
      "before the first step: one pair as training packs it against each of its answers alone; a run whose passes differ "
      "ends there; costs a few passes of one pair, and changes no number");
  }
  void check(const std::string& at) const;
};

/// `lora.*`; not read when `model.adapter` is given (its own rank, alpha and targets hold).
struct LoraFields {
  int64_t rank = 128;
  double alpha = 256;
  std::vector<std::string> targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  template <class V>
  void fields(V& v) {
    v("rank", rank, "rank of the adapter");
    v("alpha", alpha, "its scale is alpha / rank");
    v("targets", targets,
      "linears that carry it: last parts of names (of the decoder's where it has such), ends of paths with a dot, or "
      "all-linear; vision: or projector: in front narrows each to that part");
  }
  void check(const std::string& at) const;
};

/// `optim.*`: AdamW and its schedule.
struct OptimConfig {
  double lr = 5e-6;
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  std::string schedule = "cosine";
  double warmup_ratio = 0.03;
  std::optional<double> max_grad_norm = 1.0;
  template <class V>
  void fields(V& v) {
    v("lr", lr, "peak learning rate");
    v("betas", betas, "decay rates of the two moments");
    v("eps", eps, "added to the root of the second moment");
    v("weight_decay", weight_decay, "decoupled, on every trained tensor");
    v("schedule", schedule, "cosine, linear (both to 0) or constant, after the warm-up");
    v("warmup_ratio", warmup_ratio, "the warm-up lasts ceil(ratio x steps), its first rate is 0");
    v("max_grad_norm", max_grad_norm, "clipping by the norm of all gradients; null: none");
  }
  void check(const std::string& at) const;
};

struct TrainConfig {
  policy::ModelConfig model;
  DataConfig data;
  policy::VideoConfig video;
  Json objective = Json{{"name", "rrpo"}};
  LoopConfig train;
  LoraFields lora;
  OptimConfig optim;
  int64_t seed = 42;
  std::string device = "auto";
  int64_t threads = 1;
  std::string compat = "none";
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("data", data, "");
    v("video", video, "");
    v("objective", objective,
      "name and that row's own fields; or a list of such objects, each with a weight (1): their sum in one pass, "
      "objective.0.beta=… then sets a field of the first");
    v("train", train, "");
    v("lora", lora, "");
    v("optim", optim, "");
    v("seed", seed, "of the order of rows and of a new adapter");
    v("device", device, "auto, cpu, cuda, cuda:N");
    v("threads", threads, "threads inside a tensor operation; samples are prepared on all cores");
    v("compat", compat, "none, or official: the authors' quirks, listed below");
  }
  void check(const std::string& at) const;
};

/// What a caller of an entry point chooses beside the configuration.
struct RunOptions {
  std::filesystem::path out;
  io::Existing existing = io::Existing::refuse;
  bool dry_run = false;                    ///< read, check and count; write nothing, the summary is the plan
  bool decode = false;                     ///< a dry run that reads every media too and lists each bad row and media
  std::optional<int64_t> halt_after = {};  ///< a step after which the run stops as by a signal
  /// Told the ids of the pairs of each step, in the order in which they were taken.
  std::function<void(const std::vector<std::string>&)> watch = {};
  /// The ranks that share the run; null: this process alone. Only the first writes into `out`.
  const world::World* world = nullptr;
};

/// How a run ended: the last line of stdout and the exit code. Where they are there, `text` stands before that line, and
/// `error` is the error line of a run that went through and found a fault.
struct Result {
  Json summary;
  int exit_code = 0;
  std::string text = {};
  std::optional<Error> error = {};
};

}  // namespace rrpo::train
