#include "rrpo/rows/options.h"

#include <algorithm>
#include <set>

namespace rrpo::rows {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
/// Part of a word: ASCII letters and digits, and every byte of a character beyond ASCII.
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// ASCII letters made small; the length and all positions stay.
std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

char at(std::string_view text, size_t i) { return i < text.size() ? text[i] : '\0'; }

bool stands_alone(std::string_view text, size_t begin, size_t size) {
  const bool cut_left = begin > 0 && is_word(text[begin - 1]) && is_word(text[begin]);
  const bool cut_right = is_word(at(text, begin + size)) && is_word(text[begin + size - 1]);
  return !cut_left && !cut_right;
}

/// An option's text without the full stop that a sentence may lack.
std::string core(const Option& option) {
  std::string text = lowered(option.text);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '.')) text.pop_back();
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

/// Takes the option texts out of `text`, longest first, and returns the options met.
std::set<size_t> take_texts(const std::vector<Option>& options, std::string& text) {
  std::vector<std::pair<std::string, size_t>> cores;
  for (size_t i = 0; i < options.size(); ++i) cores.emplace_back(core(options[i]), i);
  std::stable_sort(cores.begin(), cores.end(), [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::set<size_t> met;
  std::string small = lowered(text);
  for (const auto& [words, index] : cores) {
    if (words.empty()) continue;
    for (size_t found = small.find(words); found != std::string::npos; found = small.find(words, found + 1)) {
      if (!stands_alone(small, found, words.size())) continue;
      met.insert(index);
      std::fill_n(small.begin() + static_cast<std::ptrdiff_t>(found), words.size(), ' ');
      std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(found), words.size(), ' ');
    }
  }
  return met;
}

/// True when the key at [begin, begin + size) of `text` is meant as a key.
bool is_key(std::string_view text, size_t begin, size_t size) {
  const char before = begin > 0 ? text[begin - 1] : '\0', after = at(text, begin + size);
  if ((before == '(' && after == ')') || (before == '[' && after == ']')) return true;
  if (after == '\0' || after == '.' || after == ')' || after == ':' || after == ',' || after == ';') return true;
  if (!is_blank(after)) return false;
  const std::string_view key = text.substr(begin, size);
  if (key != "A" && key != "I") return true;
  size_t next = begin + size;
  while (is_blank(at(text, next))) ++next;
  size_t end = next;
  while (is_word(at(text, end))) ++end;
  const std::string_view word = text.substr(next, end - next);
  return word == "or" || word == "and" || word == "is" || !(at(word, 0) >= 'a' && at(word, 0) <= 'z');
}

bool names_key(const std::string& text, const std::string& key) {
  for (size_t found = text.find(key); found != std::string::npos; found = text.find(key, found + 1)) {
    if (stands_alone(text, found, key.size()) && is_key(text, found, key.size())) return true;
  }
  const std::string small = lowered(text), small_key = lowered(key);
  if (small.find("(" + small_key + ")") != std::string::npos) return true;
  // The whole text is the key, in either case, perhaps with punctuation.
  std::string bare;
  for (const char c : small) {
    if (is_word(c)) bare += c;
    if (is_blank(c) && !bare.empty()) bare += ' ';
  }
  while (!bare.empty() && bare.back() == ' ') bare.pop_back();
  return bare == small_key;
}

}  // namespace

std::vector<std::string> named_options(const std::vector<Option>& options, std::string_view text) {
  std::string rest(text);
  std::set<size_t> named = take_texts(options, rest);
  for (size_t i = 0; i < options.size(); ++i) {
    if (names_key(rest, options[i].key)) named.insert(i);
  }
  std::vector<std::string> keys;
  for (const size_t index : named) keys.push_back(options[index].key);
  return keys;
}

}  // namespace rrpo::rows
