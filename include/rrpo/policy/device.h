// The device that tensors live on. The program links the CPU libraries of LibTorch only and opens the CUDA ones where they
// and a GPU are there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace rrpo::policy {

/// Opens libtorch_cuda.so, found beside libtorch_cpu.so; true when CUDA can be used afterwards. Loads nothing on a machine
/// whose driver shows no GPU. LibTorch asks for CUDA once and remembers the answer: a program that may use a GPU calls this
/// first in `main`, before anything touches a tensor. Later calls return the first one's answer.
bool open_cuda();

/// A GPU as its driver describes it.
struct Gpu {
  std::string name;
  int64_t bytes = 0;
};

/// The GPUs that the driver shows, and whether LibTorch can use them; else why not, and what to do.
struct CudaReport {
  bool open = false;
  std::string problem, fix;
  std::vector<Gpu> gpus;
};
CudaReport cuda_report();

/// The most bytes that tensors took on a GPU at one time since the program began; 0 for any other device.
int64_t gpu_peak_bytes(const std::string& device);

/// The folder of the libtorch_cpu.so that this process runs with; empty when it cannot be found.
std::filesystem::path torch_folder();

/// `auto` to `cuda` where open_cuda() says so and `cpu` elsewhere; `cpu`, `cuda` and `cuda:N` to themselves, checked.
/// Throws Error(usage) for another text, Error(environment, "device") for a GPU that is not there.
std::string resolve_device(const std::string& wanted);

}  // namespace rrpo::policy
