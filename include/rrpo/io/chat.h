// Asking a language model behind an OpenAI-compatible endpoint: request, reply, and what is tried again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/io/http.h"
#include "rrpo/util/fields.h"

namespace rrpo::io {

/// Who is asked, and how patiently. The key is read from the environment only: no field, file or error holds it.
struct ChatFields {
  std::string endpoint;
  std::string model;
  std::optional<std::string> key_env;
  double temperature = 0;
  int64_t max_tokens = 1024;
  Json options = Json::object();
  int64_t concurrency = 8;
  double timeout_s = 120;
  int64_t retries = 5;
  double backoff_s = 1;
  double max_wait_s = 60;
  int64_t max_reply_bytes = int64_t{4} << 20;
  template <class V>
  void fields(V& v) {
    v("endpoint", endpoint, "base URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1");
    v("model", model, "its name there");
    v("key_env", key_env,
      "environment variable that holds the key; null: OPENAI_API_KEY, for https and this machine only; empty: no key is "
      "sent");
    v("temperature", temperature, "of the language model");
    v("max_tokens", max_tokens, "a reply that reaches it is cut, and does not count");
    v("options", options, "further members of the request; null takes one out");
    v("concurrency", concurrency, "requests at a time");
    v("timeout_s", timeout_s, "seconds for one request");
    v("retries", retries, "further tries after a time-out, a cut connection, HTTP 408, 429, 5xx or a reply of another form");
    v("backoff_s", backoff_s,
      "seconds before the second try, twice as many before each later one, less up to a half at random");
    v("max_wait_s", max_wait_s, "never wait longer, whatever Retry-After says");
    v("max_reply_bytes", max_reply_bytes, "a longer reply is not read");
  }
  /// Throws Error(usage); whether endpoint and model are there is up to the caller, who knows if somebody is asked.
  void check(const std::string& at) const;
  /// Throws Error(usage) where the key that the user did not name for this endpoint would go out in clear text. For whoever
  /// is about to ask: a replay needs no key.
  void check_key(const std::string& at) const;
  /// The environment variable whose key is sent; empty: none is.
  std::string key_variable() const;
};

struct ChatMessage {
  std::string role;  ///< user or assistant
  std::string content;
};

/// The body of a request.
Json chat_request(const ChatFields& fields, const std::vector<ChatMessage>& messages);

/// What became of a question.
struct ChatReply {
  std::string text{};     ///< what the model said
  std::string model{};    ///< its name as the server gives it, may be empty
  std::string fault{};    ///< why there is no text: ours, or the error that the server gave, cut, without the key
  bool final = false;     ///< of a fault: another try would end in the same way
  bool unusable = false;  ///< of a fault: so would every other request (HTTP 401, 403, 404, a redirect, no quota left)
  bool stopped = false;   ///< of a fault: the stop signal came first
};

/// What is said in a reply: without blanks around it, and without the thinking that some servers leave there, with its
/// opening tag or without. Empty when the thinking does not end.
std::string spoken(std::string_view text);

/// The body of a reply with HTTP 200. Whatever it holds, this returns.
ChatReply parse_chat_reply(std::string_view body);

/// Asks one endpoint, from any number of threads. Throws Error(environment) when the key cannot stand in a header.
class ChatClient {
 public:
  /// Throws Error(usage) as ChatFields::check_key does. Waiting times are drawn from `seed` and the request; `stopped` ends
  /// waiting and asking within seconds.
  ChatClient(ChatFields fields, uint64_t seed, std::function<bool()> stopped);

  /// Tries until there is a reply, the tries are used up, or trying is in vain. The key, should the server repeat it, is
  /// blotted out of the reply.
  ChatReply ask(const Json& request);

 private:
  ChatReply try_once(HttpClient& http, const std::string& body, double& retry_after_s) const;
  std::unique_ptr<HttpClient> borrow();
  void give_back(std::unique_ptr<HttpClient> http);

  ChatFields fields_;
  uint64_t seed_;
  std::function<bool()> stopped_;
  std::string key_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;
};

}  // namespace rrpo::io
