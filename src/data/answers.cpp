#include "rrpo/data/answers.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/io/sha256.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/model/weights.h"
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
  policy::Ask ask;
  std::string id;
  int64_t sample = 0;
};

/// The branches from `begin` on that fit into one pass.
void ask(const policy::Policy& policy, policy::Clip& clip, const std::vector<Branch>& branches, const AnswerRules& rules,
         size_t begin, std::vector<policy::Generated>& answers) {
  std::vector<policy::Ask> asks;
  policy::Sampling sampling{rules.temperature, rules.top_p, {}};
  for (size_t i = begin; i < std::min(begin + kBranches, branches.size()); ++i) {
    const Branch& branch = branches[i];
    asks.push_back(branch.ask);
    if (rules.temperature > 0)
      sampling.streams.emplace_back(rules.seed, "answer/" + std::to_string(branch.sample), hash64(branch.id));
  }
  try {
    for (policy::Generated& one : policy::generate(policy, clip, asks, rules.max_new_tokens, {}, std::move(sampling)))
      answers.push_back(std::move(one));
  } catch (const policy::LogitsNotFinite& fault) {
    throw policy::LogitsNotFinite(fault.question(), branches[begin + static_cast<size_t>(fault.question())].id);
  }
}

/// The frames of a media and the questions about it as they are put. Throws Error(input) where that cannot be had.
struct Seen {
  video::Frames frames;
  std::vector<policy::Ask> asks;  ///< one per question of the group
};

Seen see(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
         const AnswerRules& rules) {
  Seen seen{read_media(group.media, rules.root, rules.video), {}};
  for (const int64_t i : group.questions) {
    const rows::Question& question = questions[static_cast<size_t>(i)];
    policy::Ask put = rules.ask ? rules.ask(question, seen.frames) : policy::Ask{question.question};
    put.text = policy::timed_question(policy, seen.frames, put.text);
    seen.asks.push_back(std::move(put));
  }
  return seen;
}

/// The visual tokens of a media; of one that is shown as it is, from the cache where it has them.
model::VisualTokens visual_of(const policy::Policy& policy, const rows::Media& media, const model::ClipInput& input,
                              const std::vector<int64_t>& eye_text, const AnswerRules& rules) {
  const bool cached = rules.cache != nullptr && !rules.change && !model::adapts_vision(policy.lvlm);
  model::VisualTokens visual = cached ? rules.cache->find(media, eye_text) : model::VisualTokens();
  if (visual.defined()) return visual;
  visual = model::encode(policy.lvlm, input, model::Adapter::on, eye_text);
  if (cached) rules.cache->insert(media, eye_text, visual);
  return visual;
}

/// The clip of one question after the other: the same one until the eye reads another text.
class ShownClips {
 public:
  ShownClips(const policy::Policy& policy, const rows::Media& media, const model::ClipInput& input, const AnswerRules& rules)
      : policy_(policy), media_(media), input_(input), rules_(rules) {}

  /// True where `question` is asked about another clip than the one before.
  bool changes(const std::string& question) const { return !clip_ || policy::eye_text(policy_, question) != text_; }

  policy::Clip& for_question(const std::string& question) {
    if (changes(question)) {
      text_ = policy::eye_text(policy_, question);
      clip_ = policy::Clip{visual_of(policy_, media_, input_, text_, rules_), input_.form.still};
    }
    return *clip_;
  }

 private:
  const policy::Policy& policy_;
  const rows::Media& media_;
  const model::ClipInput& input_;
  const AnswerRules& rules_;
  std::vector<int64_t> text_;
  std::optional<policy::Clip> clip_;
};

/// SHA-256 of the pixels of a clip; of several towers' that of their hashes.
std::string hash_of(const model::ClipInput& input) {
  std::string hashes;
  for (const at::Tensor& pixels : input.pixels)
    hashes += io::sha256({static_cast<const char*>(pixels.const_data_ptr()), pixels.nbytes()});
  return input.pixels.size() == 1 ? hashes : io::sha256(hashes);
}

/// Answers to the questions of one media, or the reason why it could not be read.
VideoAnswers answer(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
                    const AnswerRules& rules) {
  VideoAnswers out;
  Seen seen;
  try {
    seen = see(policy, questions, group, rules);
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    out.fault = error.what();
    return out;
  }
  if (rules.change) seen.frames = rules.change(seen.frames, group.media);
  out.frames = seen.frames.index;
  out.times = seen.frames.time_s;
  out.pixels = hash64({reinterpret_cast<const char*>(seen.frames.rgb.data()), seen.frames.rgb.size()});
  check_stop();
  const model::ClipInput input = clip_input(policy, group.media, seen.frames, rules.video);
  out.input = hash_of(input);
  ShownClips clips(policy, group.media, input, rules);
  std::vector<Branch> branches;
  const auto ask_all = [&](policy::Clip& clip) {
    for (size_t begin = 0; begin < branches.size(); begin += kBranches) {
      check_stop();
      ask(policy, clip, branches, rules, begin, out.answers);
    }
    branches.clear();
  };
  policy::Clip* shown = nullptr;
  for (size_t i = 0; i < seen.asks.size(); ++i) {
    if (shown != nullptr && clips.changes(seen.asks[i].text)) ask_all(*shown);
    shown = &clips.for_question(seen.asks[i].text);
    out.prompts.push_back(policy::hashes_of(policy, *shown, seen.asks[i]));
    const std::string& id = questions[static_cast<size_t>(group.questions[i])].id;
    for (int64_t sample = 0; sample < rules.samples; ++sample) branches.push_back({seen.asks[i], id, sample});
  }
  if (shown != nullptr) ask_all(*shown);
  out.asks = std::move(seen.asks);
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
