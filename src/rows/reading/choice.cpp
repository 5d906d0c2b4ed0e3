#include <algorithm>
#include <optional>

#include "mentions.h"
#include "readings.h"
#include "rrpo/rows/reply.h"
#include "rrpo/util/table.h"
#include "statements.h"

namespace rrpo::rows {
namespace {

/// What some mentions leave of the options: those that each of them names; nothing where there is no mention.
using Evidence = std::optional<Choices>;

void add(Evidence& evidence, const Choices& choices) {
  if (!evidence) {
    evidence = choices;
    return;
  }
  std::erase_if(*evidence, [&](size_t option) { return !choices.contains(option); });
}

bool settles(const Evidence& evidence) { return evidence && evidence->size() == 1; }

/// A reply in which the mentions of options are known.
class Choice {
 public:
  Choice(const std::vector<Option>& options, Tokens tokens)
      : text_(std::move(tokens)), mentions_(mentions_of(options, text_)) {
    for (const Mention& mention : mentions_) polarity_.push_back(polarity_of(text_, mention.span));
    statements_ = statements_of(text_);
  }

  /// The options that the reply leaves open; all but one is doubt.
  Choices read() const {
    const Evidence stated = by_statement();
    const Evidence lines = by_form();
    if (stated) return settles(lines) && *lines != *stated && !has_final() ? Choices() : *stated;
    if (says_unsure(text_)) return {};
    if (wavers()) return {};
    if (settles(lines)) return confirmed(*lines);
    return all().value_or(Choices());
  }
  bool names_any() const { return !mentions_.empty(); }
  Choices named() const {
    Choices out;
    for (const Mention& mention : mentions_) out.insert(mention.options.begin(), mention.options.end());
    return out;
  }

 private:
  Evidence within(const Span& span) const {
    Evidence out;
    for (size_t i = 0; i < mentions_.size(); ++i) {
      if (mentions_[i].span.begin < span.begin || mentions_[i].span.end > span.end) continue;
      if (polarity_[i] == Polarity::asserted) add(out, mentions_[i].options);
    }
    return out;
  }
  bool has_mention(const Span& span) const {
    return std::any_of(mentions_.begin(), mentions_.end(),
                       [&](const Mention& one) { return one.span.begin >= span.begin && one.span.end <= span.end; });
  }
  Evidence all() const { return within({0, text_.tokens.size()}); }
  /// Some option is named with a `maybe`.
  bool wavers() const {
    return std::any_of(polarity_.begin(), polarity_.end(), [](Polarity one) { return one == Polarity::doubted; });
  }
  bool has_final() const {
    return std::any_of(statements_.begin(), statements_.end(), [](const Statement& one) { return one.final; });
  }

  /// What is stated. A final statement counts alone; one that is taken back, or that names nothing, leaves doubt.
  Evidence by_statement() const {
    Evidence out;
    size_t last = 0;
    for (const Statement& statement : statements_) {
      if (has_final() && !statement.final) continue;
      const Evidence here = within(statement.span);
      if (!here && has_mention(statement.span)) continue;  // denied or doubted: says nothing
      add(out, here.value_or(Choices()));
      last = std::max(last, statement.span.end);
    }
    if (!settles(out)) return out;
    for (size_t i = 0; i < mentions_.size(); ++i) {
      const bool other = polarity_[i] == Polarity::asserted && !mentions_[i].options.contains(*out->begin());
      if (other && mentions_[i].span.begin >= last && takes_back(text_, last, mentions_[i].span.begin)) return Choices();
    }
    return out;
  }

  /// What the lines say that are an answer by themselves, and the beginning of the first one.
  Evidence by_form() const {
    Evidence out;
    for (size_t i = 0; i < mentions_.size(); ++i) {
      if (polarity_[i] == Polarity::asserted && (leads(i) || fills_line(i))) add(out, mentions_[i].options);
    }
    return out;
  }
  /// `B`, `B. moves right`, `B because …` at the very beginning.
  bool leads(size_t i) const {
    const size_t begin = mentions_[i].span.begin;
    return mentions_[i].by_key &&
           count_words({text_.tokens.begin(), text_.tokens.begin() + static_cast<std::ptrdiff_t>(begin)}) == 0;
  }
  /// `B`, `(B) moves right`, `Option B`, `moves right` on a line of its own.
  bool fills_line(size_t i) const {
    const Span& span = mentions_[i].span;
    size_t begin = span.begin, end = span.end;
    while (begin > 0 && !text_.tokens[begin].line) --begin;
    while (end < text_.tokens.size() && !text_.tokens[end].line) ++end;
    for (size_t at = begin; at < end; ++at) {
      const bool label = at < span.begin && text_.is(at, {"option", "choice", "answer"});
      if (text_.tokens[at].word && !text_.taken[at] && !label) return false;
    }
    return begin > 0 || end < text_.tokens.size();
  }
  /// A letter in front stands where what follows names no other option, or its own text too.
  Choices confirmed(const Choices& form) const {
    const Evidence rest = all();
    if (settles(rest)) return *rest;
    const size_t option = *form.begin();
    bool own = false, other_key = false;
    for (size_t i = 0; i < mentions_.size(); ++i) {
      if (polarity_[i] != Polarity::asserted) continue;
      const bool same = mentions_[i].options.contains(option);
      own = own || (same && !mentions_[i].by_key && spoken(i));
      other_key = other_key || (!same && mentions_[i].by_key) || (!same && joined(i));
    }
    return own && !other_key ? form : Choices();
  }
  /// Not part of a line that is an answer, but of what is said about it.
  bool spoken(size_t i) const { return !fills_line(i); }
  /// `B or moves left`: directly behind another mention.
  bool joined(size_t i) const {
    size_t at = mentions_[i].span.begin;
    while (at > 0 && !text_.taken[at - 1] &&
           (!text_.tokens[at - 1].word || text_.is(at - 1, {"or", "and", "also", "maybe", "a", "an", "the"})))
      --at;
    return at > 0 && text_.taken[at - 1] && !text_.is_punct(at, ".");
  }

  Text text_;
  std::vector<Mention> mentions_;
  std::vector<Polarity> polarity_;
  std::vector<Statement> statements_;
};

/// Without the number of a list in front: `1. B`.
Tokens unnumbered(Tokens tokens, const std::vector<Option>& options) {
  const bool numbered = tokens.size() > 2 && is_number(tokens[0]) && is_punctuation(tokens[1], ".)") && tokens[1].glued;
  if (!numbered) return tokens;
  const bool own = std::any_of(options.begin(), options.end(), [&](const Option& option) {
    return said_words(tokens_of(option.key)) == tokens[0].text || said_words(tokens_of(option.text)) == tokens[0].text;
  });
  if (own) return tokens;
  tokens.erase(tokens.begin(), tokens.begin() + 2);
  tokens[0].line = true;
  tokens[0].glued = false;
  return tokens;
}

Choices open_options(const std::vector<Option>& options, const std::string& text, Choices& named) {
  const Choice choice(options, unnumbered(tokens_of(text), options));
  named.merge(choice.named());
  return choice.read();
}

}  // namespace

Reading read_choice(const std::vector<Option>& options, std::string_view raw) {
  const Reply reply = read_reply(raw);
  Choices named;
  Evidence evidence;
  for (const std::string& answer : reply.answers) add(evidence, open_options(options, answer, named));
  const Choices beside = open_options(options, reply.text, named);
  if (!evidence) evidence = beside;
  const bool against = !reply.answers.empty() && beside.size() == 1 && settles(evidence) && beside != *evidence;
  if (settles(evidence) && !against) return {{options[*evidence->begin()].key}, ""};
  if (named.empty()) return {{}, "no option is named"};
  std::vector<std::string> keys;
  for (const size_t option : named) keys.push_back(options[option].key);
  return {{}, keys.size() > 1 ? "several options are named: " + join(keys) : "option " + keys[0] + " is named in doubt"};
}

}  // namespace rrpo::rows
