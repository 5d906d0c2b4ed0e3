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

/// Pairs and, where no rejected answer is read, questions: decided row by row.
std::vector<rows::Pair> read_rows(const std::filesystem::path& file, const DatasetRules& rules,
                                  std::vector<rows::BadRow>* bad) {
  std::vector<rows::Pair> pairs = rows::read_rows(file, bad, [&rules](const Json& row, std::string_view place) {
    if (!is_question(row)) return rows::parse_pair(row, place);
    if (rules.rejected)
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
    for (const rows::Pair& pair : pairs) {
      if (times_.try_emplace(pair.media.key()).second) media.push_back(&pair.media);
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
    sample.media = pair.media;
    sample.weight = pair.weight;
    refuse_special_tokens(pair.question, "question", place);
    refuse_special_tokens(pair.chosen.text, "chosen", place);
    if (rules_.rejected) refuse_special_tokens(pair.rejected.text, "rejected", place);
    const bool still = is_still(policy_, pair.media);
    const std::string question = asked(pair);
    sample.question = text::encode_question(*policy_.tokenizer, policy_.chat, question, "", still);
    sample.chosen = text::encode_answer(*policy_.tokenizer, pair.chosen, policy_.end_of_turn, policy_.chat.answer_end);
    if (rules_.rejected) {
      sample.rejected = text::encode_answer(*policy_.tokenizer, pair.rejected, policy_.end_of_turn, policy_.chat.answer_end);
      if (pair.chosen.text == pair.rejected.text) {
        throw Error(Fault::input, "data", place + ": chosen and rejected are the same text", "leave the pair out");
      }
    }
    if (rules_.difference) mark_difference(sample);
    if (rules_.marks && !rules_.official && !has_mark(sample.chosen) && !has_mark(sample.rejected)) {
      throw Error(Fault::input, "data", place + ": no marked token on either side",
                  "give spans, or use an objective without marks");
    }
    sample.video = video_of(pair.media, policy::eye_text(policy_, question), place);
    // Those of a still, and of frames whose number or size follows from the file, are known when they are read.
    if (!still && has_fixed_count(pair.media, rules_.video)) {
      const auto form = square_form(policy_, most_frames(pair.media, rules_.video));
      if (const auto runs = form ? policy_.lvlm.vision().runs(*form) : std::nullopt) {
        check_length(policy_, sample, {policy::clip_leads(policy_, *runs), *runs}, place);
      }
    }
    return sample;
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
    const size_t prompt = static_cast<size_t>(prompt_rows()) + sample.question.size();
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
    sample.question_labels = text::official_labels(tokenizer, sample.question, /*to_answer=*/true);
    if (dataset_.before_labels.empty()) {
      const text::PromptIds prompt = text::encode_prompt(tokenizer, policy_.chat, "");
      dataset_.before_labels = text::official_labels(tokenizer, prompt.before, /*to_answer=*/false);
    }
    const std::string chosen = replace(pair.chosen, sample.chosen);
    const std::string rejected = rules_.rejected ? replace(pair.rejected, sample.rejected) : "";
    if (rules_.difference) {
      mark_difference(sample);
      return "";
    }
    if (!rules_.marks || (chosen.empty() && rejected.empty())) return "";
    return "the official code marks no token of " + (chosen.empty() ? "rejected: " + rejected : "chosen: " + chosen);
  }

  /// The question; with the times of its frames where the policy wants them.
  std::string asked(const rows::Pair& pair) const {
    if (policy_.time_instruction == "off") return pair.question;
    const Times& times = times_.at(pair.media.key());
    if (times.fault) std::rethrow_exception(times.fault);
    return policy::timed_question(policy_, times.frames, pair.question);
  }

  int64_t video_of(const rows::Media& media, std::vector<int64_t> eye, const std::string& place) {
    const auto [found, is_new] = videos_.try_emplace({media.key(), eye}, -1);
    if (is_new) {
      try {
        media_files(media, root_, rules_.video.follow_links);
        found->second = static_cast<int64_t>(dataset_.videos.size());
        dataset_.videos.push_back(media);
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
  std::map<std::pair<std::string, std::vector<int64_t>>, int64_t> videos_;  ///< by media and what the eye reads
  std::map<std::string, Times> times_;                                      ///< by media
};

}  // namespace

const std::vector<int64_t>& Dataset::eye_text(int64_t video) const {
  static const std::vector<int64_t> none;
  return eye_texts.empty() ? none : eye_texts.at(static_cast<size_t>(video));
}

void check_length(const policy::Policy& policy, const Sample& sample, const ShownClip& clip, const std::string& place) {
  const int64_t most = policy.positions, visual = clip.visual_tokens();
  const size_t answer = std::max(sample.chosen.ids.size(), sample.rejected.ids.size());
  const auto tokens = static_cast<int64_t>(sample.question.size() + answer) + clip.words() + visual;
  if (most == 0 || tokens <= most) return;
  throw Error(Fault::input, "data",
              place + ": " + std::to_string(tokens) + " tokens (" + std::to_string(visual) + " of the video, " +
                  std::to_string(answer) + " of the longer answer), the model has " + std::to_string(most) + " positions",
              "shorten the texts, or lower video.frames");
}

Dataset read_dataset(const std::vector<std::filesystem::path>& files, const std::filesystem::path& root,
                     const policy::Policy& policy, const DatasetRules& rules) {
  Dataset dataset;
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
