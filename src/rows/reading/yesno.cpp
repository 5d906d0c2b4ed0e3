#include <algorithm>
#include <set>

#include "readings.h"
#include "rrpo/rows/reply.h"
#include "statements.h"

namespace rrpo::rows {
namespace {

/// Takes `yes or no`, `yes/no`, `yes and no`: who says so quotes the question, or does not answer it.
void take_quotations(Text& text) {
  for (size_t at = 0; at + 2 < text.tokens.size(); ++at) {
    const bool ends =
        text.is(at, {"yes", "no"}) && text.is(at + 2, {"yes", "no"}) && text.tokens[at].text != text.tokens[at + 2].text;
    if (ends && (text.is(at + 1, {"or", "and"}) || text.is_punct(at + 1, "/"))) text.take({at, at + 3});
  }
}

/// A `no` that is an answer: a pause follows, or a sentence of its own.
bool answers_no(const Text& text, size_t at) {
  const bool end = at + 1 >= text.tokens.size() || text.tokens[at + 1].line;
  const bool numeral = text.is_punct(at + 1, ".") && at + 2 < text.tokens.size() && is_number(text.tokens[at + 2]);
  const bool pause = text.is_punct(at + 1, ".,;:!?)-\"]}") && !(text.is_punct(at + 1, "-") && text.tokens[at + 1].glued);
  const bool sentence = text.is(at + 1, {"it", "there", "he", "she", "they", "the", "this", "that", "because", "since", "i",
                                         "we", "you", "a", "and", "in", "as", "these", "those"});
  return end || (pause && !numeral) || (sentence && begins_clause(text, at));
}

/// `No one is there`: no answer by itself, and yet no yes.
bool begins_with_no(const Text& text) {
  return text.is(0, {"no"}) && !text.taken[0] && !text.is(1, {"doubt", "question", "problem"});
}

struct Answers {
  std::set<std::string> said, stated;
};

Answers answers_of(Text text) {
  Answers out;
  take_quotations(text);
  std::vector<size_t> places;
  for (size_t at = 0; at < text.tokens.size(); ++at) {
    if (text.taken[at] || !stands_at(text.tokens, at, {text.tokens[at]})) continue;
    if (text.is(at, {"yes"}) || (text.is(at, {"no"}) && answers_no(text, at))) places.push_back(at);
  }
  if (begins_with_no(text)) out.said.insert("no?");
  for (const size_t at : places) text.take({at, at + 1});
  const std::vector<Statement> statements = statements_of(text);
  for (const size_t at : places) {
    if (polarity_of(text, {at, at + 1}) != Polarity::asserted) continue;
    out.said.erase(at == 0 ? "no?" : "");
    out.said.insert(text.tokens[at].text);
    for (const Statement& one : statements) {
      if (one.final && at >= one.span.begin && at < one.span.end) out.stated.insert(text.tokens[at].text);
    }
  }
  if (says_unsure(text)) out.said.insert("unsure");
  return out;
}

const char* const kNeither = "the response says neither yes nor no";

}  // namespace

Reading read_yes_or_no(std::string_view raw) {
  const Reply reply = read_reply(raw);
  std::set<std::string> found;
  for (const std::string& answer : reply.answers) {
    const std::set<std::string> said = answers_of(Text(tokens_of(answer))).said;
    found.insert(said.begin(), said.end());
    if (said.empty()) found.insert("");
  }
  const Answers beside = answers_of(Text(tokens_of(reply.text)));
  if (reply.answers.empty()) found = beside.stated.empty() ? beside.said : beside.stated;
  const bool against = !reply.answers.empty() && beside.said.size() == 1 && beside.said != found &&
                       (beside.said.contains("yes") || beside.said.contains("no"));
  if (found.size() == 1 && !against && (found.contains("yes") || found.contains("no"))) return {{*found.begin()}, ""};
  const bool both = against || (found.contains("yes") && (found.contains("no") || found.contains("no?")));
  return {{}, both ? "the response says both yes and no" : kNeither};
}

Reading read_first_word(std::string_view raw) {
  Text text(trimmed(tokens_of(answer_text(raw))));
  take_quotations(text);
  if (!text.is(0, {"yes", "no"}) || text.taken[0]) return {{}, "the response begins with neither yes nor no"};
  return {{text.tokens[0].text}, ""};
}

}  // namespace rrpo::rows
