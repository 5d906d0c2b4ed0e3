#include "rrpo/model/logits.h"

#include "formulas.h"

namespace rrpo::model {

at::Tensor logits(const Lvlm& lvlm, const at::Tensor& hidden) { return product(hidden, head(lvlm)); }

}  // namespace rrpo::model
