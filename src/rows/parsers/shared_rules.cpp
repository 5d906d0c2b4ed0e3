#include "shared_rules.h"

#include "letters.h"
#include "rrpo/rows/scene.h"
#include "tempcompass.h"
#include "yesno.h"

namespace rrpo::rows {
namespace {

Judged judge_word(const Question& question, bool right, const std::string& truth, const std::string& read) {
  const std::vector<std::string>& expected = question.item.keys;
  if (right) return {Verdict::right, expected, {truth}, ""};
  if (read.empty()) return unparsed(expected, "the script finds neither yes nor no in the reply");
  return {Verdict::wrong, expected, {read}, ""};
}

Judged judge_match(const Question& question, Match match, const std::function<bool(size_t)>& says) {
  if (match == Match::none) return needs_judge(question);
  if (match == Match::stops) return script_stops(question);
  if (match == Match::right) return {Verdict::right, question.item.keys, question.item.keys, ""};
  return chosen(question, false, "", says);
}

/// `yes` or `no` as the row's truth.
std::string true_word(const Question& question) { return py::utf8(py::lower(py::strip(py::text_of(published(question))))); }

const char* other_word(const std::string& word) { return word == "yes" ? "no" : "yes"; }

}  // namespace

py::Text without_end_token(py::View reply) { return py::Text(py::strip(py::replaced(reply, U"</s>", U""))); }

Judged judge_first_letter(const Question& question, py::View reply) {
  const std::string line = "(" + last_letter(question) + ") " + question.item.text;
  return read_letter(question, first_letter(reply), first_letter(py::text_of(line)));
}

Judged judge_tempcompass_choice(const Question& question, py::View reply) {
  const auto match = [&](const std::string& line) { return match_choice(reply, py::text_of(line)); };
  return judge_match(question, match(question.item.text), [&](size_t i) {
    return match(question.options[i].key + ". " + question.options[i].text) == Match::right;
  });
}

Judged judge_tempcompass_yesno(const Question& question, py::View reply) {
  const std::string read = yes_no_prefix(reply), truth = published(question);
  if (read.empty()) return needs_judge(question);
  return judge_word(question, read == truth, truth, read);
}

Judged judge_tempcompass_caption(const Question& question, py::View reply) {
  const py::Text text = py::text_of(question.question);
  std::vector<py::View> lines = py::split(text, U"\n");
  lines.erase(lines.begin());
  const Match match = match_caption(reply, lines, py::text_of(question.item.text));
  return judge_match(question, match,
                     [&](size_t i) { return i < lines.size() && match_caption(reply, lines, lines[i]) == Match::right; });
}

Judged judge_caption(const Question& question, py::View) { return needs_judge(question); }

Judged judge_videohallucer(const Question& question, py::View reply) {
  const std::string truth = true_word(question), other = other_word(truth);
  const bool right = says_word(reply, py::text_of(truth));
  return judge_word(question, right, truth, says_word(reply, py::text_of(other)) ? other : "");
}

Judged judge_eventhallusion(const Question& question, py::View reply) {
  const std::string read = yes_no_prefix(reply), truth = own_letter(question);
  return judge_word(question, read == truth, truth, read);
}

Judged judge_elvhalluc(const Question& question, py::View reply) {
  const std::string read = yes_no_inside(reply), truth = own_letter(question);
  return judge_word(question, read == truth, truth, read);
}

Judged judge_vidhalluc_yesno(const Question& question, py::View reply) {
  const std::string read = py::utf8(first_piece(reply)), truth = true_word(question);
  const bool right = read == py::utf8(py::upper(py::strip(py::text_of(published(question)))));
  return judge_word(question, right, truth, read == "YES" || read == "NO" ? other_word(truth) : "");
}

Judged judge_vidhalluc_choices(const Question& question, py::View reply) {
  std::vector<std::string> truth = question.item.keys;
  if (!question.item.text.empty()) truth = published_set(py::text_of(question.item.text));
  std::vector<std::string> found = letter_set(reply, question.options);
  if (found.empty() && !truth.empty()) return unparsed(question.item.keys, "the script finds no option in the reply");
  const Verdict verdict = found == truth ? Verdict::right : Verdict::wrong;
  return {verdict, question.item.keys, std::move(found), ""};
}

Judged judge_vidhalluc_scene(const Question& question, py::View reply) {
  const std::string truth = true_word(question) == "yes" ? "yes" : "no";
  const std::string read = read_scene_reply(py::utf8(reply)).changes ? "yes" : "no";
  return {read == truth ? Verdict::right : Verdict::wrong, question.item.keys, {read}, ""};
}

}  // namespace rrpo::rows
