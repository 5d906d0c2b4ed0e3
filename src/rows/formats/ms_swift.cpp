#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  const char* key = turns_key(row);
  if (key == nullptr) return "";
  for (const char* rejected : {"rejected_response", "rejected_messages", "rejected"}) {
    if (row.contains(rejected) && !row.contains("chosen")) return std::string(key) + " and " + rejected;
  }
  return "";
}

/// Media of the rejected side must be those of the chosen one.
void check_rejected_media(RowReader& row) {
  for (const char* key : {"images", "videos"}) {
    const std::string rejected = std::string("rejected_") + key;
    const Json* media = row.find(rejected);
    if (media == nullptr || media->empty()) continue;
    const Json* chosen = row.find(key);
    if (chosen == nullptr || *chosen != *media)
      row.fail(rejected, "differs from " + std::string(key), "a pair has one video");
  }
}

/// The answer of the conversation that was rejected as a whole.
std::string rejected_conversation(RowReader& row, const std::string& question, ForeignRow& out) {
  const std::vector<Message> messages = read_messages(row, "rejected_messages");
  take_media(out, messages, row, "rejected_messages");
  for (const Message& message : messages) {
    if (message.role == "user" && message.text != question)
      row.fail("rejected_messages", "asks something else than messages", "a pair has one question");
  }
  return read_answer(row, "rejected_messages");
}

ForeignRow read(RowReader& row) {
  ForeignRow out = begin_row(row);
  check_rejected_media(row);
  const char* key = row.has("messages") ? "messages" : "conversations";
  const std::vector<Message> messages = read_messages(row, key);
  take_media(out, messages, row, key);
  out.system = system_of(messages);
  const std::string question = only_question(messages, row, key), chosen = read_answer(row, key);
  std::vector<std::string> rejected;
  if (row.has("rejected_messages") && !row.has("rejected_response")) {
    rejected.push_back(rejected_conversation(row, question, out));
  } else {
    const bool plain = row.has("rejected") && !row.has("rejected_response");
    rejected = read_answers(row, plain ? "rejected" : "rejected_response");
  }
  add_pairs(out, question, chosen, rejected);
  return out;
}

}  // namespace

ForeignFormat ms_swift_format() {
  return {"ms_swift", "messages with rejected_response or rejected_messages; videos, images", true, why, read};
}

}  // namespace rrpo::rows
