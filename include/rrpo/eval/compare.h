// Two evaluations on the same questions: what changed, and could it be chance?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/eval/clips.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/scored.h"

namespace rrpo::eval {

/// The exact two-sided McNemar test: the probability, if gaining and losing were equally likely, of counts at least as
/// unequal as these; min(1, 2 P(Binomial(gained + lost, 1/2) <= min(gained, lost))).
double mcnemar_p(int64_t gained, int64_t lost);

/// The sign-flip (permutation) test of a mean difference, one value per video: under no difference each sign is as likely
/// as the other.
struct SignFlip {
  double mean = 0;
  double p = 1;              ///< two-sided
  double low = 0, high = 0;  ///< 95 % interval of the mean: the shifts that the same test does not reject at 5 %
  int64_t videos = 0;
  bool exact = false;  ///< all flips of the non-zero differences were tried, else kRandomFlips random ones
};
inline constexpr int64_t kExactVideos = 16;
inline constexpr int64_t kRandomFlips = 100000;
/// `differences` lie in [-1, 1], and so does the interval. Exact up to kExactVideos non-zero differences (the interval: up
/// to as many videos), else with flips drawn from `seed`, p = (1 + as extreme) / (1 + flips).
SignFlip sign_flip_test(const std::vector<double>& differences, uint64_t seed);

enum class Change { gained, lost, both_right, both_wrong };

/// Counts over some questions.
struct ChangeCounts {
  std::string name;
  int64_t questions = 0, right_a = 0, right_b = 0, gained = 0, lost = 0;
};

/// One evaluation: its verdicts, and what run.json beside them says of its settings (null where there is none).
struct Side {
  std::vector<rows::Scored> rows;
  Json config;
};

/// A setting that is another one in B; the model and where things lie apart.
struct Setting {
  std::string field;
  Json a, b;
};

struct Comparison {
  std::vector<rows::Scored> a, b;  ///< same questions in the same order: those that count on both sides
  std::vector<Change> changes;     ///< one per question
  ChangeCounts all;
  std::vector<ChangeCounts> types;  ///< by tags.type (by format where there are none)
  double mcnemar = 1;
  SignFlip by_video;
  int64_t only_a = 0, only_b = 0;   ///< questions that the other side lacks
  int64_t uncounted = 0;            ///< questions without a reply, or without a judge, on a side
  std::vector<Setting> settings{};  ///< that differ
};

/// Compares B with A. Throws Error(input, "data") where a question has another text, truth or video on the other side, and
/// where both share no question that counts.
Comparison compare(Side a, Side b, uint64_t seed);

/// An output folder of `rrpo-eval` or of `rrpo-eval score`, its verdicts.jsonl or its predictions.jsonl. Of predictions
/// without verdicts.jsonl beside them the questions that run.json names are scored; without these, rows of earlier versions
/// have the verdict inside them. Throws Error(input, "data") where there is neither.
Side open_side(const std::filesystem::path& folder_or_file);

/// One benchmark of two folders of runs.
struct BenchmarkComparison {
  std::string name;  ///< of the folder of both runs
  Comparison comparison;
  double a = 0, b = 0;  ///< the benchmark's own number on each side, as scores.json has it; NaN: there is none
};
/// The runs (folders with verdicts.jsonl) that both folders hold under one name, in the order of names. Empty where `a` is a
/// run itself, or not all is as in a folder of runs.
std::vector<std::string> common_runs(const std::filesystem::path& a, const std::filesystem::path& b);
/// Throws as open_side() and compare() do.
std::vector<BenchmarkComparison> compare_runs(const std::filesystem::path& a, const std::filesystem::path& b, uint64_t seed);
report::Table runs_table(const std::vector<BenchmarkComparison>& runs);
Json runs_json(const std::vector<BenchmarkComparison>& runs, const std::string& a, const std::string& b);
std::string runs_page(const std::vector<BenchmarkComparison>& runs, const std::string& a, const std::string& b);

/// What the numbers alone would hide: questions left out, settings that differ. One line each.
std::vector<std::string> comparison_notes(const Comparison& comparison);
/// The headline in one sentence.
std::string headline(const Comparison& comparison);
report::Table comparison_table(const Comparison& comparison);
Json comparison_json(const Comparison& comparison, const std::string& a, const std::string& b);
/// The first `examples` gained and lost questions are shown with frames of their clips.
std::string comparison_page(const Comparison& comparison, const std::string& a, const std::string& b,
                            const Clips& clips = {}, int64_t examples = 0);

}  // namespace rrpo::eval
