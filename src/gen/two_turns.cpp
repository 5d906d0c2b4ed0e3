#include "two_turns.h"

#include <algorithm>
#include <set>
#include <vector>

#include "rrpo/text/unicode.h"
#include "rrpo/util/thinking.h"

namespace rrpo::gen {
namespace {

using Words = std::vector<std::string>;
using Set = std::set<std::string_view>;

Words words_of(std::string_view text) {
  std::string marked(text);
  std::replace(marked.begin(), marked.end(), '`', ' ');
  const std::string plain = text::plain_words(marked);
  Words words;
  for (size_t begin = 0; begin < plain.size();) {
    const size_t end = std::min(plain.find(' ', begin), plain.size());
    words.push_back(plain.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// A sentence of a reply, or a line of it.
struct Piece {
  std::string text;
  bool item = false;    ///< of a list: `1.`, `-`
  bool header = false;  ///< ends with a colon
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Takes the mark of a list off a line.
bool take_mark(std::string& line) {
  size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos) return false;
  line.erase(0, at);
  const size_t digits = line.find_first_not_of("0123456789");
  if (digits != std::string::npos && digits > 0 && (line[digits] == '.' || line[digits] == ')')) {
    line.erase(0, digits + 1);
    return true;
  }
  const bool bullet = line.size() > 1 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && is_blank(line[1]);
  if (bullet) line.erase(0, 2);
  return bullet;
}

std::vector<Piece> pieces_of(const std::string& reply) {
  std::vector<Piece> out;
  for (size_t begin = 0; begin < reply.size();) {
    const size_t end = std::min(reply.find('\n', begin), reply.size());
    std::string line = reply.substr(begin, end - begin);
    begin = end + 1;
    const bool item = take_mark(line);
    for (size_t from = 0; from < line.size();) {
      size_t to = from;
      while (to < line.size() && !(std::string_view(".!?;").find(line[to]) != std::string_view::npos &&
                                   (to + 1 == line.size() || !std::isalnum(static_cast<unsigned char>(line[to + 1])))))
        ++to;
      const std::string text = line.substr(from, to - from);
      from = to + 1;
      const size_t last = text.find_last_not_of(" \t\r*_");
      if (!words_of(text).empty()) out.push_back({text, item, last != std::string::npos && text[last] == ':'});
    }
  }
  return out;
}

bool has(const Words& words, const Set& wanted) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return wanted.contains(word); });
}

/// Some word begins with one of these.
bool has_stem(const Words& words, const std::vector<std::string_view>& stems) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::any_of(stems.begin(), stems.end(), [&](std::string_view stem) { return word.starts_with(stem); });
  });
}

/// `None of the shapes agree` names a difference; `none of them differ` none.
bool says_none(const Words& words) {
  if (words == Words{"n/a"} || words == Words{"n", "a"}) return true;
  const auto none = std::find(words.begin(), words.end(), "none");
  if (none == words.end() || (none + 1 != words.end() && *(none + 1) == "else")) return false;
  const bool of = none + 1 != words.end() && *(none + 1) == "of";
  return !of || has_stem(words, {"differ", "change", "conflict", "contradict"});
}

/// True for a piece by which a reply says that there is no difference, in whatever words.
bool denies_difference(const Piece& piece) {
  static const Set kNo = {"no",      "not",     "without", "never",   "don",    "doesn",   "isn",    "aren",
                          "didn",    "nothing", "neither", "any",     "zero",   "kein",    "keine",  "keinen",
                          "aucune",  "aucun",   "pas",     "sans",    "ningún", "ninguna", "ningun", "sin",
                          "nessuna", "nessun",  "não",     "nenhuma", "nenhum", "geen",    "hardly"};
  const Words words = words_of(piece.text);
  if (says_none(words)) return true;
  if (has_stem(words, {"identical", "equivalent", "synonym", "same", "interchangeabl"})) return true;
  const bool both = has(words, {"both", "sentences", "they"}) && has_stem(words, {"agree", "match", "consistent", "align"});
  if (both) return true;
  if (has(words, kNo) && has_stem(words, {"differ", "discrepanc", "distinct", "change", "contradict", "mismatch", "diverge",
                                          "deviat", "conflict", "inconsisten", "unterschied", "différen", "diferen",
                                          "differenz", "diferenç", "verschil"}))
    return true;
  for (const char* nothing : {"没有", "沒有", "无", "無", "相同", "一样", "なし", "同じ", "없"}) {
    if (piece.text.find(nothing) != std::string::npos) return true;
  }
  return false;
}

/// Every word belongs to a sentence that says `None` and nothing else.
bool says_only_none(const Words& words) {
  static const Set kOnly = {
      "none", "no",         "there",      "are",        "is",          "key",        "significant", "major",   "notable",
      "real", "meaningful", "main",       "important",  "substantive", "difference", "differences", "between", "these",
      "the",  "two",        "both",       "sentence",   "sentences",   "1",          "and",         "2",       "them",
      "in",   "meaning",    "found",      "identified", "noted",       "aspects",    "of",          "terms",   "content",
      "any",  "to",         "report",     "answer",     "response",    "output",     "final",       "result",  "exist",
      "s",    "identical",  "equivalent", "n",          "a",           "n/a"};
  return !words.empty() &&
         std::all_of(words.begin(), words.end(), [](const std::string& word) { return kOnly.contains(word); });
}

bool refuses(const Words& words) {
  return has(words, {"sorry", "cannot", "unable", "apologize"}) || (has(words, {"can", "don"}) && has(words, {"t"}));
}

/// The texts of a JSON reply, one a line; the reply itself where it is none.
std::string unfolded(const std::string& reply) {
  if (reply.empty() || (reply[0] != '{' && reply[0] != '[')) return reply;
  const Json json = Json::parse(reply, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return reply;
  std::string lines;
  const Json flat = json.flatten();
  for (const auto& [path, value] : flat.items()) {
    if (value.is_string())
      lines += (json.size() > 1 || json.begin()->is_array() ? "- " : "") + value.get<std::string>() + "\n";
  }
  return lines;
}

}  // namespace

std::string difference_prompt(std::string_view truth, std::string_view response) {
  return "Identify the key differences between these two sentences.\n"
         "To identify differences focus on the key aspects in the sentences, \n"
         "such as objects, actions, and their attributes, among others.\n"
         "If there are no key difference between these two sentences, \n"
         "please respond with \"None\" and nothing else.\n"
         "\n"
         "Sentence 1: " +
         std::string(truth) + "\nSentence 2: " + std::string(response);
}

std::string rewrite_prompt(std::string_view truth) {
  return "Please rewrite the \"Sentence 1\" by incorporating the differences you \n"
         "mentioned earlier. Your final response should contain only the revised \n"
         "sentence and nothing else.\n"
         "\n"
         "Sentence 1: " +
         std::string(truth);
}

Differences read_differences(std::string_view reply) {
  const std::string text = unfolded(without_thinking(reply));
  const std::vector<Piece> pieces = pieces_of(text);
  const Words all = words_of(text);
  int64_t named = 0, items = 0, denied = 0;
  for (const Piece& piece : pieces) {
    const bool denies = denies_difference(piece);
    const bool names = !denies && !piece.header && words_of(piece.text).size() > 1;
    named += names ? 1 : 0;
    items += names && piece.item ? 1 : 0;
    denied += denies && !piece.item ? 1 : 0;
  }
  if (denied > 0 && named == 0 && says_only_none(all)) return Differences::none;
  if (denied > 0 || named == 0) return Differences::unclear;
  if (items > 0) return Differences::some;
  const bool every = std::none_of(pieces.begin(), pieces.end(), denies_difference);
  return every && !refuses(all) ? Differences::some : Differences::unclear;
}

}  // namespace rrpo::gen
