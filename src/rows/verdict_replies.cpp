#include "rrpo/rows/verdict_replies.h"

#include "parsers/python_text.h"

namespace rrpo::rows {
namespace {

size_t count(py::View text, py::View part) { return py::split(text, part).size() - 1; }

py::Text answer_of(py::View judge) {
  py::Text out(judge);
  for (const py::View line : py::split(judge, U"\n")) {
    if (py::contains(line, U"Answer")) out = py::strip(py::replaced(py::strip(line), U"Answer:", U""));
  }
  return out;
}

py::View head(py::View line) { return line.substr(0, line.find(U". ")); }

}  // namespace

std::optional<bool> read_correctness(std::string_view judge) {
  const py::Text all = py::text_of(judge);
  const py::View text = py::strip(all);
  if (text.starts_with(U"Correct")) return true;
  if (py::contains(text, U"Incorrect")) return false;
  return py::contains(text, U"Correct") ? std::optional(true) : std::nullopt;
}

Judged judge_captioning(std::string_view judge, std::string_view published_line) {
  const py::Text all = py::text_of(judge), line = py::text_of(published_line);
  const py::View text = py::strip(all);
  const std::vector<std::string> expected = {py::utf8(head(line))};
  if (text.empty() || text == U"invalid_request_error") return {Verdict::unjudged, expected, {}, "the judge did not reply"};
  const py::Text answer = answer_of(text);
  size_t letters = 0;
  for (const py::View letter : {U"A.", U"B.", U"C.", U"D."}) letters += count(answer, letter);
  const bool right = head(answer) == head(line) && letters == 1;
  return {right ? Verdict::right : Verdict::wrong, expected, {py::utf8(head(answer))}, ""};
}

}  // namespace rrpo::rows
