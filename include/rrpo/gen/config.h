// The configuration of `rrpo-gen`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "rrpo/io/chat.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/question.h"
#include "rrpo/util/fields.h"

namespace rrpo::gen {

/// `gen.llm.*`: the language model that judges and rewrites.
struct LlmFields {
  io::ChatFields chat;
  std::vector<std::string> formats = {"short", "open"};
  double max_changed = 0.6;
  double max_length_factor = 2;
  std::filesystem::path replay;
  template <class V>
  void fields(V& v) {
    chat.fields(v);
    v("formats", formats,
      "formats that it judges and rewrites: short, open (what the rules find right, and slots that they read, it is not "
      "asked "
      "about); the others have the rules and the slots");
    v("max_changed", max_changed,
      "a rewritten sentence in which a larger share of the words of both is another than in the true one is dropped; "
      "answers of up to three words may change whole");
    v("max_length_factor", max_length_factor, "so is one of so many times as many words");
    v("replay", replay, "judgements.jsonl of an earlier run: replies come from there, nobody is asked");
  }
  void check(const std::string& at) const;
};

/// `gen.*`.
struct GenFields {
  std::filesystem::path questions;
  std::filesystem::path video_root;
  Json perturb = Json::array({"mask", "shuffle_local"});
  int64_t max_new_tokens = 64;
  std::string judge = "rules";
  int64_t samples = 1;
  double temperature = 0;
  double top_p = 1;
  std::vector<std::string> require = {"wrong_on_perturbed"};
  std::string rewrite = "slots";
  std::string other = "none";
  Json balance = true;
  Json max_per_format;
  std::optional<std::string> shard;
  int64_t together = 1;
  LlmFields llm;
  int64_t max_unjudged = 0;
  template <class V>
  void fields(V& v) {
    v("questions", questions,
      "question rows (JSONL, docs/data.md) with their true answers, such as {\"id\": \"1\", \"video\": \"1.mp4\", "
      "\"question\": \"Is it raining?\", \"answer\": \"Yes\", \"format\": \"yesno\"}");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the questions");
    v("perturb", perturb, "perturbations in order, names or {\"name\": …, parameters}; []: none");
    v("max_new_tokens", max_new_tokens, "a response is cut after so many tokens");
    v("judge", judge, "who says right, wrong or unparsed: rules, or llm (see the table below)");
    v("samples", samples, "responses to each question; its pair takes the mistake that is made most often");
    v("temperature", temperature, "0: the most likely token; else tokens are drawn, for each question and sample by itself");
    v("top_p", top_p, "tokens are drawn among the fewest that have this probability together");
    v("require", require,
      "which questions become pairs, all that is listed: wrong_on_perturbed, wrong_on_clean, right_on_clean; the response "
      "is "
      "the one to the perturbed video, or, without wrong_on_perturbed, the one to the clean video; beside it the clean "
      "video "
      "is asked once, greedily");
    v("rewrite", rewrite,
      "rejected answer: slots (the true sentence with the wrong phrases), raw (the response as it is), or llm");
    v("other", other,
      "second clip of each pair, for objectives of two videos (`other`): none; perturbed: the frames on which the model "
      "erred, "
      "or, where it erred on the clean clip, its clip after gen.perturb; twin: the `other` of the question, with its "
      "`other_answer` as `other_chosen` (pairs of questions that name none have none)");
    v("balance", balance,
      "yesno: as many pairs with the true answer yes as with no; letters: as many mcq pairs for each true letter; a list of "
      "these; true: yesno; false: none");
    v("max_per_format", max_per_format, "at most so many pairs of one format, or {\"mcq\": 100, …}; null: all");
    v("shard", shard,
      "I/N: ask only the questions of part I of N, counted from 0; rrpo-gen merge makes the pairs of all parts; auto: from "
      "RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS, into the folder I-of-N of --out");
    v("together", together,
      "so many neighbouring videos of the file are decoded together: a GPU then reads the weights once for short answers to "
      "all of them; the last bits of what is computed depend on the neighbours, and of two tokens that are equally likely "
      "it may say the other; 1: each video by itself");
    v("llm", llm, "");
    v("max_unjudged", max_unjudged,
      "with more questions that the language model did not judge the run counts as failed (exit 8)");
  }
  void check(const std::string& at) const;
};

struct GenConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  GenFields gen;
  int64_t seed = 42;
  std::string device = "auto";
  std::string devices = "auto";
  int64_t threads = 0;
  template <class V>
  void fields(V& v) {
    v("model", model, "");
    v("video", video, "");
    v("gen", gen, "");
    v("seed", seed, "of the perturbations and of what balancing drops");
    v("device", device, "auto, cpu, cuda, cuda:N");
    v("devices", devices,
      "GPUs of this machine that share the work: auto (all that are visible), or a number; a process that a launcher has "
      "started has its own");
    v("threads", threads, "videos at a time on each device, blocks of gen.together of them; 0: one per core, two on a GPU");
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
  Json perturb = Json::array();
  int64_t seed = 42;
  template <class V>
  void fields(V& v) {
    v("model", model, "its tokenizer shows marked tokens; without a path marked bytes are shown");
    v("video", video, "as the pairs were made");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the file");
    v("count", count, "so many pairs (--perturbations: clips), evenly spread over the file");
    v("columns", columns, "frames in a row");
    v("compat", compat, "none, or official: say for each pair how the authors' marks differ, or why they drop it");
    v("perturb", perturb, "--perturbations: as gen.perturb, step upon step; []: every perturbation by itself");
    v("seed", seed, "--perturbations: as the seed of the main job");
  }
  void check(const std::string& at) const;
};

/// `rrpo-gen import`.
struct ImportConfig {
  std::string format = "auto";
  std::string spans = "auto";
  std::string source;
  std::filesystem::path video_root;
  int64_t max_skipped = 0;
  template <class V>
  void fields(V& v) {
    v("format", format, "auto: recognised by what the rows hold; or one of the formats below");
    v("spans", spans, "auto: <MASK> tags where a row has them, else the words that differ; difference; none");
    v("source", source,
      "written to rows that name none; without it the set that format names (llava_hound, mmpr, elv_halluc)");
    v("video_root", video_root,
      "absolute paths of media below this folder become relative to it; folders of frames lie there");
    v("max_skipped", max_skipped, "with more skipped rows the run counts as failed (exit 8)");
  }
  void check(const std::string& at) const;
};

/// `rrpo-gen check`.
struct CheckConfig {
  policy::ModelConfig model;
  policy::VideoConfig video;
  std::filesystem::path video_root;
  template <class V>
  void fields(V& v) {
    v("model", model, "its tokenizer finds control tokens and counts the tokens of answers; without a path neither is done");
    v("video", video, "--decode: as the run would read the videos");
    v("video_root", video_root, "folder that videos and frames are relative to; empty: that of the file");
  }
  void check(const std::string&) const {}
};

/// True where gen.require lists `name`.
bool requires_of(const GenFields& config, const std::string& name);
/// True where gen.balance asks for `name` (yesno, letters).
bool balances(const GenFields& config, const std::string& name);
/// gen.max_per_format, by format.
std::map<std::string, int64_t> format_limits(const GenFields& config);
/// True where gen.llm.formats lists `format`.
bool llm_serves(const GenFields& config, const std::string& format);
/// True for an open question without slots that no language model is asked about: nobody can read what is said to it.
bool is_unread(const GenFields& config, const rows::Question& question);
/// True where gen.judge or gen.rewrite asks the language model.
bool asks_llm(const GenFields& config);
/// gen.perturb as a list.
Json perturb_list(const GenFields& config);
/// The same with every parameter: what rows keep of it.
Json perturb_settings(const GenFields& config);

/// The folder that media paths are relative to.
std::filesystem::path media_root(const GenFields& config);

}  // namespace rrpo::gen
