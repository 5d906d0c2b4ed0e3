#include "rrpo/train/selftest.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <array>
#include <cmath>

#include "embedded.h"
#include "formula_pixels.h"
#include "rrpo/data/pair_batch.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/sequence.h"
#include "rrpo/report/table.h"
#include "rrpo/train/pass.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// A type, and what may go wrong in it: its own rounding, about three times what was measured on CPUs, twice that on an
/// H200.
struct Precision {
  model::Dtype dtype;
  const char* name;
  double tower, decoder, gradient, loss;
  double of(const std::string& part) const {
    if (part == "tower") return tower;
    if (part == "decoder") return decoder;
    return part == "gradient" ? gradient : loss;
  }
};
constexpr std::array kPrecisions = {Precision{model::Dtype::float64, "float64", 1e-8, 1e-8, 1e-8, 1e-8},
                                    Precision{model::Dtype::float32, "float32", 1e-5, 1e-5, 2.5e-5, 1e-5},
                                    Precision{model::Dtype::bfloat16, "bfloat16", 2e-2, 6e-2, 1.5e-1, 3e-2}};

using Values = std::vector<double>;

/// Integers from -128 to 127: a hash of the tensor's name and the element's number, as in the oracle.
int step_of(uint64_t name, uint64_t element) {
  uint64_t x = name + (element + 1) * 0x9E3779B97F4A7C15u;
  x ^= x >> 31;
  x *= 0x94D049BB133111EBu;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 32;
  return static_cast<int>(x >> 56) - 128;
}

uint64_t fnv(const std::string& text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return hash;
}

/// What a step is worth in a tensor. Every value is exact in bfloat16.
double value_of(const std::string& name, const std::vector<int64_t>& shape, int step) {
  if (shape.size() == 1) {
    const bool norm = name.find("norm") != std::string::npos && name.ends_with("weight");
    return norm ? 1 + std::floor(step / 16.0) / 32 : step / 512.0;
  }
  if (name.find("embed_tokens") != std::string::npos || name.find("position_embedding") != std::string::npos)
    return step / 64.0;
  double fan_in = 1;
  for (size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
  const double gain = std::exp2(std::nearbyint(std::log2(2.2 / std::sqrt(fan_in))));
  return step / 128.0 * gain * (name.find("lora_B") != std::string::npos ? 0.25 : 1);
}

at::Tensor formula(const std::string& name, const std::vector<int64_t>& shape) {
  at::Tensor values = at::empty(shape, at::kDouble);
  double* out = values.mutable_data_ptr<double>();
  const uint64_t hash = fnv(name);
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = value_of(name, shape, step_of(hash, static_cast<uint64_t>(i)));
  return values;
}

/// The model of the golden file with its adapter.
policy::Policy make_policy(const Json& golden, model::Dtype dtype, const std::string& device) {
  const model::LoadOptions options{dtype, device, ""};
  const Json& config = golden.at("config");
  policy::Policy policy{.lvlm = model::family_of(config, "selftest").build(config, options),
                        .tokenizer = nullptr,
                        .chat = {},
                        .stop_ids = {},
                        .pixels = {},
                        .folder = {}};
  const at::Device place(device);
  for (const model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    *weight.tensor = formula(weight.name, weight.shape).to(place, weight.tensor->scalar_type());
  }
  model::LoraConfig lora;
  lora.rank = golden.at("lora").at("rank");
  lora.alpha = golden.at("lora").at("alpha");
  model::add_adapter(policy.lvlm, lora, 1);
  for (const model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
    const std::string name = weight.name.substr(std::string("base_model.model.").size());
    *weight.tensor = formula(name, weight.shape).to(place, weight.tensor->scalar_type()).requires_grad_(true);
  }
  return policy;
}

text::AnswerIds answer_of(const Json& side) { return {side.at("ids"), side.at("phrase")}; }

/// The golden pairs: two about one video.
data::Dataset dataset_of(const Json& golden, bool rejected) {
  data::Dataset dataset;
  dataset.videos.resize(1);
  for (const Json& pair : golden.at("pairs")) {
    data::Sample sample;
    sample.id = std::to_string(dataset.samples.size());
    sample.own.question = golden.at("prompt").at("after").get<std::vector<int64_t>>();
    sample.chosen = answer_of(pair.at("chosen"));
    if (rejected) sample.rejected = answer_of(pair.at("rejected"));
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

Values values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

/// What one device computes in one type, by part.
class Machine {
 public:
  Machine(const Json& golden, model::Dtype dtype, const std::string& device)
      : golden_(golden), policy_(make_policy(golden, dtype, device)) {
    const int64_t side = policy_.lvlm.vision().image_side();
    clip_.pixels = {formula_pixels(golden.at("frames"), side, side)};
    clip_.form = {.frames = golden.at("frames"), .height = side, .width = side};
  }

  std::map<std::string, Values> parts() {
    std::map<std::string, Values> found;
    add_model(found);
    for (const auto& [name, settings] : golden_.at("objectives").items()) add_objective(name, settings, found);
    return found;
  }

 private:
  void add_model(std::map<std::string, Values>& found) const {
    const at::NoGradGuard frozen;
    const model::VisualTokens visual = model::encode(policy_.lvlm, clip_);
    const Json& prompt = golden_.at("prompt");
    policy::LabelledRows rows;
    const int64_t video = rows.add_clip({prompt.at("before")}, visual.runs, 0);
    rows.add_answer(rows.add_question(video, prompt.at("after")), answer_of(golden_.at("pairs")[0].at("chosen")), 0);
    found["tower"] = values_of(visual.tokens);
    found["decoder"] = values_of(model::hidden(policy_.lvlm, rows.rows, {visual}).matmul(model::head(policy_.lvlm).t()));
  }

  void add_objective(const std::string& name, Json settings, std::map<std::string, Values>& found) {
    settings["name"] = name;
    const loss::Objective objective = loss::make_objective(settings);
    const data::Dataset dataset = dataset_of(golden_, objective.reads(Role::rejected));
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < dataset.rows(); ++i) rows.push_back(i);
    const model::VisualTokens visual = model::encode(policy_.lvlm, clip_);
    const data::ShownClip shown{{golden_.at("prompt").at("before")}, visual.runs, 0};
    const Pass pass = forward({policy_, objective}, data::pack_pairs(dataset, rows, {shown}), {visual}, {visual});
    const bool by_tokens = objective.terms[0].row->average == loss::Average::tokens;
    const double count = by_tokens ? static_cast<double>(pass.stats.logp.numel()) : static_cast<double>(dataset.rows());
    const at::Tensor mean = pass.outputs.at(0).loss.sum().div(count);
    found[name] = values_of(mean);
    if (name != "rrpo") return;
    found["kl"] = values_of(pass.outputs.at(0).kl.sum().div(count));
    mean.backward();
    found["gradient"] = gradient();
  }

  Values gradient() {
    Values all;
    for (const auto& wanted : golden_.at("gradients").get<std::vector<std::string>>()) {
      for (const model::NamedTensor& weight : model::adapter_tensors(policy_.lvlm)) {
        if (weight.name.find(wanted) == std::string::npos) continue;
        const Values values = values_of(weight.tensor->grad());
        all.insert(all.end(), values.begin(), values.end());
      }
    }
    return all;
  }

  const Json& golden_;
  policy::Policy policy_;
  model::ClipInput clip_;
};

/// ||actual - expected|| / ||expected||; not a number where their lengths differ.
double error_of(const Values& actual, const Json& expected) {
  const Values wanted = expected.is_array() ? expected.get<Values>() : Values{expected.get<double>()};
  if (actual.size() != wanted.size()) return std::nan("");
  double difference = 0, size = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    difference += (actual[i] - wanted[i]) * (actual[i] - wanted[i]);
    size += wanted[i] * wanted[i];
  }
  return std::sqrt(difference / size);
}

std::vector<std::string> devices_of(const std::string& wanted) {
  const std::string device = policy::resolve_device(wanted);
  if (wanted == "auto" && device != "cpu") return {"cpu", device};
  return {device};
}

Json read_golden(const SelftestConfig& config) {
  if (config.golden) return read_json(*config.golden, "selftest");
  return parse_json(kSelftestGolden, "selftest", "the program's own values", Fault::internal);
}

/// One line of the table for each part, device and type.
Json run_parts(const Json& golden, const std::vector<std::string>& devices) {
  Json lines = Json::array();
  for (const std::string& device : devices) {
    for (const Precision& precision : kPrecisions) {
      const std::map<std::string, Values> parts = Machine(golden, precision.dtype, device).parts();
      for (const auto& [part, expected] : golden.at("expected").items()) {
        const auto found = parts.find(part);
        const double error = found == parts.end() ? std::nan("") : error_of(found->second, expected);
        const double limit = precision.of(part);
        lines.push_back({{"part", part},
                         {"device", device},
                         {"dtype", precision.name},
                         {"error", error},
                         {"tolerance", limit},
                         {"ok", error <= limit}});
      }
    }
  }
  return lines;
}

std::string table_of(const Json& lines) {
  report::Table table{{"part", "device", "type", "error", "tolerance", ""}, {}};
  for (const Json& line : lines) {
    table.rows.push_back(
        {line.at("part"), line.at("device"), line.at("dtype"), report::compact(line.at("error").get<double>(), 2),
         report::compact(line.at("tolerance").get<double>(), 2), line.at("ok").get<bool>() ? "ok" : "FAIL"});
  }
  return report::text_table(table);
}

Error fault_of(const Json& failed) {
  const Json& first = failed.front();
  return {Fault::numerics, "selftest",
          std::to_string(failed.size()) + " errors out of tolerance (first: " + first.at("part").get<std::string>() +
              " on " + first.at("device").get<std::string>() + " in " + first.at("dtype").get<std::string>() + ")",
          "do not trust results of this machine; check LibTorch, driver and hardware, and report this"};
}

}  // namespace

void SelftestConfig::check(const std::string&) const {}

Result selftest(const SelftestConfig& config, const RunOptions& options) {
  const Json golden = read_golden(config);
  const std::vector<std::string> devices = devices_of(config.device);
  if (options.dry_run) return {{{"plan", "selftest"}, {"devices", devices}, {"parts", golden.at("expected").size()}}, 0};
  std::optional<io::OutputFolder> folder;
  std::optional<io::RunRecord> record;
  if (!options.out.empty()) {
    folder.emplace(options.out, options.existing, io::Claim{"rrpo-train", "selftest", {}});
    record.emplace(folder->path(), io::RunHead{"rrpo-train", "selftest", config_json(config), {}});
  }
  const Json lines = run_parts(golden, devices);
  Json failed = Json::array();
  for (const Json& line : lines) {
    if (!line.at("ok").get<bool>()) failed.push_back(line);
  }
  Result result{{{"checks", lines.size()}, {"failed", failed.size()}, {"devices", devices}}, 0, table_of(lines), {}};
  if (!failed.empty()) result.error = fault_of(failed);
  if (result.error) result.exit_code = result.error->exit_code();
  if (record) record->end(result.exit_code, {{"checks", lines}});
  return result;
}

}  // namespace rrpo::train
