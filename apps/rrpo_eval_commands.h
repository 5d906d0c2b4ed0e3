// The commands of rrpo-eval.
#pragma once

#include <string>
#include <vector>

#include "app.h"

namespace rrpo::apps {

/// Predict and score. Leaves predictions.jsonl, verdicts.jsonl, scores.json, report.md, report.html and run.json in --out.
int run_eval(const Invocation& call);
/// The first half: predictions.jsonl only.
int run_predict(const Invocation& call);
/// The shards of a run (eval.shard) to the files and the bytes of one run.
int run_eval_merge(const Invocation& call);
/// Lists the table of benchmarks.
int run_benchmarks(const Invocation& call);
/// A benchmark's published files to questions.jsonl and convert.json.
int run_convert(const Invocation& call);
/// Fields that change no answer and no verdict of the first scorer's table: they may change between the parts of one run.
const std::vector<std::string>& eval_reach_fields();
/// Scores predictions that are there, without a model: verdicts.jsonl, scores.json, report.md, report.html and run.json.
int run_score(const Invocation& call);
/// Prints the comparison; leaves compare.json and compare.html in --out where that is given.
int run_compare(const Invocation& call);
/// Prints the answer as it is made.
int run_ask(const Invocation& call);

}  // namespace rrpo::apps
