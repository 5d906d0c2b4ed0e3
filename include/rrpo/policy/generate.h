// Decoding, greedy or by chance: all questions of a video as branches of one prefix, those of several videos together.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/kv_cache.h"
#include "rrpo/policy/draw.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/error.h"

namespace rrpo::policy {

struct Generated {
  std::vector<int64_t> ids;  ///< without the stop id
  std::string text;
  bool finished = false;  ///< ended by itself, not by the limit
  std::string fault;      ///< why it was not asked: a question too long for the model; else empty
};

/// Called after each new token of branch `k` with the text so far.
using OnText = std::function<void(int64_t k, const std::string& text)>;

/// Thrown where what the model computes is no number: which of the questions it was asked.
class LogitsNotFinite : public Error {
 public:
  /// `name` says which question in the message.
  LogitsNotFinite(int64_t question, const std::string& name);
  int64_t question() const { return question_; }

 private:
  int64_t question_;
};

/// A clip that questions are asked about: its visual tokens, and what the model keeps of them and the words before them once
/// it has read both. All its questions begin there, however many calls ask them.
struct Clip {
  model::VisualTokens visual;
  bool still = false;                     ///< shown as a picture
  std::vector<std::string> heard{};       ///< words between its runs: text::PromptClip::heard
  std::optional<model::Prefix> prefix{};  ///< read by the first call with a question that fits
};

/// A question as it is put.
struct Ask {
  std::string text;
  std::string answer_prefix{};  ///< how the answer begins; not part of it
};

/// What shows that a prompt is the one that somebody else would have made.
struct PromptHashes {
  std::string text;  ///< SHA-256 of the whole prompt with `<video>` in the place of each run of the clip
  std::string ids;   ///< SHA-256 of its ids as little-endian int64, -200 in the place of each run
};
PromptHashes hashes_of(const Policy& policy, const Clip& clip, const Ask& question);

/// The answers to `questions` (one may stand there several times) about a clip, each up to `max_new_tokens` tokens, and no
/// further than the model's positions. Throws LogitsNotFinite at the first token whose logits are not all finite, and
/// Stopped between two tokens when a stop was asked for.
std::vector<Generated> generate(const Policy& policy, Clip& clip, const std::vector<Ask>& questions, int64_t max_new_tokens,
                                const OnText& on_text = {}, Sampling sampling = {});
/// The same for a clip that is asked about once.
std::vector<Generated> generate(const Policy& policy, const model::VisualTokens& visual,
                                const std::vector<std::string>& questions, int64_t max_new_tokens,
                                const OnText& on_text = {}, Sampling sampling = {});

/// The questions about one of several clips.
struct ClipQuestions {
  Clip* clip = nullptr;
  std::vector<Ask> questions;
};

/// How an answer is told of before it ends, and how often it is looked at.
struct Watching {
  OnText on_text = {};
  /// Tokens that are computed between two looks at what was said: those behind the end of an answer are dropped. 0: 8 on a
  /// GPU, which then need not wait for the host at every token, else 1. Always 1 with on_text, rules or sampling.
  int64_t ahead = 0;
};

/// The same for several clips, whose answers grow together: the weights are read once for all of them at each token.
/// Answers, `streams` of the sampling and the numbers of branches are counted clip by clip. A product over more rows may
/// round its last bit in another way, so of two tokens that are equally likely the other may be said.
std::vector<Generated> generate_together(const Policy& policy, const std::vector<ClipQuestions>& clips,
                                         int64_t max_new_tokens, Sampling sampling = {}, const Watching& watching = {});

}  // namespace rrpo::policy
