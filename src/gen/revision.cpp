// What a language model gives as the rewritten sentence.
#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "rrpo/text/diff.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/thinking.h"
#include "two_turns.h"

namespace rrpo::gen {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
using Set = std::set<std::string>;

std::string trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin));
}

Set words_of(std::string_view text) {
  const std::string plain = text::plain_words(text);
  Set words;
  for (size_t begin = 0; begin < plain.size();) {
    const size_t end = std::min(plain.find(' ', begin), plain.size());
    words.insert(plain.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// Words that only a reply about a rewritten sentence is made of.
const Set kAbout = {"revised",      "rewritten",   "rewrite",  "revision",  "rewriting", "sentence",      "sentences",
                    "differences",  "difference",  "version",  "updated",   "modified",  "corrected",     "score",
                    "answer",       "response",    "output",   "sure",      "certainly", "incorporating", "incorporated",
                    "incorporates", "explanation", "note",     "mentioned", "none",      "sorry",         "cannot",
                    "apologize",    "json",        "unchanged"};
/// What may stand in a label beside them.
const Set kLabel = {"here",   "is",    "are",    "the",   "a",       "an",      "my",        "your",       "new",
                    "edited", "final", "1",      "one",   "of",      "course",  "okay",      "ok",         "with",
                    "that",   "would", "be",     "based", "on",      "above",   "following", "as",         "follows",
                    "and",    "in",    "it",     "below", "to",      "reflect", "including", "identified", "changes",
                    "s",      "text",  "result", "after", "earlier", "you",     "i",         "by"};

/// Takes `Here is the revised sentence:` off; false where the text does not begin so.
bool take_label(std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || text.find('\n') < colon || colon + 1 >= text.size()) return false;
  const Set words = words_of(std::string_view(text).substr(0, colon));
  const bool about = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return kAbout.contains(word) || word == "text" || word == "result";
  });
  const bool only = std::all_of(words.begin(), words.end(), [](const std::string& word) {
    return (kAbout.contains(word) && word != "score" && word != "note" && word != "none") || kLabel.contains(word);
  });
  if (!about || !only) return false;
  text = trim(std::string_view(text).substr(colon + 1));
  return true;
}

/// Takes one pair of quotation marks or of emphasis off that stands around everything.
bool take_frame(std::string& text, std::string_view truth) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kFrames = {
      {{"**", "**"}, {"__", "__"}, {"\"", "\""}, {"“", "”"}, {"«", "»"}, {"'", "'"}, {"`", "`"}, {"*", "*"}, {"_", "_"}}};
  for (const auto& [begin, end] : kFrames) {
    if (text.size() <= begin.size() + end.size() || !text.starts_with(begin) || !text.ends_with(end)) continue;
    const std::string inside = text.substr(begin.size(), text.size() - begin.size() - end.size());
    if (truth.starts_with(begin) || inside.find(begin) != std::string::npos || inside.find(end) != std::string::npos)
      continue;
    text = trim(inside);
    return true;
  }
  return false;
}

bool take_fence(std::string& text) {
  constexpr std::string_view kFence = "```";
  if (!text.starts_with(kFence) || !text.ends_with(kFence) || text.size() < 2 * kFence.size()) return false;
  std::string inside = text.substr(kFence.size(), text.size() - 2 * kFence.size());
  const size_t line = inside.find('\n');
  if (line != std::string::npos && inside.substr(0, line).find(' ') == std::string::npos) inside.erase(0, line);
  text = trim(inside);
  return true;
}

/// The only text of a JSON object; false where the reply is no such object.
bool take_object(std::string& text) {
  if (!text.starts_with('{')) return false;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 1 || !json.begin()->is_string()) return false;
  text = trim(json.begin()->get<std::string>());
  return true;
}

/// `**Revised sentence:** …`: emphasis around a label only.
bool take_bold_label(std::string& text) {
  const size_t end = text.starts_with("**") ? text.find("**", 2) : std::string::npos;
  if (end == std::string::npos || end + 2 >= text.size()) return false;
  const std::string label = text.substr(2, end - 2), rest = trim(std::string_view(text).substr(end + 2));
  std::string joined = label.ends_with(':') ? label + " " + rest : label + rest;
  if (!take_label(joined)) return false;
  text = joined;
  return true;
}

std::string sentence_of(std::string_view reply, std::string_view truth) {
  std::string text = without_thinking(reply);
  constexpr int kFrames = 6;
  for (int i = 0; i < kFrames; ++i) {
    if (!take_fence(text) && !take_object(text) && !take_frame(text, truth) && !take_bold_label(text) && !take_label(text))
      break;
  }
  return text;
}

int64_t lines(std::string_view text) { return std::count(text.begin(), text.end(), '\n'); }

int64_t sentences(std::string_view text) {
  int64_t ends = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::string_view(".!?").find(text[i]) == std::string_view::npos) continue;
    const size_t next = text.find_first_not_of(")]\"'*_", i + 1);  // a sentence in brackets ends behind them
    ends += next == std::string_view::npos || kBlank.find(text[next]) != std::string_view::npos ? 1 : 0;
  }
  return std::max<int64_t>(ends, 1);
}

/// A word or a sign of the reply that belongs to neither the truth nor the response; empty where there is none.
std::string about_itself(const std::string& text, std::string_view truth, std::string_view response) {
  Set known = words_of(truth);
  known.merge(words_of(response));
  for (const std::string& word : words_of(text)) {
    if (kAbout.contains(word) && !known.contains(word)) return word;
  }
  for (const char* sign : {"**", "```", "{", "}", "<", ">", "|", "#"}) {
    if (text.find(sign) != std::string::npos && truth.find(sign) == std::string_view::npos) return sign;
  }
  return "";
}

std::string objection(const LlmFields& llm, const std::string& text, std::string_view truth, int64_t begin,
                      std::string_view response) {
  constexpr int64_t kShort = 3;  // words; so few may all change, and become so many more
  if (text.empty()) return "the rewritten answer is empty";
  if (lines(text) > lines(truth)) return "the rewritten answer has more lines than the true one";
  const text::WordDifference words = text::differing_words(truth, text, begin, 0);
  const auto most = static_cast<int64_t>(llm.max_length_factor * static_cast<double>(words.words_a));
  if (words.words_b > std::max(most, words.words_a + kShort) || text.size() > 16 * truth.size() + 256)
    return "the rewritten answer is far longer than the true one";
  if (sentences(text) > sentences(truth)) return "the rewritten answer has more sentences than the true one";
  if (!about_itself(text, truth, response).empty())
    return "the rewritten answer talks about itself (" + about_itself(text, truth, response) + ")";
  if (words.words_a > kShort && words.share() > llm.max_changed)
    return "the rewritten answer is no small edit of the true one (gen.llm.max_changed)";
  return "";
}

}  // namespace

Revision read_revision(const LlmFields& llm, std::string_view truth, int64_t begin, std::string_view response,
                       std::string_view reply) {
  Revision out{sentence_of(reply, truth), ""};
  out.reason = objection(llm, out.text, truth, begin, response);
  return out;
}

}  // namespace rrpo::gen
