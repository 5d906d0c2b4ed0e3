#include "rrpo/policy/generate.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "rrpo/io/sha256.h"
#include "rrpo/model/logits.h"
#include "rrpo/policy/logits_rules.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::policy {

namespace {

/// How a prompt tells of the clip.
text::PromptClip prompt_clip(const Clip& clip) {
  text::PromptClip told{{}, clip.still, clip.heard};
  for (const model::VisualRun& run : clip.visual.runs) told.times_s.push_back(run.time_s);
  return told;
}

std::vector<std::vector<int64_t>> leads_of(const Policy& policy, const Clip& clip) {
  return text::encode_leads(*policy.tokenizer, policy.chat, prompt_clip(clip));
}

/// One question of a call, and what is said to it so far.
struct Branch {
  int64_t number;  ///< in the call
  const Ask* ask;
  std::vector<int64_t> prompt;  ///< ids after the clip
  std::vector<int64_t> seen;    ///< ids before the answer, as the rules see them
  int64_t limit = 0;            ///< new tokens at most
  Generated answer = {};
  bool open = true;  ///< still growing

  int64_t left() const { return limit - static_cast<int64_t>(answer.ids.size()); }
};

/// What holds for all branches of a call.
struct Call {
  const Policy& policy;
  const LogitsRules rules;
  const int64_t max_new_tokens;
  Sampling sampling;
  const Watching& watching;

  /// The next token is the argument of the maximum: nobody needs the logits on this side of a device.
  bool plain() const { return sampling.temperature == 0 && !rules.any(); }
};

/// Tokens beyond the positions that the model was made for are no question to it.
void bound(const Call& call, int64_t before, int64_t visual, Branch& branch) {
  const int64_t most = call.policy.positions, tokens = before + visual + static_cast<int64_t>(branch.prompt.size());
  branch.limit = most > 0 ? std::min(call.max_new_tokens, most - tokens + 1) : call.max_new_tokens;
  if (branch.limit >= 1) return;
  branch.answer.fault = "the question and its video are " + std::to_string(tokens) + " tokens (" + std::to_string(visual) +
                        " of the video), the model has " + std::to_string(most) + " positions";
  branch.open = false;
}

/// The branches of one clip, counted from `first` on.
std::vector<Branch> ask_all(const Call& call, const ClipQuestions& asked, size_t first) {
  const Policy& policy = call.policy;
  const Clip& clip = *asked.clip;
  std::vector<int64_t> seen;
  for (const std::vector<int64_t>& lead : leads_of(policy, clip)) seen.insert(seen.end(), lead.begin(), lead.end());
  const auto before = static_cast<int64_t>(seen.size());
  seen.insert(seen.end(), call.rules.prompt_extra.begin(), call.rules.prompt_extra.end());
  const text::PromptClip told = prompt_clip(clip);
  std::vector<Branch> branches;
  for (const Ask& ask : asked.questions) {
    Branch branch{static_cast<int64_t>(first + branches.size()), &ask,
                  text::encode_question(*policy.tokenizer, policy.chat, ask.text, ask.answer_prefix, told), seen};
    branch.seen.insert(branch.seen.end(), branch.prompt.begin(), branch.prompt.end());
    bound(call, before, clip.visual.size(), branch);
    branches.push_back(std::move(branch));
  }
  return branches;
}

/// What was chosen for the open branches at one token, on the model's device.
struct Chosen {
  at::Tensor ids;     ///< [K]
  at::Tensor finite;  ///< [K] bool: all logits were
};

/// Throws where a logit of an open branch is no number: the most likely token would be any.
void check_finite(bool finite, const Branch& branch) {
  if (!finite) throw LogitsNotFinite(branch.number, "'" + printable(branch.ask->text, 80) + "'");
}

/// The next token of each open branch from logits [K, V] on this side of the device: the most likely one that the rules
/// leave, or drawn from the branch's own stream.
at::Tensor choose_here(Call& call, const std::vector<Branch*>& open, const at::Tensor& computed) {
  const at::Tensor logits = computed.to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor ids = at::empty({logits.size(0)}, at::kLong);
  const int64_t count = logits.size(1);
  for (size_t k = 0; k < open.size(); ++k) {
    const Branch& branch = *open[k];
    float* row = logits.mutable_data_ptr<float>() + static_cast<int64_t>(k) * count;
    if (call.rules.any()) apply_rules(call.rules, call.policy.stop_ids, branch.seen, branch.answer.ids, row, count);
    Sampling& how = call.sampling;
    ids.mutable_data_ptr<int64_t>()[k] = how.temperature > 0 ? draw_token(row, count, how.temperature, how.top_p,
                                                                          how.streams[static_cast<size_t>(branch.number)])
                                                             : std::max_element(row, row + count) - row;
  }
  return ids;
}

/// The next token of each open branch, from the final hidden states [K, D] of the last ones.
Chosen choose(Call& call, const std::vector<Branch*>& open, const at::Tensor& hidden) {
  const at::Tensor logits = model::logits(call.policy.lvlm, hidden);
  const at::Tensor finite = logits.isfinite().all(1);
  if (call.plain()) return {logits.argmax(1), finite};
  const at::Tensor here = finite.cpu();
  for (size_t k = 0; k < open.size(); ++k) check_finite(here.const_data_ptr<bool>()[k], *open[k]);
  return {choose_here(call, open, logits), here};
}

/// Adds a token to an answer, or ends it.
void add(const Call& call, Branch& branch, int64_t id) {
  const std::vector<int64_t>& stops = call.policy.stop_ids;
  Generated& answer = branch.answer;
  answer.finished = std::find(stops.begin(), stops.end(), id) != stops.end();
  if (!answer.finished) {
    answer.ids.push_back(id);
    if (call.watching.on_text) call.watching.on_text(branch.number, call.policy.tokenizer->decode(answer.ids));
  }
  branch.open = !answer.finished && branch.left() > 0;
}

/// Takes in what was chosen, token by token. Leaves the branches in `open` that go on, and returns their numbers among those
/// that stood there.
std::vector<int64_t> take_in(const Call& call, const std::vector<Chosen>& chosen, std::vector<Branch*>& open) {
  std::vector<at::Tensor> ids, finite;
  for (const Chosen& one : chosen) {
    ids.push_back(one.ids);
    finite.push_back(one.finite);
  }
  const at::Tensor all_ids = at::stack(ids).cpu(), all_finite = at::stack(finite).cpu();
  const int64_t* id = all_ids.const_data_ptr<int64_t>();
  const bool* is_finite = all_finite.const_data_ptr<bool>();
  for (size_t step = 0; step < chosen.size(); ++step) {
    for (Branch* branch : open) {
      if (branch->open) {
        check_finite(*is_finite, *branch);
        add(call, *branch, *id);
      }
      ++id;
      ++is_finite;
    }
  }
  std::vector<int64_t> going_on;
  for (size_t k = 0; k < open.size(); ++k) {
    if (open[k]->open) going_on.push_back(static_cast<int64_t>(k));
  }
  std::erase_if(open, [](const Branch* branch) { return !branch->open; });
  return going_on;
}

/// Tokens until the next look.
int64_t steps_ahead(const Call& call, const std::vector<Branch*>& open) {
  if (call.watching.on_text || !call.plain()) return 1;
  int64_t most = 0;
  for (const Branch* branch : open) most = std::max(most, branch->left());
  const int64_t ahead = call.watching.ahead;
  const int64_t usual = model::head(call.policy.lvlm).is_cuda() ? 8 : 1;
  return std::min(most, ahead > 0 ? ahead : usual);
}

/// The stems of the open branches; reads the clips that no call has read.
std::vector<model::Stem> stems_of(const Call& call, const std::vector<ClipQuestions>& clips,
                                  const std::vector<std::vector<Branch>>& branches) {
  std::vector<model::Stem> stems;
  for (size_t c = 0; c < clips.size(); ++c) {
    const auto open = std::count_if(branches[c].begin(), branches[c].end(), [](const Branch& one) { return one.open; });
    if (open == 0) continue;
    Clip& clip = *clips[c].clip;
    if (!clip.prefix) {
      model::PackedRows rows;
      rows.add_clip(leads_of(call.policy, clip), clip.visual.runs, 0);
      clip.prefix = model::prefill(call.policy.lvlm, rows, {clip.visual});
    }
    stems.push_back({&*clip.prefix, open});
  }
  return stems;
}

/// Lets the open branches grow until none is left.
void decode(Call& call, const std::vector<model::Stem>& stems, std::vector<Branch*> open) {
  const model::Lvlm& lvlm = call.policy.lvlm;
  std::vector<std::vector<int64_t>> prompts;
  size_t longest = 0;
  for (const Branch* branch : open) {
    prompts.push_back(branch->prompt);
    longest = std::max(longest, branch->prompt.size());
  }
  model::Branches grown = model::open_branches(lvlm, stems, static_cast<int64_t>(longest) + call.max_new_tokens);
  std::vector<Chosen> chosen;
  const model::ChooseIds next = [&](const at::Tensor& hidden) {
    chosen.push_back(choose(call, open, hidden));
    return chosen.back().ids;
  };
  next(model::extend(lvlm, grown, prompts));
  for (;;) {
    model::keep_branches(grown, take_in(call, chosen, open));
    if (open.empty()) return;
    chosen.clear();
    check_stop();
    std::vector<int64_t> last;
    for (const Branch* branch : open) last.push_back(branch->answer.ids.back());
    model::grow(lvlm, grown, last, steps_ahead(call, open), next);
  }
}

}  // namespace

LogitsNotFinite::LogitsNotFinite(int64_t question, const std::string& name)
    : Error(Fault::numerics, "generation", "the model's logits are not finite for question " + name,
            "check the checkpoint and its adapter, or model.dtype=float32"),
      question_(question) {}

PromptHashes hashes_of(const Policy& policy, const Clip& clip, const Ask& question) {
  constexpr int64_t kClip = -200;
  const text::PromptClip told = prompt_clip(clip);
  std::vector<int64_t> ids;
  for (const std::vector<int64_t>& lead : leads_of(policy, clip)) {
    ids.insert(ids.end(), lead.begin(), lead.end());
    ids.push_back(kClip);
  }
  const std::vector<int64_t> after =
      text::encode_question(*policy.tokenizer, policy.chat, question.text, question.answer_prefix, told);
  ids.insert(ids.end(), after.begin(), after.end());
  std::string bytes;
  for (const int64_t id : ids) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(static_cast<uint64_t>(id) >> shift & 0xff);
  }
  return {io::sha256(text::prompt_text(policy.chat, told, "<video>", question.text, question.answer_prefix)),
          io::sha256(bytes)};
}

std::vector<Generated> generate(const Policy& policy, const model::VisualTokens& visual,
                                const std::vector<std::string>& questions, int64_t max_new_tokens, const OnText& on_text,
                                Sampling sampling) {
  Clip clip{visual};
  std::vector<Ask> asks;
  for (const std::string& question : questions) asks.push_back({question});
  return generate(policy, clip, asks, max_new_tokens, on_text, std::move(sampling));
}

std::vector<Generated> generate(const Policy& policy, Clip& clip, const std::vector<Ask>& questions, int64_t max_new_tokens,
                                const OnText& on_text, Sampling sampling) {
  return generate_together(policy, {{&clip, questions}}, max_new_tokens, std::move(sampling), {.on_text = on_text});
}

std::vector<Generated> generate_together(const Policy& policy, const std::vector<ClipQuestions>& clips,
                                         int64_t max_new_tokens, Sampling sampling, const Watching& watching) {
  expect(max_new_tokens > 0, "generation of no token");
  const c10::InferenceMode no_gradients;
  Call call{policy, read_logits_rules(policy.folder), max_new_tokens, std::move(sampling), watching};
  std::vector<std::vector<Branch>> branches;
  size_t count = 0;
  for (const ClipQuestions& asked : clips) {
    branches.push_back(ask_all(call, asked, count));
    count += asked.questions.size();
  }
  expect(call.sampling.temperature == 0 || call.sampling.streams.size() == count, "one stream of chance per question");
  std::vector<Branch*> open;
  for (std::vector<Branch>& of_clip : branches) {
    for (Branch& branch : of_clip) {
      if (branch.open) open.push_back(&branch);
    }
  }
  check_stop();
  if (!open.empty()) decode(call, stems_of(call, clips, branches), open);
  std::vector<Generated> answers;
  for (std::vector<Branch>& of_clip : branches) {
    for (Branch& branch : of_clip) {
      branch.answer.text = policy.tokenizer->decode(branch.answer.ids);
      answers.push_back(std::move(branch.answer));
    }
  }
  return answers;
}

}  // namespace rrpo::policy
