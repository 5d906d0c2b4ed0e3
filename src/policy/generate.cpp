#include "rrpo/policy/generate.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "rrpo/io/sha256.h"
#include "rrpo/policy/logits_rules.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::policy {

namespace {

/// The questions of one call as branches, and how far each may go.
struct Asked {
  std::vector<std::vector<int64_t>> leads;    ///< ids before each run of the clip, the same for all
  std::vector<std::vector<int64_t>> prompts;  ///< ids after it
  std::vector<int64_t> limits;                ///< new tokens of each at most
  std::vector<char> open;                     ///< still growing
  size_t longest = 0;

  bool any_open() const { return std::find(open.begin(), open.end(), 1) != open.end(); }
};

/// Tokens beyond the positions that the model was made for are no question to it.
void bound(const Policy& policy, int64_t visual, int64_t max_new_tokens, Asked& asked, std::vector<Generated>& answers) {
  const int64_t most = policy.positions;
  size_t before = 0;
  for (const std::vector<int64_t>& lead : asked.leads) before += lead.size();
  for (size_t k = 0; k < asked.prompts.size(); ++k) {
    std::vector<int64_t>& prompt = asked.prompts[k];
    const auto tokens = static_cast<int64_t>(before + prompt.size()) + visual;
    asked.limits.push_back(most > 0 ? std::min(max_new_tokens, most - tokens + 1) : max_new_tokens);
    if (asked.limits[k] < 1) {
      answers[k].fault = "the question and its video are " + std::to_string(tokens) + " tokens (" + std::to_string(visual) +
                         " of the video), the model has " + std::to_string(most) + " positions";
      asked.open[k] = 0;
      prompt.clear();
    }
    asked.longest = std::max(asked.longest, prompt.size());
  }
}

Asked ask_all(const Policy& policy, const Clip& clip, const std::vector<Ask>& questions, int64_t max_new_tokens,
              std::vector<Generated>& answers) {
  Asked asked;
  asked.leads = clip_leads(policy, clip.visual.runs, clip.still);
  for (const Ask& question : questions) {
    asked.prompts.push_back(
        text::encode_question(*policy.tokenizer, policy.chat, question.text, question.answer_prefix, clip.still));
  }
  asked.open.assign(questions.size(), 1);
  bound(policy, clip.visual.size(), max_new_tokens, asked, answers);
  return asked;
}

/// Throws where a logit of an open branch is no number: the most likely token would be any.
void check_finite(const at::Tensor& logits, const Asked& asked, const std::vector<Ask>& questions) {
  const at::Tensor finite = logits.isfinite().all(1).cpu();
  const bool* rows = finite.const_data_ptr<bool>();
  for (size_t k = 0; k < questions.size(); ++k) {
    if (asked.open[k] != 0 && !rows[k])
      throw LogitsNotFinite(static_cast<int64_t>(k), "'" + printable(questions[k].text, 80) + "'");
  }
}

/// The ids of a prompt as the rules see them.
std::vector<int64_t> seen_prompt(const LogitsRules& rules, const Asked& asked, size_t k) {
  std::vector<int64_t> ids;
  for (const std::vector<int64_t>& lead : asked.leads) ids.insert(ids.end(), lead.begin(), lead.end());
  ids.insert(ids.end(), rules.prompt_extra.begin(), rules.prompt_extra.end());
  ids.insert(ids.end(), asked.prompts[k].begin(), asked.prompts[k].end());
  return ids;
}

/// The next token of each open branch from logits [K, V] on this side of the device: the most likely one, or drawn from the
/// branch's own stream.
std::vector<int64_t> choose(const Policy& policy, const LogitsRules& rules, const at::Tensor& computed, const Asked& asked,
                            const std::vector<Generated>& answers, Sampling& sampling) {
  const at::Tensor logits = computed.to(at::kCPU, at::kFloat).contiguous();
  const int64_t count = logits.size(1);
  std::vector<int64_t> ids(answers.size(), 0);
  for (size_t k = 0; k < ids.size(); ++k) {
    if (asked.open[k] == 0) continue;
    float* row = logits.mutable_data_ptr<float>() + static_cast<int64_t>(k) * count;
    if (rules.any()) apply_rules(rules, policy.stop_ids, seen_prompt(rules, asked, k), answers[k].ids, row, count);
    ids[k] = sampling.temperature > 0 ? draw_token(row, count, sampling.temperature, sampling.top_p, sampling.streams[k])
                                      : std::max_element(row, row + count) - row;
  }
  return ids;
}

/// The most likely next token of each branch from logits [K, V].
std::vector<int64_t> most_likely(const at::Tensor& logits) {
  const at::Tensor best = logits.argmax(1).cpu();
  const int64_t* ids = best.const_data_ptr<int64_t>();
  return {ids, ids + best.numel()};
}

bool stops(const Policy& policy, int64_t id) {
  return std::find(policy.stop_ids.begin(), policy.stop_ids.end(), id) != policy.stop_ids.end();
}

/// Takes the new ids in; `next` becomes what is fed to each branch.
void grow(const Policy& policy, const std::vector<int64_t>& ids, Asked& asked, std::vector<Generated>& answers,
          std::vector<std::vector<int64_t>>& next, const OnText& on_text) {
  for (size_t k = 0; k < answers.size(); ++k) {
    Generated& answer = answers[k];
    next[k].clear();
    if (asked.open[k] == 0) continue;
    if (stops(policy, ids[k])) {
      answer.finished = true;
      asked.open[k] = 0;
      continue;
    }
    answer.ids.push_back(ids[k]);
    next[k].push_back(ids[k]);
    if (on_text) on_text(static_cast<int64_t>(k), policy.tokenizer->decode(answer.ids));
    if (static_cast<int64_t>(answer.ids.size()) < asked.limits[k]) continue;
    asked.open[k] = 0;
    next[k].clear();
  }
}

}  // namespace

LogitsNotFinite::LogitsNotFinite(int64_t question, const std::string& name)
    : Error(Fault::numerics, "generation", "the model's logits are not finite for question " + name,
            "check the checkpoint and its adapter, or model.dtype=float32"),
      question_(question) {}

PromptHashes hashes_of(const Policy& policy, const Clip& clip, const Ask& question) {
  constexpr int64_t kClip = -200;
  std::vector<int64_t> ids;
  for (const std::vector<int64_t>& lead : clip_leads(policy, clip.visual.runs, clip.still)) {
    ids.insert(ids.end(), lead.begin(), lead.end());
    ids.push_back(kClip);
  }
  const std::vector<int64_t> after =
      text::encode_question(*policy.tokenizer, policy.chat, question.text, question.answer_prefix, clip.still);
  ids.insert(ids.end(), after.begin(), after.end());
  std::string bytes;
  for (const int64_t id : ids) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(static_cast<uint64_t>(id) >> shift & 0xff);
  }
  std::vector<double> times;
  for (const model::VisualRun& run : clip.visual.runs) times.push_back(run.time_s);
  return {io::sha256(text::prompt_text(policy.chat, times, "<video>", question.text, question.answer_prefix, clip.still)),
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
  expect(max_new_tokens > 0, "generation of no token");
  const bool greedy = sampling.temperature == 0;
  expect(greedy || sampling.streams.size() == questions.size(), "one stream of chance per question");
  std::vector<Generated> answers(questions.size());
  const at::NoGradGuard no_grad;
  Asked asked = ask_all(policy, clip, questions, max_new_tokens, answers);
  if (!asked.any_open()) return answers;
  if (!clip.prefix) {
    model::PackedRows rows;
    rows.add_clip(asked.leads, clip.visual.runs, 0);
    clip.prefix = model::prefill(policy.lvlm, rows, {clip.visual});
  }
  const model::Prefix& prefix = *clip.prefix;
  model::Branches branches = model::open_branches(policy.lvlm, prefix, static_cast<int64_t>(questions.size()),
                                                  static_cast<int64_t>(asked.longest) + max_new_tokens);
  const at::Tensor head = model::head(policy.lvlm);
  const LogitsRules rules = read_logits_rules(policy.folder);
  std::vector<std::vector<int64_t>> next = asked.prompts;
  while (asked.any_open()) {
    check_stop();
    const at::Tensor logits = model::extend(policy.lvlm, prefix, branches, next).matmul(head.t());
    check_finite(logits, asked, questions);
    const bool plain = greedy && !rules.any();
    grow(policy, plain ? most_likely(logits) : choose(policy, rules, logits, asked, answers, sampling), asked, answers, next,
         on_text);
  }
  for (Generated& answer : answers) answer.text = policy.tokenizer->decode(answer.ids);
  return answers;
}

}  // namespace rrpo::policy
