// The questions that a run asks, and where their media lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "rrpo/eval/benchmark.h"
#include "rrpo/eval/config.h"

namespace rrpo::eval {

struct QuestionSet {
  std::vector<rows::Question> questions;     ///< that are asked: all, a drawn sample, or of these a shard's
  std::filesystem::path root;                ///< of their media
  std::vector<std::filesystem::path> files;  ///< that they were read from
  const Benchmark* benchmark = nullptr;      ///< where all are of one
  int64_t all = 0;                           ///< before a sample was drawn
  std::string revision{};                    ///< of a benchmark's files
};

/// The questions of eval.questions or eval.benchmark before sample and shard are taken. Throws Error(input).
QuestionSet read_question_set(const EvalFields& eval);

/// eval.limit questions drawn by `seed`, in their order, groups that count together whole (so there may be a few more); then
/// those of eval.shard.
void take_part(QuestionSet& set, const EvalFields& eval, uint64_t seed);

/// Fills in what the user has not `given` (given_settings()): video.frames, video.sampling and eval.max_new_tokens as a
/// benchmark's published numbers were made with; for questions of one's own 64 new tokens.
void settle(EvalConfig& config, const Benchmark* benchmark, const Json& given);

/// The prompt of a row whose model is shown these frames of its video: with eval.subtitles what is heard there. Throws
/// Error(input) where a file of subtitles cannot be read.
Asking asking_at(const EvalFields& eval, const std::filesystem::path& root, const rows::Question& question,
                 const std::vector<int64_t>& frames, double fps);

/// What is heard between the frames of a row's video, whose runs of visual tokens show the moments `times_s`: with
/// eval.subtitles LongVideoBench's cues, as text::PromptClip::heard. Throws Error(input) where they cannot be read.
std::vector<std::string> heard_between(const std::filesystem::path& root, const rows::Question& question,
                                       const std::vector<double>& times_s);
/// Whether a run's questions are asked with words between the frames.
bool hears_between(const EvalFields& eval, const Benchmark* benchmark);

/// The folder that media paths of question rows are relative to: eval.video_root, what convert.json beside the questions
/// names, or the folder of the questions.
std::filesystem::path media_root(const EvalFields& eval);

}  // namespace rrpo::eval
