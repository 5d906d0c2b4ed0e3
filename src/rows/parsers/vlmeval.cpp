#include "vlmeval.h"

#include <algorithm>
#include <array>

namespace rrpo::rows {
namespace {

constexpr py::View kFailedCall = U"Failed to obtain answer via API";
constexpr std::array<py::View, 4> kRefusals = {U"Sorry, I can't help with images of people yet.",
                                               U"I can't process this file.", U"I'm sorry, but without the image provided",
                                               U"Cannot determine the answer"};

bool has_option(const std::vector<Option>& options, std::string_view key) {
  return std::any_of(options.begin(), options.end(), [&](const Option& option) { return option.key == key; });
}

/// `answer is X`, in any case, with asterisks around X: the letter, which may be of a longer word.
std::string answer_is(py::View reply) {
  for (size_t at = 0; at < reply.size(); ++at) {
    if (!py::same_at(reply, at, U"answer")) continue;
    const auto skip_blanks = [&](size_t from) {
      while (from < reply.size() && py::is_space(reply[from])) ++from;
      return from;
    };
    size_t next = skip_blanks(at + 6);
    if (next == at + 6 || !py::same_at(reply, next, U"is")) continue;
    const size_t behind = next + 2;
    next = skip_blanks(behind);
    if (next == behind) continue;
    while (next < reply.size() && reply[next] == U'*') ++next;
    if (next == reply.size()) continue;
    const char32_t c = reply[next] >= U'a' && reply[next] <= U'z' ? reply[next] - 32 : reply[next];
    if (c >= U'A' && c <= U'D') return {static_cast<char>(c)};
  }
  return "";
}

std::string option_by_letter(py::View reply, const std::vector<Option>& options) {
  if (py::contains(reply, kFailedCall)) return "";
  for (const py::View refusal : kRefusals) {
    if (py::contains(reply, refusal)) return "Z";
  }
  py::Text bare(reply);
  for (char32_t& c : bare) {
    if (py::contains(U".()[],:;!*#{}", {&c, 1})) c = U' ';
  }
  const std::vector<py::View> words = py::split(bare);
  const auto place = [&](const std::string& key) {
    return static_cast<size_t>(std::find(words.begin(), words.end(), py::text_of(key)) - words.begin());
  };
  std::vector<std::string> named;
  for (const Option& option : options) {
    if (place(option.key) < words.size()) named.push_back(option.key);
  }
  if (named.size() == 1 && place(named[0]) + 5 > words.size()) return named[0];
  if (named.empty() && place("Z") < words.size()) return "Z";
  const std::string stated = answer_is(reply);
  return has_option(options, stated) ? stated : "";
}

std::string option_by_text(py::View reply, const std::vector<Option>& options) {
  const py::Text small = py::lower(reply);
  size_t sum = 0;
  for (const Option& option : options) sum += py::text_of(option.text).size();
  if (small.size() > 2 * sum) return "";
  std::string found;
  for (const Option& option : options) {
    if (!py::contains(small, py::lower(py::text_of(option.text)))) continue;
    if (!found.empty()) return "";
    found = option.key;
  }
  return found;
}

}  // namespace

std::string vlmeval_option(py::View reply, const std::vector<Option>& options) {
  const std::string letter = option_by_letter(reply, options);
  return letter.empty() ? option_by_text(reply, options) : letter;
}

std::string vlmeval_truth(const std::string& answer, const std::vector<Option>& options) {
  std::string out = answer;
  for (const Option& option : options) {
    if (option.text == out) out = option.key;
  }
  return out;
}

std::vector<Option> vlmeval_lines(py::View question) {
  std::vector<Option> out;
  const std::vector<py::View> lines = py::split(question, U"\n");
  for (size_t i = 1; i < lines.size() && i <= 26; ++i) {
    const char32_t key = U'A' + static_cast<char32_t>(i) - 1;
    const size_t at = lines[i].find(py::Text{key, U'.'});
    if (at == py::View::npos) continue;
    out.push_back({{static_cast<char>(key)}, py::utf8(py::strip(lines[i].substr(at + 2), U". \n"))});
  }
  return out;
}

}  // namespace rrpo::rows
