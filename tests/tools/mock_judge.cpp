// A mock of the judge's server for tests/cli/judge_test.sh and eval_judge_test.sh.
//
//   mock_judge MODE PORT_FILE LOG      writes its port, then one line to LOG for each request; ends with its standard input
//
// good: replies to both turns. unauthorised, down: HTTP 401, 500, always. partial: HTTP 500 to some questions, always, the
// second request after an overload. hanging: replies to ten requests, then to none.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "rrpo/util/random.h"
#include "support/mock_judge.h"

using namespace rrpo;  // NOLINT: the program itself

namespace {

/// The judge of rrpo-eval is addressed with a system text first. Of a caption it says `left` where that is said; a reply is
/// right where it ends as the true answer does, wrong in brackets, and else in doubt.
test::MockReply verdict(const std::string& text) {
  const auto after = [&](const std::string& mark) {
    const size_t at = text.rfind(mark) + mark.size();
    return text.substr(at, text.find('\n', at) - at);
  };
  if (text.find("\nVideo Description:") != std::string::npos)
    return test::says("Reasoning: so it is.\nAnswer: " +
                      std::string(after("\nVideo Description:").ends_with("left") ? "A. left" : "B. right"));
  const std::string truth = after("\nGround-Truth Answer: "), reply = after("\nModel Prediction: ");
  if (reply.starts_with('(')) return test::says("Incorrect.");
  return test::says(reply.ends_with(truth.substr(truth.rfind(' ') + 1)) ? "Correct" : "Hard to say.");
}

/// What a request is about: its first message, behind a system text.
std::string subject(const Json& messages) {
  return messages.at(messages.at(0).at("role") == "system" ? 1 : 0).at("content").get<std::string>();
}

/// None to a response about something green; the response as the rewritten sentence.
test::MockReply good(const Json& messages) {
  const std::string first = subject(messages);
  if (messages.at(0).at("role") == "system") return verdict(first);
  const std::string response = first.substr(first.rfind("Sentence 2: ") + 12);
  if (messages.size() > 1) return test::says(response);
  return test::says(response.find("green") == std::string::npos ? "1. They differ." : "None");
}

test::MockReply reply_to(const std::string& mode, const Json& messages, int64_t number) {
  if (mode == "unauthorised") return {.status = 401};
  if (mode == "down") return {.status = 500};
  if (mode == "hanging" && number >= 10) return {.delay_s = 600};
  if (mode == "partial" && number == 1) return {.status = 429, .headers = {{"Retry-After", "0"}}};
  const bool broken = mode == "partial" && hash64(subject(messages)) % 3 == 0;
  return broken ? test::MockReply{.status = 500} : good(messages);
}

}  // namespace

int main(int, char** argv) {
  const std::string mode = argv[1];
  std::ofstream log(argv[3]);
  std::mutex mutex;
  test::MockJudge server([&](const Json& request, int64_t number) {
    {
      const std::lock_guard lock(mutex);
      log << "request " << number << "\n" << std::flush;
    }
    return reply_to(mode, request.at("messages"), number);
  });
  std::ofstream(std::string(argv[2]) + ".new") << server.url() << "\n";
  std::rename((std::string(argv[2]) + ".new").c_str(), argv[2]);
  std::string line;
  while (std::getline(std::cin, line)) continue;
  for (const std::string& key : server.keys()) log << "key " << key << "\n";
  log << "at once " << server.most_at_once() << "\n";
  return 0;
}
