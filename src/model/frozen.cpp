#include "rrpo/model/frozen.h"

namespace rrpo::model {

int64_t Frozen::numel() const {
  if (!held) return plain.numel();
  int64_t count = 1;
  for (const int64_t side : held->shape()) count *= side;
  return count;
}

}  // namespace rrpo::model
