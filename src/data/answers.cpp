#include "rrpo/data/answers.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/text/markup.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/random.h"
#include "rrpo/util/stop.h"

namespace rrpo::data {

namespace {

/// Branches of one pass: bounds the memory of a video with very many questions.
constexpr size_t kBranches = 32;

/// One answer to be given: the question as it is put, and what its random stream depends on.
struct Branch {
  std::string text, id;
  int64_t sample = 0;
};

/// The branches from `begin` on that fit into one pass.
void ask(const policy::Policy& policy, const at::Tensor& visual, const std::vector<Branch>& branches,
         const AnswerRules& rules, size_t begin, std::vector<policy::Generated>& answers) {
  std::vector<std::string> texts;
  policy::Sampling sampling{rules.temperature, rules.top_p, {}};
  for (size_t i = begin; i < std::min(begin + kBranches, branches.size()); ++i) {
    const Branch& branch = branches[i];
    texts.push_back(branch.text);
    if (rules.temperature > 0)
      sampling.streams.emplace_back(rules.seed, "answer/" + std::to_string(branch.sample), hash64(branch.id));
  }
  try {
    for (policy::Generated& one : policy::generate(policy, visual, texts, rules.max_new_tokens, {}, std::move(sampling)))
      answers.push_back(std::move(one));
  } catch (const policy::LogitsNotFinite& fault) {
    throw policy::LogitsNotFinite(fault.question(), branches[begin + static_cast<size_t>(fault.question())].id);
  }
}

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
  out.pixels = hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()});
  check_stop();
  const TowerInput input = tower_input(policy, group.media, frames);
  const at::Tensor visual = model::encode(policy.lvlm, input.pixels, input.picture);
  std::vector<Branch> branches;
  for (const int64_t i : group.questions) {
    const rows::Question& question = questions[static_cast<size_t>(i)];
    const std::string text = policy::timed_question(policy, frames, question.question);
    for (int64_t sample = 0; sample < rules.samples; ++sample) branches.push_back({text, question.id, sample});
  }
  for (size_t begin = 0; begin < branches.size(); begin += kBranches) {
    check_stop();
    ask(policy, visual, branches, rules, begin, out.answers);
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
  bool stopped = false;
  Prefetch<VideoAnswers> answers;  // last: its threads use the others
};

namespace {

/// Questions are read; they may not control the model.
const std::vector<rows::Question>& free_of_special_tokens(const policy::Policy& policy,
                                                          const std::vector<rows::Question>& questions) {
  for (const rows::Question& question : questions) {
    const std::string token = text::special_token_in(*policy.tokenizer, question.question);
    if (token.empty()) continue;
    throw Error(Fault::input, "data",
                (question.place.empty() ? question.id : question.place) + ": question holds " + token +
                    ", a control token of this tokenizer",
                "remove it: the program writes the prompt itself");
  }
  return questions;
}

}  // namespace

AnswerStream::AnswerStream(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                           std::vector<VideoQuestions> groups, AnswerRules rules)
    : work_(std::make_unique<Work>(policy, free_of_special_tokens(policy, questions), std::move(groups), std::move(rules))) {
}
AnswerStream::~AnswerStream() = default;

std::optional<VideoAnswers> AnswerStream::next() {
  if (work_->stopped) return std::nullopt;
  try {
    return work_->answers.next();
  } catch (const Stopped&) {  // this video and those behind it are left to the next run
    work_->stopped = true;
    return std::nullopt;
  }
}

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

void refuse_other_pictures(const rows::Media& media) {
  throw Error(Fault::usage, "data", media.key() + ": its pictures are not those that this run has seen before",
              "put the earlier file back, or start anew with --overwrite");
}

int64_t answer_threads(int64_t wanted, const std::string& device) {
  if (wanted > 0) return wanted;
  if (device.starts_with("cuda")) return 2;
  return std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 64);
}

}  // namespace rrpo::data
