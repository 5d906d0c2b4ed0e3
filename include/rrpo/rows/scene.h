// VidHalluc's questions about scene changes, as its eval_sth.py scores them. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rrpo::rows {

/// `Scene change: Yes, Locations: from a kitchen to a garden.`
struct SceneReply {
  std::string change;     ///< what stands for the label: `Yes`
  std::string locations;  ///< empty where the reply lacks `, Locations: `
  bool changes = false;   ///< the label is exactly yes, in any case; `Yes.` is not
};
SceneReply read_scene_reply(std::string_view reply);

struct ScenePair {
  std::string from, to;

  bool operator==(const ScenePair&) const = default;
};
/// The two scenes of a text that begins with `from X to Y.`, X before Y as short as can be; the full stop is needed. Nothing
/// where the text has not this form, or a scene is blank.
std::optional<ScenePair> scene_pair(std::string_view locations);

/// What the cosine similarity of two scenes counts: 0 up to 0.5, then a piece of the logistic curve that ends at 1.
double scene_score(double similarity);

/// Labels of a set of videos, and what the descriptions of those where reply and truth say yes count together, of 2 each.
struct SceneCounts {
  int64_t true_yes = 0, missed = 0, false_yes = 0, true_no = 0;
  double description = 0;
};
struct SceneScores {
  double mcc = 0;             ///< Matthews' correlation; 0 where it is not defined
  double classification = 0;  ///< ((mcc + 1) / 2)²
  double description = 0;     ///< the share of the possible; 0 without a common yes
  double overall = 0;         ///< 0.6 classification + 0.4 description
};
SceneScores scene_scores(const SceneCounts& counts);

}  // namespace rrpo::rows
