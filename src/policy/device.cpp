#include "rrpo/policy/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>
#include <limits.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "rrpo/util/error.h"
#include "rrpo/util/ranks.h"

namespace rrpo::policy {

namespace {

/// Why CUDA cannot be used, for the user; empty when it can.
struct CudaState {
  bool open = false;
  std::string problem, fix;
};

/// The driver itself: LibTorch remembers "none" for the rest of the process.
class Driver {
 public:
  Driver() : library_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr || call<unsigned>("cuInit", 0U) != 0) return;
    if (call<int*>("cuDeviceGetCount", &count_) != 0) count_ = 0;
  }
  int count() const { return count_; }
  Gpu gpu(int number) const {
    std::array<char, 128> name{};
    size_t bytes = 0;
    int device = 0;
    if (call<int*, int>("cuDeviceGet", &device, number) != 0) return {};
    call<char*, int, int>("cuDeviceGetName", name.data(), static_cast<int>(name.size()) - 1, device);
    call<size_t*, int>("cuDeviceTotalMem_v2", &bytes, device);
    return {name.data(), static_cast<int64_t>(bytes)};
  }

 private:
  template <class... Arguments>
  int call(const char* name, Arguments... arguments) const {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library_, name));
    return function == nullptr ? -1 : function(arguments...);
  }

  void* library_;
  int count_ = 0;
};

CudaState open_cuda_once() {
  if (Driver().count() == 0) return {false, "the driver shows no GPU", "run with device=cpu, or check nvidia-smi"};
  const std::filesystem::path library = torch_folder() / "libtorch_cuda.so";
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    return {false, "cannot open " + library.string() + ": " + (reason == nullptr ? "unknown reason" : reason),
            "run scripts/setup.sh --cuda, or set RRPO_TORCH_DIR to a LibTorch with CUDA"};
  }
  if (!at::detail::getCUDAHooks().hasCUDA()) {
    return {false, "LibTorch finds no usable GPU", "check that the driver is new enough for CUDA 13"};
  }
  // cuDNN's attention builds a plan for each new length, and every pair has its own.
  at::globalContext().setSDPUseCuDNN(false);
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

std::filesystem::path torch_folder() {
  void* torch = dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
  char folder[PATH_MAX] = "";
  if (torch == nullptr || dlinfo(torch, RTLD_DI_ORIGIN, folder) != 0) return {};
  return folder;
}

CudaReport cuda_report() {
  const CudaState& state = cuda_state();
  CudaReport report{state.open, state.problem, state.fix, {}};
  const Driver driver;
  for (int i = 0; i < driver.count(); ++i) report.gpus.push_back(driver.gpu(i));
  return report;
}

bool open_cuda() { return cuda_state().open; }

int64_t gpu_peak_bytes(const std::string& device) {
  const int number = gpu_number(device);
  if (number < 0 || !open_cuda()) return 0;
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(at::kCUDA));
  if (allocator == nullptr || !allocator->initialized()) return 0;
  constexpr auto kWhole = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return allocator->getDeviceStats(static_cast<c10::DeviceIndex>(number)).allocated_bytes[kWhole].peak;
}

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return wanted;
  if (wanted == "auto") return open_cuda() ? own_gpu(at::detail::getCUDAHooks().deviceCount(), local_rank()) : "cpu";
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
