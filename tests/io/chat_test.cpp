#include "rrpo/io/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "../support/mock_judge.h"
#include "rrpo/util/clock.h"

namespace rrpo::io {
namespace {

using test::MockJudge;
using test::MockReply;
using test::says;
using testing::HasSubstr;

constexpr const char* kKey = "sk-planted-0123456789abcdef";

ChatFields fields_for(const MockJudge& server) {
  ChatFields fields;
  fields.endpoint = server.url();
  fields.model = "mock";
  fields.key_env = "RRPO_TEST_KEY";
  fields.timeout_s = 20;
  fields.backoff_s = 0.001;
  fields.retries = 3;
  return fields;
}

ChatReply ask(
    const ChatFields& fields, const std::function<bool()>& stopped = [] { return false; }) {
  ChatClient client(fields, 1, stopped);
  return client.ask(chat_request(fields, {{"user", "Is it so?"}}));
}

/// Replies in turn, the last one for ever.
struct Script {
  std::vector<MockReply> replies;
  MockReply operator()(const Json&, int64_t number) const {
    return replies[std::min(static_cast<size_t>(number), replies.size() - 1)];
  }
};

class Chat : public testing::Test {
 protected:
  void SetUp() override {
    setenv("RRPO_TEST_KEY", kKey, 1);
    setenv("no_proxy", "127.0.0.1", 1);
  }
  void TearDown() override {
    for (const char* name : {"RRPO_TEST_KEY", "OPENAI_API_KEY", "http_proxy", "ALL_PROXY", "no_proxy"}) unsetenv(name);
  }
};

TEST_F(Chat, SendsTheRequestAndReadsTheReply) {
  Json seen;
  MockJudge server([&](const Json& request, int64_t) {
    seen = request;
    return says("Yes, \xC3\xA9.");
  });
  ChatFields fields = fields_for(server);
  fields.options = {{"seed", 5}, {"max_tokens", nullptr}};
  const ChatReply reply = ask(fields);
  EXPECT_EQ(reply.fault, "");
  EXPECT_EQ(reply.text, "Yes, \xC3\xA9.");
  EXPECT_EQ(reply.model, "mock-1");
  EXPECT_EQ(seen, Json::parse(R"({"model": "mock", "messages": [{"role": "user", "content": "Is it so?"}],
                                  "temperature": 0.0, "seed": 5})"));
  EXPECT_EQ(server.keys(), std::vector<std::string>{std::string("Bearer ") + kKey});
  unsetenv("RRPO_TEST_KEY");
  ask(fields);
  EXPECT_EQ(server.keys().back(), "");
}

// What a server may do wrong, what is asked again, and what is said of it in the end.
TEST_F(Chat, EveryFaultHasItsClass) {
  struct Case {
    const char* name;
    MockReply reply;
    const char* fault;
    int64_t requests;  // 4 where it is tried again
    bool unusable = false;
  };
  const std::string huge(size_t{10} << 20, 'x');
  const std::string deep(size_t{1} << 20, '[');
  const std::vector<Case> cases = {
      {"empty", says(""), "an empty reply (4 tries)", 4},
      {"blank", says(" \n"), "an empty reply (4 tries)", 4},
      {"thoughts alone", says("<think>It may be so"), "an empty reply (4 tries)", 4},
      {"no body", {}, "an empty reply (4 tries)", 4},
      {"not JSON", {.body = "<html>"}, "a reply that is no JSON (4 tries)", 4},
      {"invalid UTF-8", {.body = "{\"choices\": \"\xff\"}"}, "a reply that is no JSON (4 tries)", 4},
      {"wrong schema", {.body = R"({"answer": "yes"})"}, "a reply without choices[0].message.content (4 tries)", 4},
      {"no choice", {.body = R"({"choices": []})"}, "a reply without choices[0].message.content (4 tries)", 4},
      {"a number",
       {.body = R"({"choices": [{"message": {"content": 5}}]})"},
       "a reply without choices[0].message.content (4 tries)",
       4},
      {"null",
       {.body = R"({"choices": [{"message": {"content": null}}]})"},
       "a reply without choices[0].message.content (4 tries)",
       4},
      {"deep", {.body = deep}, "a reply that is no JSON (4 tries)", 4},
      {"refusal",
       {.body = R"({"choices": [{"message": {"content": null, "refusal": "no"}}]})"},
       "the model refused to reply",
       1},
      {"cut by the model",
       {.body = R"({"choices": [{"message": {"content": "A red"}, "finish_reason": "length"}]})"},
       "a reply that was cut at max_tokens",
       1},
      {"10 MB", says(huge), "a reply of more than 4194304 bytes (4 tries)", 4},
      {"endless", {.body = huge, .endless = true}, "a reply of more than 4194304 bytes (4 tries)", 4},
      {"cut", {.body = says("A red circle moves.").body, .cut = true}, "the connection was cut (4 tries)", 4},
      {"500", {.status = 500, .body = kKey}, "HTTP 500 (4 tries)", 4},
      {"502", {.status = 502}, "HTTP 502 (4 tries)", 4},
      {"408", {.status = 408}, "HTTP 408 (4 tries)", 4},
      {"429", {.status = 429}, "HTTP 429 (4 tries)", 4},
      {"400", {.status = 400, .body = kKey}, "HTTP 400", 1},
      {"401", {.status = 401, .body = kKey}, "HTTP 401", 1, true},
      {"403", {.status = 403}, "HTTP 403", 1, true},
      {"404", {.status = 404}, "HTTP 404", 1, true},
      {"302", {.status = 302, .headers = {{"Location", "http://127.0.0.1:1/v1"}}}, "HTTP 302", 1, true},
  };
  for (const Case& one : cases) {
    MockJudge server(Script{{one.reply}});
    const ChatReply reply = ask(fields_for(server));
    EXPECT_EQ(reply.fault, one.fault) << one.name;
    EXPECT_EQ(reply.text, "") << one.name;
    EXPECT_EQ(reply.unusable, one.unusable) << one.name;
    EXPECT_EQ(server.requests(), one.requests) << one.name;
  }
}

// The server's own sentence is what tells a user what to do. Quota and length end in the same way however often one asks.
TEST_F(Chat, TheServersOwnErrorIsTold) {
  struct Case {
    int status;
    Json body;
    const char* fault;
    int64_t requests;  // 4 where it is tried again
    bool unusable = false;
  };
  const std::string long_prompt = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.";
  const Json length = {{"error", {{"message", long_prompt}, {"code", "context_length_exceeded"}}}};
  const Json quota = {{"error", {{"message", "You exceeded your current quota."}, {"type", "insufficient_quota"}}}};
  const Json echo = {{"error", {{"message", std::string("Incorrect API key provided: ") + kKey + "."}}}};
  const std::vector<Case> cases = {
      {400, length, "HTTP 400: This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", 1},
      {500,
       {{"error", {{"message", "the request exceeds the available context size"}}}},
       "HTTP 500: the request exceeds the available context size",
       1},
      {404,
       {{"object", "error"}, {"message", "The model `mock` does not exist."}, {"code", 404}},
       "HTTP 404: The model `mock` does not exist.",
       1,
       true},
      {404, {{"detail", "Not Found"}}, "HTTP 404: Not Found", 1, true},
      {422, {{"detail", {{{"loc", {"body"}}, {"msg", "field required"}}}}}, "HTTP 422: field required", 1},
      {429, quota, "HTTP 429: You exceeded your current quota.", 1, true},
      {429,
       {{"error", {{"message", "Rate limit\nreached"}, {"type", "requests"}}}},
       "HTTP 429: Rate limit reached (4 tries)",
       4},
      {401, echo, "HTTP 401: Incorrect API key provided: [key].", 1, true},
      {401,
       {{"error", std::string("no such key: ") + std::string(kKey).substr(0, 14) + "..."}},
       "HTTP 401: no such key: [key]...",
       1,
       true},
      {503, {{"error", "loading \x1b[31mmodel"}}, "HTTP 503: loading \\x1b[31mmodel (4 tries)", 4},
      {200,
       {{"error", {{"message", "Provider returned error"}, {"code", 502}}}},
       "an error in the reply: Provider returned error (4 tries)",
       4},
      {200, {{"error", {{"message", "No such model"}, {"code", 404}}}}, "an error in the reply: No such model", 1, true},
      {200, quota, "an error in the reply: You exceeded your current quota.", 1, true},
      {200, {{"choices", {{{"error", {{"message", "cut off"}}}}}}}, "an error in the reply: cut off (4 tries)", 4},
      {200, {{"error", nullptr}}, "a reply without choices[0].message.content (4 tries)", 4},
  };
  for (const Case& one : cases) {
    MockJudge server(Script{{{.status = one.status, .body = one.body.dump()}}});
    const ChatReply reply = ask(fields_for(server));
    EXPECT_EQ(reply.fault, one.fault);
    EXPECT_EQ(reply.unusable, one.unusable) << one.fault;
    EXPECT_EQ(server.requests(), one.requests) << one.fault;
  }
  MockJudge nested(Script{{{.status = 400, .body = std::string(200000, '[') + std::string(200000, ']')}}});
  EXPECT_EQ(ask(fields_for(nested)).fault, "HTTP 400");
  MockJudge talkative(Script{{{.status = 400, .body = Json{{"error", std::string(100000, 'x')}}.dump()}}});
  EXPECT_LE(ask(fields_for(talkative)).fault.size(), 240u);
}

TEST_F(Chat, TheStandardKeyGoesNowhereInClearText) {
  setenv("OPENAI_API_KEY", kKey, 1);
  MockJudge server(Script{{says("yes")}});
  ChatFields fields = fields_for(server);
  fields.key_env.reset();
  ask(fields);
  EXPECT_EQ(server.keys(), std::vector<std::string>{std::string("Bearer ") + kKey}) << "this machine is no network";
  // Another machine, behind a proxy that would hear everything.
  const std::string port = server.url().substr(server.url().rfind(':'));
  setenv("http_proxy", ("http://127.0.0.1" + port.substr(0, port.find('/'))).c_str(), 1);
  fields.endpoint = "http://judge.example/v1";
  try {
    ask(fields);
    ADD_FAILURE() << "the key went out";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr("llm.key_env=VARIABLE"));
    EXPECT_EQ(std::string(error.what()).find(kKey), std::string::npos);
  }
  EXPECT_EQ(server.requests(), 1);
  fields.key_env = "";
  EXPECT_EQ(ask(fields).text, "yes");
  EXPECT_EQ(server.keys().back(), "");
  fields.key_env = "OPENAI_API_KEY";  // named by the user: his word
  EXPECT_EQ(ask(fields).text, "yes");
  EXPECT_EQ(server.keys().back(), std::string("Bearer ") + kKey);
  unsetenv("OPENAI_API_KEY");
  fields.key_env.reset();
  EXPECT_EQ(ask(fields).text, "yes") << "no key, nothing to hide";
  EXPECT_EQ(server.keys().back(), "");
}

TEST_F(Chat, ThisMachineIsAskedWithoutAProxy) {
  unsetenv("no_proxy");
  MockJudge server(Script{{says("from the server")}}), proxy(Script{{says("from the proxy")}});
  const std::string by = proxy.url().substr(0, proxy.url().size() - 3);
  setenv("http_proxy", by.c_str(), 1);
  setenv("ALL_PROXY", by.c_str(), 1);
  ChatFields fields = fields_for(server);
  const std::string port = server.url().substr(server.url().rfind(':'));
  for (const char* host : {"127.0.0.1", "LocalHost", "127.1", "0x7f000001", "2130706433"}) {
    fields.endpoint = std::string("http://") + host + port;
    EXPECT_EQ(ask(fields).text, "from the server") << host;
  }
  EXPECT_EQ(proxy.requests(), 0);
}

TEST(Http, KnowsWhatNobodyCanOverhear) {
  for (const char* url : {"https://api.example/v1", "HTTPS://api.example", "http://localhost:1/v1", "http://LOCALHOST",
                          "http://127.0.0.1", "http://127.1/v1", "http://127.9.8.7", "http://0177.0.0.1",
                          "http://[::1]:8000/v1", "http://[0:0:0:0:0:0:0:1]", "http://[::ffff:127.0.0.1]/v1"})
    EXPECT_TRUE(is_private(url)) << url;
  for (const char* url : {"http://api.example/v1",
                          "http://localhost.evil.example",
                          "http://127.0.0.1.evil.example",
                          "http://evil.example/127.0.0.1",
                          "http://localhost@evil.example",
                          "http://127.0.0.1:80@evil.example",
                          "http://evil.example#@localhost",
                          "http://evil.example?localhost",
                          "http://mylocalhost",
                          "http://localhost.",
                          "http://128.0.0.1",
                          "http://10.0.0.1",
                          "http://1270.0.0.1",
                          "http://[::2]",
                          "http://[::ffff:10.0.0.1]",
                          "http://[::127.0.0.1]",
                          "http://0.0.0.0",
                          "http://",
                          "localhost",
                          "",
                          "http://127.0.0.1%2eevil.example",
                          "http://\xef\xbd\x8cocalhost"})
    EXPECT_FALSE(is_private(url)) << url;
}

TEST_F(Chat, GoesOnAfterAFaultThatPasses) {
  const std::vector<std::vector<MockReply>> scripts = {
      {{.status = 429, .headers = {{"Retry-After", "1"}}}, says("yes")},
      {{.status = 429, .headers = {{"Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"}}}, says("yes")},
      {{.status = 429, .headers = {{"Retry-After", "-5"}}}, says("yes")},
      {{.status = 503, .headers = {{"Retry-After", "soon"}}}, says("yes")},
      {{.status = 500}, {.body = "{"}, says("yes")},
      {{.body = says("no").body, .cut = true}, says("yes")},
  };
  for (const auto& script : scripts) {
    MockJudge server(Script{script});
    ChatFields fields = fields_for(server);
    fields.max_wait_s = 0.05;
    EXPECT_EQ(ask(fields).text, "yes");
    EXPECT_EQ(server.requests(), static_cast<int64_t>(script.size()));
  }
}

TEST_F(Chat, WaitsAsLongAsTheServerAsks) {
  MockJudge server(Script{{{.status = 429, .headers = {{"Retry-After", "1"}}}, says("yes")}});
  const Stopwatch clock;
  EXPECT_EQ(ask(fields_for(server)).text, "yes");
  EXPECT_GE(clock.seconds(), 0.9);  // at least: a lower bound holds on a machine of any speed
}

TEST_F(Chat, EndsAtTheTimeLimit) {
  MockJudge server([](const Json&, int64_t number) {
    MockReply reply = says("yes");
    reply.delay_s = number == 0 ? 60 : 0;
    return reply;
  });
  ChatFields fields = fields_for(server);
  fields.timeout_s = 0.3;
  fields.retries = 0;
  EXPECT_EQ(ask(fields).fault, "no reply within 0.3 s");
  fields.timeout_s = 20;
  EXPECT_EQ(ask(fields).text, "yes");
}

TEST_F(Chat, StopsWhileItWaits) {
  MockJudge slow([](const Json&, int64_t) { return MockReply{.delay_s = 60}; });
  std::atomic<bool> stop = false;
  std::thread later([&] {
    while (slow.requests() == 0) std::this_thread::yield();
    stop = true;
  });
  EXPECT_TRUE(ask(fields_for(slow), [&] { return stop.load(); }).stopped);
  later.join();
  MockJudge busy(Script{{{.status = 429, .headers = {{"Retry-After", "3600"}}}}});
  ChatFields patient = fields_for(busy);
  patient.max_wait_s = 3600;
  std::atomic<bool> enough = false;
  std::thread afterwards([&] {
    while (busy.requests() == 0) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // by now the reply is there, and the hour runs
    enough = true;
  });
  EXPECT_TRUE(ask(patient, [&] { return enough.load(); }).stopped);
  afterwards.join();
  EXPECT_EQ(busy.requests(), 1);
}

TEST_F(Chat, NobodyThere) {
  ChatFields fields;
  {
    MockJudge server(Script{{says("yes")}});
    fields = fields_for(server);
  }
  EXPECT_EQ(ask(fields).fault, "no connection (4 tries)");
}

TEST_F(Chat, TheKeyIsNeverInAReply) {
  MockJudge server(Script{{says(std::string("You are ") + kKey + ".")}});
  EXPECT_EQ(ask(fields_for(server)).text, "You are [key].");
  setenv("RRPO_TEST_KEY", "none", 1);  // a placeholder is no secret, and a word of replies
  MockJudge plain(Script{{says("none of them")}});
  EXPECT_EQ(ask(fields_for(plain)).text, "none of them");
  setenv("RRPO_TEST_KEY", "two\nlines", 1);
  EXPECT_THROW(ask(fields_for(plain)), Error);
}

TEST(ChatFields, RefuseWhatCannotBe) {
  const auto why = [](const char* path, const Json& value) {
    Json json = Json::object();
    json[path] = value;
    try {
      config_from<ChatFields>(json);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  for (const char* url : {"https://me:hunter2@host/v1", "https://hunter2@host/v1"}) {
    EXPECT_THAT(why("endpoint", url), HasSubstr("user name or password"));
    EXPECT_EQ(why("endpoint", url).find("hunter2"), std::string::npos);
  }
  EXPECT_THAT(why("endpoint", "https://host/v1?key=hunter2"), HasSubstr("query"));
  EXPECT_THAT(why("endpoint", "file:///etc/passwd"), HasSubstr("neither http nor https"));
  EXPECT_THAT(why("endpoint", "http://"), HasSubstr("no URL"));
  EXPECT_THAT(why("endpoint", "host/v1"), HasSubstr("no URL"));
  EXPECT_THAT(why("key_env", "sk-0123456789"), HasSubstr("environment variable"));
  EXPECT_THAT(why("options", Json{{"n", 2}}), HasSubstr("options.n"));
  EXPECT_THAT(why("concurrency", 0), HasSubstr("concurrency=1"));
  EXPECT_THAT(why("timeout_s", 0), HasSubstr("timeout_s"));
  EXPECT_EQ(why("endpoint", "http://127.0.0.1:8000/v1"), "accepted");
}

}  // namespace
}  // namespace rrpo::io
