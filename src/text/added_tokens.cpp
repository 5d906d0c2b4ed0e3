#include "rrpo/text/added_tokens.h"

#include <algorithm>

namespace rrpo::text {

void AddedTokens::insert(const AddedToken& token) {
  by_first_byte_[static_cast<unsigned char>(token.text[0])].push_back(token);
  ++count_;
}

void AddedTokens::sort() {
  const auto longer = [](const AddedToken& a, const AddedToken& b) { return a.text.size() > b.text.size(); };
  for (auto& tokens : by_first_byte_) std::sort(tokens.begin(), tokens.end(), longer);
}

const AddedToken* AddedTokens::find(std::string_view text, int64_t at) const {
  const std::string_view rest = text.substr(static_cast<size_t>(at));
  for (const AddedToken& token : by_first_byte_[static_cast<unsigned char>(rest[0])]) {
    if (rest.starts_with(token.text)) return &token;
  }
  return nullptr;
}

}  // namespace rrpo::text
