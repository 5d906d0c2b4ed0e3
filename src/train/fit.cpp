#include "fit.h"

#include <algorithm>
#include <charconv>

#include "planned_pass.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/parts.h"
#include "rrpo/report/table.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/log.h"
#include "session.h"

namespace rrpo::train {

namespace {

/// A plan is within so much of what is measured (tests/train/memory_test.cpp, plan_test.cpp).
constexpr double kMargin = 1.05;
/// What the driver, the libraries and unused room between tensors take of a GPU.
constexpr double kGpuReserve = 1e9;

std::string gigabytes(double bytes) { return report::fixed(bytes / 1e9, 1) + " GB"; }

/// The bytes of the device of a run.
double device_bytes(const TrainConfig& config, const std::string& device) {
  if (config.train.memory_gb > 0) return config.train.memory_gb * 1e9;
  const policy::CudaReport cuda = policy::cuda_report();
  size_t number = 0;
  const size_t colon = device.find(':');
  if (colon != std::string::npos) std::from_chars(device.data() + colon + 1, device.data() + device.size(), number);
  if (!device.starts_with("cuda") || number >= cuda.gpus.size()) {
    bad_field("train.memory_gb", "is not given, and only a GPU says how much it has",
              "train.memory_gb=24, say, or train.fit=false");
  }
  return static_cast<double>(cuda.gpus[number].bytes);
}

/// As `train.recompute` has it.
std::string recompute_text(const MemoryRules& rules) {
  if (rules.recompute == model::Recompute::none) return "none";
  if (rules.recompute == model::Recompute::mlp) return "mlp";
  return rules.recompute_layers < 0 ? "layer" : std::to_string(rules.recompute_layers);
}

/// As `model.frozen` has it.
std::string frozen_text(const MemoryRules& rules) { return model::frozen_name({rules.nf4, rules.sharing > 1}); }

[[noreturn]] void refuse(const std::vector<Fit>& ways, double reserve, double bytes) {
  const auto least = std::min_element(ways.begin(), ways.end(),
                                      [](const Fit& a, const Fit& b) { return a.memory.total() < b.memory.total(); });
  throw Error(Fault::environment, "plan",
              "nothing fits " + gigabytes(bytes) + ": the least is " + gigabytes(least->memory.total() * kMargin + reserve) +
                  ", with train.recompute=" + recompute_text(least->rules) +
                  (least->rules.nf4 ? " and model.frozen=" + frozen_text(least->rules) : ""),
              "fewer video.frames or rows of a pass (train.micro_pairs, data.group_by_video), a smaller lora.rank, or a "
              "larger device");
}

}  // namespace

Json choose_fit(const TrainConfig& config, int64_t ranks) {
  if (!config.train.fit) return nullptr;
  const std::string device = policy::resolve_device(config.device);
  const double bytes = device_bytes(config, device);
  const loss::Objective objective = loss::make_objective(config.objective);
  const policy::Policy policy = policy::open_shapes(config.model, config.device, model::Peers{0, ranks, nullptr});
  const data::Dataset rows = open_rows(config.data.pairs, config, policy, objective, config.data.max_skipped > 0);
  const PlannedPass pass = plan_pass(config, objective, policy, rows, ranks);
  const double reserve = pass.rules.gpu ? kGpuReserve : static_cast<double>(kProgramBytes);
  const std::vector<Fit> ways = ways_to_fit(pass.shape, pass.largest, pass.kind, pass.rules, ranks);
  const std::optional<Fit> fit = first_fit(ways, (bytes - reserve) / kMargin);
  if (!fit) refuse(ways, reserve, bytes);
  const double chosen = fit->memory.total(), nothing = ways.front().memory.total();
  const std::string frozen = frozen_text(fit->rules), recompute = recompute_text(fit->rules);
  log_info("train.fit: model.frozen=" + frozen + " train.recompute=" + recompute + ": " + gigabytes(chosen) +
           " planned of " + gigabytes(bytes) +
           (chosen < nothing ? ", " + gigabytes(nothing) + " with nothing given up" : ""));
  return {{"model.frozen", frozen},
          {"train.recompute", recompute},
          {"train.memory_gb", bytes / 1e9},
          {"planned_bytes", static_cast<int64_t>(chosen)},
          {"planned_bytes_of_nothing_given_up", static_cast<int64_t>(nothing)}};
}

TrainConfig with_fit(TrainConfig config, const Json& chosen) {
  if (chosen.is_null()) return config;
  config.model.frozen = chosen.at("model.frozen").get<std::string>();
  config.train.recompute = chosen.at("train.recompute").get<std::string>();
  config.train.memory_gb = chosen.at("train.memory_gb").get<double>();
  return config;
}

}  // namespace rrpo::train
