#include "rrpo/train/verify_resume.h"

#include <stdlib.h>

#include <algorithm>
#include <cstring>

#include "rrpo/data/tensor_file.h"
#include "rrpo/policy/device.h"
#include "rrpo/report/table.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// Two equal runs on a GPU differ; two that differ by more than so many times as much do not end alike.
constexpr double kSpread = 4;

/// A folder of ours that goes away with this value, and so does its parent where it was made for it and is empty.
class Workplace {
 public:
  explicit Workplace(const fs::path& out) : out_(out), is_new_(!fs::exists(out)) {
    std::error_code fault;
    fs::create_directories(out, fault);
    std::string pattern = (out / ".rrpo-verify-XXXXXX").string();
    if (fault || ::mkdtemp(pattern.data()) == nullptr) {
      throw Error(Fault::environment, "io", out.string() + ": a folder cannot be made in it: " + std::strerror(errno),
                  "choose another --out");
    }
    folder_ = pattern;
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    if (is_new_) fs::remove(out_, ignored);  // only where it is empty
  }
  fs::path operator/(const char* name) const { return folder_ / name; }

 private:
  fs::path out_, folder_;
  bool is_new_;
};

using Order = std::vector<std::vector<std::string>>;

/// The run to be proved, short enough: two checkpoints, nothing but training.
TrainConfig shortened(const VerifyConfig& config) {
  TrainConfig run = config.run;
  run.train.steps = 2 * config.verify_steps;
  run.train.save_every = *run.train.steps;
  run.train.keep = 2;
  run.data.eval_pairs.clear();
  return run;
}

/// Trains in `out` and adds what was taken to `order`. Throws Stopped where a signal ended it.
void train_part(const TrainConfig& config, const fs::path& out, std::optional<int64_t> halt_after, Order& order) {
  RunOptions options{out, io::Existing::resume};
  options.halt_after = halt_after;
  options.watch = [&order](const std::vector<std::string>& ids) { order.push_back(ids); };
  run(config, options);
  check_stop();
}

std::string first_difference(const Order& a, const Order& b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i >= a.size() || i >= b.size() || a[i] != b[i]) return "order of the rows in step " + std::to_string(i + 1);
  }
  return "";
}

/// The lines of metrics.jsonl without what a clock says, and what a process found in its own memory.
std::vector<Json> metrics_of(const fs::path& out) {
  std::vector<Json> lines;
  each_json_line(out / "metrics.jsonl", "train", [&](const Json& line, int64_t) { lines.push_back(line); });
  for (Json& line : lines) {
    for (const char* key : {"seconds", "seconds_data", "reference/hits", "eval/reference/hits"}) line.erase(key);
  }
  return lines;
}

std::string metrics_difference(const fs::path& a, const fs::path& b) {
  const std::vector<Json> x = metrics_of(a), y = metrics_of(b);
  for (size_t i = 0; i < std::max(x.size(), y.size()); ++i) {
    if (i >= x.size() || i >= y.size()) return "number of lines of metrics.jsonl";
    for (const auto& [key, value] : x[i].items()) {
      if (y[i].value(key, Json()) != value) return "metrics.jsonl, step " + x[i].value("step", Json()).dump() + ": " + key;
    }
  }
  return "";
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

/// The largest distance of two files' tensors; the first that is not the same bit for bit becomes `first`.
double tensor_difference(const fs::path& a, const fs::path& b, std::string& first) {
  const data::TensorMap x = data::load_tensors(a), y = data::load_tensors(b);
  double most = 0;
  for (const auto& [name, tensor] : x) {
    const auto other = y.find(name);
    const bool there = other != y.end() && other->second.sizes() == tensor.sizes();
    if (there && same_bits(tensor, other->second)) continue;
    if (first.empty()) first = a.filename().string() + "#" + name;
    if (!there) return std::numeric_limits<double>::infinity();
    most = std::max(most, tensor.to(at::kDouble).sub(other->second.to(at::kDouble)).abs().max().item<double>());
  }
  if (x.size() != y.size() && first.empty()) first = a.filename().string() + ": number of tensors";
  return most;
}

/// What objectives that read it know of the steps before.
std::string past_difference(const fs::path& a, const fs::path& b) {
  const auto past = [](const fs::path& folder) { return read_json(folder / "state.json", "train").value("past", Json()); };
  return past(a) == past(b) ? "" : "state.json: past";
}

fs::path checkpoint(const fs::path& out, int64_t step) {
  char name[32] = "";
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return out / "checkpoints" / name;
}

Json difference_json(const RunDifference& difference) {
  return {{"first", difference.first.empty() ? Json() : Json(difference.first)},
          {"weights", difference.weights},
          {"optimizer", difference.optimizer}};
}

bool within(const RunDifference& found, const RunDifference& spread) {
  return found.weights <= kSpread * spread.weights && found.optimizer <= kSpread * spread.optimizer;
}

std::string sentence(const VerifyConfig& config, const Json& summary) {
  const std::string n = std::to_string(config.verify_steps), both = std::to_string(2 * config.verify_steps);
  std::string text = both + " steps at once against " + n + ", a stop, and " + n + " more: ";
  if (summary["difference"]["first"].is_null())
    return text + "order, metrics, weights and optimizer are the same, bit for bit\n";
  text += "first difference: " + summary["difference"]["first"].get<std::string>() + "; largest of the weights " +
          report::compact(summary["difference"]["weights"].get<double>());
  if (summary.contains("spread"))
    text += ", of two equal runs " + report::compact(summary["spread"]["weights"].get<double>());
  return text + "\n";
}

/// What `difference` (and on a GPU `spread`) come to.
Result verdict(const VerifyConfig& config, const RunDifference& difference, const std::optional<RunDifference>& spread) {
  const bool same_order = !difference.first.starts_with("order");
  const bool equal = difference.first.empty() || (same_order && spread && within(difference, *spread));
  Json summary = {{"verified", equal}, {"steps", 2 * config.verify_steps}, {"difference", difference_json(difference)}};
  if (spread) summary["spread"] = difference_json(*spread);
  Result result{summary, 0, sentence(config, summary), {}};
  if (equal) return result;
  result.error.emplace(Fault::numerics, "verify-resume",
                       "the resumed run is another one; first difference: " + difference.first,
                       "please report this with your configuration");
  result.exit_code = result.error->exit_code();
  return result;
}

}  // namespace

void VerifyConfig::check(const std::string& at) const {
  run.check(at);
  if (verify_steps < 1) bad_field("verify_steps", "is below 1", "verify_steps=4");
}

RunDifference compare_runs(const fs::path& a, const fs::path& b, int64_t step) {
  RunDifference difference;
  difference.first = metrics_difference(a, b);
  const fs::path x = checkpoint(a, step), y = checkpoint(b, step);
  if (difference.first.empty()) difference.first = past_difference(x, y);
  difference.weights = tensor_difference(x / "trained.safetensors", y / "trained.safetensors", difference.first);
  difference.optimizer = tensor_difference(x / "optimizer.safetensors", y / "optimizer.safetensors", difference.first);
  return difference;
}

Result verify_resume(const VerifyConfig& config, const RunOptions& options) {
  const TrainConfig short_run = shortened(config);
  if (options.dry_run) return run(short_run, options);
  const bool ordered = policy::resolve_device(config.run.device) == "cpu";
  try {
    const Workplace work(options.out);
    Order once, again, broken;
    train_part(short_run, work / "once", std::nullopt, once);
    if (!ordered) train_part(short_run, work / "again", std::nullopt, again);
    train_part(short_run, work / "broken", config.verify_steps, broken);
    train_part(short_run, work / "broken", std::nullopt, broken);
    RunDifference difference = compare_runs(work / "once", work / "broken", *short_run.train.steps);
    if (const std::string order = first_difference(once, broken); !order.empty()) difference.first = order;
    std::optional<RunDifference> spread;
    if (!ordered) spread = compare_runs(work / "once", work / "again", *short_run.train.steps);
    return verdict(config, difference, spread);
  } catch (const Stopped&) {
    return {{{"verified", nullptr}}, 128 + stop_signal()};
  }
}

}  // namespace rrpo::train
