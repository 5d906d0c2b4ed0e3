#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

bool is_side(const Json& row, const char* key) { return is_text(row, key) || is_messages(row, key) || is_message(row, key); }

std::string why(const Json& row) {
  if (!is_side(row, "chosen") || !is_side(row, "rejected")) return "";
  if (is_messages(row, "prompt")) return "prompt, chosen and rejected as conversations";
  if (is_text(row, "prompt")) return "prompt, chosen and rejected";
  if (is_text(row, "question")) return "question, chosen and rejected";
  return is_messages(row, "chosen") ? "chosen and rejected as whole conversations" : "";
}

/// The turns before the answers: `prompt`, `question`, or what both conversations begin with.
std::vector<Message> prompt_of(RowReader& row) {
  for (const char* key : {"prompt", "question"}) {
    if (!row.has(key)) continue;
    if (!row.need(key).is_string()) return read_messages(row, key);
    const Message question{"user", row.text(key)};
    return {question};
  }
  std::vector<Message> chosen = read_messages(row, "chosen");
  const std::string question = only_question(chosen, row, "chosen");
  if (only_question(read_messages(row, "rejected"), row, "rejected") != question)
    row.fail("rejected", "asks something else than chosen", "a pair has one question");
  return chosen;
}

ForeignRow read(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  const std::vector<Message> prompt = prompt_of(row);
  out.system = system_of(prompt);
  const std::string question = without_places(only_question(prompt, row, "prompt"), out.media, row);
  out.items.push_back({question, {read_answer(row, "chosen"), {}}, ForeignAnswer{read_answer(row, "rejected"), {}}});
  return out;
}

}  // namespace

ForeignFormat trl_format() {
  return {"trl", "prompt (or question), chosen, rejected as texts or conversations; videos, images", true, why, read};
}

}  // namespace rrpo::rows
