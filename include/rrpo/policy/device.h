// The device that tensors live on. The program links the CPU libraries of LibTorch only and opens the CUDA ones where they
// and a GPU are there.
#pragma once

#include <string>

namespace rrpo::policy {

/// Opens libtorch_cuda.so, found beside libtorch_cpu.so; true when CUDA can be used afterwards. Loads nothing on a machine
/// whose driver shows no GPU. LibTorch asks for CUDA once and remembers the answer: a program that may use a GPU calls this
/// first in `main`, before anything touches a tensor. Later calls return the first one's answer.
bool open_cuda();

/// `auto` to `cuda` where open_cuda() says so and `cpu` elsewhere; `cpu`, `cuda` and `cuda:N` to themselves, checked.
/// Throws Error(usage) for another text, Error(environment, "device") for a GPU that is not there.
std::string resolve_device(const std::string& wanted);

}  // namespace rrpo::policy
