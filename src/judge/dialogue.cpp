#include "rrpo/judge/dialogue.h"

#include <utility>

#include "rrpo/io/sha256.h"

namespace rrpo::judge {

namespace {

std::string hash_of(const Json& request) {
  constexpr size_t kDigits = 32;
  return io::sha256(json_line(request)).substr(0, kDigits);
}

}  // namespace

Dialogue::Dialogue(const io::ChatFields& chat, const QuestionJudgements* said, std::string on, int64_t sample)
    : chat_(&chat), said_(said), on_(std::move(on)), sample_(sample) {}

std::optional<std::string> Dialogue::say(int64_t turn, const std::string& text) {
  const auto taken = static_cast<int64_t>(prompts_.size());
  expect(turn >= 1 && turn <= taken + 1, "turns come one after another");
  const auto own = static_cast<size_t>(2 * (turn - 1));
  if (turn <= taken) {
    expect(messages_[own].content == text, "a turn is taken with one text");
    return messages_[own + 1].content;
  }
  if (silent()) return std::nullopt;
  messages_.push_back({"user", text});
  Json request = io::chat_request(*chat_, messages_);
  std::string hash = hash_of(request);
  const auto found = said_ == nullptr ? QuestionJudgements::const_iterator() : said_->find(hash);
  if (said_ == nullptr || found == said_->end()) {
    missing_ = {on_, sample_, turn, std::move(hash), std::move(request)};
    return std::nullopt;
  }
  fault_ = found->second.fault;
  if (!fault_.empty()) return std::nullopt;
  messages_.push_back({"assistant", io::spoken(found->second.reply)});
  prompts_.push_back(std::move(hash));
  return messages_.back().content;
}

}  // namespace rrpo::judge
