#include "rrpo/rows/scene.h"

#include <cmath>

#include "parsers/python_text.h"

namespace rrpo::rows {
namespace {

constexpr double kThreshold = 0.5;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// Behind the first `: `, before the first comma.
std::string label_of(py::View text) {
  const size_t colon = text.find(U": ");
  if (colon != py::View::npos) text.remove_prefix(colon + 2);
  return py::utf8(py::strip(text.substr(0, text.find(U','))));
}

/// The end of the shortest text from `begin` on, one character at least, that `ends` holds for; new lines are in none.
template <class Ends>
size_t shortest(py::View text, size_t begin, Ends ends) {
  for (size_t end = begin + 1; end <= text.size() && text[end - 1] != U'\n'; ++end) {
    if (ends(end)) return end;
  }
  return py::View::npos;
}

}  // namespace

SceneReply read_scene_reply(std::string_view reply) {
  constexpr py::View kLocations = U", Locations: ";
  const py::Text text = py::text_of(reply);
  const size_t at = text.find(kLocations);
  SceneReply out;
  out.change = label_of(py::View(text).substr(0, at));
  if (at != py::Text::npos) out.locations = py::utf8(py::strip(py::View(text).substr(at + kLocations.size())));
  out.changes = py::lower(py::text_of(out.change)) == U"yes";
  return out;
}

std::optional<ScenePair> scene_pair(std::string_view locations) {
  constexpr py::View kFrom = U"from ", kTo = U" to ";
  const py::Text text = py::text_of(locations);
  if (!py::same_at(text, 0, kFrom)) return std::nullopt;
  size_t stop = py::View::npos;
  const size_t end = shortest(text, kFrom.size(), [&](size_t at) {
    if (!py::same_at(text, at, kTo)) return false;
    stop = shortest(text, at + kTo.size(), [&](size_t last) { return last < text.size() && text[last] == U'.'; });
    return stop != py::View::npos;
  });
  if (end == py::View::npos) return std::nullopt;
  const size_t to = end + kTo.size();
  ScenePair out{py::utf8(py::strip(py::View(text).substr(kFrom.size(), end - kFrom.size()))),
                py::utf8(py::strip(py::View(text).substr(to, stop - to)))};
  if (out.from.empty() || out.to.empty()) return std::nullopt;
  return out;
}

double scene_score(double similarity) {
  if (similarity <= kThreshold) return 0;
  return (logistic(similarity) - logistic(kThreshold)) / (logistic(1) - logistic(kThreshold));
}

SceneScores scene_scores(const SceneCounts& counts) {
  const auto tp = static_cast<double>(counts.true_yes), fn = static_cast<double>(counts.missed);
  const auto fp = static_cast<double>(counts.false_yes), tn = static_cast<double>(counts.true_no);
  const double root = std::sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  SceneScores out;
  out.mcc = root > 0 ? (tp * tn - fp * fn) / root : 0;
  out.classification = (out.mcc + 1) * (out.mcc + 1) / 4;
  out.description = counts.true_yes > 0 ? counts.description / (2 * tp) : 0;
  out.overall = 0.6 * out.classification + 0.4 * out.description;
  return out;
}

}  // namespace rrpo::rows
