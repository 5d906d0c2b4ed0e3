#include "answering.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "rrpo/data/media.h"
#include "rrpo/io/sha256.h"
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

/// What the model is shown of one media, and the questions about it as they are put.
struct Shown {
  VideoAnswers out;  ///< what is known before the first answer
  model::ClipInput input;
  std::vector<model::VisualRun> runs;  ///< where words stand between frames: how the prompt shows them; else the eye's own
};

/// Words around a question, such as its options and what is heard, may not control the model, as it may not itself.
void refuse_special_tokens(const policy::Policy& policy, const rows::Question& question, const std::string& words) {
  const std::string token = text::special_token_in(*policy.tokenizer, words);
  if (token.empty()) return;
  throw Error(Fault::input, "data",
              question.id + ": its options or subtitles hold " + token + ", a control token of this tokenizer",
              "remove it: the program writes the prompt itself");
}

/// The moments that `runs` runs of a clip show, each as many of its `frames` frames as the others; `times` of those that
/// were not repeated to fill up.
std::vector<double> moments(const std::vector<double>& times, size_t frames, size_t runs) {
  const size_t each = (frames + runs - 1) / runs;
  std::vector<double> out;
  for (size_t run = 0; run < runs; ++run) {
    double sum = 0;
    for (size_t i = run * each; i < (run + 1) * each; ++i) sum += times.at(std::min(i, times.size() - 1));
    out.push_back(sum / static_cast<double>(each));
  }
  return out;
}

/// Sets the words between frames and the runs that they stand between. `times` of the frames before anything was done to
/// them.
void let_hear(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
              const std::vector<double>& times, const AnswerRules& rules, Shown& shown) {
  shown.runs = policy.lvlm.vision().frame_runs(shown.input.form);
  if (shown.runs.empty()) {
    throw Error(Fault::usage, "data", "this model's eye shows a clip in one piece: no words can stand between its frames",
                "eval.subtitles=false");
  }
  const std::vector<double> at = moments(times, static_cast<size_t>(shown.input.form.frames), shown.runs.size());
  for (const int64_t i : group.questions) {
    const rows::Question& question = questions[static_cast<size_t>(i)];
    shown.out.heard.push_back(rules.heard(question, at));
    for (const std::string& heard : shown.out.heard.back()) refuse_special_tokens(policy, question, heard);
  }
}

/// The questions about a media as they are put.
std::vector<policy::Ask> put_questions(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                                       const VideoQuestions& group, const video::Frames& frames, const AnswerRules& rules) {
  std::vector<policy::Ask> asks;
  for (const int64_t i : group.questions) {
    const rows::Question& question = questions[static_cast<size_t>(i)];
    policy::Ask put = rules.ask ? rules.ask(question, frames) : policy::Ask{question.question};
    refuse_special_tokens(policy, question, put.text);
    put.text = policy::timed_question(policy, frames, put.text);
    asks.push_back(std::move(put));
  }
  return asks;
}

/// SHA-256 of the pixels of a clip; of several towers' that of their hashes.
std::string hash_of(const model::ClipInput& input) {
  std::string hashes;
  for (const at::Tensor& pixels : input.pixels)
    hashes += io::sha256({static_cast<const char*>(pixels.const_data_ptr()), pixels.nbytes()});
  return input.pixels.size() == 1 ? hashes : io::sha256(hashes);
}

/// Reads a media and puts the questions about it.
Shown read_and_put(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
                   const AnswerRules& rules) {
  Shown shown;
  video::Frames frames =
      read_media(group.media, rules.root, rules.video, threads_of_a_clip(std::max<int64_t>(1, rules.threads)));
  shown.out.asks = put_questions(policy, questions, group, frames, rules);
  const std::vector<double> times = frames.time_s;
  if (rules.change) frames = rules.change(frames, group.media);
  shown.out.frames = frames.index;
  shown.out.times = frames.time_s;
  shown.out.pixels = hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()});
  check_stop();
  shown.input = clip_input(policy, group.media, frames, rules.video);
  shown.out.input = hash_of(shown.input);
  if (rules.heard) let_hear(policy, questions, group, times, rules, shown);
  return shown;
}

/// The same, or why the model cannot be shown that media.
Shown show(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
           const AnswerRules& rules) {
  try {
    return read_and_put(policy, questions, group, rules);
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    Shown unread;
    unread.out.fault = error.what();
    return unread;
  }
}

/// The visual tokens of a media; of one that is shown as it is, from the cache where it has them.
model::VisualTokens visual_of(const policy::Policy& policy, const rows::Media& media, const model::ClipInput& input,
                              const std::vector<int64_t>& eye_text, const AnswerRules& rules) {
  const bool cached = rules.cache != nullptr && !rules.change && !model::adapts_vision(policy.lvlm);
  model::VisualTokens visual = cached ? rules.cache->find({media}, eye_text) : model::VisualTokens();
  if (visual.defined()) return visual;
  visual = model::encode(policy.lvlm, input, model::Adapter::on, eye_text);
  if (cached) rules.cache->insert({media}, eye_text, visual);
  return visual;
}

/// The same tokens in other runs.
void show_in_runs(model::VisualTokens& visual, const std::vector<model::VisualRun>& runs) {
  int64_t count = 0;
  for (const model::VisualRun& run : runs) count += run.count;
  expect(count == visual.size(), "runs by frame that are not the clip's tokens");
  visual.runs = runs;
}

/// Answers to be given, collected until they fill a pass.
class Passes {
 public:
  Passes(const policy::Policy& policy, const AnswerRules& rules) : policy_(policy), rules_(rules) {}

  /// A clip that the next questions are about. With one video at a time a pass knows one clip.
  policy::Clip& show(policy::Clip clip) {
    if (rules_.together == 1) finish();
    clips_.push_back(std::make_unique<policy::Clip>(std::move(clip)));
    asked_.push_back({clips_.back().get(), {}});
    return *clips_.back();
  }
  /// A question about that clip, whose answer goes to `to`; `id` and `sample` say what it draws.
  void ask(const policy::Ask& ask, const std::string& id, int64_t sample, policy::Generated& to) {
    if (to_.size() == kBranches) decode();
    asked_.back().questions.push_back(ask);
    ids_.push_back(id);
    to_.push_back(&to);
    if (rules_.temperature > 0) streams_.emplace_back(rules_.seed, "answer/" + std::to_string(sample), hash64(id));
  }
  /// Gives the answers that are still open.
  void finish() {
    decode();
    asked_.clear();
    clips_.clear();
  }

 private:
  /// Gives what is collected. The last clip may be asked more.
  void decode() {
    if (to_.empty()) return;
    check_stop();
    policy::Sampling sampling{rules_.temperature, rules_.top_p, std::exchange(streams_, {})};
    try {
      std::vector<policy::Generated> made =
          policy::generate_together(policy_, asked_, rules_.max_new_tokens, std::move(sampling), {.ahead = rules_.ahead});
      for (size_t k = 0; k < made.size(); ++k) *to_[k] = std::move(made[k]);
    } catch (const policy::LogitsNotFinite& fault) {
      throw policy::LogitsNotFinite(fault.question(), ids_[static_cast<size_t>(fault.question())]);
    }
    asked_ = {{asked_.back().clip, {}}};
    clips_.erase(clips_.begin(), clips_.end() - 1);
    ids_.clear();
    to_.clear();
  }

  const policy::Policy& policy_;
  const AnswerRules& rules_;
  std::vector<std::unique_ptr<policy::Clip>> clips_;
  std::vector<policy::ClipQuestions> asked_;
  std::vector<std::string> ids_;
  std::vector<policy::Generated*> to_;
  std::vector<Random> streams_;
};

/// Asks all questions about one media: about the same clip until the eye reads another text, or other words are heard.
void ask_all(const policy::Policy& policy, const std::vector<rows::Question>& questions, const VideoQuestions& group,
             const AnswerRules& rules, Shown& shown, Passes& passes) {
  VideoAnswers& out = shown.out;
  out.answers.resize(out.asks.size() * static_cast<size_t>(rules.samples));
  std::vector<int64_t> eye_text;
  model::VisualTokens visual;
  const policy::Clip* clip = nullptr;
  for (size_t i = 0; i < out.asks.size(); ++i) {
    std::vector<int64_t> text = policy::eye_text(policy, out.asks[i].text);
    const std::vector<std::string> heard = out.heard.empty() ? std::vector<std::string>() : out.heard[i];
    const bool sees_other = clip == nullptr || text != eye_text;
    if (sees_other) {
      eye_text = std::move(text);
      visual = visual_of(policy, group.media, shown.input, eye_text, rules);
      if (!shown.runs.empty()) show_in_runs(visual, shown.runs);
    }
    if (sees_other || heard != clip->heard) clip = &passes.show({visual, shown.input.form.still, heard});
    out.prompts.push_back(policy::hashes_of(policy, *clip, out.asks[i]));
    const std::string& id = questions[static_cast<size_t>(group.questions[i])].id;
    for (int64_t sample = 0; sample < rules.samples; ++sample)
      passes.ask(out.asks[i], id, sample, out.answers[i * static_cast<size_t>(rules.samples) + static_cast<size_t>(sample)]);
  }
}

}  // namespace

std::vector<VideoAnswers> answer_block(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                                       const std::vector<VideoQuestions>& groups, const AnswerRules& rules) {
  const auto count = static_cast<int64_t>(groups.size());
  // A GPU would wait for one video after the other; on a CPU the cores are busy with other blocks.
  const int64_t readers = count > 1 && model::head(policy.lvlm).is_cuda() ? count : 0;
  Prefetch<Shown> shown(0, count, readers, count,
                        [&](int64_t i) { return show(policy, questions, groups[static_cast<size_t>(i)], rules); });
  std::vector<Shown> block;
  block.reserve(groups.size());  // passes hold where answers go
  Passes passes(policy, rules);
  for (const VideoQuestions& group : groups) {
    block.push_back(*shown.next());
    if (block.back().out.fault.empty()) ask_all(policy, questions, group, rules, block.back(), passes);
    block.back().input = {};
  }
  passes.finish();
  std::vector<VideoAnswers> answers;
  for (Shown& one : block) answers.push_back(std::move(one.out));
  return answers;
}

}  // namespace rrpo::data
