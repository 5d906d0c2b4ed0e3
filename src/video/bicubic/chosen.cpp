#include <cstdlib>
#include <string>

#include "kernel.h"
#include "rrpo/util/error.h"

namespace rrpo::video {
namespace {

constexpr const char* kVariable = "RRPO_RESIZE";

}  // namespace

const ResizeKernel& resize_named(std::string_view name) {
  const std::string said = std::string(kVariable) + "=" + printable(name);
  for (const ResizeKernel* kernel : {&plain_resize(), &avx2_resize()}) {
    if (name != kernel->name) continue;
    if (kernel->runs_here()) return *kernel;
    throw Error(Fault::usage, "video", said + ": this processor has no such instructions",
                "leave it unset: the fastest kernel that runs here is taken");
  }
  throw Error(Fault::usage, "video", said + " is no way to resize", "one of plain, avx2");
}

const ResizeKernel& chosen_resize() {
  static const ResizeKernel& chosen = []() -> const ResizeKernel& {
    const char* name = std::getenv(kVariable);
    if (name != nullptr && *name != '\0') return resize_named(name);
    return avx2_resize().runs_here() ? avx2_resize() : plain_resize();
  }();
  return chosen;
}

}  // namespace rrpo::video
