#include "clauses.h"

#include <algorithm>

namespace rrpo::rows {
namespace {

/// Also those of the languages in which a letter of an option may be named.
const Words kDenials = {"not",       "no",     "never",   "neither",   "nor",        "none",     "cannot",  "without",
                        "except",    "unlike", "wrong",   "incorrect", "false",      "excluded", "exclude", "eliminated",
                        "eliminate", "ruled",  "rule",    "unlikely",  "impossible", "hardly",   "than",    "instead",
                        "fails",     "lacks",  "nothing", "nobody",    "nicht",      "kein",     "keine",   "nein",
                        "non",       "pas",    "ne",      "ni",        "não",        "nem",      "nunca",   "niet",
                        "geen",      "ikke",   "inte",    "не",        "нет",        "nie",      "değil",   "bukan"};
/// These deny what they follow: `B is wrong`, `A can be ruled out`.
const Words kDenialsAfter = {"not",        "never",    "wrong",      "incorrect", "false",    "impossible",
                             "unlikely",   "excluded", "eliminated", "ruled",     "cannot",   "untrue",
                             "inaccurate", "invalid",  "out",        "mistaken",  "rejected", "dismissed"};
const Words kBetween = {"is",      "are",        "was",       "were",   "be",      "been",   "does",      "do",
                        "did",     "can",        "could",     "would",  "will",    "should", "has",       "have",
                        "seems",   "seem",       "looks",     "look",   "appears", "must",   "it",        "it's",
                        "clearly", "definitely", "also",      "simply", "option",  "choice", "answer",    "the",
                        "a",       "an",         "therefore", "thus",   "to",      "being",  "obviously", "just"};
const Words kDoubts = {"maybe",     "perhaps",    "possibly",  "might",     "may",           "could",
                       "whether",   "if",         "unsure",    "unclear",   "guess",         "suppose",
                       "supposing", "assume",     "possible",  "tempting",  "plausible",     "either",
                       "quizá",     "vielleicht", "peut-être", "uncertain", "hypothetically"};
const Words kParts = {"but", "however",   "because", "since", "while", "whereas", "although", "though",
                      "so",  "therefore", "thus",    "hence", "then",  "yet",     "which"};

bool idiom(const Text& text, size_t at) {
  return text.tokens[at].text == "no" && text.is(at + 1, {"doubt", "question", "problem", "wonder"});
}

/// `anything but B`.
bool excepts(const Text& text, size_t at) {
  return at > 0 && text.tokens[at].text == "but" && text.is(at - 1, {"anything", "everything", "all", "nothing", "none"});
}

bool is_boundary(const Text& text, size_t at) {
  if (text.taken[at]) return false;
  if ((text.is(at, kParts) && !excepts(text, at)) || text.is_punct(at, ".!?;:,()[]\"")) return true;
  const bool dash = text.is_punct(at, "-");
  return dash && (!text.tokens[at].glued || at + 1 == text.tokens.size() || !text.tokens[at + 1].glued);
}

bool denied_before(const Text& text, const Span& clause, const Span& span) {
  for (size_t i = clause.begin; i < span.begin; ++i) {
    if (!text.taken[i] && (denies(text.tokens[i]) || excepts(text, i)) && !idiom(text, i)) return true;
  }
  return false;
}

bool denied_after(const Text& text, const Span& clause, const Span& span) {
  size_t at = span.end;
  while (at < clause.end && text.is(at, kBetween)) ++at;
  if (at >= clause.end || text.taken[at]) return false;
  const std::string& word = text.tokens[at].text;
  const bool negated = word.ends_with("n't") || word == "cannot";
  const bool bare = at == span.end && (word == "not" || word == "never" || word == "out");  // "B not A" denies A
  return negated || (!bare && text.is(at, kDenialsAfter));
}

bool is_asked(const Text& text, const Span& span) {
  for (size_t i = span.end; i < text.tokens.size(); ++i) {
    if (text.tokens[i].line) return false;
    if (!text.taken[i] && text.is_punct(i, ".!?;")) return text.is_punct(i, "?");
  }
  return false;
}

/// `not A, B or C`: a clause of names only goes on with the denial of the clause before it.
bool denied_list(const Text& text, const Span& clause) {
  if (clause.begin < 2 || !text.is_punct(clause.begin - 1, ",")) return false;
  for (size_t i = clause.begin; i < clause.end; ++i) {
    if (!text.taken[i] && !text.is(i, {"or", "and", "nor"})) return false;
  }
  size_t name = clause.begin - 2;
  if (!text.taken[name]) return false;
  while (name > 0 && text.taken[name - 1]) --name;
  const Span before = clause_of(text, clause.begin - 2);
  return denied_before(text, before, {name, before.end}) || denied_list(text, before);
}

}  // namespace

void Text::take(const Span& span) {
  for (size_t i = span.begin; i < span.end; ++i) taken[i] = true;
}

bool Text::is(size_t at, const Words& words) const {
  return at < tokens.size() && tokens[at].word && words.contains(tokens[at].text);
}

bool Text::is_punct(size_t at, std::string_view characters) const {
  return at < tokens.size() && is_punctuation(tokens[at], characters);
}

bool denies(const Token& token) { return token.word && (kDenials.contains(token.text) || token.text.ends_with("n't")); }

bool begins_clause(const Text& text, size_t at) {
  return at == 0 || at >= text.tokens.size() || text.tokens[at].line || is_boundary(text, at - 1);
}

Span clause_of(const Text& text, size_t at) {
  Span clause{at, at + 1};
  while (clause.begin > 0 && !begins_clause(text, clause.begin)) --clause.begin;
  while (clause.end < text.tokens.size() && !is_boundary(text, clause.end) && !text.tokens[clause.end].line) ++clause.end;
  return clause;
}

Polarity polarity_of(const Text& text, const Span& span) {
  const Span clause = clause_of(text, span.begin);
  if (denied_before(text, clause, span) || denied_after(text, clause, span) || denied_list(text, clause))
    return Polarity::denied;
  if (is_asked(text, span)) return Polarity::asked;
  for (size_t i = clause.begin; i < clause.end; ++i) {
    if (!text.taken[i] && text.is(i, kDoubts)) return Polarity::doubted;
  }
  return Polarity::asserted;
}

bool says_unsure(const Text& text) {
  static const Words know = {"sure", "certain", "clear", "know", "tell", "determine", "say", "answer", "confirm", "decide"};
  static const Words alone = {"unclear", "unsure", "uncertain", "unknown", "undetermined", "undecided"};
  for (size_t i = 0; i < text.tokens.size(); ++i) {
    if (text.taken[i]) continue;
    if (text.is(i, alone)) return true;
    if (text.is(i, {"no"}) && text.is(i + 1, {"idea", "clue"})) return true;
    if (text.is(i, {"unable", "hard", "difficult", "impossible"}) && text.is(i + 1, {"to"})) return true;
    const bool negated = text.is(i, {"not", "cannot", "never"}) || text.tokens[i].text.ends_with("n't");
    for (size_t next = i + 1; negated && next < i + 4 && next < text.tokens.size(); ++next) {
      if (text.is(next, know)) return true;
      if (text.is(next, {"be"}) && text.is(next + 1, {"determined", "known", "seen"})) return true;
      if (!text.is(next, {"be", "really", "quite", "entirely", "completely", "fully", "definitively", "possible", "to"}))
        break;
    }
  }
  return false;
}

}  // namespace rrpo::rows
