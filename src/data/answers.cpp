#include "rrpo/data/answers.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"

namespace rrpo::data {

namespace {

/// Branches of one pass: bounds the memory of a video with very many questions.
constexpr size_t kBranches = 32;

/// Answers to the questions of one media, or the reason why it could not be read.
VideoAnswers answer(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
                    const AnswerRules& rules) {
  VideoAnswers out;
  video::Frames frames;
  try {
    frames = read_media(group.media, rules.root, rules.video);
    policy::timed_question(policy, frames, "");  // frames without the times that the prompt needs are such a reason
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    out.fault = error.what();
    return out;
  }
  if (rules.change) frames = rules.change(frames, group.media);
  out.frames = frames.index;
  const TowerInput input = tower_input(policy, group.media, frames);
  const at::Tensor visual = model::encode(policy.lvlm, input.pixels, input.picture);
  for (size_t begin = 0; begin < group.questions.size(); begin += kBranches) {
    std::vector<std::string> texts;
    for (size_t i = begin; i < std::min(begin + kBranches, group.questions.size()); ++i) {
      const rows::Question& question = questions[static_cast<size_t>(group.questions[i])];
      texts.push_back(policy::timed_question(policy, frames, question.question));
    }
    for (policy::Generated& one : policy::generate(policy, visual, texts, rules.max_new_tokens)) {
      out.answers.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace

struct AnswerStream::Work {
  Work(const policy::Policy& policy, const std::vector<rows::Question>& questions, std::vector<VideoQuestions> all,
       AnswerRules how)
      : groups(std::move(all)),
        rules(std::move(how)),
        answers(0, static_cast<int64_t>(groups.size()), rules.threads, rules.threads, [&, this](int64_t i) {
          // Both belong to the thread, and a new one starts with gradients and all cores.
          const at::NoGradGuard frozen;
          at::init_num_threads();
          VideoAnswers made = answer(policy, questions, groups[static_cast<size_t>(i)], rules);
          made.group = i;
          return made;
        }) {}

  std::vector<VideoQuestions> groups;
  AnswerRules rules;
  Prefetch<VideoAnswers> answers;  // last: its threads use the others
};

AnswerStream::AnswerStream(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                           std::vector<VideoQuestions> groups, AnswerRules rules)
    : work_(std::make_unique<Work>(policy, questions, std::move(groups), std::move(rules))) {}
AnswerStream::~AnswerStream() = default;

std::optional<VideoAnswers> AnswerStream::next() { return work_->answers.next(); }

std::vector<VideoQuestions> group_by_video(const std::vector<rows::Question>& questions) {
  std::vector<VideoQuestions> groups;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto [at, is_new] = known.try_emplace(questions[i].media.key(), groups.size());
    if (is_new) groups.push_back({questions[i].media, {}});
    groups[at->second].questions.push_back(static_cast<int64_t>(i));
  }
  for (VideoQuestions& group : groups) {
    std::sort(group.questions.begin(), group.questions.end(), [&](int64_t a, int64_t b) {
      return questions[static_cast<size_t>(a)].id < questions[static_cast<size_t>(b)].id;
    });
  }
  return groups;
}

int64_t answer_threads(int64_t wanted, const std::string& device) {
  if (wanted > 0) return wanted;
  if (device.starts_with("cuda")) return 2;
  return std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 64);
}

}  // namespace rrpo::data
