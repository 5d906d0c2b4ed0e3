#include "json_keys.h"

#include <algorithm>

#include "rrpo/util/json_file.h"

namespace rrpo {

namespace {

/// One pass over the text: inside an object a string before a colon is a key.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<PlacedKey> scan() {
    while (at_ < text_.size()) step();
    return std::move(keys_);
  }

 private:
  /// An object or a list that is open, and the member that it is at.
  struct Open {
    std::string path, member;
    bool list = false;
    int64_t index = 0;
  };

  void step() {
    const char c = text_[at_];
    if (c == '"') return string();
    if (c == '/') return comment();
    if (c == '{' || c == '[') open_.push_back({inner(), "", c == '[', 0});
    if ((c == '}' || c == ']') && !open_.empty()) open_.pop_back();
    if (c == ',' && !open_.empty()) ++open_.back().index;
    if (c == '\n') ++line_;
    ++at_;
  }

  std::string inner() const {
    if (open_.empty()) return "";
    const Open& now = open_.back();
    if (now.list) return now.path + "[" + std::to_string(now.index) + "]";
    return now.path.empty() ? now.member : now.path + "." + now.member;
  }

  void string() {
    const size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    const size_t next = text_.find_first_not_of(" \t\r\n", at_);
    if (open_.empty() || open_.back().list || next == std::string_view::npos || text_[next] != ':') return;
    const Json name = Json::parse(text_.substr(begin, at_ - begin), nullptr, /*allow_exceptions=*/false);
    open_.back().member = name.is_string() ? name.get<std::string>() : "";
    keys_.push_back({open_.back().path, open_.back().member, line_});
  }

  void comment() {
    const bool block = text_.substr(at_, 2) == "/*";
    const size_t end = text_.find(block ? "*/" : "\n", at_ + 2);
    const size_t stop = end == std::string_view::npos ? text_.size() : end + (block ? 2 : 0);
    line_ += std::count(text_.begin() + static_cast<int64_t>(at_), text_.begin() + static_cast<int64_t>(stop), '\n');
    at_ = std::max(stop, at_ + 1);
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
  std::vector<Open> open_;
  std::vector<PlacedKey> keys_;
};

}  // namespace

std::vector<PlacedKey> json_keys(std::string_view text) { return Scanner(text).scan(); }

}  // namespace rrpo
