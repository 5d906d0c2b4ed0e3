#include "rrpo/eval/config.h"

#include "rrpo/rows/scorer.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {

namespace {

void check_range(const std::string& at, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  bad_field(at, std::to_string(value) + " is outside " + std::to_string(least) + " to " + std::to_string(most),
            at + "=" + std::to_string(value < least ? least : most));
}

std::string below(const std::string& at, const char* name) { return at.empty() ? name : at + "." + name; }

}  // namespace

void EvalFields::check(const std::string& at) const {
  check_range(at + ".max_new_tokens", max_new_tokens, 1, 32768);
  check_range(at + ".examples", examples, 0, 1000);
}

void EvalConfig::check(const std::string& at) const {
  if (eval.questions.empty()) bad_field(below(at, "eval.questions"), "not given", "name a file of questions");
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "threads"), threads, 0, 1024);
}

void CompareConfig::check(const std::string& at) const { check_range(below(at, "examples"), examples, 0, 1000); }

void ScoreConfig::check(const std::string& at) const {
  if (scorers.empty()) bad_field(below(at, "scorers"), "is empty", "scorers=[\"ours\"]");
  for (const std::string& name : scorers) check_choice(below(at, "scorers"), name, row_names(rows::scorers()));
}

void AskConfig::check(const std::string& at) const {
  if (model.path.empty()) bad_field(below(at, "model.path"), "not given", "name a checkpoint folder");
  check_range(below(at, "max_new_tokens"), max_new_tokens, 1, 32768);
}

}  // namespace rrpo::eval
