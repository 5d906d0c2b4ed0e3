#include "rrpo/policy/generate.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "rrpo/model/kv_cache.h"
#include "rrpo/util/error.h"

namespace rrpo::policy {

namespace {

/// The most likely next token of each branch from final hidden states [K, D].
std::vector<int64_t> most_likely(const at::Tensor& hidden, const at::Tensor& head) {
  const at::Tensor best = hidden.matmul(head.t()).argmax(1).cpu();
  const int64_t* ids = best.const_data_ptr<int64_t>();
  return {ids, ids + best.numel()};
}

/// A token of each open branch, drawn from its own stream.
std::vector<int64_t> drawn(const at::Tensor& hidden, const at::Tensor& head, const std::vector<Generated>& answers,
                           Sampling& sampling) {
  const at::Tensor logits = hidden.matmul(head.t()).to(at::kCPU, at::kFloat).contiguous();
  const int64_t count = logits.size(1);
  std::vector<int64_t> ids(answers.size(), 0);
  for (size_t k = 0; k < ids.size(); ++k) {
    if (answers[k].finished) continue;
    const float* row = logits.const_data_ptr<float>() + static_cast<int64_t>(k) * count;
    ids[k] = draw_token(row, count, sampling.temperature, sampling.top_p, sampling.streams[k]);
  }
  return ids;
}

bool stops(const Policy& policy, int64_t id) {
  return std::find(policy.stop_ids.begin(), policy.stop_ids.end(), id) != policy.stop_ids.end();
}

}  // namespace

std::vector<Generated> generate(const Policy& policy, const at::Tensor& visual, const std::vector<std::string>& questions,
                                int64_t max_new_tokens, const OnText& on_text, Sampling sampling) {
  expect(max_new_tokens > 0, "generation of no token");
  const bool greedy = sampling.temperature == 0;
  expect(greedy || sampling.streams.size() == questions.size(), "one stream of chance per question");
  std::vector<Generated> answers(questions.size());
  if (questions.empty()) return answers;
  const at::NoGradGuard no_grad;
  std::vector<int64_t> before;
  std::vector<std::vector<int64_t>> next;
  size_t longest = 0;
  for (const std::string& question : questions) {
    text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, question);
    before = std::move(prompt.before);
    longest = std::max(longest, prompt.after.size());
    next.push_back(std::move(prompt.after));
  }
  const model::Prefix prefix = model::prefill(policy.lvlm, before, visual);
  model::Branches branches = model::open_branches(policy.lvlm, prefix, static_cast<int64_t>(questions.size()),
                                                  static_cast<int64_t>(longest) + max_new_tokens);
  const at::Tensor head = model::head(policy.lvlm);
  size_t open = questions.size();
  for (int64_t step = 0; step < max_new_tokens && open > 0; ++step) {
    const at::Tensor hidden = model::extend(policy.lvlm, prefix, branches, next);
    const std::vector<int64_t> ids = greedy ? most_likely(hidden, head) : drawn(hidden, head, answers, sampling);
    for (size_t k = 0; k < answers.size(); ++k) {
      Generated& answer = answers[k];
      next[k].clear();
      if (answer.finished) continue;
      if (stops(policy, ids[k])) {
        answer.finished = true;
        --open;
        continue;
      }
      answer.ids.push_back(ids[k]);
      next[k].push_back(ids[k]);
      if (on_text) on_text(static_cast<int64_t>(k), policy.tokenizer->decode(answer.ids));
    }
  }
  for (Generated& answer : answers) answer.text = policy.tokenizer->decode(answer.ids);
  return answers;
}

}  // namespace rrpo::policy
