#include <algorithm>

#include "mentions.h"
#include "numbers.h"
#include "readings.h"
#include "rrpo/rows/reply.h"
#include "rrpo/text/unicode.h"

namespace rrpo::rows {
namespace {

constexpr int64_t kMoreWords = 2;  ///< a wrong reply has so many more than the truth at most

/// Without articles, which no answer depends on; never empty where `tokens` is not.
Tokens without_articles(const Tokens& tokens) {
  Tokens out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool article = tokens[i].word && Words{"a", "an", "the"}.contains(tokens[i].text);
    if (article && i + 1 < tokens.size() && tokens[i + 1].word && !tokens[i + 1].line) {
      const bool line = tokens[i].line;
      i += 1;
      out.push_back(tokens[i]);
      out.back().line = line;
      out.back().glued = false;
    } else {
      out.push_back(tokens[i]);
    }
  }
  return out;
}

Tokens phrase_of(std::string_view text) { return with_digits(without_articles(trimmed(tokens_of(text)))); }

/// The word without the ending of a plural or of a tense.
std::string stem(const std::string& word) {
  for (const std::string_view ending : {"ing", "ed", "es", "s", "er", "ly"}) {
    if (word.size() < ending.size() + 3 || !word.ends_with(ending)) continue;
    std::string out = word.substr(0, word.size() - ending.size());
    if (out.size() > 3 && out[out.size() - 1] == out[out.size() - 2]) out.pop_back();
    return out;
  }
  return word.size() > 3 && word.ends_with("e") ? word.substr(0, word.size() - 1) : word;
}

/// Words by which a reply says that it gives no answer.
bool declines(const Text& text) {
  static const Words words = {"sorry", "cannot", "can't", "unable",    "unknown",   "unclear",      "unsure",     "n",
                              "error", "null",   "nan",   "apologize", "uncertain", "unanswerable", "applicable", "above"};
  const auto declining = [&](const Token& token) { return token.word && words.contains(token.text); };
  return says_unsure(text) || std::any_of(text.tokens.begin(), text.tokens.end(), declining);
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// True when the reply may say the truth in another form: an inflection, a unit, another script.
bool may_be_the_same(const Tokens& truth, const Tokens& reply) {
  const std::string there = said_words(truth), here = said_words(reply);
  if (is_ascii(there) != is_ascii(here)) return true;
  const auto without_units = [](const std::string& words) { return text::plain_words(words); };
  const bool unit = (there + here).find_first_of("%$") != std::string::npos || !is_ascii(there);
  if (unit && !truth.empty() && here.find_first_of("0123456789") != std::string::npos) {
    const auto digits = [](const std::string& words) {
      std::string out;
      std::copy_if(words.begin(), words.end(), std::back_inserter(out), [](char c) { return c >= '0' && c <= '9'; });
      return out;
    };
    return digits(there) == digits(here) || without_units(there) == without_units(here);
  }
  const auto stems = [](const Tokens& tokens) {
    std::string out = " ";
    for (const Token& token : tokens) {
      if (token.word) out += stem(token.text) + " ";
    }
    return out;
  };
  const std::string wanted = stems(truth);
  return wanted.size() > 1 && there != here && stems(reply).find(wanted) != std::string::npos && is_ascii(there) &&
         (there + here).find_first_of("+#") == std::string::npos;
}

/// `red or blue`, `red/blue`, `red, blue`: beside another answer the truth is none.
bool beside_another(const Text& text, const Span& span) {
  const bool follows =
      text.is(span.end, {"or", "and", "nor", "versus", "vs", "to", "then"}) && !text.is(span.end + 1, {"not"});
  if (follows || text.is_punct(span.end, "/&")) return true;
  if (span.begin > 0 && text.is(span.begin - 1, {"or", "and", "then"})) return true;
  const size_t next = span.end + 1;
  const bool last = next + 1 >= text.tokens.size() || text.is_punct(next + 1, ",.") || text.is(next + 1, {"and", "or"});
  return text.is_punct(span.end, ",") && next < text.tokens.size() && text.tokens[next].word && last &&
         !text.is(next, {"indeed", "yes", "obviously", "definitely", "clearly", "actually", "though", "sir", "then"});
}

/// A number beside others: `2 of 3`.
bool among_numbers(const Tokens& truth, const Text& text) {
  if (truth.size() != 1 || !is_number(truth[0])) return false;
  for (size_t i = 0; i < text.tokens.size(); ++i) {
    if (!text.taken[i] && counts(text.tokens[i])) return true;
  }
  return false;
}

/// How the reply puts the truth, number 0 of `phrases`, and whether it gives another of them.
struct Stand {
  bool asserted = false, denied = false, doubted = false, other = false;
};

Stand stand_of(const std::vector<Tokens>& phrases, Text& text) {
  Stand out;
  const std::vector<Mention> mentions = phrases_of(phrases, text);
  for (const Mention& mention : mentions) {
    const Polarity polarity = polarity_of(text, mention.span);
    if (!mention.options.contains(0)) {
      out.other = out.other || polarity == Polarity::asserted;
      continue;
    }
    const bool asserted = polarity == Polarity::asserted && !beside_another(text, mention.span);
    out.denied = out.denied || polarity == Polarity::denied;
    out.asserted = out.asserted || asserted;
    out.doubted = out.doubted || (!asserted && polarity != Polarity::denied);
  }
  return out;
}

PhraseReading unread(std::string reason) { return {Verdict::unparsed, "", std::move(reason)}; }

PhraseReading judge_absent(const Tokens& truth, const Text& text) {
  const int64_t most = count_words(truth) + kMoreWords, words = count_words(text.tokens);
  if (words == 0) return unread("the response says nothing");
  if (declines(text)) return unread("the response gives no answer");
  if (may_be_the_same(truth, with_digits(text.tokens))) return unread("the response may say the answer in another form");
  if (words > most) return unread("the response is a sentence that does not hold the answer");
  return {Verdict::wrong, said_words(text.tokens), ""};
}

}  // namespace

PhraseReading read_phrase(std::string_view truth_text, const std::vector<std::string>& others, std::string_view raw) {
  const Reply reply = read_reply(raw);
  if (reply.answers.size() > 1) return unread("the response frames several answers");
  const std::string said = reply.answers.empty() ? reply.text : reply.answers[0];
  const Tokens full = trimmed(tokens_of(said)), truth = phrase_of(truth_text);
  Text text(with_digits(without_articles(full)));
  if (said_words(text.tokens) == said_words(truth) && !text.tokens.empty() && tokens_of(said).back().text != "?")
    return {Verdict::right, said_words(truth), ""};
  std::vector<Tokens> phrases = {truth};
  for (const std::string& other : others) {
    if (said_words(phrase_of(other)) != said_words(truth)) phrases.push_back(phrase_of(other));
  }
  Text whole(with_digits(without_articles(tokens_of(said))));  // with the question mark at its end
  const Stand stand = stand_of(phrases, whole);
  if (!stand.asserted && !stand.denied && !stand.doubted) return judge_absent(truth, Text(full));
  if (says_unsure(whole)) return unread("the response is in doubt");
  if (stand.other) return unread("the response gives several answers");
  if (stand.doubted || (stand.asserted && stand.denied) || among_numbers(truth, whole))
    return unread("the response gives the answer in doubt");
  if (stand.denied) return {Verdict::wrong, said_words(full), ""};
  return {Verdict::right, said_words(truth), ""};
}

}  // namespace rrpo::rows
