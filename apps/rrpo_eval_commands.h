// The commands of rrpo-eval.
#pragma once

#include "app.h"

namespace rrpo::apps {

/// Predict and score. Leaves predictions.jsonl, verdicts.jsonl, scores.json, report.md, report.html and run.json in --out.
int run_eval(const Invocation& call);
/// Scores predictions that are there, without a model: verdicts.jsonl, scores.json, report.md, report.html and run.json.
int run_score(const Invocation& call);
/// Prints the comparison; leaves compare.json and compare.html in --out where that is given.
int run_compare(const Invocation& call);
/// Prints the answer as it is made.
int run_ask(const Invocation& call);

}  // namespace rrpo::apps
