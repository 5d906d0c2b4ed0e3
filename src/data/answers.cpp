#include "rrpo/data/answers.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "answering.h"
#include "rrpo/text/markup.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/ranks.h"
#include "rrpo/util/stop.h"

namespace rrpo::data {

namespace {

/// Policies that do the same work, each given to whoever comes when it has the least of it.
class Pool {
 public:
  explicit Pool(const std::vector<const policy::Policy*>& policies) {
    for (const policy::Policy* policy : policies) places_.push_back({policy, 0});
  }

  /// Calls `use` with the policy that the fewest others use.
  template <class Use>
  auto with(const Use& use) {
    const Turn turn(*this);
    return use(*turn.place.policy);
  }

 private:
  struct Place {
    const policy::Policy* policy;
    int64_t users;
  };
  struct Turn {
    explicit Turn(Pool& own) : pool(own), place(own.take()) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      const std::lock_guard lock(pool.mutex_);
      --place.users;
    }
    Pool& pool;
    Place& place;
  };
  Place& take() {
    const std::lock_guard lock(mutex_);
    Place& place =
        *std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.users < b.users; });
    ++place.users;
    return place;
  }

  std::mutex mutex_;
  std::vector<Place> places_;
};

/// The groups as blocks of `together` neighbours.
std::vector<std::vector<VideoQuestions>> blocks_of(std::vector<VideoQuestions> groups, int64_t together) {
  std::vector<std::vector<VideoQuestions>> blocks;
  for (VideoQuestions& group : groups) {
    if (blocks.empty() || static_cast<int64_t>(blocks.back().size()) == together) blocks.emplace_back();
    blocks.back().push_back(std::move(group));
  }
  return blocks;
}

}  // namespace

struct AnswerStream::Work {
  Work(const std::vector<const policy::Policy*>& policies, const std::vector<rows::Question>& questions,
       std::vector<VideoQuestions> groups, AnswerRules how)
      : rules(std::move(how)),
        blocks(blocks_of(std::move(groups), rules.together)),
        pool(policies),
        answers(0, static_cast<int64_t>(blocks.size()), threads(policies), threads(policies), [&, this](int64_t i) {
          // Both belong to the thread, and a new one starts with gradients and all cores.
          const at::NoGradGuard frozen;
          at::init_num_threads();
          return pool.with([&](const policy::Policy& policy) {
            return answer_block(policy, questions, blocks[static_cast<size_t>(i)], rules);
          });
        }) {}

  int64_t threads(const std::vector<const policy::Policy*>& policies) const {
    return rules.threads * static_cast<int64_t>(policies.size());
  }

  AnswerRules rules;
  std::vector<std::vector<VideoQuestions>> blocks;
  Pool pool;
  bool stopped = false;
  int64_t group = 0;                            ///< number of the next
  std::deque<VideoAnswers> ready;               ///< of the block that was made last
  Prefetch<std::vector<VideoAnswers>> answers;  // last: its threads use the others
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

AnswerStream::AnswerStream(const std::vector<const policy::Policy*>& policies, const std::vector<rows::Question>& questions,
                           std::vector<VideoQuestions> groups, AnswerRules rules) {
  expect(!policies.empty() && rules.together > 0, "answers of nobody");
  work_ = std::make_unique<Work>(policies, free_of_special_tokens(*policies.front(), questions), std::move(groups),
                                 std::move(rules));
}
AnswerStream::AnswerStream(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                           std::vector<VideoQuestions> groups, AnswerRules rules)
    : AnswerStream(std::vector<const policy::Policy*>{&policy}, questions, std::move(groups), std::move(rules)) {}
AnswerStream::~AnswerStream() = default;

std::optional<VideoAnswers> AnswerStream::next() {
  if (work_->stopped) return std::nullopt;
  try {
    if (work_->ready.empty()) {
      std::optional<std::vector<VideoAnswers>> block = work_->answers.next();
      if (!block) return std::nullopt;
      std::move(block->begin(), block->end(), std::back_inserter(work_->ready));
    }
  } catch (const Stopped&) {  // this block and those behind it are left to the next run
    work_->stopped = true;
    return std::nullopt;
  }
  VideoAnswers video = std::move(work_->ready.front());
  work_->ready.pop_front();
  video.group = work_->group++;
  return video;
}

void drop_answered(std::vector<VideoQuestions>& groups, int64_t together,
                   const std::function<bool(const VideoQuestions&)>& answered) {
  std::vector<VideoQuestions> open;
  for (std::vector<VideoQuestions>& block : blocks_of(std::move(groups), together)) {
    if (std::all_of(block.begin(), block.end(), answered)) continue;
    std::move(block.begin(), block.end(), std::back_inserter(open));
  }
  groups = std::move(open);
}

std::vector<rows::Question> block_with(const std::vector<rows::Question>& questions, const rows::Media& media,
                                       int64_t together) {
  std::set<int64_t> numbers;
  for (const std::vector<VideoQuestions>& block : blocks_of(group_by_video(questions), together)) {
    const auto holds = [&](const VideoQuestions& group) { return group.media.key() == media.key(); };
    if (std::none_of(block.begin(), block.end(), holds)) continue;
    for (const VideoQuestions& group : block) numbers.insert(group.questions.begin(), group.questions.end());
  }
  std::vector<rows::Question> own;
  for (const int64_t i : numbers) own.push_back(questions[static_cast<size_t>(i)]);
  return own;
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
  return std::clamp<int64_t>(own_cores(), 1, 64);
}

}  // namespace rrpo::data
