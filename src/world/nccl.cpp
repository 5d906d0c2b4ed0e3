#include <dlfcn.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "group.h"
#include "rrpo/util/error.h"
#include "rrpo/world/plugin.h"

namespace rrpo::world {

namespace fs = std::filesystem;

fs::path nccl_plugin() {
  std::error_code absent;
  const fs::path program = fs::read_symlink("/proc/self/exe", absent).parent_path();
  for (const char* place : {".", "..", "../lib/rrpo"}) {
    fs::path file = program / place / "librrpo_nccl.so";
    if (fs::exists(file, absent)) return file;
  }
  return {};
}

Group nccl_group(const c10::intrusive_ptr<c10d::Store>& store, const Place& place, int device) {
  constexpr const char* kFix = "build with -DRRPO_NCCL=ON where CUDA's and NCCL's headers are (scripts/setup.sh --cuda)";
  const fs::path file = nccl_plugin();
  if (file.empty()) throw Error(Fault::environment, "ranks", "several GPUs need the plugin librrpo_nccl.so", kFix);
  // Loaded already and by whoever wanted a GPU, but perhaps for its own eyes: the plugin finds its names there.
  ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  void* plugin = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  // Its own pointer type: void* converts to no function without a cast.
  using Make = c10d::Backend* (*)(c10d::Store*, int, int, int);
  const auto make = plugin == nullptr ? nullptr : reinterpret_cast<Make>(::dlsym(plugin, "rrpo_nccl_group"));
  if (make == nullptr) throw Error(Fault::environment, "ranks", file.string() + ": " + ::dlerror(), kFix);
  const auto own = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  return Group::reclaim(make(own.get(), static_cast<int>(place.rank), static_cast<int>(place.size), device));
}

}  // namespace rrpo::world
