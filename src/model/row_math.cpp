#include "row_math.h"

#include <cstdlib>
#include <string_view>

namespace rrpo::model {

bool rows_by_hand() {
  static const bool used = [] {
    const char* name = std::getenv("RRPO_ROW_KERNEL");  // its values are checked by the loss
    const std::string_view said = name == nullptr ? "" : name;
    return said != "aten" && said != "plain" && avx2_math().runs_here();
  }();
  return used;
}

const RowMath* row_math(const at::Tensor& x) {
  return rows_by_hand() && x.is_cpu() && x.scalar_type() == at::kFloat ? &avx2_math() : nullptr;
}

}  // namespace rrpo::model
