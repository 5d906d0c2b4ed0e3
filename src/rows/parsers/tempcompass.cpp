#include "tempcompass.h"

#include <optional>

namespace rrpo::rows {
namespace {

Match match_of(bool right) { return right ? Match::right : Match::wrong; }

/// The name of a line (`Caption B`) and the sentence: what stands between the first `: ` and the next.
struct Line {
  py::View name, sentence;
  py::Text short_name;
};

std::optional<Line> line_of(py::View line) {
  const std::vector<py::View> pieces = py::split(line, U": ");
  if (pieces.size() < 2) return std::nullopt;
  py::Text name(pieces[0]);
  for (const py::View word : {U"Sentence ", U"Option ", U"Caption "}) name = py::replaced(name, word, U"");
  return Line{pieces[0], pieces[1], std::move(name)};
}

/// What the reply is equal to.
std::optional<py::Text> taken(py::View reply, const std::vector<py::View>& lines, const std::vector<Line>& parts) {
  std::optional<py::Text> out;
  for (const py::View line : lines) {
    if (line == reply) out = line;
  }
  const std::vector<py::View> behind = py::split(reply, U") ");
  for (const Line& part : parts) {
    if (part.sentence == reply || (behind.size() > 1 && part.sentence == behind[1])) out = part.sentence;
  }
  const py::Text bare = py::replaced(reply, U".", U"");
  for (const Line& part : parts) {
    if (part.name == reply || part.name == bare) out = part.name;
  }
  for (const Line& part : parts) {
    if (part.short_name == reply || part.short_name == bare) out = part.short_name;
  }
  return out;
}

}  // namespace

Match match_choice(py::View reply, py::View answer) {
  if (reply == answer) return Match::right;
  const bool letter = !reply.empty() && reply[0] >= U'A' && reply[0] <= U'D';
  const bool delimited = reply.size() > 1 && (reply[1] == U'.' || reply[1] == U')');
  if (!letter || (reply.size() > 1 && !delimited)) return Match::none;
  if (answer.empty()) return Match::stops;
  return match_of(reply[0] == answer[0]);
}

Match match_caption(py::View reply, const std::vector<py::View>& lines, py::View answer) {
  std::vector<Line> parts;
  for (const py::View line : lines) {
    const std::optional<Line> part = line_of(line);
    if (!part) return Match::stops;
    parts.push_back(*part);
  }
  const std::optional<py::Text> said = taken(reply, lines, parts);
  if (!said) return Match::none;
  if (*said == answer || *said == py::split(answer, U":").front()) return Match::right;
  const std::vector<py::View> pieces = py::split(answer, U": ");
  if (pieces.size() < 2) return Match::stops;
  if (*said == pieces[1]) return Match::right;
  const std::vector<py::View> words = py::split(pieces[0]);
  return words.size() < 2 ? Match::stops : match_of(*said == words[1]);
}

}  // namespace rrpo::rows
