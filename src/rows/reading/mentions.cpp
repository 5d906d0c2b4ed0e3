#include "mentions.h"

#include <algorithm>
#include <numeric>

namespace rrpo::rows {
namespace {

/// Words behind which a letter is the name of an option.
const Words kBefore = {"option",   "choice",     "answer",    "letter",    "is",      "it's",      "its",      "be",
                       "say",      "said",       "think",     "choose",    "chose",   "pick",      "picked",   "select",
                       "selected", "with",       "for",       "so",        "thus",    "therefore", "hence",    "then",
                       "or",       "and",        "nor",       "not",       "either",  "neither",   "both",     "only",
                       "just",     "definitely", "clearly",   "probably",  "likely",  "certainly", "surely",   "obviously",
                       "of",       "than",       "eliminate", "exclude",   "options", "isn't",     "between",  "i'd",
                       "also",     "ans",        "was",       "maybe",     "perhaps", "possibly",  "es",       "est",
                       "ist",      "é",          "è",         "är",        "er",      "jest",      "c'est",    "nicht",
                       "pas",      "no",         "opción",    "respuesta", "antwort", "réponse",   "resposta", "risposta"};
/// Words that follow the name of an option and no article.
const Words kAfter = {
    "because",   "since",      "as",    "is",        "isn't",  "was",  "or",    "and",    "but",     "nor",    "seems",
    "looks",     "matches",    "fits",  "describes", "shows",  "says", "would", "cannot", "can't",   "can",    "doesn't",
    "does",      "also",       "too",   "instead",   "rather", "not",  "if",    "with",   "appears", "states", "best",
    "must",      "should",     "could", "might",     "may",    "who",  "which", "i",      "for",     "given",  "based",
    "correctly", "accurately", "has",   "than",      "will",   "only", "on",    "are",    "were",    "have",   "do"};

bool is_letter(const Token& token) { return token.text.size() == 1 && token.text[0] >= 'a' && token.text[0] <= 'z'; }

/// `(B)`, `[B]`, `{B}`.
bool bracketed(const Text& text, const Span& span) {
  return span.begin > 0 && text.is_punct(span.begin - 1, "([{") && text.is_punct(span.end, ")]}") &&
         text.tokens[span.begin].glued && text.tokens[span.end].glued;
}

bool all_that_is_said(const Text& text, const Span& span) {
  return static_cast<size_t>(count_words(text.tokens)) == static_cast<size_t>(span.end - span.begin) &&
         text.tokens[span.begin].word;
}

/// Something follows that leaves the letter a name.
bool followed_as_name(const Text& text, const Span& span) {
  const size_t next = span.end;
  if (next >= text.tokens.size() || text.tokens[next].line || text.taken[next]) return true;
  const Token& token = text.tokens[next];
  if (!token.word) return !(token.glued && is_punctuation(token, "+#%@"));
  if (text.is(next, kAfter)) return true;
  const std::string& letter = text.tokens[span.begin].text;
  const bool article = letter == "a" || letter == "i";
  if (!article && span.begin > 0 && (text.is(span.begin - 1, {"and", "or"}) || text.is_punct(span.begin - 1, "/&")))
    return true;
  return token.capital && (!article || text.is(next, {"the", "it", "this"}));
}

bool preceded_as_name(const Text& text, size_t begin) {
  if (begins_clause(text, begin) || text.is(begin - 1, kBefore) || text.taken[begin - 1]) return true;
  return text.is_punct(begin - 1, "/&-=([{>'") || text.tokens[begin - 1].text == "→";
}

/// A small letter is a name only where it can be nothing else.
bool stands_small(const Text& text, const Span& span) {
  const bool lead = begins_clause(text, span.begin) && text.is_punct(span.end, ").") && text.tokens[span.end].glued;
  const bool said = span.begin > 0 && (text.is(span.begin - 1, {"option", "answer", "choice", "letter", "is"}) ||
                                       text.is_punct(span.begin - 1, ":="));
  const bool ends = span.end >= text.tokens.size() || text.is_punct(span.end, ".,;!)") || text.tokens[span.end].line;
  return lead || (said && ends);
}

bool is_key(const Text& text, const Span& span, bool small_key) {
  if (bracketed(text, span) || all_that_is_said(text, span)) return true;
  const Token& token = text.tokens[span.begin];
  if (is_letter(token) && !token.capital && !(small_key && token.text != "a" && token.text != "i"))
    return stands_small(text, span);
  return preceded_as_name(text, span.begin) && followed_as_name(text, span);
}

/// `yes` and `no` are names where nothing but a pause follows: `no dog` is none.
bool cut_short(const Text& text, const Span& span, const Tokens& phrase) {
  if (phrase.size() != 1 || (phrase[0].text != "no" && phrase[0].text != "yes")) return false;
  const bool before = begins_clause(text, span.begin) || text.is_punct(span.begin - 1, "/") ||
                      text.is(span.begin - 1, {"is", "answer", "say", "so", "it's", "or", "and"});
  const bool after = span.end >= text.tokens.size() || text.tokens[span.end].line ||
                     text.is_punct(span.end, ".,;:!?)-/\"") ||
                     text.is(span.end, {"because", "since", "it", "they", "and", "or"});
  return !before || !after;
}

void add_keys(const std::vector<Option>& options, Text& text, std::vector<Mention>& out) {
  for (size_t number = 0; number < options.size(); ++number) {
    const Tokens key = trimmed(tokens_of(options[number].key));
    const bool small = !key.empty() && is_letter(key[0]) && !key[0].capital;
    for (size_t at = 0; at < text.tokens.size(); ++at) {
      const Span span{at, at + key.size()};
      if (text.taken[at] || !stands_at(text.tokens, at, key) || !is_key(text, span, small)) continue;
      const bool inside = bracketed(text, span);  // the brackets belong to the name: they part no clause
      out.push_back({inside ? Span{span.begin - 1, span.end + 1} : span, {number}, true});
    }
  }
}

/// Letters that no option has, where they would name one.
void add_foreign(const std::vector<Option>& options, const Text& text, std::vector<Mention>& out) {
  const auto is_key_letter = [](const Option& option) { return option.key.size() == 1; };
  if (!std::all_of(options.begin(), options.end(), is_key_letter)) return;
  for (size_t at = 0; at < text.tokens.size(); ++at) {
    const Token& token = text.tokens[at];
    const Span span{at, at + 1};
    if (text.taken[at] || !is_letter(token) || !token.capital || token.text == "i") continue;
    const bool listed = std::any_of(options.begin(), options.end(), [&](const Option& option) {
      const Tokens key = tokens_of(option.key);
      return key.size() == 1 && key[0].text == token.text;
    });
    const bool delimited = begins_clause(text, at) && text.is_punct(at + 1, ".):") && text.tokens[at + 1].glued;
    const bool said = at > 0 && (text.is(at - 1, {"option", "answer", "choice", "is"}) || text.is_punct(at - 1, ":"));
    if (!listed && (bracketed(text, span) || delimited || (said && followed_as_name(text, span))))
      out.push_back({span, {}, true});
  }
}

}  // namespace

std::vector<Mention> phrases_of(const std::vector<Tokens>& phrases, Text& text) {
  std::vector<size_t> order(phrases.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return phrases[a].size() > phrases[b].size(); });
  std::vector<Mention> out;
  for (const size_t number : order) {
    for (size_t at = 0; at < text.tokens.size(); ++at) {
      if (!stands_at(text.tokens, at, phrases[number])) continue;
      const Span span{at, at + phrases[number].size()};
      const auto same = std::find_if(out.begin(), out.end(), [&](const Mention& one) {
        return one.span.begin == span.begin && one.span.end == span.end;
      });
      if (same != out.end()) same->options.insert(number);
      const bool free =
          std::none_of(text.taken.begin() + static_cast<std::ptrdiff_t>(span.begin),
                       text.taken.begin() + static_cast<std::ptrdiff_t>(span.end), [](bool taken) { return taken; });
      if (!free || cut_short(text, span, phrases[number])) continue;
      text.take(span);
      out.push_back({span, {number}, false});
    }
  }
  return out;
}

std::vector<Mention> mentions_of(const std::vector<Option>& options, Text& text) {
  std::vector<Tokens> phrases;
  for (const Option& option : options) phrases.push_back(trimmed(tokens_of(option.text)));
  std::vector<Mention> out = phrases_of(phrases, text);
  const size_t texts = out.size();
  add_keys(options, text, out);
  add_foreign(options, text, out);
  for (size_t i = texts; i < out.size(); ++i) text.take(out[i].span);
  std::sort(out.begin(), out.end(), [](const Mention& a, const Mention& b) { return a.span.begin < b.span.begin; });
  return out;
}

}  // namespace rrpo::rows
