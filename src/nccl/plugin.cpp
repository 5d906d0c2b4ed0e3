// librrpo_nccl.so: the NCCL group of LibTorch behind one function, for programs that are built and run without CUDA too.
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <cstdlib>

/// A group of `size` ranks on this rank's GPU `device`; the caller owns one reference. `store` is kept by the group.
extern "C" c10d::Backend* rrpo_nccl_group(c10d::Store* store, int rank, int size, int device) {
  // A lost rank is noticed by its missing signs of life and ends the others with their own exit code: LibTorch's watchdog
  // would end them with SIGABRT, in the middle of whatever they write.
  ::setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", 0);
  ::setenv("TORCH_NCCL_ENABLE_MONITORING", "0", 0);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::hours(24 * 365);
  auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::intrusive_ptr<c10d::Store>::reclaim_copy(store), rank, size,
                                                           std::move(options));
  group->setBoundDeviceId(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device)));
  return c10::intrusive_ptr<c10d::Backend>(std::move(group)).release();
}
