// The page of one training run.
#pragma once

#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::report {

/// Curves, counts and settings of a run: `run` is its run.json, `metrics` the rows of its metrics.jsonl. A key that is
/// absent has no curve; a numeric key that is not known here gets one of its own.
std::string training_report(const Json& run, const std::vector<Json>& metrics);

}  // namespace rrpo::report
