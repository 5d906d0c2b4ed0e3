// Pair and question files as training rows: read, checked, tokenised once, before the first step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/text/span.h"
#include "rrpo/util/role.h"

namespace rrpo::data {

/// A clip of a row, and the row's question as it is asked about it.
struct AskedClip {
  int64_t video = 0;              ///< number of its view in `Dataset::videos`: equal numbers mean the same visual tokens
  std::vector<int64_t> question;  ///< ids of the prompt after the video
  std::vector<int64_t> labels;    ///< places in `question` that are labels too: none but in official rows
};

/// One training row. What no role of the dataset reads is empty: the row may have it, nobody opens or encodes it.
struct Sample {
  std::string id;
  AskedClip own;
  std::optional<AskedClip> other;      ///< a second clip
  std::optional<AskedClip> reference;  ///< what the reference is asked about in place of its own
  text::AnswerIds chosen;
  text::AnswerIds rejected;
  text::AnswerIds other_chosen;
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
  std::vector<Role> roles = {Role::chosen, Role::rejected};  ///< what is packed of each sample
  std::vector<rows::View> videos;                            ///< by number, in order of first use
  /// By the same number, where the eye reads the question: its ids. One media then has a number for each text.
  std::vector<std::vector<int64_t>> eye_texts;
  std::vector<int64_t> before_labels;  ///< places in the words before a clip that are labels too
  bool ones_in_front = false;          ///< a vector of ones takes the place of each prompt's first token
  int64_t rows() const { return static_cast<int64_t>(samples.size()); }
  const std::vector<int64_t>& eye_text(int64_t video) const;
  const rows::View& view(const AskedClip& clip) const { return videos.at(static_cast<size_t>(clip.video)); }
};

/// The text of a sample that a role scores.
const text::AnswerIds& answer_of(const Sample& sample, Role role);
/// The clip of a sample that a role shows; with `to_reference`, to the reference.
const AskedClip& clip_of(const Sample& sample, Role role, bool to_reference = false);
/// All clips of a sample, its own first.
std::vector<const AskedClip*> clips_of(const Sample& sample);
/// Tokens of the longest answer that one of `roles` shows under a clip of the sample.
int64_t longest_answer(const Sample& sample, const AskedClip& clip, const std::vector<Role>& roles);

/// What an objective asks of a row, and what a caller tolerates.
struct DatasetRules {
  /// The answers that are read and the clips that they stand under. Without a rejected answer question files are taken too:
  /// their answer is the chosen one.
  std::vector<Role> roles = {Role::chosen, Role::rejected};
  bool reference_apart = false;  ///< each row names a clip for the reference
  bool marks = true;             ///< needs a marked token on one side at least
  bool skip_bad_rows = false;    ///< collect bad rows in `skipped` instead of throwing at the first
  bool difference = false;       ///< mark the tokens in which the answers differ, whatever spans the row has
  /// Marks and labels of the authors' code (`--compat official`); of VideoChat2, whose marks are differences and whose
  /// labels are ours, the vector of ones in front.
  bool official = false;
  policy::VideoConfig video = {};  ///< frames whose times stand in the prompt; looked for only where the policy wants them
  int64_t threads = 0;             ///< so many videos are looked into for them at a time; 0: one, on the caller's thread

  bool reads(AnswerOf answer) const {
    return std::any_of(roles.begin(), roles.end(), [answer](Role role) { return parts(role).answer == answer; });
  }
  bool shows(ShownClipOf clip) const {
    return std::any_of(roles.begin(), roles.end(), [clip](Role role) { return parts(role).clip == clip; });
  }
};

/// Reads `files` in order. A bad row (syntax, spans, no marked token, equal answers, a clip or an answer missing that a role
/// reads, a perturbation that is none, a media without its file) throws Error(input, "data") or is skipped, a question where
/// pairs are needed among them; an empty result always throws.
Dataset read_dataset(const std::vector<std::filesystem::path>& files, const std::filesystem::path& root,
                     const policy::Policy& policy, const DatasetRules& rules);

}  // namespace rrpo::data
