#include "rrpo/rows/question.h"

#include <algorithm>
#include <set>

#include "item.h"
#include "rrpo/rows/answer.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"

namespace rrpo::rows {
namespace {

std::vector<Option> read_options(RowReader& row) {
  const Json* list = row.find("options");
  std::vector<Option> out;
  if (list == nullptr) return out;
  if (!list->is_array()) row.fail("options", "is no list", "write [{\"key\": \"A\", \"text\": \"…\"}, …]");
  std::set<std::string> keys;
  for (size_t i = 0; i < list->size(); ++i) {
    RowReader option((*list)[i], row.place(), "options[" + std::to_string(i) + "]");
    out.push_back({option.text("key"), option.text("text", /*may_be_empty=*/row.has("benchmark"))});
    if (!keys.insert(out.back().key).second) option.fail("key", "occurs twice", "give every option its own key");
  }
  return out;
}

std::vector<Slot> read_slots(RowReader& row) {
  const Json* list = row.find("slots");
  std::vector<Slot> out;
  if (list == nullptr) return out;
  if (!list->is_array()) row.fail("slots", "is no list", "write [{\"span\": [begin, end], \"values\": […]}, …]");
  for (size_t i = 0; i < list->size(); ++i) {
    RowReader slot((*list)[i], row.place(), "slots[" + std::to_string(i) + "]");
    out.push_back({range_from(slot.need("span"), row.place(), slot.path("span")), slot.texts("values")});
  }
  return out;
}

/// Slots lie behind the style, apart from each other, and hold a value of theirs.
void check_slots(const Question& question, const RowReader& row) {
  text::MarkedText ranges{question.answer, {}};
  for (const Slot& slot : question.slots) ranges.spans.push_back(slot.span);
  text::check_spans(ranges, std::string(row.place()) + ": slots");
  for (size_t i = 0; i < question.slots.size(); ++i) {
    const Slot& slot = question.slots[i];
    const std::string name = "slots[" + std::to_string(i) + "]";
    if (slot.span.begin < static_cast<int64_t>(question.style.size()))
      row.fail(name, "lies in the style", "the judge ignores the style");
    const auto empty = [](const std::string& value) { return value.empty(); };
    if (std::any_of(slot.values.begin(), slot.values.end(), empty))
      row.fail(name + ".values", "holds an empty text", "remove it");
    if (true_value(question, slot).empty()) row.fail(name + ".values", "lacks the text of the answer there", "add it");
  }
}

/// mcq and yesno rows must say what is right; those of a benchmark as it was published, which may be none of the options.
void check_truth(const Question& question, const RowReader& row) {
  if (question.format == "mcq" && question.options.empty())
    row.fail("options", "are missing", "list the options of an mcq question");
  if (!question.item.keys.empty() || !question.item.text.empty()) return;
  if (question.format == "mcq" && true_values(question).empty())
    row.fail("answer", "cannot be read: it names no option, or several", "name one option by its key or its text");
  if (question.format == "yesno" && true_values(question).empty())
    row.fail("answer", "cannot be read: it begins with neither yes nor no", "begin it with yes or no");
}

/// The answer about the other clip, in the style of the answer, says another thing.
void check_other(const Question& question, const RowReader& row) {
  if (question.other_answer.empty()) return;
  if (!question.other) row.fail("other_answer", "is an answer about no clip", "give other, the clip");
  if (!question.other_answer.starts_with(question.style) || question.other_answer.size() == question.style.size())
    row.fail("other_answer", "does not begin with the style and go on", "write it as the answer is written");
  const Verdict verdict = judge(question, question.other_answer).verdict;
  if (question.other_answer == question.answer || verdict == Verdict::right)
    row.fail("other_answer", "says what the answer says", "name another clip whose answer differs, or leave it out");
  const bool names_one = question.format == "mcq" || question.format == "yesno";
  if (names_one && verdict != Verdict::wrong)
    row.fail("other_answer", "cannot be read", "write it as the answer is written");
}

void check_question(const Question& question, const RowReader& row) {
  const std::vector<std::string>& formats = question_formats();
  if (std::find(formats.begin(), formats.end(), question.format) == formats.end())
    row.fail("format", "is '" + question.format + "'", "use mcq, yesno, short or open");
  if (!question.answer.starts_with(question.style))
    row.fail("style", "does not begin the answer", "give leading bytes of answer");
  if (question.answer.size() == question.style.size())
    row.fail("answer", "says nothing after its style", "write the answer");
  text::check_spans({question.answer, question.spans}, std::string(row.place()) + ": spans");
  check_slots(question, row);
  check_item(question, row);
  check_truth(question, row);
  check_other(question, row);
}

/// A benchmark's question may be empty, as one of MLVU's is.
std::string question_text(RowReader& row) {
  if (!row.has("benchmark")) return row.prose("question");
  std::string text = row.text("question", /*may_be_empty=*/true);
  row.refuse_markup("question", text);
  return text;
}

}  // namespace

const std::vector<std::string>& question_formats() {
  static const std::vector<std::string> formats = {"mcq",     "yesno",         "short",       "open",
                                                   "mcq_set", "caption_match", "caption_gen", "scene_change"};
  return formats;
}

Question parse_question(const Json& json, std::string_view place) {
  RowReader row(json, place);
  Question question;
  question.id = row.id("id");
  question.media = read_media(row);
  question.question = question_text(row);
  read_item(row, question);
  if (question.answer.empty()) question.answer = row.prose("answer");
  question.format = row.text("format");
  question.options = read_options(row);
  question.slots = read_slots(row);
  question.spans = row.ranges("spans");
  question.style = row.text_or("style", "");
  question.other = read_view(row, "other", question.media);
  if (row.has("other_answer")) question.other_answer = row.prose("other_answer");
  if (const Json* tags = row.find("tags")) {
    if (!tags->is_object()) row.fail("tags", "is no JSON object", "write {\"name\": \"value\"}");
    question.tags = *tags;
  }
  question.extra = row.rest();
  question.place = place;
  check_question(question, row);
  return question;
}

Json question_json(const Question& question) {
  Json out = {{"id", question.id}};
  write_media(question.media, out);
  out["question"] = question.question;
  out["answer"] = question.answer;
  out["format"] = question.format;
  for (const Option& option : question.options) out["options"].push_back({{"key", option.key}, {"text", option.text}});
  for (const Slot& slot : question.slots) out["slots"].push_back({{"span", range_json(slot.span)}, {"values", slot.values}});
  for (const text::ByteRange& span : question.spans) out["spans"].push_back(range_json(span));
  if (!question.style.empty()) out["style"] = question.style;
  if (question.other) out["other"] = view_json(*question.other, question.media);
  if (!question.other_answer.empty()) out["other_answer"] = question.other_answer;
  if (!question.tags.empty()) out["tags"] = question.tags;
  write_item(question, out);
  for (const auto& [key, value] : question.extra.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  return out;
}

std::vector<Question> read_questions(const std::filesystem::path& file, std::vector<BadRow>* bad) {
  std::vector<Question> questions = read_rows(file, bad, parse_question);
  tell_unused(file, questions);
  return questions;
}

}  // namespace rrpo::rows
