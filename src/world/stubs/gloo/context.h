// What LibTorch's header of its Gloo group needs of Gloo, whose headers its wheel leaves out; the code is in libtorch_cpu.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
