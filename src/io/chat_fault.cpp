#include "chat_fault.h"

#include <algorithm>
#include <array>

namespace rrpo::io {

namespace {

constexpr size_t kShortestSecret = 12, kShortestPiece = 8;
constexpr size_t kMostOfASentence = 4096;  ///< before the key is blotted; what is shown of it is far shorter

const Json* member(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) ? &object.at(name) : nullptr;
}

/// An error as servers write it: `{"message", "type", "code"}`, or a text.
struct Complaint {
  std::string sentence, kind;  ///< `kind`: type and code
  int64_t status = 0;          ///< a status of HTTP given as the code; 0 for none
};

std::string text_of(const Json* value) { return value != nullptr && value->is_string() ? value->get<std::string>() : ""; }

Complaint complaint_of(const Json& error) {
  Complaint out;
  if (error.is_string()) out.sentence = error.get<std::string>();
  for (const char* name : {"message", "msg", "detail"}) {
    if (out.sentence.empty()) out.sentence = text_of(member(error, name));
  }
  out.kind = text_of(member(error, "type")) + " " + text_of(member(error, "code"));
  const Json* code = member(error, "code");
  if (code != nullptr && code->is_number_integer()) out.status = code->get<int64_t>();
  if (out.sentence.empty() && out.kind != " ") out.sentence = out.kind;
  if (out.sentence.size() > kMostOfASentence) out.sentence.resize(kMostOfASentence);
  return out;
}

/// OpenAI and most others: `error`; vLLM of before: the members at the top; FastAPI: `detail`, a text or a list.
Complaint find_complaint(const Json& body) {
  // One list at most: a server may nest them a million deep.
  if (body.is_array() && !body.empty() && body.front().is_object()) return find_complaint(body.front());
  for (const char* name : {"error", "errors", "detail"}) {
    const Json* inner = member(body, name);
    if (inner != nullptr && inner->is_array() && !inner->empty()) inner = &inner->front();
    if (inner != nullptr && (inner->is_object() || inner->is_string())) return complaint_of(*inner);
  }
  return complaint_of(body);
}

bool holds_one(const std::string& text, std::initializer_list<const char*> parts) {
  std::string small = text;
  std::transform(small.begin(), small.end(), small.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return std::any_of(parts.begin(), parts.end(), [&](const char* part) { return small.find(part) != std::string::npos; });
}

/// Nothing is left to pay with: no request fares better, however long one waits.
bool is_quota(const Complaint& told) {
  return holds_one(told.kind, {"insufficient_quota", "billing"}) ||
         holds_one(told.sentence, {"exceeded your current quota", "insufficient_quota", "insufficient balance"});
}

/// The prompt is longer than the model reads: the same request ends in the same way.
bool is_too_long(const Complaint& told) {
  return holds_one(told.kind, {"context_length_exceeded", "exceed_context_size"}) ||
         holds_one(told.sentence, {"context length", "context window", "context size", "prompt is too long"});
}

ChatReply classified(int64_t status, const Complaint& told) {
  ChatReply out;
  const bool again = status == 408 || status == 425 || status == 429 || status >= 500 || status < 300;
  const bool everyone = (status >= 300 && status < 400) || (status >= 401 && status <= 405) || status == 407;
  out.unusable = everyone || is_quota(told);
  out.final = !again || out.unusable || is_too_long(told);
  return out;
}

}  // namespace

ChatReply refused(int64_t status, std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const Complaint complaint = json.is_discarded() ? Complaint() : find_complaint(json);
  ChatReply out = classified(status, complaint);
  out.fault = "HTTP " + std::to_string(status) + (complaint.sentence.empty() ? "" : ": " + complaint.sentence);
  return out;
}

ChatReply error_in(const Json& body) {
  const Json* error = member(body, "error");
  const Json* choices = member(body, "choices");
  if (error == nullptr && choices != nullptr && choices->is_array() && !choices->empty())
    error = member(choices->front(), "error");
  const bool none = error == nullptr || error->is_null() || error->empty() || (error->is_string() && *error == "");
  const bool told = !none && (error->is_object() || error->is_string());
  if (!told && !(choices == nullptr && text_of(member(body, "object")) == "error")) return {};
  const Complaint complaint = told ? complaint_of(*error) : complaint_of(body);
  ChatReply out = classified(complaint.status >= 400 && complaint.status < 600 ? complaint.status : 200, complaint);
  out.fault = "an error in the reply: " + complaint.sentence;
  return out;
}

std::string blotted(std::string text, const std::string& key) {
  if (key.size() < kShortestSecret) return text;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) text.replace(at, key.size(), "[key]");
  return text;
}

std::string told(std::string_view fault, const std::string& key, size_t limit) {
  std::string out;
  for (size_t i = 0; i < fault.size();) {
    size_t piece = 0;
    for (size_t from = 0; key.size() >= kShortestSecret && from < key.size(); ++from) {
      size_t same = 0;
      while (i + same < fault.size() && from + same < key.size() && fault[i + same] == key[from + same]) ++same;
      piece = std::max(piece, same);
    }
    if (piece >= kShortestPiece) {
      out += "[key]";
      i += piece;
      continue;
    }
    const char c = fault[i++];
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!blank) out += c;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return printable(out, limit);
}

}  // namespace rrpo::io
