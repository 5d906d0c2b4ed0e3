// `--dry-run --decode`: every media is read before the plan is printed.
#pragma once

#include <filesystem>
#include <vector>

#include "app.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/question.h"

namespace rrpo::apps {

/// The flag of a command that has such a plan.
Word decode_flag();

/// True where the call has the flag. Throws Error(usage) where it is no dry run.
bool decodes(const Invocation& call);

/// What a dry run of questions would read.
struct QuestionMedia {
  const std::vector<rows::Question>& questions;
  std::filesystem::path root;
  const policy::VideoConfig& video;
  bool others = false;  ///< the other clips of the questions too
};

/// Prints `plan` as the last line. With --decode every media is read before: a line for each that cannot be, and
/// Error(budget) where there is one.
int finish_plan(const Invocation& call, Json plan, const QuestionMedia& media);

}  // namespace rrpo::apps
