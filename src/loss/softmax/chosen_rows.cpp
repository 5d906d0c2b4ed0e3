#include <cstdlib>
#include <string>

#include "row_kernel.h"
#include "rrpo/util/error.h"

namespace rrpo::loss {

namespace {

constexpr const char* kVariable = "RRPO_ROW_KERNEL";

const RowKernel* widest() {
  if (avx512_rows().runs_here()) return &avx512_rows();
  return avx2_rows().runs_here() ? &avx2_rows() : &plain_rows();
}

}  // namespace

const RowKernel* rows_named(std::string_view name) {
  if (name == "aten") return nullptr;
  const std::string said = std::string(kVariable) + "=" + printable(name);
  for (const RowKernel* kernel : {&plain_rows(), &avx2_rows(), &avx512_rows()}) {
    if (name != kernel->name) continue;
    if (kernel->runs_here()) return kernel;
    throw Error(Fault::usage, "loss", said + ": this processor has no such instructions",
                "leave it unset: the widest kernel that runs here is taken");
  }
  throw Error(Fault::usage, "loss", said + " is no row kernel", "one of plain, avx2, avx512, aten");
}

const RowKernel* chosen_rows() {
  static const RowKernel* const chosen = [] {
    const char* name = std::getenv(kVariable);
    return name == nullptr || *name == '\0' ? widest() : rows_named(name);
  }();
  return chosen;
}

}  // namespace rrpo::loss
