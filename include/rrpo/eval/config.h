// The configuration of `rrpo-eval`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/util/fields.h"

namespace rrpo::eval {

/// `eval.*`.
struct EvalFields {
  std::filesystem::path questions;
  std::filesystem::path video_root;
  int64_t max_new_tokens = 64;
  int64_t examples = 12;
  template <class V>
  void fields(V& v) {
    v("questions", questions, "question rows (JSONL, docs/data.md), as rrpo-gen reads them");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the questions");
    v("max_new_tokens", max_new_tokens, "an answer is cut after so many tokens");
    v("examples", examples, "so many mistakes have frames of their clip on the page; 0: none, no video is read for it");
  }
  void check(const std::string& at) const;
};

struct EvalConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  EvalFields eval;
  int64_t seed = 42;
  std::string device = "auto";
  int64_t threads = 0;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("video", video, "");
    v("eval", eval, "");
    v("seed", seed, "recorded; answers are greedy and draw nothing");
    v("device", device, "auto, cpu, cuda, cuda:N");
    v("threads", threads, "videos answered at a time; 0: one per core");
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
  std::vector<std::string> scorers = {"ours"};
  template <class V>
  void fields(V& v) {
    v("scorers", scorers, "how replies are read: ours (as a careful person reads; what is in doubt is unparsed)");
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
