#include "rrpo/gen/judgements.h"

#include <utility>

#include "rrpo/gen/judge.h"
#include "rrpo/gen/rewrite.h"

namespace rrpo::gen {

judge::Judgements recorded_judgements(const GenConfig& config, const std::filesystem::path& folder) {
  if (!asks_llm(config.gen)) return {};
  const std::filesystem::path own = folder / "judgements.jsonl";
  if (!config.gen.llm.replay.empty()) return judge::read_judgements(config.gen.llm.replay, /*faults=*/true);
  return std::filesystem::exists(own) ? judge::read_judgements(own, /*faults=*/true) : judge::Judgements{};
}

judge::CollectedJudgements collect_judgements(const GenConfig& config, const std::vector<rows::Question>& questions,
                                              const Responses& responses, const std::filesystem::path& file) {
  const LlmFields& llm = config.gen.llm;
  if (!asks_llm(config.gen)) return {{}, true};
  if (!llm.replay.empty()) return {judge::read_judgements(llm.replay, /*faults=*/true), true};
  judge::Inquiry inquiry;
  for (const rows::Question& question : questions) inquiry.ids.push_back(question.id);
  inquiry.next = [&](int64_t i, const judge::QuestionJudgements& said) {
    const rows::Question& question = questions[static_cast<size_t>(i)];
    return next_prompt(config, question, responses.at(question.id), said);
  };
  inquiry.chat = llm.chat;
  inquiry.seed = static_cast<uint64_t>(config.seed);
  inquiry.at = "gen.llm";
  return judge::collect_judgements(inquiry, file);
}

int64_t most_prompts(const GenFields& gen, const std::vector<rows::Question>& questions) {
  int64_t prompts = 0;
  const int64_t clean = requires_of(gen, "wrong_on_perturbed") && gen.require.size() > 1 ? 1 : 0;
  for (const rows::Question& question : questions) {
    const bool judges = judge_of(gen, question.format).asks, rewrites = rewrite_of(gen, question.format).asks;
    if (judges || rewrites) prompts += gen.samples;  // the first turn serves both
    if (judges) prompts += clean;
    if (rewrites) prompts += gen.samples;
  }
  return prompts;
}

}  // namespace rrpo::gen
