#include "rrpo/policy/device.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <limits.h>

#include <charconv>
#include <filesystem>
#include <string_view>

#include "rrpo/util/error.h"

namespace rrpo::policy {

namespace {

/// Why CUDA cannot be used, for the user; empty when it can.
struct CudaState {
  bool open = false;
  std::string problem, fix;
};

/// GPUs that the driver shows; asked of the driver itself, since LibTorch remembers "none" for the rest of the process.
int driver_gpu_count() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return 0;
  const auto initialise = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto count_gpus = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  int count = 0;
  if (initialise == nullptr || count_gpus == nullptr || initialise(0) != 0 || count_gpus(&count) != 0) return 0;
  return count;
}

/// The folder of the libtorch_cpu.so that this process runs with.
std::filesystem::path torch_folder() {
  void* torch = dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
  char folder[PATH_MAX] = "";
  if (torch == nullptr || dlinfo(torch, RTLD_DI_ORIGIN, folder) != 0) return {};
  return folder;
}

CudaState open_cuda_once() {
  if (driver_gpu_count() == 0) return {false, "the driver shows no GPU", "run with device=cpu, or check nvidia-smi"};
  const std::filesystem::path library = torch_folder() / "libtorch_cuda.so";
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    return {false, "cannot open " + library.string() + ": " + (reason == nullptr ? "unknown reason" : reason),
            "run scripts/setup.sh --cuda, or set RRPO_TORCH_DIR to a LibTorch with CUDA"};
  }
  if (!at::detail::getCUDAHooks().hasCUDA()) {
    return {false, "LibTorch finds no usable GPU", "check that the driver is new enough for CUDA 13"};
  }
  return {true, "", ""};
}

const CudaState& cuda_state() {
  static const CudaState state = open_cuda_once();
  return state;
}

/// N of `cuda:N`, 0 of `cuda`, -1 of anything else.
int gpu_number(std::string_view device) {
  if (device == "cuda") return 0;
  if (!device.starts_with("cuda:")) return -1;
  device.remove_prefix(5);
  int number = -1;
  const auto [end, fault] = std::from_chars(device.data(), device.data() + device.size(), number);
  return fault == std::errc() && end == device.data() + device.size() ? number : -1;
}

}  // namespace

bool open_cuda() { return cuda_state().open; }

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return wanted;
  if (wanted == "auto") return open_cuda() ? "cuda" : "cpu";
  const int number = gpu_number(wanted);
  if (number < 0) {
    throw Error(Fault::usage, "config", "device: '" + printable(wanted) + "' is no device", "use auto, cpu, cuda or cuda:N");
  }
  const CudaState& cuda = cuda_state();
  if (!cuda.open) throw Error(Fault::environment, "device", wanted + ": " + cuda.problem, cuda.fix);
  const int count = at::detail::getCUDAHooks().deviceCount();
  if (number >= count) {
    throw Error(Fault::environment, "device", wanted + ": this machine has " + std::to_string(count) + " GPUs",
                "count them from 0");
  }
  return wanted;
}

}  // namespace rrpo::policy
