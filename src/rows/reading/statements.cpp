#include "statements.h"

#include <algorithm>
#include <optional>

namespace rrpo::rows {
namespace {

const Words kNouns = {"answer", "ans",     "choice",    "selection", "response", "solution", "conclusion",
                      "option", "réponse", "respuesta", "antwort",   "resposta", "risposta", "prediction"};
const Words kFillers = {"to",     "this",    "the",  "question", "above", "would",  "should", "must",   "therefore",
                        "thus",   "clearly", "then", "here",     "so",    "option", "choice", "letter", "definitely",
                        "indeed", "simply",  "most", "likely",   "that",  "i",      "my",     "given",  "hence",
                        "choose", "have",    "your", "for",      "you",   "asked",  "which",  "answer"};
const Words kLinks = {"is", "be", "es", "est", "ist", "é", "è"};
const Words kReasons = {"because", "since",   "as",    "so",      "while", "which", "where", "although",   "though",
                        "but",     "whereas", "given", "however", "due",   "with",  "when",  "explanation"};
/// An answer of these is not what the speaker means.
const Words kNotMeant = {"wrong", "incorrect", "false",      "another", "possible", "plausible", "tempting",    "initial",
                         "first", "previous",  "other",      "not",     "no",       "bad",       "alternative", "earlier",
                         "one",   "second",    "distractor", "their",   "your",     "question's"};
const Words kPraise = {"correct", "right", "best", "true", "accurate", "answer"};

std::string_view word(const Text& text, size_t at) {
  return at < text.tokens.size() && text.tokens[at].word ? std::string_view(text.tokens[at].text) : std::string_view();
}

/// The end of what is stated from `begin` on: a full stop, a new line, a reason.
size_t end_of(const Text& text, size_t begin) {
  size_t at = begin;
  for (; at < text.tokens.size(); ++at) {
    if (at > begin && text.tokens[at].line) break;
    if (text.taken[at]) continue;
    const bool delimiter = at > 0 && text.taken[at - 1] && text.tokens[at].glued && at + 1 < text.tokens.size() &&
                           text.taken[at + 1] && !text.tokens[at + 1].line;  // the point of "B. moves right"
    if ((text.is_punct(at, ".;!?") && !delimiter) || text.is(at, kReasons)) break;
  }
  return at;
}

bool is_meant(const Text& text, size_t noun) {
  const size_t first = clause_of(text, noun).begin;
  for (size_t back = 1; back <= 4 && noun >= first + back; ++back) {
    if (text.is(noun - back, kNotMeant) && !text.taken[noun - back]) return false;
  }
  return true;
}

/// Behind `answer …`: the first token after `is` or a colon, nothing where none of these comes.
std::optional<size_t> after_link(const Text& text, size_t noun) {
  bool linked = false;
  size_t at = noun + 1;
  for (; at < text.tokens.size() && at < noun + 12; ++at) {
    if (text.taken[at]) break;
    const bool link = text.is(at, kLinks) || text.is_punct(at, ":=->") || text.tokens[at].text == "→";
    if (!link && !text.is(at, kFillers) && !text.is_punct(at, "([{\"'") && !text.is(at, {"a", "an"})) break;
    linked = linked || link;
  }
  if (!linked || at >= text.tokens.size()) return std::nullopt;
  return at;
}

bool is_final(const Text& text, size_t noun) { return noun > 0 && text.is(noun - 1, {"final"}); }

std::optional<Statement> by_noun(const Text& text, size_t noun) {
  if (text.taken[noun] || !text.is(noun, kNouns) || !is_meant(text, noun)) return std::nullopt;
  const auto begin = after_link(text, noun);
  if (!begin) return std::nullopt;
  const Span span{*begin, end_of(text, *begin)};
  if (text.is_punct(span.end, "?") || text.is(span.begin, {"not", "unclear", "unknown", "clear", "obvious", "simple", "as",
                                                           "in", "based", "below", "visible", "straightforward"}))
    return std::nullopt;
  return Statement{span, is_final(text, noun)};
}

/// `B is correct`, `B is the best answer`.
std::optional<Statement> by_praise(const Text& text, size_t at) {
  if (text.taken[at] || !text.is(at, {"is", "be", "seems"}) || at == 0) return std::nullopt;
  size_t next = at + 1;
  while (text.is(next, {"the", "most", "clearly", "definitely", "therefore", "thus", "a"})) ++next;
  if (!text.is(next, kPraise) || text.taken[next]) return std::nullopt;
  const Span clause = clause_of(text, at);
  return Statement{{clause.begin, at}, false};
}

/// `I choose B`, `I would go with B`.
std::optional<Statement> by_choice(const Text& text, size_t at) {
  const bool goes = text.is(at, {"with", "for"}) && at > 0 && text.is(at - 1, {"go", "going", "opt", "went"});
  const bool chooses = text.is(at, {"choose", "pick", "select", "chose", "picked", "selected"});
  if (text.taken[at] || (!goes && !chooses)) return std::nullopt;
  size_t begin = at + 1;
  while (text.is(begin, {"option", "answer", "letter", "the", "choice"}) || text.is_punct(begin, ":(\"")) ++begin;
  if (begin >= text.tokens.size() || !text.taken[begin]) return std::nullopt;
  return Statement{{begin, end_of(text, begin)}, false};
}

}  // namespace

std::vector<Statement> statements_of(const Text& text) {
  std::vector<Statement> out;
  for (size_t at = 0; at < text.tokens.size(); ++at) {
    for (const auto& found : {by_noun(text, at), by_praise(text, at), by_choice(text, at)}) {
      if (!found || (!out.empty() && out.back().span.begin == found->span.begin)) continue;
      out.push_back(*found);
    }
  }
  return out;
}

bool takes_back(const Text& text, size_t from, size_t to) {
  static const Words words = {"wait",    "actually",   "correction",    "sorry",   "hmm",     "scratch", "rather", "oops",
                              "mistake", "reconsider", "reconsidering", "instead", "however", "but",     "or",     "no"};
  for (size_t at = from; at < std::min(to, text.tokens.size()); ++at) {
    if (!text.taken[at] && word(text, at).size() > 0 && words.contains(word(text, at))) return true;
  }
  return false;
}

}  // namespace rrpo::rows
