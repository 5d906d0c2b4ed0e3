#include "yesno.h"

#include <set>

#include "rrpo/rows/reply.h"

namespace rrpo::rows {
namespace {

std::vector<std::string> sorted(const std::set<std::string>& keys) { return {keys.begin(), keys.end()}; }

bool is_key(char32_t c) { return c >= U'A' && c <= U'D'; }

}  // namespace

bool says_word(std::string_view reply, std::string_view word) {
  const py::Text said = py::text_of(reply), wanted = py::text_of(word);
  return says_word(py::View(said), py::View(wanted));
}

bool says_word(py::View reply, py::View word) {
  for (size_t at = 0; at + word.size() <= reply.size(); ++at) {
    if (py::same_at(reply, at, word) && py::stands_alone(reply, at, at + word.size())) return true;
  }
  return false;
}

py::Text first_piece(py::View reply) {
  const py::View sentence = py::split(py::strip(reply), U".").front();
  return py::upper(py::strip(py::split(sentence, U",").front()));
}

std::string yes_no_prefix(py::View reply) {
  const py::Text small = py::lower(reply);
  if (small.starts_with(U"yes")) return "yes";
  return small.starts_with(U"no") ? "no" : "";
}

std::string yes_no_inside(py::View reply) {
  const py::Text small = py::lower(reply);
  if (py::contains(small, U"yes")) return "yes";
  return py::contains(small, U"no") ? "no" : "";
}

std::vector<std::string> letter_set(py::View reply, const std::vector<Option>& options) {
  std::set<std::string> keys;
  for (size_t at = 0; at < reply.size(); ++at) {
    if (is_key(reply[at]) && py::stands_alone(reply, at, at + 1)) keys.insert({static_cast<char>(reply[at])});
  }
  if (!keys.empty()) return sorted(keys);
  const py::Text small = py::lower(reply);
  for (const Option& option : options) {
    if (py::contains(small, py::lower(py::text_of(option.text)))) return {option.key};
  }
  return {};
}

std::vector<std::string> published_set(py::View answer) {
  std::set<std::string> keys;
  for (const char32_t c : py::upper(answer)) {
    if (is_key(c)) keys.insert({static_cast<char>(c)});
  }
  return sorted(keys);
}

}  // namespace rrpo::rows
