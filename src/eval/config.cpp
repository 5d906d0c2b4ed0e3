#include "rrpo/eval/config.h"

#include "rrpo/data/shard.h"
#include "rrpo/eval/benchmark.h"
#include "rrpo/policy/devices.h"
#include "rrpo/rows/scorer.h"
#include "rrpo/util/table.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::eval {

namespace {

void check_range(const std::string& at, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  bad_field(at, std::to_string(value) + " is outside " + std::to_string(least) + " to " + std::to_string(most),
            at + "=" + std::to_string(value < least ? least : most));
}

std::string below(const std::string& at, const char* name) { return at.empty() ? name : at + "." + name; }

}  // namespace

io::ChatFields LlmFields::standard_chat() {
  io::ChatFields chat;
  chat.temperature = 1;
  chat.max_tokens = 128;
  chat.options = {{"top_p", 1}, {"presence_penalty", 1}};
  return chat;
}

void JudgeFields::check_judge(const std::string& at) const {
  check_choice(below(at, "judge"), judge, {"none", "llm"});
  if (!asks()) return;
  if (llm.chat.model.empty())
    bad_field(below(at, "llm.model"), "not given",
              llm.replay.empty() ? "name the language model that judges" : "name the model that said what is replayed");
  if (llm.chat.endpoint.empty() && llm.replay.empty())
    bad_field(below(at, "llm.endpoint"), "not given",
              below(at, "llm.endpoint") + "=http://127.0.0.1:8000/v1, or " + below(at, "llm.replay") + "=FILE");
}

void EvalFields::check(const std::string& at) const {
  if (max_new_tokens) check_range(at + ".max_new_tokens", *max_new_tokens, 1, 32768);
  check_range(at + ".together", together, 1, 256);
  check_range(at + ".limit", limit, 0, int64_t{1} << 40);
  if (!benchmark.empty()) {
    check_choice(at + ".benchmark", benchmark, row_names(benchmarks()));
    if (!questions.empty()) bad_field(at + ".benchmark", "does not go with eval.questions", "give one of them");
    if (root.empty()) bad_field(at + ".root", "not given", "name the folder with the benchmark's published files");
  }
  check_choice(at + ".profile", profile, profiles());
  for (const std::string& name : scorers) check_choice(at + ".scorers", name, row_names(rows::scorers()));
  video::parse_perturbations(perturb_list(*this), at + ".perturb");
  if (shard && *shard != "auto") data::parse_shard(*shard, at + ".shard");
  judging.check_judge(at);
  check_range(at + ".examples", examples, 0, 1000);
}

void EvalConfig::check(const std::string& at) const {
  if (eval.questions.empty() && eval.benchmark.empty())
    bad_field(below(at, "eval.questions"), "not given", "name a file of questions, or eval.benchmark and eval.root");
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "threads"), threads, 0, 1024);
  policy::check_devices(below(at, "devices"), devices);
}

Json perturb_list(const EvalFields& config) {
  return config.perturb.is_array() ? config.perturb : Json::array({config.perturb});
}

void CompareConfig::check(const std::string& at) const { check_range(below(at, "examples"), examples, 0, 1000); }

void ScoreConfig::check(const std::string& at) const {
  for (const std::string& name : scorers) check_choice(below(at, "scorers"), name, row_names(rows::scorers()));
  judging.check_judge(at);
}

void AskConfig::check(const std::string& at) const {
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "max_new_tokens"), max_new_tokens, 1, 32768);
}

}  // namespace rrpo::eval
