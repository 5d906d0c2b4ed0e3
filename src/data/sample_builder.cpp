#include "sample_builder.h"

#include <algorithm>

#include "official_rows.h"
#include "rrpo/data/length.h"
#include "rrpo/data/media.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/markup.h"
#include "rrpo/util/error.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::data {

namespace {

bool has_mark(const text::AnswerIds& answer) {
  return std::any_of(answer.phrase.begin(), answer.phrase.end(), [](int64_t phrase) { return phrase > 0; });
}

[[noreturn]] void refuse(const std::string& place, const std::string& fault, const char* fix) {
  throw Error(Fault::input, "data", place + ": " + fault, fix);
}

/// What a role reads of a row, which may not have it.
template <class Value>
const Value& needed(const std::optional<Value>& value, const char* key, const std::string& place) {
  if (!value)
    refuse(place, std::string("has no ") + key + ", which this objective reads",
           "add it (docs/data.md), or train with another objective");
  return *value;
}

void check_perturbations(const rows::View& view, const std::string& key) {
  if (view.perturbed()) video::parse_perturbations(view.perturb, key + ".perturb");
}

}  // namespace

void SampleBuilder::find_times(const std::vector<rows::Pair>& pairs) {
  if (policy_.time_instruction == "off") return;
  std::vector<const rows::Media*> media;
  for (const rows::Pair& pair : pairs) {
    media.push_back(&pair.media);
    if (rules_.shows(ShownClipOf::other) && pair.other) media.push_back(&pair.other->media);
    if (rules_.reference_apart && pair.reference) media.push_back(&pair.reference->media);
  }
  times_.find(media);
}

void SampleBuilder::add(const rows::Pair& pair, const std::string& place) {
  const size_t clips = dataset_.videos.size();
  try {
    Sample sample = sample_of({pair, place});
    const bool official = labels_officially(policy_, rules_);
    const std::string dropped = official ? make_official(policy_, rules_, pair, place, sample) : "";
    if (dropped.empty()) {
      dataset_.samples.push_back(std::move(sample));
      return;
    }
    dataset_.dropped.push_back({pair.id, dropped});
  } catch (const Error& error) {
    if (!rules_.skip_bad_rows || error.fault() != Fault::input) throw;
    dataset_.skipped.push_back({pair.id, error.what()});
  }
  forget_clips(clips);
}

/// Those that only a row without a sample has shown: nobody will read them.
void SampleBuilder::forget_clips(size_t from) {
  std::erase_if(videos_, [from](const auto& one) { return one.second >= static_cast<int64_t>(from); });
  dataset_.videos.resize(from);
  if (!dataset_.eye_texts.empty()) dataset_.eye_texts.resize(from);
}

Sample SampleBuilder::sample_of(const Row& row) {
  const auto& [pair, place] = row;
  Sample sample;
  sample.id = pair.id;
  sample.weight = pair.weight;
  check_text(row, pair.question, "question");
  add_answers(row, sample);
  sample.own = ask(row, {pair.media}, "video");
  if (rules_.shows(ShownClipOf::other)) sample.other = ask(row, needed(pair.other, "other", place), "other");
  if (rules_.reference_apart) sample.reference = ask(row, needed(pair.reference, "reference", place), "reference");
  if (rules_.difference) mark_difference(policy_, sample);
  if (rules_.marks && !rules_.official && !has_mark(sample.chosen) && !has_mark(sample.rejected))
    refuse(place, "no marked token on either side", "give spans, or use an objective without marks");
  check_lengths(row, sample);
  return sample;
}

void SampleBuilder::add_answers(const Row& row, Sample& sample) const {
  const auto& [pair, place] = row;
  sample.chosen = encode(row, pair.chosen, "chosen");
  if (rules_.reads(AnswerOf::rejected)) {
    sample.rejected = encode(row, pair.rejected, "rejected");
    if (pair.chosen.text == pair.rejected.text) refuse(place, "chosen and rejected are the same text", "leave the pair out");
  }
  if (rules_.reads(AnswerOf::other_chosen)) {
    const text::MarkedText& other = needed(pair.other_chosen, "other_chosen", place);
    sample.other_chosen = encode(row, other, "other_chosen");
    if (other.text == pair.chosen.text)
      refuse(place, "other_chosen and chosen are the same text", "name another clip whose answer differs");
  }
}

text::AnswerIds SampleBuilder::encode(const Row& row, const text::MarkedText& answer, const char* key) const {
  check_text(row, answer.text, key);
  return text::encode_answer(*policy_.tokenizer, answer, policy_.end_of_turn, policy_.chat.answer_end);
}

/// Texts of the prompt and labels are read; they may not control the model.
void SampleBuilder::check_text(const Row& row, const std::string& text, const char* key) const {
  const std::string token = text::special_token_in(*policy_.tokenizer, text);
  if (token.empty()) return;
  refuse(row.place, std::string(key) + " holds " + token + ", a control token of this tokenizer",
         "remove it: the program writes the prompt itself");
}

/// The row's question about a clip of it, which stands under `key`.
AskedClip SampleBuilder::ask(const Row& row, const rows::View& view, const char* key) {
  const std::string question = asked(row.pair.question, view.media);
  AskedClip clip;
  clip.question =
      text::encode_question(*policy_.tokenizer, policy_.chat, question, "", {.still = is_still(policy_, view.media)});
  clip.video = number_of(row, view, key, policy::eye_text(policy_, question));
  return clip;
}

/// The question; with the times of the clip's frames where the policy wants them.
std::string SampleBuilder::asked(const std::string& question, const rows::Media& media) const {
  return policy_.time_instruction == "off" ? question : policy::timed_question(policy_, times_.of(media), question);
}

int64_t SampleBuilder::number_of(const Row& row, const rows::View& view, const char* key, std::vector<int64_t> eye) {
  const auto next = static_cast<int64_t>(dataset_.videos.size());
  const auto [found, is_new] = videos_.try_emplace({view.key(), eye}, next);
  if (!is_new) return found->second;
  dataset_.videos.push_back(view);
  if (policy_.lvlm.vision().reads_text()) dataset_.eye_texts.push_back(std::move(eye));
  try {
    check_perturbations(view, key);
    media_files(view.media, root_, rules_.video.follow_links);
  } catch (const Error& error) {
    if (error.fault() != Fault::input && error.fault() != Fault::usage) throw;
    refuse(row.place, error.what(), "");
  }
  return next;
}

/// What is certain before a file is opened. Those of a still, and of frames whose number or size follows from the file, are
/// known when they are read.
void SampleBuilder::check_lengths(const Row& row, const Sample& sample) const {
  for (const AskedClip* clip : clips_of(sample)) {
    const rows::Media& media = dataset_.view(*clip).media;
    if (is_still(policy_, media) || !has_fixed_count(media, rules_.video)) continue;
    const auto form = square_form(policy_, most_frames(media, rules_.video));
    const auto runs = form ? policy_.lvlm.vision().runs(*form) : std::nullopt;
    if (runs) check_length(policy_, dataset_, sample, *clip, {policy::clip_leads(policy_, *runs), *runs}, row.place);
  }
}

}  // namespace rrpo::data
