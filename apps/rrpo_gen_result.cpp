#include "rrpo_gen_result.h"

#include <cstdio>

#include "rrpo/gen/report.h"
#include "rrpo/gen/shard.h"

namespace rrpo::apps {

namespace {

constexpr size_t kReasons = 8;  ///< lines on the terminal

/// The first question whose video could not be read.
std::string first_failure(const gen::PairSet& set, const std::vector<rows::Question>& questions) {
  for (size_t i = 0; i < questions.size(); ++i) {
    const gen::Fate& fate = set.fates[i];
    if (fate.state == "failed") return questions[i].id + ": " + fate.reason.substr(0, fate.reason.find("; fix: "));
  }
  return "";
}

/// Table, record and last line, with the states of all questions in `summary`.
int conclude(const Invocation& call, const gen::PairSet& set, const std::vector<rows::Question>& questions, Json summary,
             io::RunRecord& record) {
  const std::string failure = first_failure(set, questions);
  const int exit_code = failure.empty() ? 0 : static_cast<int>(Fault::budget);
  summary["ledger"] = gen::fate_json(set);
  record.set_counts(summary);
  record.end(exit_code);
  std::fputs(report::text_table(gen::fate_table(set, questions)).c_str(), stdout);
  const report::Table reasons = gen::reason_table(set.fates, kReasons);
  if (!reasons.rows.empty()) std::printf("\n%s", report::text_table(reasons).c_str());
  std::printf("\n");
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (!failure.empty())
    throw Error(Fault::budget, "gen", "videos could not be read (first: " + printable(failure, 180) + ")",
                "mend them and go on with --resume");
  return exit_code;
}

}  // namespace

int conclude_pairs(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   const gen::Responses& responses, io::RunRecord& record) {
  const gen::PairSet set = gen::make_pairs(config, questions, responses);
  gen::write_pairs(set, questions, call.out);
  io::write_file(call.out / "report.html", gen::run_report(config, questions, responses, set));
  return conclude(call, set, questions, {{"questions", questions.size()}, {"pairs", set.pairs.size()}}, record);
}

int conclude_shard(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   size_t all, const gen::Responses& responses, io::RunRecord& record) {
  const gen::PairSet set{{}, gen::asked_fates(questions, responses)};
  gen::write_ledger(set.fates, questions, call.out);
  return conclude(call, set, questions,
                  {{"shard", *config.gen.shard},
                   {"questions", questions.size()},
                   {"of", all},
                   {"selection", "by rrpo-gen merge, of all shards"}},
                  record);
}

}  // namespace rrpo::apps
