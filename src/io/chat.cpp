#include "rrpo/io/chat.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <utility>

#include "chat_fault.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/random.h"
#include "rrpo/util/thinking.h"

namespace rrpo::io {

namespace {

void check_number(const std::string& at, double value, double least, double most) {
  if (value >= least && value <= most) return;  // false for NaN
  const auto text = [](double number) { return Json(number).dump(); };
  bad_field(at, text(value) + " is outside " + text(least) + " to " + text(most),
            at + "=" + text(value < least ? least : most));
}

bool is_name_of_variable(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), letter);
}

/// What is sent unless the user names another variable: to nobody who could read it on the way.
constexpr const char* kStandardKey = "OPENAI_API_KEY";

std::string key_from(const std::string& variable) {
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  std::string key = value == nullptr ? "" : value;
  if (!std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    throw Error(Fault::environment, "judge", "the key in " + variable + " holds a blank or a byte that no header may hold",
                "export it again, without quotes or a newline");
  return key;
}

/// Sleeps; false when `stopped` came first.
bool waited(double seconds, const std::function<bool()>& stopped) {
  const Stopwatch clock;
  while (clock.seconds() < seconds) {
    if (stopped()) return false;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(0.05, seconds - clock.seconds())));
  }
  return !stopped();
}

ChatReply fault(std::string what) { return {.fault = std::move(what)}; }

const Json* member(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object() || !object->contains(name)) return nullptr;
  return &object->at(name);
}

std::string text_of(const Json* value) { return value != nullptr && value->is_string() ? value->get<std::string>() : ""; }

}  // namespace

void ChatFields::check(const std::string& at) const {
  const std::string objection = endpoint.empty() ? "" : url_objection(endpoint);
  if (!objection.empty()) bad_field(at + ".endpoint", objection, at + ".endpoint=http://127.0.0.1:8000/v1");
  if (key_env && !key_env->empty() && !is_name_of_variable(*key_env))
    bad_field(at + ".key_env", "is no name of an environment variable", "the name of the variable, never the key itself");
  if (!options.is_object()) bad_field(at + ".options", "is no object", at + ".options={\"seed\":1}");
  for (const char* name : {"messages", "model", "stream", "n"}) {
    if (options.contains(name)) bad_field(at + ".options." + name, "is not for you to set", "leave it out");
  }
  check_number(at + ".temperature", temperature, 0, 100);
  check_number(at + ".max_tokens", static_cast<double>(max_tokens), 1, 1 << 20);
  check_number(at + ".concurrency", static_cast<double>(concurrency), 1, 1024);
  check_number(at + ".timeout_s", timeout_s, 0.001, 86400);
  check_number(at + ".retries", static_cast<double>(retries), 0, 1000);
  check_number(at + ".backoff_s", backoff_s, 0, 3600);
  check_number(at + ".max_wait_s", max_wait_s, 0, 86400);
  check_number(at + ".max_reply_bytes", static_cast<double>(max_reply_bytes), 1024, 1 << 30);
}

void ChatFields::check_key(const std::string& at) const {
  const char* standard = std::getenv(kStandardKey);
  if (key_env || standard == nullptr || *standard == '\0' || is_private(endpoint)) return;
  bad_field(at + ".endpoint", std::string("the key in ") + kStandardKey + " would go there in clear text",
            "https, or name the key for it: " + at + ".key_env=VARIABLE; none: " + at + ".key_env=");
}

std::string ChatFields::key_variable() const { return key_env ? *key_env : kStandardKey; }

Json chat_request(const ChatFields& fields, const std::vector<ChatMessage>& messages) {
  Json list = Json::array();
  for (const ChatMessage& message : messages) list.push_back({{"role", message.role}, {"content", message.content}});
  Json body = {
      {"model", fields.model}, {"messages", list}, {"temperature", fields.temperature}, {"max_tokens", fields.max_tokens}};
  for (const auto& [name, value] : fields.options.items()) {
    if (value.is_null()) {
      body.erase(name);
    } else {
      body[name] = value;
    }
  }
  return body;
}

std::string spoken(std::string_view text) { return without_thinking(text); }

namespace {

/// How servers say that a reply was cut at its limit of tokens.
bool says_cut(const std::string& finish_reason) {
  constexpr std::array kReasons = {"length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens", "incomplete"};
  return std::find(kReasons.begin(), kReasons.end(), finish_reason) != kReasons.end();
}

}  // namespace

ChatReply parse_chat_reply(std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fault(body.empty() ? "an empty reply" : "a reply that is no JSON");
  if (ChatReply error = error_in(json); !error.fault.empty()) return error;
  const Json* choices = member(&json, "choices");
  const bool one = choices != nullptr && choices->is_array() && !choices->empty();
  const Json* choice = one ? &choices->front() : nullptr;
  const Json* message = member(choice, "message");
  const Json* content = member(message, "content");
  const std::string end = text_of(member(choice, "finish_reason"));
  ChatReply out{.text = text_of(content), .model = text_of(member(&json, "model"))};
  if (says_cut(end)) {
    out.fault = "a reply that was cut at max_tokens";
    out.final = true;
  } else if (end == "content_filter" || !text_of(member(message, "refusal")).empty()) {
    out.fault = "the model refused to reply";
    out.final = true;
  } else if (content == nullptr || !content->is_string()) {
    out.fault = "a reply without choices[0].message.content";
  } else if (spoken(out.text).empty()) {
    out.fault = "an empty reply";
  }
  if (!out.fault.empty()) out.text.clear();
  return out;
}

ChatClient::ChatClient(ChatFields fields, uint64_t seed, std::function<bool()> stopped)
    : fields_(std::move(fields)), seed_(seed), stopped_(std::move(stopped)) {
  fields_.check_key("llm");
  key_ = key_from(fields_.key_variable());
}

std::unique_ptr<HttpClient> ChatClient::borrow() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<HttpClient>(HttpLimits{fields_.timeout_s, fields_.max_reply_bytes}, stopped_);
  std::unique_ptr<HttpClient> http = std::move(idle_.back());
  idle_.pop_back();
  return http;
}

void ChatClient::give_back(std::unique_ptr<HttpClient> http) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(http));
}

ChatReply ChatClient::try_once(HttpClient& http, const std::string& body, double& retry_after_s) const {
  std::string url = fields_.endpoint;
  while (url.ends_with('/')) url.pop_back();
  std::vector<std::string> headers;
  if (!key_.empty()) headers.push_back("Authorization: Bearer " + key_);
  const HttpReply got = http.post(url + "/chat/completions", headers, body);
  retry_after_s = got.retry_after_s;
  if (!got.fault.empty())
    return {.fault = got.fault, .final = got.hopeless, .unusable = got.hopeless, .stopped = got.stopped};
  ChatReply reply = got.status == 200 ? parse_chat_reply(got.body) : refused(got.status, got.body);
  reply.fault = told(reply.fault, key_);
  reply.text = blotted(std::move(reply.text), key_);
  reply.model = blotted(std::move(reply.model), key_);
  return reply;
}

ChatReply ChatClient::ask(const Json& request) {
  const std::string body = json_line(request);
  Random random(seed_, "retry", hash64(body));
  std::unique_ptr<HttpClient> http = borrow();
  ChatReply reply;
  for (int64_t tries = 1;; ++tries) {
    double asked_s = 0;
    reply = try_once(*http, body, asked_s);
    if (reply.fault.empty() || reply.final || reply.stopped) break;
    if (tries > fields_.retries) {
      if (tries > 1) reply.fault += " (" + std::to_string(tries) + " tries)";
      break;
    }
    const double backoff_s = fields_.backoff_s * std::exp2(static_cast<double>(std::min<int64_t>(tries - 1, 60)));
    const double wait_s = std::max(asked_s, backoff_s * random.uniform(0.5, 1));
    if (!waited(std::min(wait_s, fields_.max_wait_s), stopped_)) {
      reply.stopped = true;
      break;
    }
  }
  give_back(std::move(http));
  return reply;
}

}  // namespace rrpo::io
