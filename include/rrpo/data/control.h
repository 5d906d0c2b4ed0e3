// Controls: a clip after a perturbation, so that an answer can be read without what the clip shows.
#pragma once

#include <string>
#include <vector>

#include "rrpo/rows/pair.h"
#include "rrpo/util/json_file.h"

namespace rrpo::data {

/// What is done to the clip of a row, whatever the row itself asks for.
struct Control {
  std::string name;
  Json steps = Json::array();  ///< as `gen.perturb` lists them
  bool order = false;          ///< it changes the order of the frames alone, and so nothing of a clip of one
};

/// The controls that ask whether a clip was seen. `blank`: every frame under the clip's mean colour; `shuffled`: all frames
/// in another order.
const std::vector<Control>& sight_controls();

/// What a prompt shows of `view` under a control. Its choices are drawn by `seed` and the media's key.
rows::View controlled(const rows::View& view, const Control& control, uint64_t seed);

}  // namespace rrpo::data
