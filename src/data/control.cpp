#include "rrpo/data/control.h"

namespace rrpo::data {

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
