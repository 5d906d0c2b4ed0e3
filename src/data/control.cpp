#include "rrpo/data/control.h"

namespace rrpo::data {

const std::vector<Control>& sight_controls() {
  static const std::vector<Control> controls = {{"blank", Json::array({{{"name", "blank"}, {"share", {1, 1}}}})},
                                                {"shuffled", Json::array({{{"name", "shuffle_global"}}}), /*order=*/true}};
  return controls;
}

rows::View controlled(const rows::View& view, const Control& control, uint64_t seed) {
  rows::View out = view;
  if (!view.perturbed()) {
    out.perturb = Json::array();
    out.seed = seed;
  }
  out.perturb.insert(out.perturb.end(), control.steps.begin(), control.steps.end());
  return out;
}

}  // namespace rrpo::data
