// The bare letter or word, in brackets or with a full stop at most. All else is unparsed.
#include <algorithm>
#include <optional>

#include "../reading/form.h"
#include "entries.h"
#include "rrpo/rows/scene.h"

namespace rrpo::rows {
namespace {

using Keys = std::vector<std::string>;

/// Without blanks around it, one full stop behind and one pair of brackets.
std::string_view bare(std::string_view text) {
  text = without_blanks(text);
  if (text.ends_with('.')) text.remove_suffix(1);
  const bool round = text.starts_with('(') && text.ends_with(')'), square = text.starts_with('[') && text.ends_with(']');
  return text.size() > 2 && (round || square) ? text.substr(1, text.size() - 2) : text;
}

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

bool is_key(const Question& question, std::string_view text) {
  return std::any_of(question.options.begin(), question.options.end(), [&](const Option& one) { return one.key == text; });
}

Keys read_key(const Question& question, std::string_view reply) {
  const std::string_view text = bare(reply);
  return is_key(question, text) ? Keys{std::string(text)} : Keys();
}

Keys read_word(std::string_view reply) {
  const std::string word = small(bare(reply));
  return word == "yes" || word == "no" ? Keys{word} : Keys();
}

/// `ACD`, `A, C`: letters of options, none twice, in the options' order.
Keys read_keys(const Question& question, std::string_view reply) {
  Keys said;
  for (const char c : bare(reply)) {
    if (c == ',' || c == ' ') continue;
    said.emplace_back(1, c);
  }
  Keys out;
  for (const Option& option : question.options) {
    const auto times = std::count(said.begin(), said.end(), option.key);
    if (times > 1) return {};
    if (times == 1) out.push_back(option.key);
  }
  return out.size() == said.size() ? out : Keys();
}

/// The word, or the form that the question asks for: `Scene change: No, Locations: None`.
Keys read_scene(std::string_view reply) {
  reply = without_blanks(reply);
  return read_word(reply.starts_with("Scene change: ") ? read_scene_reply(reply).change : std::string(reply));
}

Keys read_form(const Question& question, std::string_view reply) {
  if (question.format == "mcq_set") return read_keys(question, reply);
  if (question.format == "yesno") return read_word(reply);
  return question.format == "scene_change" ? read_scene(reply) : read_key(question, reply);
}

Keys truth_of(const Question& question) {
  const bool read = question.format == "mcq" || question.format == "yesno";
  const bool stated = !question.item.keys.empty() || !question.item.text.empty();
  return stated || read ? true_values(question) : read_form(question, without_style(question, question.answer));
}

Judged judge_strict(const Question& question, std::string_view reply) {
  const Keys truth = truth_of(question);
  Keys found = read_form(question, without_style(question, reply));
  if (found.empty()) return unparsed(truth, "the reply is no bare letter or word");
  const bool all = question.format == "mcq_set";
  const bool right = all ? std::is_permutation(found.begin(), found.end(), truth.begin(), truth.end())
                         : std::find(truth.begin(), truth.end(), found.front()) != truth.end();
  return {right ? Verdict::right : Verdict::wrong, truth, std::move(found), ""};
}

bool has_bare_answers(const Question& question) {
  const Keys formats = {"mcq", "mcq_set", "yesno", "caption_match", "scene_change"};
  return std::find(formats.begin(), formats.end(), question.format) != formats.end();
}

}  // namespace

Scorer scorer_strict() {
  return {"strict", "the bare letter or word, in brackets or with a full stop at most", "2026-11", judge_strict,
          has_bare_answers};
}

}  // namespace rrpo::rows
