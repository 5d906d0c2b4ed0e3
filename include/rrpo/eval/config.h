// The configuration of `rrpo-eval`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/io/chat.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/fields.h"

namespace rrpo::eval {

/// `eval.llm.*`: the language model that judges. What is sent beside the prompt is what TempCompass's scripts send.
struct LlmFields {
  io::ChatFields chat = standard_chat();
  std::filesystem::path replay;
  template <class V>
  void fields(V& v) {
    chat.fields(v);
    v("replay", replay, "judgements.jsonl of an earlier run: replies come from there, nobody is asked");
  }
  void check(const std::string& at) const { chat.check(at); }
  static io::ChatFields standard_chat();
};

/// `eval.judge` and what belongs to it; `rrpo-eval score` has the same fields by themselves.
struct JudgeFields {
  std::string judge = "none";
  std::filesystem::path judge_prompts;
  LlmFields llm;
  template <class V>
  void fields(V& v) {
    v("judge", judge,
      "none, or llm: a language model judges the replies that TempCompass's rules cannot read, and all captions (scorers "
      "ours, official, rrpo, rrpo_longvu)");
    v("judge_prompts", judge_prompts,
      "folder with the judge's wording: multi-choice.txt, yes_no.txt, caption_matching.txt, captioning.txt, such as "
      "scripts/benchmarks/judge_prompts.py takes out of a clone of TempCompass; empty: our own, whose numbers are no "
      "published ones");
    v("llm", llm, "");
  }
  bool asks() const { return judge == "llm"; }
  /// For whoever holds these fields among its own, at `at` (empty: at the top).
  void check_judge(const std::string& at) const;
};

/// `eval.*`.
struct EvalFields {
  std::filesystem::path questions;
  std::string benchmark;
  std::filesystem::path root;
  std::filesystem::path video_root;
  std::string profile = "rrpo-llava";
  std::vector<std::string> scorers;
  std::optional<int64_t> max_new_tokens;
  int64_t limit = 0;
  Json perturb = Json::array();
  bool controls = false;
  bool subtitles = false;
  std::optional<std::string> shard;
  int64_t together = 1;
  std::filesystem::path similarities;
  JudgeFields judging;
  int64_t examples = 12;
  template <class V>
  void fields(V& v) {
    v("questions", questions, "question rows (JSONL, docs/data.md), as rrpo-gen reads them, or those of rrpo-eval convert");
    v("benchmark", benchmark, "in the place of eval.questions: one of the benchmarks below, read from eval.root");
    v("root", root, "folder with the benchmark's published files; its media are looked for below it");
    v("video_root", video_root,
      "folder that videos and frames are relative to; empty: that which convert.json beside the questions names, or that of "
      "the questions");
    v("profile", profile, "how questions of a benchmark are put: rrpo-llava, rrpo-videochat2, rrpo-longvu, lmms");
    v("scorers", scorers,
      "how replies are read, the first one's numbers come first; empty: ours and those of the benchmark");
    v("max_new_tokens", max_new_tokens, "an answer is cut after so many tokens; null: as the benchmark has it, else 64");
    v("limit", limit, "ask a sample of so many questions, drawn by seed; 0: all");
    v("perturb", perturb, "perturbations of the clips, as gen.perturb");
    v("controls", controls,
      "ask about the blank and about the shuffled clip too, and say what is left of the score: what a model that did not "
      "see, or a benchmark that needs no eyes, gives itself away by");
    v("subtitles", subtitles,
      "Video-MME: its questions with the subtitles that are heard at the frames which the model sees; LongVideoBench: each "
      "cue between the frames around it; a video without any is asked about as the scripts do");
    v("shard", shard,
      "I/N: ask only the questions of part I of N, counted from 0; rrpo-eval merge makes the results of all parts; auto: "
      "from RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS, into the folder I-of-N of --out");
    v("together", together,
      "so many neighbouring videos of the file are decoded together: a GPU then reads the weights once for short answers to "
      "all of them; the last bits of what is computed depend on the neighbours, and of two tokens that are equally likely "
      "it may say the other; 1: each video by itself");
    v("similarities", similarities,
      "similarities of scene descriptions for VidHalluc (JSONL of scripts/benchmarks/similarities.py); empty: its "
      "description score stays unknown");
    judging.fields(v);
    v("examples", examples, "so many mistakes have frames of their clip on the page; 0: none, no video is read for it");
  }
  void check(const std::string& at) const;
};

/// eval.perturb as a list.
Json perturb_list(const EvalFields& config);

/// `data.*` of rrpo-eval.
struct EvalData {
  std::filesystem::path cache;
  template <class V>
  void fields(V& v) {
    v("cache", cache,
      "folder that keeps the visual tokens of each clip, as data.cache of rrpo-train: a base model and its aligned adapters "
      "share them; empty: none");
  }
  void check(const std::string&) const {}
};

struct EvalConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  EvalFields eval;
  EvalData data;
  int64_t seed = 42;
  std::string device = "auto";
  std::string devices = "auto";
  int64_t threads = 0;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("video", video, "");
    v("eval", eval, "");
    v("data", data, "");
    v("seed", seed, "of eval.limit and eval.perturb; answers are greedy and draw nothing");
    v("device", device, "auto, cpu, cuda, cuda:N");
    v("devices", devices,
      "GPUs of this machine that share the work: auto (all that are visible), or a number; a process that a launcher has "
      "started has its own");
    v("threads", threads,
      "videos answered at a time on each device, blocks of eval.together of them; 0: one per core, two on a GPU");
  }
  void check(const std::string& at) const;
};

/// `rrpo-eval ask`.
struct AskConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  int64_t max_new_tokens = 64;
  std::string device = "auto";
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("video", video, "");
    v("max_new_tokens", max_new_tokens, "the answer is cut after so many tokens");
    v("device", device, "auto, cpu, cuda, cuda:N");
  }
  void check(const std::string& at) const;
};

/// `rrpo-eval score`.
struct ScoreConfig {
  std::vector<std::string> scorers;
  std::filesystem::path similarities;
  JudgeFields judging;
  template <class V>
  void fields(V& v) {
    v("scorers", scorers,
      "how replies are read, those of the table below; empty: ours, and of a benchmark's questions those that know it");
    v("similarities", similarities, "as eval.similarities");
    judging.fields(v);
  }
  void check(const std::string& at) const;
};

/// `rrpo-eval compare`.
struct CompareConfig {
  int64_t seed = 42;
  int64_t examples = 12;
  template <class V>
  void fields(V& v) {
    v("seed", seed, "of the random flips, where there are too many videos to try every flip");
    v("examples", examples,
      "so many of the gained and of the lost questions have frames of their clip on the page; 0: none");
  }
  void check(const std::string& at) const;
};

}  // namespace rrpo::eval
