// A model's own answers to the questions of many videos: each video is read and encoded once, its questions are branches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/visual_cache.h"
#include "rrpo/policy/generate.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/question.h"
#include "rrpo/video/frames.h"

namespace rrpo::data {

/// The questions about one media: numbers in a list of questions, sorted by id, so that what is asked together does not
/// depend on the order of the rows.
struct VideoQuestions {
  rows::Media media;
  std::vector<int64_t> questions;
};

/// One entry per media, in the order in which the media first appear.
std::vector<VideoQuestions> group_by_video(const std::vector<rows::Question>& questions);

/// The words of one question, as they are put to the model.
/// `frames` are those that the model is shown: some prompts say what is heard there. An Error(input) makes its video a
/// fault.
using AskQuestion = std::function<policy::Ask(const rows::Question&, const video::Frames& frames)>;

/// What is heard between the frames of a question's clip, whose runs of visual tokens show the moments `times_s`: as
/// text::PromptClip::heard. An Error(input) makes its video a fault.
using HearBetween = std::function<std::vector<std::string>(const rows::Question&, const std::vector<double>& times_s)>;

/// How questions are asked. Each is answered `samples` times; what is drawn depends on seed, question and sample alone.
struct AnswerRules {
  std::filesystem::path root;
  policy::VideoConfig video;
  int64_t max_new_tokens = 64;
  int64_t threads = 1;  ///< blocks at a time, for each policy
  /// Neighbouring videos that make a block: their answers grow together, so that the weights are read once for all of them.
  /// What is computed then depends in its last bits on the block, so 1 is the standard.
  int64_t together = 1;
  int64_t ahead = 0;  ///< policy::Watching::ahead
  /// What is done to the frames before the model sees them; empty: nothing.
  std::function<video::Frames(const video::Frames&, const rows::Media&)> change{};
  AskQuestion ask{};             ///< empty: the text of the row
  HearBetween heard{};           ///< empty: a clip has no words between its frames
  VisualCache* cache = nullptr;  ///< of clips that are shown as they are; must outlive the stream
  int64_t samples = 1;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
};

/// One answered video. `answers[i * samples + s]` is answer s to `questions[i]` of the group; with a `fault` there are none.
struct VideoAnswers {
  int64_t group = 0;
  std::vector<policy::Generated> answers;
  std::vector<policy::Ask> asks;  ///< the questions as they were put, one per question
  /// What stood between the frames, one list per question; empty without AnswerRules::heard.
  std::vector<std::vector<std::string>> heard;
  std::vector<policy::PromptHashes> prompts;  ///< of the questions
  std::vector<int64_t> frames;                ///< numbers of the frames that were seen, in their order
  std::vector<double> times;                  ///< of these frames, seconds from the clip's start
  uint64_t pixels = 0;                        ///< hash64 of their bytes
  std::string input;                          ///< SHA-256 of the pixels as the towers take them (float32, [F, 3, H, W])
  std::string fault;                          ///< why the media could not be read
};

/// Answers group after group, in order, on `rules.threads` threads; same answers for any number of them.
class AnswerStream {
 public:
  /// One policy for each device that works: the same model on devices of one kind, else answers depend on who gave them.
  /// Throws Error(input, "data") naming the first question that holds a control token of the policy's tokenizer.
  AnswerStream(const std::vector<const policy::Policy*>& policies, const std::vector<rows::Question>& questions,
               std::vector<VideoQuestions> groups, AnswerRules rules);
  AnswerStream(const policy::Policy& policy, const std::vector<rows::Question>& questions,
               std::vector<VideoQuestions> groups, AnswerRules rules);
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;
  ~AnswerStream();

  /// Nothing after the last group, and nothing once a stop cut a video short: stop_signal() tells which it was. Throws Error
  /// for what is no fault of one media.
  std::optional<VideoAnswers> next();

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

/// Takes out of the groups of a whole run the blocks that are `answered`. A block with anything open stays whole: its
/// answers are then those of an undisturbed run.
void drop_answered(std::vector<VideoQuestions>& groups, int64_t together,
                   const std::function<bool(const VideoQuestions&)>& answered);

/// The questions of a whole run, in their order, that are answered in one block with those about `media`.
std::vector<rows::Question> block_with(const std::vector<rows::Question>& questions, const rows::Media& media,
                                       int64_t together);

/// Throws the Error(usage) of a media whose frames are not those that an earlier part of the run was asked about.
[[noreturn]] void refuse_other_pictures(const rows::Media& media);

/// The number of blocks to work on at a time on a device: `wanted`, or for 0 one per core (two on a GPU).
int64_t answer_threads(int64_t wanted, const std::string& device);

}  // namespace rrpo::data
