// What the readers of the benchmarks share: rows as their publishers wrote them, and figures of the RRPO paper.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "release.h"
#include "rrpo/eval/benchmark.h"

namespace rrpo::eval {

/// One row of a publisher's file. Every fault names file and row: Error(input, "data").
class PublishedRow {
 public:
  /// `file` and `index` say where it stands. Throws where `row` is no object.
  PublishedRow(const Json& row, std::string_view file, int64_t index);

  /// A member that must be there and hold a text that is not empty.
  std::string text(const std::string& key) const;
  /// The same; empty where it is absent, null or empty.
  std::string text_or_empty(const std::string& key) const;
  const Json& object(const std::string& key) const;
  const Json& list(const std::string& key) const;
  bool has(const std::string& key) const { return row_.contains(key) && !row_.at(key).is_null(); }
  [[noreturn]] void fail(const std::string& problem) const { bad_release_row(file_, index_, problem); }

 private:
  const Json& row_;
  std::string_view file_;
  int64_t index_;
};

std::string lower_case(std::string_view ascii);

/// Throws Error(input, "data") where one of `places` is there: parquet, which a script makes JSON lines of.
void refuse_parquet(const Release& release, const std::vector<std::string>& places);
/// Throws Error(usage, "config"): lmms-eval does not ask this benchmark.
[[noreturn]] void refuse_lmms(std::string_view title);
/// Throws Error(usage, "config") for the profiles of VideoChat2 and LongVU: the RRPO paper does not ask this benchmark.
void refuse_authors_models(std::string_view profile, std::string_view title);

/// The table of the RRPO paper: one benchmark's column, from VideoChat2 down to LongVU + RRPO.
std::vector<Published> paper_column(const std::array<double, 10>& values);

/// How VideoChat2 is asked: its system text stands before the video, and again before the question.
enum class VideoChat2 { option, given_question, question };
Asking ask_videochat2(VideoChat2 task, const std::string& question);

}  // namespace rrpo::eval
