// The true sentence as a language model rewrites it, having named the key differences.
#include <algorithm>

#include "../slot_edit.h"
#include "../two_turns.h"
#include "rows.h"
#include "rrpo/text/diff.h"

namespace rrpo::gen {
namespace {

Rewritten none(std::string reason) { return {{}, {}, std::move(reason)}; }

/// The sentence itself, of a reply that repeats its label or puts it between quotation marks.
std::string sentence_of(std::string text, const std::string& truth) {
  constexpr std::string_view kLabel = "Sentence 1:";
  if (text.starts_with(kLabel)) text = io::spoken(std::string_view(text).substr(kLabel.size()));
  const bool quoted = text.size() > 2 && text.front() == '"' && text.back() == '"' && truth.find('"') == std::string::npos;
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// Why `text` cannot stand in the place of the true answer, empty when it can.
std::string objection(const rows::Question& question, const std::string& text) {
  constexpr size_t kTimes = 3, kMore = 64;  // a sentence in the style of the answer has about its length
  const auto lines = [](const std::string& t) { return std::count(t.begin(), t.end(), '\n'); };
  if (text.empty()) return "the rewritten answer is empty";
  if (lines(text) > lines(question.answer)) return "the rewritten answer has more lines than the true one";
  if (text.size() > kTimes * question.answer.size() + kMore) return "the rewritten answer is far longer than the true one";
  if (rows::judge(question, text).verdict == rows::Verdict::right) return "the rewritten answer is right";
  return "";
}

Rewritten rewrite_by_llm(const rows::Question& question, const rows::Judged&, std::string_view response,
                         Dialogue& dialogue) {
  const auto differences = dialogue.say(1, difference_prompt(question.answer, io::spoken(response)));
  if (!differences) return {};
  const Differences read = read_differences(*differences);
  if (read == Differences::none) return none("the language model sees no key difference");
  if (read == Differences::unclear) return none(kUnclear);
  const auto revised = dialogue.say(2, rewrite_prompt(question.answer));
  if (!revised) return {};
  const std::string text = sentence_of(*revised, question.answer);
  const std::string reason = objection(question, text);
  if (!reason.empty()) return none(reason);
  text::WordDifference words =
      text::differing_words(question.answer, text, body_begin(question, question.answer), body_begin(question, text));
  if (words.a.empty() && words.b.empty()) return none("no word differs");
  return {{question.answer, std::move(words.a)}, {text, std::move(words.b)}, ""};
}

}  // namespace

Rewrite rewrite_llm_row() {
  return {"llm", "as a language model (gen.llm.*) rewrites the true sentence, in two turns; slots for other formats", true,
          rewrite_by_llm};
}

}  // namespace rrpo::gen
