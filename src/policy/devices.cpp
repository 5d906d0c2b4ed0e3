#include "rrpo/policy/devices.h"

#include <ATen/detail/CUDAHooksInterface.h>

#include <charconv>
#include <optional>

#include "rrpo/policy/device.h"
#include "rrpo/util/error.h"
#include "rrpo/util/ranks.h"

namespace rrpo::policy {

namespace {

/// A number from 1 on; nothing for another text.
std::optional<int64_t> count_of(const std::string& text) {
  int64_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool whole = fault == std::errc() && end == text.data() + text.size();
  return whole && count > 0 ? std::optional(count) : std::nullopt;
}

}  // namespace

void check_devices(const std::string& at, const std::string& devices) {
  if (devices != "auto" && !count_of(devices))
    bad_field(at, "'" + devices + "' is neither auto nor a number from 1 on", at + "=auto");
}

std::vector<std::string> resolve_devices(const std::string& device, const std::string& devices) {
  const std::string first = resolve_device(device);
  const int64_t visible = first == "cuda" && !local_rank() ? at::detail::getCUDAHooks().deviceCount() : 1;
  const int64_t wanted = devices == "auto" ? visible : count_of(devices).value_or(1);
  if (wanted > visible) {
    throw Error(Fault::environment, "device",
                "devices=" + devices + ": device=" + device + " gives this process " + std::to_string(visible),
                "devices=auto; several GPUs need device=auto or cuda, and no launcher");
  }
  if (visible == 1 || wanted == 1) return {first};
  std::vector<std::string> all;
  for (int64_t i = 0; i < wanted; ++i) all.push_back("cuda:" + std::to_string(i));
  return all;
}

std::vector<Policy> open_policies(const ModelConfig& config, const std::vector<std::string>& devices) {
  std::vector<Policy> policies;
  for (const std::string& device : devices) policies.push_back(open_policy(config, device));
  return policies;
}

std::vector<const Policy*> pointers(const std::vector<Policy>& policies) {
  std::vector<const Policy*> all;
  for (const Policy& policy : policies) all.push_back(&policy);
  return all;
}

}  // namespace rrpo::policy
