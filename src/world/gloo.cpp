// The one source that sees LibTorch's header of Gloo, which asks for headers that the wheel leaves out (stubs/).
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <cstdlib>

#include "group.h"

namespace rrpo::world {

namespace {

std::shared_ptr<gloo::transport::Device> device_of(const std::string& host) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  return interface != nullptr ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                              : c10d::ProcessGroupGloo::createDeviceForHostname(host);
}

}  // namespace

Group gloo_group(const c10::intrusive_ptr<c10d::Store>& store, const Place& place, const std::string& host) {
  // Another rank may read a long video or write a checkpoint meanwhile: who is lost is for Watch to say, not for a clock
  // here.
  constexpr std::chrono::hours kNever{24 * 365};
  auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::seconds(place.patience_s));
  options->devices.push_back(device_of(host));
  auto group =
      c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>("gloo", store),
                                                  static_cast<int>(place.rank), static_cast<int>(place.size), options);
  group->setTimeout(kNever);
  return group;
}

}  // namespace rrpo::world
