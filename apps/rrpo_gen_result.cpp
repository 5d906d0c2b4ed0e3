#include "rrpo_gen_result.h"

#include <algorithm>
#include <map>
#include <optional>

#include "app_streams.h"
#include "rrpo/gen/report.h"
#include "rrpo/gen/shard.h"
#include "rrpo/io/atomic.h"
#include "rrpo/util/log.h"

namespace rrpo::apps {

namespace {

constexpr size_t kReasons = 8;  ///< lines on the terminal

/// How many questions ended in a state, and the first of them with its reason.
struct Ended {
  int64_t count = 0;
  std::string first;
};

Ended ended(const gen::PairSet& set, const std::vector<rows::Question>& questions, const std::string& state) {
  Ended out;
  for (size_t i = 0; i < questions.size(); ++i) {
    const gen::Fate& fate = set.fates[i];
    if (fate.state != state || out.count++ > 0) continue;
    out.first = printable(questions[i].id + ": " + fate.reason.substr(0, fate.reason.find("; fix: ")), 180);
  }
  return out;
}

/// Why a run that went through is no success, if so.
std::optional<Error> shortfall(const gen::GenConfig& config, const Ended& failed, const Ended& unjudged) {
  if (failed.count > 0)
    return Error(Fault::budget, "gen", "videos could not be read (first: " + failed.first + ")",
                 "mend them and go on with --resume");
  if (unjudged.count > config.gen.max_unjudged)
    return Error(Fault::budget, "judge",
                 std::to_string(unjudged.count) + " questions are unjudged (first: " + unjudged.first + ")",
                 "--resume asks again; gen.max_unjudged=N allows some");
  return std::nullopt;
}

/// The commonest reason why a question has no pair.
std::string commonest_reason(const gen::PairSet& set) {
  std::map<std::string, int64_t> counts;
  for (const gen::Fate& fate : set.fates)
    ++counts[fate.state + (fate.reason.empty() ? "" : ": " + gen::reason_kind(fate.reason))];
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? "no question" : std::to_string(most->second) + " questions " + most->first;
}

/// What a user must not have to find in a table.
void warn_of_losses(const gen::GenConfig& config, const gen::PairSet& set, const std::vector<rows::Question>& questions) {
  warn_of_unread(config, questions);
  if (set.pairs.empty() && !config.gen.shard) log_warning("no pair was made; most often: " + commonest_reason(set));
}

/// Table, record and last line, with the states of all questions in `summary`.
int conclude(const Invocation& call, const gen::GenConfig& config, const gen::PairSet& set,
             const std::vector<rows::Question>& questions, Json summary, io::RunRecord& record) {
  const auto error = shortfall(config, ended(set, questions, "failed"), ended(set, questions, "unjudged"));
  const int exit_code = error ? static_cast<int>(Fault::budget) : 0;
  summary["ledger"] = gen::fate_json(set);
  record.set_counts(summary);
  record.end(exit_code);
  print(report::text_table(gen::fate_table(set, questions)));
  const report::Table reasons = gen::reason_table(set.fates, kReasons);
  if (!reasons.rows.empty()) print("\n" + report::text_table(reasons));
  print("\n");
  warn_of_losses(config, set, questions);
  if (const int64_t unread = count_unread(config, questions); unread > 0) summary["open_without_judge"] = unread;
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (error) throw Error(*error);
  return exit_code;
}

}  // namespace

int64_t count_unread(const gen::GenConfig& config, const std::vector<rows::Question>& questions) {
  return std::count_if(questions.begin(), questions.end(),
                       [&](const rows::Question& question) { return gen::is_unread(config.gen, question); });
}

void warn_of_unread(const gen::GenConfig& config, const std::vector<rows::Question>& questions) {
  const int64_t unread = count_unread(config, questions);
  if (unread == 0) return;
  log_warning(std::to_string(unread) + " of " + std::to_string(questions.size()) +
              " questions are open: no rule can judge what is said to them, and they make no pair; gen.judge=llm and "
              "gen.llm.* ask a language model");
}

int conclude_pairs(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   const gen::Responses& responses, const judge::Judgements& judgements, io::RunRecord& record) {
  const gen::PairSet set = gen::make_pairs(config, questions, responses, judgements);
  gen::write_pairs(set, questions, call.out);
  io::write_file(call.out / "report.html", gen::run_report(config, questions, responses, set));
  Json summary = {{"questions", questions.size()}, {"pairs", set.pairs.size()}};
  if (config.gen.other != "none") {
    summary["with_other"] =
        std::count_if(set.pairs.begin(), set.pairs.end(), [](const rows::Pair& pair) { return pair.other.has_value(); });
  }
  return conclude(call, config, set, questions, std::move(summary), record);
}

int conclude_shard(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   size_t all, const gen::Responses& responses, io::RunRecord& record) {
  const gen::PairSet set{{}, gen::asked_fates(questions, responses)};
  gen::write_ledger(set.fates, questions, call.out);
  return conclude(call, config, set, questions,
                  {{"shard", *config.gen.shard},
                   {"questions", questions.size()},
                   {"of", all},
                   {"selection", "by rrpo-gen merge, of all shards"}},
                  record);
}

}  // namespace rrpo::apps
