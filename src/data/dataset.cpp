#include "rrpo/data/dataset.h"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <set>

#include "rrpo/data/length.h"
#include "rrpo/data/media.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/markup.h"
#include "rrpo/text/official.h"
#include "rrpo/text/token_diff.h"
#include "rrpo/util/error.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::data {

namespace {

/// A row with an answer that is no pair: neither `chosen` nor the authors' `pred`.
bool is_question(const Json& row) {
  return row.is_object() && row.contains("answer") && !row.contains("chosen") && !row.contains("pred");
}

rows::Pair question_pair(const Json& row, std::string_view place) {
  rows::Question question = rows::parse_question(row, place);
  rows::Pair pair;
  pair.id = std::move(question.id);
  pair.media = std::move(question.media);
  pair.question = std::move(question.question);
  pair.chosen = {std::move(question.answer), std::move(question.spans)};
  pair.extra = std::move(question.extra);
  pair.place = place;
  return pair;
}

bool reads_rejected(const DatasetRules& rules) {
  return std::any_of(rules.roles.begin(), rules.roles.end(),
                     [](Role role) { return parts(role).answer == AnswerOf::rejected; });
}

/// Pairs and, where no rejected answer is read, questions: decided row by row.
std::vector<rows::Pair> read_rows(const std::filesystem::path& file, const DatasetRules& rules,
                                  std::vector<rows::BadRow>* bad) {
  std::vector<rows::Pair> pairs = rows::read_rows(file, bad, [&rules](const Json& row, std::string_view place) {
    if (!is_question(row)) return rows::parse_pair(row, place);
    if (reads_rejected(rules))
      rows::bad_row(place, "holds a question, this objective needs pairs",
                    "make pairs of questions with rrpo-gen, or train with objective.name=sft");
    return question_pair(row, place);
  });
  rows::tell_unused(file, pairs);
  return pairs;
}

bool has_mark(const text::AnswerIds& answer) {
  return std::any_of(answer.phrase.begin(), answer.phrase.end(), [](int64_t phrase) { return phrase > 0; });
}

constexpr int64_t kNoLabel = -100;

/// Turns pairs into samples, one by one.
class Builder {
 public:
  Builder(Dataset& dataset, const std::filesystem::path& root, const policy::Policy& policy, const DatasetRules& rules)
      : dataset_(dataset), root_(root), policy_(policy), rules_(rules) {}

  /// Looks for the times of the frames of all `pairs`, several videos at a time, where the policy wants them. What is wrong
  /// with a video is told when its first row is added.
  void find_times(const std::vector<rows::Pair>& pairs) {
    if (policy_.time_instruction == "off") return;
    std::vector<const rows::Media*> media;
    const auto add = [&](const rows::Media& one) {
      if (times_.try_emplace(one.key()).second) media.push_back(&one);
    };
    for (const rows::Pair& pair : pairs) {
      add(pair.media);
      if (asks_other() && pair.other) add(pair.other->media);
      if (rules_.reference_apart && pair.reference) add(pair.reference->media);
    }
    Prefetch<Times> found(0, static_cast<int64_t>(media.size()), rules_.threads, 2 * rules_.threads,
                          [&](int64_t i) { return times_of(*media[static_cast<size_t>(i)]); });
    for (const rows::Media* one : media) times_[one->key()] = *found.next();
  }

  void add(const rows::Pair& pair, const std::filesystem::path& file) {
    const std::string place = (pair.place.empty() ? file.string() : pair.place) + ": " + pair.id;
    try {
      Sample sample = sample_of(pair, place);
      const std::string dropped = labels_officially() ? make_official(pair, place, sample) : "";
      if (dropped.empty()) {
        dataset_.samples.push_back(std::move(sample));
      } else {
        dataset_.dropped.push_back({pair.id, dropped});
      }
    } catch (const Error& error) {
      if (!rules_.skip_bad_rows || error.fault() != Fault::input) throw;
      dataset_.skipped.push_back({pair.id, error.what()});
    }
  }

 private:
  /// Frames without their pictures, or why there are none.
  struct Times {
    video::Frames frames;
    std::exception_ptr fault;
  };

  Times times_of(const rows::Media& media) const {
    try {
      return {read_times(media, root_, rules_.video), nullptr};
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      return {{}, std::current_exception()};
    }
  }

  /// The labels of LLaVA-Video's and LongVU's code: VideoChat2's has none of their own.
  bool labels_officially() const { return rules_.official && !policy_.eye_words; }

  Sample sample_of(const rows::Pair& pair, const std::string& place) {
    Sample sample;
    sample.id = pair.id;
    sample.weight = pair.weight;
    refuse_special_tokens(pair.question, "question", place);
    refuse_special_tokens(pair.chosen.text, "chosen", place);
    if (reads(AnswerOf::rejected)) refuse_special_tokens(pair.rejected.text, "rejected", place);
    sample.chosen = encode(pair.chosen);
    if (reads(AnswerOf::rejected)) {
      sample.rejected = encode(pair.rejected);
      if (pair.chosen.text == pair.rejected.text) {
        throw Error(Fault::input, "data", place + ": chosen and rejected are the same text", "leave the pair out");
      }
    }
    if (rules_.difference) mark_difference(sample);
    if (rules_.marks && !rules_.official && !has_mark(sample.chosen) && !has_mark(sample.rejected)) {
      throw Error(Fault::input, "data", place + ": no marked token on either side",
                  "give spans, or use an objective without marks");
    }
    if (reads(AnswerOf::other_chosen)) sample.other_chosen = encode(other_answer(pair, place));
    sample.own = asked_clip({pair.media}, pair, sample, place);
    if (asks_other()) sample.other = asked_clip(needed(pair.other, "other", place), pair, sample, place);
    if (rules_.reference_apart)
      sample.reference = asked_clip(needed(pair.reference, "reference", place), pair, sample, place);
    return sample;
  }

  bool reads(AnswerOf answer) const {
    return std::any_of(rules_.roles.begin(), rules_.roles.end(),
                       [answer](Role role) { return parts(role).answer == answer; });
  }

  bool asks_other() const {
    return std::any_of(rules_.roles.begin(), rules_.roles.end(),
                       [](Role role) { return parts(role).clip == ShownClipOf::other; });
  }

  text::AnswerIds encode(const text::MarkedText& answer) const {
    return text::encode_answer(*policy_.tokenizer, answer, policy_.end_of_turn, policy_.chat.answer_end);
  }

  /// The right answer about the other clip.
  const text::MarkedText& other_answer(const rows::Pair& pair, const std::string& place) const {
    const text::MarkedText& answer = needed(pair.other_chosen, "other_chosen", place);
    refuse_special_tokens(answer.text, "other_chosen", place);
    if (answer.text != pair.chosen.text) return answer;
    throw Error(Fault::input, "data", place + ": other_chosen and chosen are the same text",
                "name another clip whose answer differs");
  }

  template <class Value>
  static const Value& needed(const std::optional<Value>& value, const char* key, const std::string& place) {
    if (value) return *value;
    throw Error(Fault::input, "data", place + ": has no " + key + ", which this objective reads",
                "add it (docs/data.md), or train with another objective");
  }

  /// The question of `pair` about `view`; what can be known of its length is checked.
  AskedClip asked_clip(const rows::View& view, const rows::Pair& pair, const Sample& sample, const std::string& place) {
    check_perturbations(view, place);
    const bool still = is_still(policy_, view.media);
    const std::string question = asked(pair.question, view.media);
    AskedClip asked;
    asked.question = text::encode_question(*policy_.tokenizer, policy_.chat, question, "", still);
    asked.video = video_of(view, policy::eye_text(policy_, question), place);
    // Those of a still, and of frames whose number or size follows from the file, are known when they are read.
    if (!still && has_fixed_count(view.media, rules_.video)) {
      const auto form = square_form(policy_, most_frames(view.media, rules_.video));
      if (const auto runs = form ? policy_.lvlm.vision().runs(*form) : std::nullopt) {
        check_length(policy_, sample, asked, {policy::clip_leads(policy_, *runs), *runs}, place);
      }
    }
    return asked;
  }

  static void check_perturbations(const rows::View& view, const std::string& place) {
    if (!view.perturbed()) return;
    try {
      video::parse_perturbations(view.perturb, "perturb");
    } catch (const Error& error) {
      throw Error(Fault::input, "data", place + ": " + error.what(), "");
    }
  }

  /// Texts of the prompt and labels are read; they may not control the model.
  void refuse_special_tokens(const std::string& text, const char* key, const std::string& place) const {
    const std::string token = text::special_token_in(*policy_.tokenizer, text);
    if (token.empty()) return;
    throw Error(Fault::input, "data", place + ": " + key + " holds " + token + ", a control token of this tokenizer",
                "remove it: the program writes the prompt itself");
  }

  /// The rows of a prompt before its question, as the comparison of whole conversations counts them: with the visual tokens
  /// where every clip has the same number of them (VideoChat2), else the words alone.
  int64_t prompt_rows() const {
    const model::Vision& vision = policy_.lvlm.vision();
    const auto runs_of = [&](int64_t frames) {
      const auto form = square_form(policy_, frames);
      return form ? vision.runs(*form) : std::nullopt;
    };
    const auto one = runs_of(1), two = runs_of(2);
    const std::vector<model::VisualRun> runs = one && one == two ? *one : std::vector<model::VisualRun>{{}};
    int64_t rows = 0;
    for (const model::VisualRun& run : runs) rows += run.count;
    for (const auto& lead : policy::clip_leads(policy_, runs)) rows += static_cast<int64_t>(lead.size());
    return rows;
  }

  /// VideoChat2's code compares the labels of whole conversations, padded to one length.
  void mark_difference(Sample& sample) const {
    const size_t prompt = static_cast<size_t>(prompt_rows()) + sample.own.question.size();
    const size_t size = prompt + std::max(sample.chosen.ids.size(), sample.rejected.ids.size());
    const auto labels = [&](const text::AnswerIds& answer) {
      std::vector<int64_t> all(size, kNoLabel);
      std::copy(answer.ids.begin(), answer.ids.end(), all.begin() + static_cast<std::ptrdiff_t>(prompt));
      return all;
    };
    const text::DifferenceMarks marks = text::difference_marks(labels(sample.chosen), labels(sample.rejected));
    const auto take = [&](const std::vector<int64_t>& from, text::AnswerIds& to) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(prompt);
      to.phrase.assign(begin, begin + static_cast<std::ptrdiff_t>(to.ids.size()));
    };
    take(marks.a, sample.chosen);
    take(marks.b, sample.rejected);
  }

  /// Labels and marks as the authors' code has them; returns why that code drops the pair, else an empty text.
  std::string make_official(const rows::Pair& pair, const std::string& place, Sample& sample) {
    const text::Tokenizer& tokenizer = *policy_.tokenizer;
    const auto replace = [&](const text::MarkedText& side, text::AnswerIds& ids) {
      text::OfficialAnswer official = text::official_answer(tokenizer, side, place);
      ids = std::move(official.answer);
      return official.unmarked;
    };
    sample.question_labels = text::official_labels(tokenizer, sample.own.question, /*to_answer=*/true);
    if (dataset_.before_labels.empty()) {
      const text::PromptIds prompt = text::encode_prompt(tokenizer, policy_.chat, "");
      dataset_.before_labels = text::official_labels(tokenizer, prompt.before, /*to_answer=*/false);
    }
    const std::string chosen = replace(pair.chosen, sample.chosen);
    const std::string rejected = reads(AnswerOf::rejected) ? replace(pair.rejected, sample.rejected) : "";
    if (rules_.difference) {
      mark_difference(sample);
      return "";
    }
    if (!rules_.marks || (chosen.empty() && rejected.empty())) return "";
    return "the official code marks no token of " + (chosen.empty() ? "rejected: " + rejected : "chosen: " + chosen);
  }

  /// The question; with the times of its frames where the policy wants them.
  std::string asked(const std::string& question, const rows::Media& media) const {
    if (policy_.time_instruction == "off") return question;
    const Times& times = times_.at(media.key());
    if (times.fault) std::rethrow_exception(times.fault);
    return policy::timed_question(policy_, times.frames, question);
  }

  int64_t video_of(const rows::View& view, std::vector<int64_t> eye, const std::string& place) {
    const auto [found, is_new] = videos_.try_emplace({view.key(), eye}, -1);
    if (is_new) {
      try {
        media_files(view.media, root_, rules_.video.follow_links);
        found->second = static_cast<int64_t>(dataset_.videos.size());
        dataset_.videos.push_back(view);
        if (policy_.lvlm.vision().reads_text()) dataset_.eye_texts.push_back(std::move(eye));
      } catch (const Error& error) {
        videos_.erase(found);
        if (error.fault() != Fault::input) throw;
        throw Error(Fault::input, "data", place + ": " + error.what(), "");
      }
    }
    return found->second;
  }

  Dataset& dataset_;
  const std::filesystem::path& root_;
  const policy::Policy& policy_;
  const DatasetRules& rules_;
  std::map<std::pair<std::string, std::vector<int64_t>>, int64_t> videos_;  ///< by view and what the eye reads
  std::map<std::string, Times> times_;                                      ///< by media
};

}  // namespace

const std::vector<int64_t>& Dataset::eye_text(int64_t video) const {
  static const std::vector<int64_t> none;
  return eye_texts.empty() ? none : eye_texts.at(static_cast<size_t>(video));
}

const text::AnswerIds& answer_of(const Sample& sample, Role role) {
  switch (parts(role).answer) {
    case AnswerOf::chosen:
      return sample.chosen;
    case AnswerOf::rejected:
      return sample.rejected;
    case AnswerOf::other_chosen:
      return sample.other_chosen;
  }
  return sample.chosen;
}

const AskedClip& clip_of(const Sample& sample, Role role, bool to_reference) {
  if (parts(role).clip == ShownClipOf::other) return sample.other.value();
  return to_reference && sample.reference ? *sample.reference : sample.own;
}

std::vector<const AskedClip*> clips_of(const Sample& sample) {
  std::vector<const AskedClip*> clips = {&sample.own};
  for (const auto* clip : {&sample.other, &sample.reference}) {
    if (*clip) clips.push_back(&**clip);
  }
  return clips;
}

void check_length(const policy::Policy& policy, const Sample& sample, const AskedClip& asked, const ShownClip& clip,
                  const std::string& place) {
  const int64_t most = policy.positions, visual = clip.visual_tokens();
  const size_t answer = std::max({sample.chosen.ids.size(), sample.rejected.ids.size(), sample.other_chosen.ids.size()});
  const auto tokens = static_cast<int64_t>(asked.question.size() + answer) + clip.words() + visual;
  if (most == 0 || tokens <= most) return;
  throw Error(Fault::input, "data",
              place + ": " + std::to_string(tokens) + " tokens (" + std::to_string(visual) + " of the video, " +
                  std::to_string(answer) + " of the longer answer), the model has " + std::to_string(most) + " positions",
              "shorten the texts, or lower video.frames");
}

Dataset read_dataset(const std::vector<std::filesystem::path>& files, const std::filesystem::path& root,
                     const policy::Policy& policy, const DatasetRules& rules) {
  Dataset dataset;
  dataset.roles = rules.roles;
  dataset.ones_in_front = rules.official && policy.eye_words != nullptr;
  Builder builder(dataset, root, policy, rules);
  for (const auto& file : files) {
    std::vector<rows::BadRow> bad;
    const std::vector<rows::Pair> pairs = read_rows(file, rules, rules.skip_bad_rows ? &bad : nullptr);
    builder.find_times(pairs);
    for (const rows::Pair& pair : pairs) builder.add(pair, file);
    for (const rows::BadRow& row : bad) dataset.skipped.push_back({row.place, row.reason});
  }
  if (dataset.samples.empty()) {
    throw Error(Fault::input, "data", (files.empty() ? "no file" : files.front().string()) + ": no usable row",
                "check data.pairs");
  }
  return dataset;
}

}  // namespace rrpo::data
