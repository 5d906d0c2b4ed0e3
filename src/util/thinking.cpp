#include "rrpo/util/thinking.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rrpo {
namespace {

struct Tags {
  std::string_view begin, end;
};

constexpr std::array<Tags, 5> kTags = {{{"<think>", "</think>"},
                                        {"<thinking>", "</thinking>"},
                                        {"<reasoning>", "</reasoning>"},
                                        {"<|begin_of_thought|>", "<|end_of_thought|>"},
                                        {"◁think▷", "◁/think▷"}}};

/// ASCII letters made small; positions stay.
std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

/// Removes one kind of tags and what stands between them. An end without a beginning ends what stands before it.
void cut(std::string& text, const Tags& tags) {
  std::string small = lowered(text);
  const auto erase = [&](size_t begin, size_t end) {
    text.erase(begin, end - begin);
    small.erase(begin, end - begin);
  };
  for (size_t end = small.find(tags.end); end != std::string::npos; end = small.find(tags.end)) {
    const size_t begin = small.find(tags.begin);
    erase(begin < end ? begin : 0, end + tags.end.size());
  }
  const size_t open = small.find(tags.begin);
  if (open != std::string::npos) erase(open, small.size());
}

}  // namespace

std::string without_thinking(std::string_view reply) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::string text(reply);
  for (const Tags& tags : kTags) cut(text, tags);
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

}  // namespace rrpo
