#include "parts.h"
#include "rows.h"

namespace rrpo::rows {
namespace {

std::string why(const Json& row) {
  if (!is_messages(row, "messages")) return "";
  if (is_text(row, "rejected_response")) return "messages and rejected_response";
  return is_messages(row, "rejected_messages") ? "messages and rejected_messages" : "";
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

ForeignRow read(RowReader& row) {
  ForeignRow out{read_id(row), read_foreign_media(row), read_source(row), {}, {}};
  check_rejected_media(row);
  const std::vector<Message> messages = read_messages(row, "messages");
  out.system = system_of(messages);
  const std::string question = only_question(messages, row, "messages"), chosen = read_answer(row, "messages");
  std::string rejected;
  if (row.has("rejected_response")) {
    rejected = row.text("rejected_response");
  } else {
    for (const Message& message : read_messages(row, "rejected_messages")) {
      if (message.role == "user" && message.text != question)
        row.fail("rejected_messages", "asks something else than messages", "a pair has one question");
    }
    rejected = read_answer(row, "rejected_messages");
  }
  out.items.push_back({without_places(question, out.media, row), {chosen, {}}, ForeignAnswer{rejected, {}}});
  return out;
}

}  // namespace

ForeignFormat ms_swift_format() {
  return {"ms_swift", "messages with rejected_response or rejected_messages; videos, images", true, why, read};
}

}  // namespace rrpo::rows
