// The configuration of `rrpo-gen`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "rrpo/policy/policy.h"
#include "rrpo/util/fields.h"

namespace rrpo::gen {

/// `gen.*`.
struct GenFields {
  std::filesystem::path questions;
  std::filesystem::path video_root;
  Json perturb = Json::array({"mask", "shuffle_local"});
  int64_t max_new_tokens = 64;
  std::string judge = "rules";
  std::string require = "wrong_on_perturbed";
  std::string rewrite = "slots";
  bool balance = true;
  std::optional<int64_t> max_per_format;
  template <class V>
  void fields(V& v) {
    v("questions", questions, "question rows (JSONL) with their true answers");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the questions");
    v("perturb", perturb, "perturbations in order, names or {\"name\": …, parameters}; []: none");
    v("max_new_tokens", max_new_tokens, "a response is cut after so many tokens");
    v("judge", judge, "who says right, wrong or unparsable: rules");
    v("require", require, "which responses become pairs: wrong_on_perturbed");
    v("rewrite", rewrite,
      "rejected answer: slots (the true sentence with the wrong phrases) or raw (the response as it is)");
    v("balance", balance, "as many yesno pairs with the true answer yes as with no");
    v("max_per_format", max_per_format, "at most so many pairs of one format; null: all");
  }
  void check(const std::string& at) const;
};

struct GenConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  GenFields gen;
  int64_t seed = 42;
  std::string device = "auto";
  int64_t threads = 0;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("video", video, "");
    v("gen", gen, "");
    v("seed", seed, "of the perturbations and of what balancing drops");
    v("device", device, "auto, cpu, cuda, cuda:N");
    v("threads", threads, "videos at a time; 0: one per core");
  }
  void check(const std::string& at) const;
};

/// `rrpo-gen show`.
struct ShowConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  std::filesystem::path video_root;
  int64_t count = 24;
  int64_t columns = 8;
  std::string compat = "none";
  template <class V>
  void fields(V& v) {
    v("model", model, "its tokenizer shows marked tokens; without a path marked bytes are shown");
    v("video", video, "as the pairs were made");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the file");
    v("count", count, "so many pairs, evenly spread over the file");
    v("columns", columns, "frames in a row");
    v("compat", compat, "none, or official: say for each pair how the authors' marks differ, or why they drop it");
  }
  void check(const std::string& at) const;
};

/// `rrpo-gen import`.
struct ImportConfig {
  std::string format = "auto";
  std::string spans = "auto";
  std::filesystem::path video_root;
  int64_t max_skipped = 0;
  template <class V>
  void fields(V& v) {
    v("format", format, "auto: recognised by what the rows hold; or one of the formats below");
    v("spans", spans, "auto: <MASK> tags where a row has them, else the words that differ; difference; none");
    v("video_root", video_root, "absolute paths of media below this folder become relative to it");
    v("max_skipped", max_skipped, "with more skipped rows the run counts as failed (exit 8)");
  }
  void check(const std::string& at) const;
};

/// The folder that media paths are relative to.
std::filesystem::path media_root(const GenFields& config);

}  // namespace rrpo::gen
