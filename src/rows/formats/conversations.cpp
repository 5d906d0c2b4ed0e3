#include "parts.h"
#include "rows.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  const char* key = turns_key(row);
  return key != nullptr && rejected_key(row).empty() ? std::string(key) + " without a rejected answer" : "";
}

/// As JSON has it, and as tables have it that were written as numbers or as text.
bool says_false(const Json& label) {
  if (!label.is_string()) return label == false || label == 0;
  const std::string word = text::fold_case(label.get<std::string>());
  return word == "false" || word == "0";
}

/// Rows of KTO and the like say of an answer that it is a bad one.
void refuse_bad_answer(RowReader& row) {
  for (const char* key : {"label", "kto_tag"}) {
    const Json* label = row.peek(key);
    if (label != nullptr && says_false(*label))
      row.fail(key, "is " + printable(json_line(*label), 20) + ": the answer is a bad one",
               "pair it with a good answer, or remove the row");
  }
}

/// Each turn of the user with the answer behind it.
ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  refuse_bad_answer(row);
  const char* key = row.has("conversations") ? "conversations" : "messages";
  const std::vector<Message> messages = read_messages(row, key);
  take_media(out, messages, row, key);
  out.system = system_of(messages);
  std::string question;
  for (const Message& message : messages) {
    if (message.role == "user") {
      if (!question.empty()) row.fail(key, "has a question without an answer", "add it, or remove the turn");
      question = message.text;
    } else if (message.role == "assistant") {
      if (question.empty()) row.fail(key, "has an answer without a question", "add it, or remove the turn");
      if (message.text.empty()) row.fail(key, "has an empty answer", "write it, or remove the turn");
      add_question(out, question, message.text);
      question.clear();
    }
  }
  if (out.items.empty() || !question.empty()) row.fail(key, "has a question without an answer", "add it");
  return out;
}

}  // namespace

ForeignFormat conversations_format() {
  return {"conversations", "LLaVA rows: id, video or image, conversations; one question row for each turn", false, why,
          read};
}

}  // namespace rrpo::rows
