// Adapters as they are written: of the modules that the original has.
#pragma once

#include <string>
#include <vector>

#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

struct WrittenLora {
  std::string module;  ///< the original's path
  Lora lora;
};

/// Every linear's adapter, in order. Linears that the original holds as one (queries, keys and values below each other) get
/// one adapter that computes the same: their B below each other where they share A and scale, else A below each other and
/// B in blocks.
std::vector<WrittenLora> written_loras(Weights& weights, const Family& family);

}  // namespace rrpo::model
