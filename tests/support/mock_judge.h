// An OpenAI-compatible server on the loopback address that answers as a test tells it to.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::test {

/// What the server does with one request.
struct MockReply {
  int status = 200;
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  double delay_s = 0;    ///< before anything is sent
  bool cut = false;      ///< the connection ends in the middle of the body
  bool endless = false;  ///< the body is sent again and again, until nobody reads any more
};

/// A reply of the right form.
inline MockReply says(const std::string& text) {
  return {.body = Json{{"model", "mock-1"},
                       {"choices", {{{"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", "stop"}}}}}
                      .dump()};
}

class MockJudge {
 public:
  /// Calls `reply(request, number)`, number = 0, 1, …, from several threads.
  explicit MockJudge(std::function<MockReply(const Json& request, int64_t number)> reply) : reply_(std::move(reply)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(32); };
    // As a proxy it is given the whole URL.
    server_.Post("(http://[^/]*)?/v1/chat/completions",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   const int64_t now = ++inside_;
                   int64_t most = most_;
                   while (now > most && !most_.compare_exchange_weak(most, now)) continue;
                   answer(request, response);
                   --inside_;
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  MockJudge(const MockJudge&) = delete;
  MockJudge& operator=(const MockJudge&) = delete;
  ~MockJudge() {
    ending_ = true;
    server_.stop();
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  int64_t requests() const { return requests_; }
  /// The most requests that were inside at one time.
  int64_t most_at_once() const { return most_; }
  /// The Authorization header of each request, empty where there was none.
  std::vector<std::string> keys() {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    {
      const std::lock_guard lock(mutex_);
      keys_.push_back(request.get_header_value("Authorization"));
    }
    const MockReply reply = reply_(Json::parse(request.body), requests_++);
    for (auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(reply.delay_s);
         std::chrono::steady_clock::now() < until && !ending_;)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    if (reply.cut || reply.endless) {
      const size_t promised = reply.endless ? size_t{1} << 40 : reply.body.size();
      response.set_content_provider(promised, "application/json", [reply](size_t, size_t, httplib::DataSink& sink) {
        sink.write(reply.body.data(), reply.endless ? reply.body.size() : reply.body.size() / 2);
        return reply.endless;
      });
    } else {
      response.set_content(reply.body, "application/json");
    }
  }

  std::function<MockReply(const Json&, int64_t)> reply_;
  httplib::Server server_;
  std::atomic<bool> ending_ = false;
  std::atomic<int64_t> requests_ = 0, inside_ = 0, most_ = 0;
  std::mutex mutex_;
  std::vector<std::string> keys_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace rrpo::test
