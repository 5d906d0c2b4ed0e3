#include "parts.h"

#include <algorithm>
#include <cmath>

#include "rrpo/util/table.h"

namespace rrpo::rows {
namespace {

bool holds_message(const Json& value) {
  return value.is_object() &&
         ((value.contains("role") && value.contains("content")) || (value.contains("from") && value.contains("value")));
}

std::string role_of(const std::string& role, const RowReader& row, const std::string& key) {
  if (role == "user" || role == "human") return "user";
  if (role == "assistant" || role == "gpt") return "assistant";
  if (role == "system") return role;
  row.fail(key, "has a turn of '" + role + "'", "only system, user (human) and assistant (gpt) are read");
}

/// Media of one part behind those of the parts before it.
void append(ForeignMedia& into, const ForeignMedia& from) {
  into.videos.insert(into.videos.end(), from.videos.begin(), from.videos.end());
  into.frames.insert(into.frames.end(), from.frames.begin(), from.frames.end());
  if (from.start_s) into.start_s = from.start_s;
  if (from.end_s) into.end_s = from.end_s;
  into.unused.insert(from.unused.begin(), from.unused.end());
  into.notes.insert(from.notes.begin(), from.notes.end());
}

/// The medium of a content part: `{"type": "video", "video": …}`, `{"type": "image_url", "image_url": {"url": …}}`, or none.
void read_medium(const Json& part, const std::string& type, Message& out, const RowReader& row, const std::string& key) {
  const bool video = type.starts_with("video");
  out.text += video ? "<video>" : "<image>";
  append(out.media, object_media(part, video, row, key));
}

/// `{"type": "text", "text": …}`, and pictures and videos, of a message.
void read_parts(const Json& parts, Message& out, const RowReader& row, const std::string& key) {
  for (const Json& part : parts) {
    const std::string type = part.is_object() && is_text(part, "type") ? part["type"].get<std::string>() : "";
    if (type == "text" && is_text(part, "text")) {
      out.text += part["text"].get<std::string>();
    } else if (type == "image" || type == "video" || type == "image_url" || type == "video_url") {
      read_medium(part, type, out, row, key);
    } else {
      row.fail(key, "holds a content part that is no text, image or video", "remove it");
    }
  }
}

Message message_from(const Json& json, const RowReader& row, const std::string& key) {
  if (!holds_message(json)) row.fail(key, "holds something that is no message", "write {\"role\": …, \"content\": …}");
  const bool roles = json.contains("role");
  const Json &role = json[roles ? "role" : "from"], &content = json[roles ? "content" : "value"];
  if (!role.is_string() || !(content.is_string() || content.is_array()))
    row.fail(key, "holds a message without a role or a text", "write {\"role\": …, \"content\": …}");
  Message out;
  out.role = role_of(role.get<std::string>(), row, key);
  if (content.is_string()) {
    out.text = content.get<std::string>();
  } else {
    read_parts(content, out, row, key);
  }
  return out;
}

std::vector<Message> messages_from(const Json& list, const RowReader& row, const std::string& key) {
  if (!list.is_array()) row.fail(key, "is no list of messages", "write [{\"role\": …, \"content\": …}]");
  std::vector<Message> out;
  for (const Json& item : list) out.push_back(message_from(item, row, key));
  return out;
}

std::string answer_from(const Json& value, const RowReader& row, const std::string& key) {
  Message last;
  if (value.is_string()) {
    last.role = "assistant";
    last.text = value.get<std::string>();
  } else if (value.is_array()) {
    const std::vector<Message> turns = messages_from(value, row, key);
    if (!turns.empty()) last = turns.back();
  } else if (value.is_object()) {
    last = message_from(value, row, key);
  } else {
    row.fail(key, "is neither a text nor a message", "write the answer in quotes");
  }
  if (last.text.empty()) row.fail(key, "is empty", "write what it should say, or remove the row");
  if (last.role != "assistant") row.fail(key, "does not end with the assistant", "add the answer");
  return last.text;
}

}  // namespace

bool is_there(const Json& row, const char* key) { return row.contains(key) && !row.at(key).is_null(); }

bool is_text(const Json& row, const char* key) { return row.contains(key) && row.at(key).is_string(); }

bool is_messages(const Json& row, const char* key) {
  if (!row.contains(key) || !row.at(key).is_array() || row.at(key).empty()) return false;
  return std::all_of(row.at(key).begin(), row.at(key).end(), holds_message);
}

std::string rejected_key(const Json& row) {
  for (const auto& [key, value] : row.items()) {
    if (key.starts_with("rejected")) return key;
  }
  return "";
}

const char* turns_key(const Json& row) {
  for (const char* key : {"conversations", "messages"}) {
    if (is_messages(row, key)) return key;
  }
  return nullptr;
}

std::vector<Message> read_messages(RowReader& row, const std::string& key) { return messages_from(row.need(key), row, key); }

std::string read_answer(RowReader& row, const std::string& key) { return answer_from(row.need(key), row, key); }

std::vector<std::string> read_answers(RowReader& row, const std::string& key) {
  const Json& value = row.need(key);
  const auto alone = [](const Json& item) { return item.is_string() || item.is_array(); };
  std::vector<std::string> out;
  if (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), alone)) {
    for (size_t i = 0; i < value.size(); ++i) out.push_back(answer_from(value[i], row, key + "[" + std::to_string(i) + "]"));
  } else {
    out.push_back(answer_from(value, row, key));
  }
  return out;
}

std::string system_of(const std::vector<Message>& messages) {
  return !messages.empty() && messages.front().role == "system" ? messages.front().text : "";
}

std::string only_question(const std::vector<Message>& messages, const RowReader& row, const std::string& key) {
  std::string question;
  int64_t turns = 0;
  for (const Message& message : messages) {
    if (message.role != "user") continue;
    question = message.text;
    ++turns;
  }
  if (turns != 1) row.fail(key, "has " + std::to_string(turns) + " turns of the user", "a pair has one question");
  return question;
}

void take_media(ForeignRow& out, const std::vector<Message>& messages, const RowReader& row, const std::string& key) {
  ForeignMedia all;
  for (const Message& message : messages) append(all, message.media);
  merge_media(out.media, all, row, key);
}

void add_pairs(ForeignRow& out, const std::string& question, const std::string& chosen,
               const std::vector<std::string>& rejected) {
  for (const std::string& answer : rejected) {
    ForeignItem item;
    item.question = question;
    item.chosen.text = chosen;
    item.rejected.emplace();
    item.rejected->text = answer;
    out.items.push_back(std::move(item));
  }
}

void add_question(ForeignRow& out, std::string question, std::string answer) {
  ForeignItem item;
  item.question = std::move(question);
  item.chosen.text = std::move(answer);
  out.items.push_back(std::move(item));
}

namespace {

std::string read_id(RowReader& row) {
  for (const char* key : {"sample_id", "id", "question_id", "uid"}) {
    if (row.has(key)) return row.id(key, /*may_be_empty=*/true);
    row.find(key);
  }
  return "";
}

std::string read_source(RowReader& row) {
  for (const char* key : {"source", "src", "data_source"}) {
    if (row.has(key)) return row.text(key, true);
  }
  return "";
}

/// What the row names outside of its messages.
ForeignMedia read_foreign_media(RowReader& row) {
  ForeignMedia media;
  for (const char* key : {"video", "videos", "media_path", "image", "images", "frames"}) {
    const Json* value = row.find(key);
    if (value == nullptr || (value->is_array() && value->empty()) || *value == "") continue;
    const std::string_view name = key;
    const bool video = name.starts_with("video") || name == "media_path";
    const ForeignMedia found = media_from(*value, video, row, key);
    merge_media(media, found, row, key);
  }
  take_clip(row, media);
  return media;
}

}  // namespace

ForeignRow begin_row(RowReader& row) {
  ForeignRow out;
  out.id = read_id(row);
  out.source = read_source(row);
  out.media = read_foreign_media(row);
  return out;
}

std::string keys_of(const Json& row) {
  constexpr size_t kMost = 12;
  std::vector<std::string> keys;
  if (!row.is_object()) return "";
  for (const auto& [key, value] : row.items()) keys.push_back(printable(key, 40));
  if (keys.size() > kMost) keys.resize(kMost);
  return keys.empty() ? "" : " (the first has " + join(keys) + ")";
}

bool holds_no_number(const Json& value) {
  if (value.is_number_float()) return !std::isfinite(value.get<double>());
  return value.is_structured() && std::any_of(value.begin(), value.end(), holds_no_number);
}

}  // namespace rrpo::rows
