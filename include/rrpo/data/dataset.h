// Pair and question files as training rows: read, checked, tokenised once, before the first step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/text/span.h"

namespace rrpo::data {

/// One training row.
struct Sample {
  std::string id;
  rows::Media media;
  int64_t video = 0;              ///< number of its media in `Dataset::videos`: equal numbers mean the same visual tokens
  std::vector<int64_t> question;  ///< ids of the prompt after the video
  text::AnswerIds chosen;
  text::AnswerIds rejected;              ///< empty for an objective that reads none
  std::vector<int64_t> question_labels;  ///< places in `question` that are labels too: none but in official rows
  double weight = 1;
};

/// A row that is not used, and why. `id` is the row's place (`file:line`) where it could not be read at all.
struct SkippedRow {
  std::string id, reason;
};

struct Dataset {
  std::vector<Sample> samples;  ///< in file order
  std::vector<SkippedRow> skipped;
  std::vector<SkippedRow> dropped;  ///< sound rows that the authors' code leaves out, in official data sets
  std::vector<rows::Media> videos;  ///< by number, in order of first use
  /// By the same number, where the eye reads the question: its ids. One media then has a number for each text.
  std::vector<std::vector<int64_t>> eye_texts;
  std::vector<int64_t> before_labels;  ///< places in the words before a clip that are labels too
  bool ones_in_front = false;          ///< a vector of ones takes the place of each prompt's first token
  int64_t rows() const { return static_cast<int64_t>(samples.size()); }
  const std::vector<int64_t>& eye_text(int64_t video) const;
};

/// What an objective asks of a row, and what a caller tolerates.
struct DatasetRules {
  bool rejected = true;  ///< reads rejected answers (else question files are taken too: their answer is the chosen one)
  bool marks = true;     ///< needs a marked token on one side at least
  bool skip_bad_rows = false;  ///< collect bad rows in `skipped` instead of throwing at the first
  bool difference = false;     ///< mark the tokens in which the answers differ, whatever spans the row has
  /// Marks and labels of the authors' code (`--compat official`); of VideoChat2, whose marks are differences and whose
  /// labels are ours, the vector of ones in front.
  bool official = false;
  policy::VideoConfig video = {};  ///< frames whose times stand in the prompt; looked for only where the policy wants them
  int64_t threads = 0;             ///< so many videos are looked into for them at a time; 0: one, on the caller's thread
};

/// Reads `files` in order. A bad row (syntax, spans, no marked token, equal answers, missing media) throws
/// Error(input, "data") or is skipped, a question where pairs are needed among them; an empty result always throws.
Dataset read_dataset(const std::vector<std::filesystem::path>& files, const std::filesystem::path& root,
                     const policy::Policy& policy, const DatasetRules& rules);

}  // namespace rrpo::data
