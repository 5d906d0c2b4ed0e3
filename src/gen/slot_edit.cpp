#include "slot_edit.h"

#include <algorithm>
#include <cctype>

#include "rrpo/rows/answer.h"
#include "rrpo/text/unicode.h"

namespace rrpo::gen {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

int64_t skip_blanks(std::string_view text, int64_t at) {
  const size_t found = text.find_first_not_of(kBlank, static_cast<size_t>(at));
  return found == std::string_view::npos ? static_cast<int64_t>(text.size()) : static_cast<int64_t>(found);
}

std::string_view slice(std::string_view text, const text::ByteRange& range) {
  return text.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
}

bool holds(const text::ByteRange& outer, const text::ByteRange& inner) {
  return outer.begin <= inner.begin && inner.end <= outer.end;
}

/// A key phrase whose ends cut no slot.
bool cuts_no_slot(const rows::Question& question, const text::ByteRange& phrase) {
  return std::all_of(question.slots.begin(), question.slots.end(), [&](const rows::Slot& slot) {
    return holds(phrase, slot.span) || slot.span.end <= phrase.begin || phrase.end <= slot.span.begin;
  });
}

text::ByteRange phrase_of(const rows::Question& question, const rows::Slot& slot) {
  for (const text::ByteRange& phrase : question.spans) {
    if (holds(phrase, slot.span) && cuts_no_slot(question, phrase)) return phrase;
  }
  return slot.span;
}

}  // namespace

std::vector<text::ByteRange> phrases_of(const rows::Question& question, const std::vector<size_t>& slots) {
  std::vector<text::ByteRange> phrases;
  for (const size_t slot : slots) {
    const text::ByteRange phrase = phrase_of(question, question.slots[slot]);
    if (std::find(phrases.begin(), phrases.end(), phrase) == phrases.end()) phrases.push_back(phrase);
  }
  std::sort(phrases.begin(), phrases.end(),
            [](const text::ByteRange& a, const text::ByteRange& b) { return a.begin < b.begin; });
  return phrases;
}

EditedAnswer edit_slots(const rows::Question& question, const std::vector<SlotEdit>& edits) {
  EditedAnswer out{{question.answer, {}}, {}};
  std::vector<size_t> slots;
  std::vector<std::pair<int64_t, int64_t>> shifts;  // from this byte of the answer on: so many bytes further
  int64_t taken = 0, shift = 0;
  for (const SlotEdit& edit : edits) {
    const text::ByteRange span = question.slots[edit.slot].span;
    out.after.text += slice(question.answer, {taken, span.begin});
    out.after.text += edit.value;
    taken = span.end;
    shift += static_cast<int64_t>(edit.value.size()) - (span.end - span.begin);
    shifts.emplace_back(span.end, shift);
    slots.push_back(edit.slot);
  }
  out.after.text += slice(question.answer, {taken, static_cast<int64_t>(question.answer.size())});
  const auto moved = [&](int64_t at) {
    int64_t by = 0;
    for (const auto& [from, bytes] : shifts) by = at >= from ? bytes : by;
    return at + by;
  };
  out.before.spans = phrases_of(question, slots);
  for (const text::ByteRange& phrase : out.before.spans) out.after.spans.push_back({moved(phrase.begin), moved(phrase.end)});
  return out;
}

std::string written(const rows::Question& question, const rows::Slot& slot, std::string value) {
  const std::string listed = rows::true_value(question, slot);
  const std::string_view there = slice(question.answer, slot.span);
  if (listed == there || value.empty() || there.empty()) return value;
  const auto first = static_cast<unsigned char>(value[0]);
  value[0] =
      static_cast<char>(std::islower(static_cast<unsigned char>(there[0])) ? std::tolower(first) : std::toupper(first));
  return value;
}

int64_t body_begin(const rows::Question& question, std::string_view text) {
  const std::string_view style = question.style;
  const int64_t begin = skip_blanks(text, 0), style_begin = skip_blanks(style, 0);
  const size_t style_end = style.find_last_not_of(kBlank);
  if (style_end == std::string_view::npos) return begin;
  const std::string_view words = slice(style, {style_begin, static_cast<int64_t>(style_end) + 1});
  if (!text.substr(static_cast<size_t>(begin)).starts_with(words)) return begin;
  return skip_blanks(text, begin + static_cast<int64_t>(words.size()));
}

std::vector<text::ByteRange> slots_in(const rows::Question& question, const std::vector<std::string>& found,
                                      std::string_view response) {
  std::vector<text::ByteRange> ranges;
  int64_t at = body_begin(question, response), fixed = body_begin(question, question.answer);
  for (size_t i = 0; i < question.slots.size() && i < found.size(); ++i) {
    at += question.slots[i].span.begin - fixed;
    const auto end = at + static_cast<int64_t>(found[i].size());
    if (end > static_cast<int64_t>(response.size())) return {};
    if (text::fold_case(slice(response, {at, end})) != text::fold_case(found[i])) return {};
    ranges.push_back({at, end});
    at = end;
    fixed = question.slots[i].span.end;
  }
  return ranges;
}

}  // namespace rrpo::gen
