#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  if (!row.contains("chosen") || !row.contains("rejected")) return "";
  if (is_messages(row, "prompt")) return "prompt, chosen and rejected as conversations";
  if (is_text(row, "prompt")) return "prompt, chosen and rejected";
  if (is_text(row, "question")) return "question, chosen and rejected";
  return is_messages(row, "chosen") ? "chosen and rejected as whole conversations" : "";
}

/// The turns before the answers: `prompt`, `question`, or what both conversations begin with.
std::vector<Message> prompt_of(RowReader& row, ForeignRow& out) {
  for (const char* key : {"prompt", "question"}) {
    if (!row.has(key)) continue;
    std::vector<Message> prompt;
    if (row.need(key).is_string()) {
      Message question;
      question.role = "user";
      question.text = row.text(key);
      prompt.push_back(std::move(question));
    } else {
      prompt = read_messages(row, key);
    }
    take_media(out, prompt, row, key);
    return prompt;
  }
  std::vector<Message> chosen = read_messages(row, "chosen");
  const std::vector<Message> rejected = read_messages(row, "rejected");
  if (only_question(rejected, row, "rejected") != only_question(chosen, row, "chosen"))
    row.fail("rejected", "asks something else than chosen", "a pair has one question");
  take_media(out, chosen, row, "chosen");
  take_media(out, rejected, row, "rejected");
  return chosen;
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  const std::vector<Message> prompt = prompt_of(row, out);
  out.system = system_of(prompt);
  const std::string question = only_question(prompt, row, "prompt"), chosen = read_answer(row, "chosen");
  add_pairs(out, question, chosen, read_answers(row, "rejected"));
  return out;
}

}  // namespace

ForeignFormat trl_format() {
  return {"trl", "prompt (or question), chosen, rejected as texts or conversations; videos, images", true, why, read};
}

}  // namespace rrpo::rows
