// report.md and report.html of an evaluation. Pure, but for the frames of mistakes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/eval/clips.h"
#include "rrpo/eval/evaluation.h"

namespace rrpo::eval {

/// What a report shows.
struct Report {
  std::string title;
  Json config;
  Clips clips{};         ///< frames of mistakes
  int64_t examples = 0;  ///< so many mistakes are shown with them
};

std::string report_markdown(const Evaluation& evaluation, const Report& report);
std::string report_page(const Evaluation& evaluation, const Report& report);

}  // namespace rrpo::eval
