#include <cctype>

#include "scenes_questions.h"

namespace rrpo::gen {

namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

void add_style(const std::string& style, rows::Question& row) {
  for (rows::Slot& slot : row.slots) {
    if (slot.span.begin == 0) {
      for (std::string& value : slot.values) value[0] = lower(value[0]);
    }
  }
  row.answer[0] = lower(row.answer[0]);
  row.answer = style + row.answer;
  row.style = style;
  const auto shift = static_cast<int64_t>(style.size());
  const auto moved = [&](text::ByteRange range) { return text::ByteRange{range.begin + shift, range.end + shift}; };
  for (rows::Slot& slot : row.slots) slot.span = moved(slot.span);
  for (text::ByteRange& span : row.spans) span = moved(span);
}

}  // namespace rrpo::gen
