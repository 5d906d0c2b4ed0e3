#include "rrpo/gen/rewrite.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "rewrites/rows.h"
#include "rrpo/rows/reply.h"
#include "rrpo/text/diff.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/table.h"
#include "slot_edit.h"

namespace rrpo::gen {

namespace {

Rewritten none(std::string reason) { return {{}, {}, std::move(reason)}; }

std::string_view from(std::string_view text, int64_t begin) { return text.substr(static_cast<size_t>(begin)); }

/// Slots that the response filled with another value.
std::vector<size_t> wrong_slots(const rows::Judged& judged) {
  std::vector<size_t> slots;
  for (size_t i = 0; i < judged.found.size(); ++i) {
    if (judged.found[i] != judged.expected[i]) slots.push_back(i);
  }
  return slots;
}

bool judged_by_slots(const rows::Question& question) {
  return !question.slots.empty() && question.format != "mcq" && question.format != "yesno";
}

Rewritten of(EditedAnswer edited) { return {std::move(edited.before), std::move(edited.after), ""}; }

Rewritten exchange_slots(const rows::Question& question, const rows::Judged& judged) {
  std::vector<SlotEdit> edits;
  for (const size_t i : wrong_slots(judged)) edits.push_back({i, written(question, question.slots[i], judged.found[i])});
  return of(edit_slots(question, edits));
}

/// True for a word that denies.
bool denies(const std::string& value) {
  constexpr std::array<std::string_view, 6> kWords = {"no", "not", "none", "nothing", "never", "nobody"};
  const std::string word = text::fold_case(value);
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end() || word.ends_with("n't") || word.ends_with(" not");
}

/// The other value of a slot that says yes or no, empty for any other slot.
std::string opposite(const rows::Question& question, const rows::Slot& slot) {
  if (slot.values.size() != 2 || denies(slot.values[0]) == denies(slot.values[1])) return "";
  const std::string value = rows::true_value(question, slot);
  return slot.values[slot.values[0] == value ? 1 : 0];
}

/// A bare "Yes." or "No": the word itself.
Rewritten exchange_word(const rows::Question& question) {
  const int64_t begin = body_begin(question, question.answer);
  const std::string_view body = from(question.answer, begin);
  const size_t length = std::min(body.find_first_of(".! "), body.size());
  if (body.find_first_not_of(".! ", length) != std::string_view::npos)
    return none("a yesno answer of several words needs slots that say which of them change");
  const std::string word(body.substr(0, length)), folded = text::fold_case(word);
  if (folded != "yes" && folded != "no") return none("the answer is neither yes nor no");
  std::string other = folded == "yes" ? "no" : "yes";
  if (std::isupper(static_cast<unsigned char>(word[0]))) other[0] = static_cast<char>(std::toupper(other[0]));
  const auto end = begin + static_cast<int64_t>(length);
  Rewritten out{{question.answer, {{begin, end}}}, {question.answer.substr(0, static_cast<size_t>(begin)) + other, {}}, ""};
  out.rejected.spans = {{begin, static_cast<int64_t>(out.rejected.text.size())}};
  out.rejected.text += body.substr(length);
  return out;
}

Rewritten exchange_yesno(const rows::Question& question) {
  if (question.slots.empty()) return exchange_word(question);
  std::vector<SlotEdit> edits;
  for (size_t i = 0; i < question.slots.size(); ++i) {
    const std::string value = opposite(question, question.slots[i]);
    if (!value.empty()) edits.push_back({i, written(question, question.slots[i], value)});
  }
  if (edits.empty()) return none("no slot of the answer says yes or no");
  return of(edit_slots(question, edits));
}

/// The ways in which an answer may name an option; `text` is empty in those that give the letter alone.
std::vector<std::string> forms(const rows::Option& option) {
  const std::string &key = option.key, &text = option.text;
  return {"(" + key + ") " + text,
          key + ". " + text,
          key + ") " + text,
          key + ": " + text,
          key + " " + text,
          text + " (" + key + ")",
          "(" + key + ")",
          key + ".",
          key + ")",
          key,
          text};
}

Rewritten exchange_option(const rows::Question& question, const rows::Judged& judged) {
  const auto option = [&](const std::string& key) {
    return *std::find_if(question.options.begin(), question.options.end(), [&](const auto& o) { return o.key == key; });
  };
  const rows::Option truth = option(judged.expected.front()), chosen = option(judged.found.front());
  const int64_t begin = body_begin(question, question.answer);
  const std::string_view body = from(question.answer, begin);
  const std::vector<std::string> right = forms(truth), wrong = forms(chosen);
  for (size_t i = 0; i < right.size(); ++i) {
    const std::string_view rest = body.substr(std::min(body.size(), right[i].size()));
    if (!body.starts_with(right[i]) || rest.find_first_not_of(".! ") != std::string_view::npos) continue;
    const auto size = [](const std::string& text) { return static_cast<int64_t>(text.size()); };
    const std::string style = question.answer.substr(0, static_cast<size_t>(begin));
    return {{question.answer, {{begin, begin + size(right[i])}}},
            {style + wrong[i] + std::string(rest), {{begin, begin + size(wrong[i])}}},
            ""};
  }
  const std::string inside(body);
  const size_t at = inside.find(truth.text);
  if (at == std::string::npos || inside.find(truth.text, at + 1) != std::string::npos)
    return none("the answer does not name its option once");
  const int64_t start = begin + static_cast<int64_t>(at);
  std::string other = question.answer;
  other.replace(static_cast<size_t>(start), truth.text.size(), chosen.text);
  return {{question.answer, {{start, start + static_cast<int64_t>(truth.text.size())}}},
          {other, {{start, start + static_cast<int64_t>(chosen.text.size())}}},
          ""};
}

/// A short answer without slots is one phrase: the response stands in its place.
Rewritten exchange_short(const rows::Question& question, std::string_view response) {
  constexpr std::string_view kEnd = ".!? \t\r\n";
  const int64_t begin = body_begin(question, question.answer);
  const std::string spoken = rows::answer_text(response);
  const std::string_view truth = from(question.answer, begin), said = from(spoken, body_begin(question, spoken));
  const size_t truth_end = truth.find_last_not_of(kEnd) + 1, said_end = said.find_last_not_of(kEnd) + 1;
  if (said_end == 0) return none("the response says nothing");
  const std::string style = question.answer.substr(0, static_cast<size_t>(begin));
  return {{question.answer, {{begin, begin + static_cast<int64_t>(truth_end)}}},
          {style + std::string(said.substr(0, said_end)) + std::string(truth.substr(truth_end)),
           {{begin, begin + static_cast<int64_t>(said_end)}}},
          ""};
}

Rewritten exchanged(const rows::Question& question, const rows::Judged& judged, std::string_view response) {
  if (question.format == "mcq") return exchange_option(question, judged);
  if (question.format == "yesno") return exchange_yesno(question);
  if (!question.slots.empty()) return exchange_slots(question, judged);
  return exchange_short(question, response);
}

Rewritten rewrite_slots(const rows::Question& question, const rows::Judged& judged, std::string_view response,
                        const LlmFields&, judge::Dialogue&) {
  if (judged.found.empty()) return none("the rules cannot read what the response says");
  Rewritten out = exchanged(question, judged, response);
  if (!out.reason.empty()) return out;
  const rows::Judged again = rows::judge(question, out.rejected.text);
  if (again.verdict != rows::Verdict::wrong || again.found != judged.found)
    return none("the rewritten answer does not say what the response said");
  return out;
}

/// Where a phrase of the answer stands in a response whose slots stand at `places`.
text::ByteRange place_of(const rows::Question& question, const text::ByteRange& phrase,
                         const std::vector<text::ByteRange>& places) {
  text::ByteRange place{-1, -1};
  for (size_t i = 0; i < places.size(); ++i) {
    const text::ByteRange& slot = question.slots[i].span;
    if (slot.begin < phrase.begin || slot.end > phrase.end) continue;
    if (place.begin < 0) place.begin = std::max<int64_t>(0, places[i].begin - (slot.begin - phrase.begin));
    place.end = places[i].end + (phrase.end - slot.end);
  }
  return place;
}

Rewritten rewrite_raw(const rows::Question& question, const rows::Judged& judged, std::string_view response,
                      const LlmFields&, judge::Dialogue&) {
  Rewritten out{{question.answer, {}}, {std::string(response), {}}, ""};
  const std::vector<size_t> wrong = wrong_slots(judged);
  const std::vector<text::ByteRange> places = judged_by_slots(question) && !wrong.empty()
                                                  ? slots_in(question, judged.found, response)
                                                  : std::vector<text::ByteRange>();
  if (!places.empty()) {
    out.chosen.spans = phrases_of(question, wrong);
    for (const text::ByteRange& phrase : out.chosen.spans) out.rejected.spans.push_back(place_of(question, phrase, places));
    return out;
  }
  text::WordDifference words = text::differing_words(question.answer, response, body_begin(question, question.answer),
                                                     body_begin(question, response));
  out.chosen.spans = std::move(words.a);
  out.rejected.spans = std::move(words.b);
  if (out.chosen.spans.empty() && out.rejected.spans.empty()) return none("no word differs");
  return out;
}

}  // namespace

const std::vector<Rewrite>& rewrites() {
  static const std::vector<Rewrite> rows = {
      {"slots", "the true sentence with the phrases that the model got wrong", false, rewrite_slots},
      {"raw", "the response as it is", false, rewrite_raw},
      rewrite_llm_row(),
  };
  return rows;
}

text::MarkedText mark_other(const rows::Question& question, const std::string& answer) {
  const rows::Judged judged = rows::judge(question, answer);
  if (!judged.found.empty()) {
    Rewritten sides = exchanged(question, judged, answer);
    if (sides.reason.empty() && sides.rejected.text == answer) return sides.rejected;
  }
  return {
      answer,
      text::differing_words(question.answer, answer, body_begin(question, question.answer), body_begin(question, answer)).b};
}

const Rewrite& rewrite_of(const GenFields& gen, const std::string& format) {
  const Rewrite& named = *find_row(rewrites(), gen.rewrite);
  return named.asks && !llm_serves(gen, format) ? rewrites().front() : named;
}

}  // namespace rrpo::gen
