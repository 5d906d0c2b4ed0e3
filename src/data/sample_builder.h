// Pairs become samples, one by one: checked, tokenised, their clips numbered.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clip_times.h"
#include "rrpo/data/dataset.h"

namespace rrpo::data {

class SampleBuilder {
 public:
  /// Adds to `dataset`, whose roles are set. All must outlive it.
  SampleBuilder(Dataset& dataset, const std::filesystem::path& root, const policy::Policy& policy, const DatasetRules& rules)
      : dataset_(dataset), root_(root), policy_(policy), rules_(rules), times_(root, rules) {}

  /// Looks for the times of the frames of all `pairs`, several videos at a time, where the policy wants them. What is wrong
  /// with a video is told when its first row is added.
  void find_times(const std::vector<rows::Pair>& pairs);

  /// Adds a pair that stands at `place`. One that cannot be used leaves no clip behind: it throws, or is skipped or dropped.
  void add(const rows::Pair& pair, const std::string& place);

 private:
  /// A pair and where it stands.
  struct Row {
    const rows::Pair& pair;
    const std::string& place;
  };

  Sample sample_of(const Row& row);
  void add_answers(const Row& row, Sample& sample) const;
  text::AnswerIds encode(const Row& row, const text::MarkedText& answer, const char* key) const;
  AskedClip ask(const Row& row, const rows::View& view, const char* key);
  std::string asked(const std::string& question, const rows::Media& media) const;
  int64_t number_of(const Row& row, const rows::View& view, const char* key, std::vector<int64_t> eye);
  void check_lengths(const Row& row, const Sample& sample) const;
  void check_text(const Row& row, const std::string& text, const char* key) const;
  void forget_clips(size_t from);

  Dataset& dataset_;
  const std::filesystem::path& root_;
  const policy::Policy& policy_;
  const DatasetRules& rules_;
  ClipTimes times_;
  std::map<std::pair<std::string, std::vector<int64_t>>, int64_t> videos_;  ///< by view and what the eye reads
};

}  // namespace rrpo::data
