#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  for (const char* key : {"conversations", "messages"}) {
    if (is_messages(row, key)) return std::string(key) + " without a rejected answer";
  }
  return "";
}

/// Each turn of the user with the answer behind it.
ForeignRow read(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  const char* key = row.has("conversations") ? "conversations" : "messages";
  const std::vector<Message> messages = read_messages(row, key);
  out.system = system_of(messages);
  std::string question;
  for (const Message& message : messages) {
    if (message.role == "user") {
      if (!question.empty()) row.fail(key, "has a question without an answer", "add it, or remove the turn");
      question = without_places(message.text, out.media, row);
    } else if (message.role == "assistant") {
      if (question.empty()) row.fail(key, "has an answer without a question", "add it, or remove the turn");
      if (message.text.empty()) row.fail(key, "has an empty answer", "write it, or remove the turn");
      out.items.push_back({question, {message.text, {}}, {}});
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
