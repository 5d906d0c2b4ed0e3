#include "parts.h"

#include <algorithm>
#include <array>

namespace rrpo::rows {
namespace {

constexpr std::array kPlaces = {"<image>", "<video>"};

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

/// `{"type": "text", "text": …}` and `{"type": "image"}` in a row.
std::string parts_text(const Json& parts, const RowReader& row, const std::string& key) {
  std::string out;
  for (const Json& part : parts) {
    const std::string type = part.is_object() && is_text(part, "type") ? part["type"].get<std::string>() : "";
    if (type == "text" && is_text(part, "text")) {
      out += part["text"].get<std::string>();
    } else if (type == "image" || type == "video") {
      if (is_there(part, type.c_str()))
        row.fail(key, "names a file inside a message", "name it in videos or images of the row");
      out += "<" + type + ">";
    } else {
      row.fail(key, "holds a content part that is no text, image or video", "remove it");
    }
  }
  return out;
}

Message message_from(const Json& json, const RowReader& row, const std::string& key) {
  if (!holds_message(json)) row.fail(key, "holds something that is no message", "write {\"role\": …, \"content\": …}");
  const bool roles = json.contains("role");
  const Json &role = json[roles ? "role" : "from"], &content = json[roles ? "content" : "value"];
  if (!role.is_string() || !(content.is_string() || content.is_array()))
    row.fail(key, "holds a message without a role or a text", "write {\"role\": …, \"content\": …}");
  return {role_of(role.get<std::string>(), row, key),
          content.is_string() ? content.get<std::string>() : parts_text(content, row, key)};
}

std::vector<Message> messages_from(const Json& list, const RowReader& row, const std::string& key) {
  if (!list.is_array()) row.fail(key, "is no list of messages", "write [{\"role\": …, \"content\": …}]");
  std::vector<Message> out;
  for (const Json& item : list) out.push_back(message_from(item, row, key));
  return out;
}

/// A path, or an object that names one.
std::string path_from(const Json& value, const RowReader& row, const std::string& key) {
  const Json& path = value.is_object() && value.contains("path") ? value["path"] : value;
  if (!path.is_string() || path.get<std::string>().empty()) row.fail(key, "names no file", "give the path of a file");
  auto out = path.get<std::string>();
  if (out.starts_with("data:") || out.find("://") != std::string::npos)
    row.fail(key, "is no path of a file", "store the file and give its path");
  return out;
}

std::vector<std::string> paths_from(const Json& value, const RowReader& row, const std::string& key) {
  std::vector<std::string> out;
  if (value.is_array()) {
    for (const Json& item : value) out.push_back(path_from(item, row, key));
  } else {
    out.push_back(path_from(value, row, key));
  }
  return out;
}

/// Paths of the first of `keys` that is there and no empty list; two that differ are a fault.
std::vector<std::string> paths_of(RowReader& row, const std::vector<std::string>& keys) {
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    const Json* value = row.find(key);
    if (value == nullptr || (value->is_array() && value->empty()) || *value == "") continue;
    std::vector<std::string> found = paths_from(*value, row, key);
    if (!out.empty() && out != found) row.fail(key, "differs from the other media of the row", "keep one of them");
    out = std::move(found);
  }
  return out;
}

bool take(std::string& text, bool front, std::string_view piece) {
  if (!(front ? text.starts_with(piece) : text.ends_with(piece))) return false;
  front ? text.erase(0, piece.size()) : text.erase(text.size() - piece.size());
  return true;
}

/// Takes places of pictures, and the white space between them, off one end of a text; returns how many.
size_t take_places(std::string& text, bool front) {
  size_t count = 0;
  std::string rest = text;
  for (bool found = true; found;) {
    while (take(rest, front, "\n") || take(rest, front, " ")) continue;
    found = false;
    for (const char* place : kPlaces) found = found || take(rest, front, place);
    if (!found) break;
    ++count;
    text = rest;
  }
  if (count > 0) take(text, front, "\n") || take(text, front, " ");
  return count;
}

}  // namespace

bool is_there(const Json& row, const char* key) { return row.contains(key) && !row.at(key).is_null(); }

bool is_text(const Json& row, const char* key) { return row.contains(key) && row.at(key).is_string(); }

bool is_messages(const Json& row, const char* key) {
  if (!row.contains(key) || !row.at(key).is_array() || row.at(key).empty()) return false;
  return std::all_of(row.at(key).begin(), row.at(key).end(), holds_message);
}

bool is_message(const Json& row, const char* key) { return row.contains(key) && holds_message(row.at(key)); }

std::vector<Message> read_messages(RowReader& row, const std::string& key) { return messages_from(row.need(key), row, key); }

std::string read_answer(RowReader& row, const std::string& key) {
  const Json& value = row.need(key);
  if (value.is_string()) return row.text(key);
  Message last;
  if (value.is_array()) {
    const std::vector<Message> turns = messages_from(value, row, key);
    if (!turns.empty()) last = turns.back();
  } else {
    last = message_from(value, row, key);
  }
  if (last.role != "assistant") row.fail(key, "does not end with the assistant", "add the answer");
  if (last.text.empty()) row.fail(key, "is empty", "write what it should say, or remove the row");
  return last.text;
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

std::string without_places(std::string question, const Media& media, const RowReader& row) {
  const size_t count = take_places(question, true) + take_places(question, false);
  for (const char* place : kPlaces) {
    if (question.find(place) != std::string::npos)
      bad_row(row.place(), std::string(place) + " stands inside the question", "put it before the question");
  }
  if (count > 1 && count != media.frames.size()) {
    bad_row(row.place(),
            "the question has " + std::to_string(count) + " places for " +
                std::to_string(media.frames.empty() ? 1 : media.frames.size()) + " pictures or videos",
            "give one for each, or one for all");
  }
  if (question.empty()) bad_row(row.place(), "the question is empty", "write it, or remove the row");
  return question;
}

std::string read_id(RowReader& row) {
  for (const char* key : {"sample_id", "id", "question_id", "uid"}) {
    const Json* value = row.find(key);
    if (value == nullptr) continue;
    if (value->is_string() && !value->get<std::string>().empty()) return value->get<std::string>();
    if (value->is_number_integer()) return value->dump();
    row.fail(key, "is no text and no integer", "give every row its own id, or none");
  }
  return "";
}

std::string read_source(RowReader& row) {
  for (const char* key : {"source", "src", "data_source"}) {
    if (row.has(key)) return row.text(key, true);
  }
  return "";
}

Media read_foreign_media(RowReader& row) {
  Media media;
  const std::vector<std::string> videos = paths_of(row, {"video", "videos", "media_path"});
  media.frames = paths_of(row, {"image", "images", "frames"});
  if (videos.empty() && media.frames.empty()) bad_row(row.place(), "has neither video nor pictures", "name one");
  if (!videos.empty() && !media.frames.empty()) bad_row(row.place(), "has a video and pictures", "keep one of them");
  if (videos.size() > 1) bad_row(row.place(), "has " + std::to_string(videos.size()) + " videos", "a row has one");
  if (videos.empty()) return media;
  media.video = videos.front();
  media.start_s = row.number("start");
  media.end_s = row.number("end");
  return media;
}

}  // namespace rrpo::rows
