// Checkpoint folders in and out, and models with initial values.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "families/rows.h"
#include "lora.h"
#include "nf4.h"
#include "quantised.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"
#include "sharded.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

/// Drops from the tree what a checkpoint may leave out and does: whole modules, and a head that is the embedding.
void drop_absent(Lvlm& lvlm, const std::set<std::string>& names) {
  const auto module = [](const std::string& name) { return name.substr(0, name.rfind('.')); };
  std::set<std::string> there;
  for (const std::string& name : names) there.insert(module(name));
  for (const NamedTensor& tensor : tensors(lvlm)) {
    if (tensor.optional && !there.contains(module(tensor.name))) tensor.tensor->reset();
  }
  Decoder& decoder = lvlm.weights().decoder;
  if (!names.contains("lm_head.weight") && decoder.may_tie) decoder.head.reset();
}

bool ends_in_any(const std::string& name, std::initializer_list<const char*> ends) {
  for (const char* end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

bool holds_any(const std::string& name, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

/// Standard deviation of a tensor's initial values, 0 for constants.
double initial_spread(const NamedTensor& tensor) {
  if (ends_in_any(tensor.name, {"embed_tokens.weight", "image_newline"})) return 0.1;
  if (holds_any(tensor.name, {"position_embedding", "pos_embed", "cls_token", "class_embedding", "query_tokens"}))
    return 0.5;
  if (tensor.shape.size() < 2) return 0;
  double fan_in = 1;
  for (size_t i = 1; i < tensor.shape.size(); ++i) fan_in *= static_cast<double>(tensor.shape[i]);
  const bool half = ends_in_any(tensor.name, {"o_proj.weight", "out_proj.weight", "attn.proj.weight",
                                              "projection_layer.weight", "fc2.weight", "down_proj.weight"});
  return (half ? 0.5 : 1.0) / std::sqrt(fan_in);
}

/// Of a tensor without a spread: norms 1, biases 0, and branches that a vector scales add half of what they come to.
double initial_constant(const NamedTensor& tensor) {
  if (holds_any(tensor.name, {"layer_scale", ".lambda_", ".ls1", ".ls2", ".gamma_"})) return 0.5;
  return ends_in_any(tensor.name, {"weight", ".gamma"}) ? 1 : 0;
}

at::Tensor initial_values(const NamedTensor& tensor, uint64_t seed) {
  at::Tensor values = at::empty(tensor.shape, at::kDouble);
  double* out = values.mutable_data_ptr<double>();
  const double spread = initial_spread(tensor), constant = initial_constant(tensor);
  Random random(seed, "initial weights", hash64(tensor.name));
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = spread > 0 ? spread * random.normal() : constant;
  return values;
}

/// What a checkpoint folder holds, by canonical names.
struct Found {
  std::vector<std::pair<std::string, io::TensorEntry>> tensors;
  std::vector<std::pair<std::string, io::TensorEntry>> more;  ///< for Family::absorb
  std::set<std::string> names;                                ///< of `tensors`
  std::map<std::string, std::string> stacked;                 ///< as in Weights
};

void add_tensor(Found& found, const Family& family, const io::TensorEntry& entry) {
  const std::vector<std::string> names = canonical_names(family, entry.name);
  if (names.empty()) return;
  check_not_quantised(entry);
  const std::vector<io::TensorEntry> parts =
      names.size() > 1 ? split_rows(entry, names.size(), "weights") : std::vector<io::TensorEntry>{entry};
  for (size_t i = 0; i < names.size(); ++i) {
    const bool more = std::any_of(family.absorbed.begin(), family.absorbed.end(),
                                  [&](const std::string& begin) { return names[i].starts_with(begin); });
    (more ? found.more : found.tensors).emplace_back(names[i], parts[i]);
    if (!more) found.names.insert(names[i]);
    if (names.size() > 1) found.stacked.emplace(names[i], entry.name);
  }
}

Found read_names(const Lvlm& lvlm, const Family& family, const fs::path& folder) {
  const auto may_lack = [&](const std::string& name) { return tied_head(lvlm.weights(), family, name); };
  Found found;
  int64_t value_heads = 0;
  for (const io::TensorEntry& entry : io::open_checkpoint(folder, may_lack)) {
    if (entry.name.starts_with("v_head.") || entry.name.starts_with("value_head."))
      ++value_heads;
    else
      add_tensor(found, family, entry);
  }
  if (value_heads > 0) log_note(folder.string() + ": its value head is not read, no answer needs it");
  return found;
}

/// What Family::absorb gets: float32, or float64 for a model in it.
std::map<std::string, at::Tensor> read_more(const Weights& weights, const Found& found) {
  std::map<std::string, at::Tensor> more;
  for (const auto& [name, entry] : found.more) {
    if (weight_type(entry.dtype) == at::ScalarType::Undefined) continue;  // a buffer
    more.emplace(name, read_tensor(entry, weights.type == at::kDouble ? at::kDouble : at::kFloat, weights.device));
  }
  return more;
}

/// How the weights of a model become values: what a checkpoint holds beside them is merged in, rounded once to the weight's
/// own type, and a matrix that is held in four bits or in parts is made on the way.
class Reader {
 public:
  Reader(Weights& weights, std::map<std::string, Lora> changes, const std::string& frozen, const Peers& peers)
      : type_(weights.type), device_(weights.device), changes_(std::move(changes)) {
    const Holding holding = holding_of(frozen);
    if (holding.sharded && peers.size > 1 && !device_.is_meta())
      parts_ = divide(weights, peers, holding.nf4);
    else if (holding.nf4)
      held_ = decoder_matrices(weights);
  }

  void operator()(const NamedTensor& wanted, const io::TensorEntry& entry) const {
    if (const auto part = parts_.find(wanted.name); part != parts_.end()) {
      part->second->read(entry, change_of(wanted.name));
      return;
    }
    const auto matrix = held_.find(wanted.name);
    if (matrix == held_.end()) {
      *wanted.tensor = changed(wanted.name, read_tensor(entry, type_, device_));
      return;
    }
    const at::Tensor plain = read_as_stored(entry, device_.is_meta() ? device_ : at::Device(at::kCPU));
    matrix->second->held = quantise_nf4(changed(wanted.name, plain), device_);
    matrix->second->plain.reset();
  }

 private:
  Change change_of(const std::string& name) const {
    const auto lora = changes_.find(name);
    if (lora == changes_.end()) return nullptr;
    return [&change = lora->second](const at::Tensor& weight) { return with_lora(weight, change).to(weight.scalar_type()); };
  }
  at::Tensor changed(const std::string& name, const at::Tensor& weight) const {
    const Change change = change_of(name);
    return change ? change(weight) : weight;
  }

  at::ScalarType type_;
  at::Device device_;
  std::map<std::string, Lora> changes_;
  std::map<std::string, Frozen*> held_;
  std::map<std::string, std::shared_ptr<const Sharded>> parts_;
};

}  // namespace

bool tied_head(const Weights& weights, const Family& family, const std::string& disk_name) {
  return weights.decoder.may_tie && family.canonical(disk_name) == "lm_head.weight";
}

Lvlm load(const fs::path& folder, const LoadOptions& options) { return load(folder, options, {}); }

Lvlm load(const fs::path& folder, const LoadOptions& options, const Peers& peers) {
  const Json config = read_json(folder / "config.json", "model");
  const Family& family = family_of(config, folder);
  check_not_quantised(config, folder);
  Lvlm lvlm = family.build(config, options);
  Weights& weights = lvlm.weights();
  Found found = read_names(lvlm, family, folder);
  weights.stacked = found.stacked;
  drop_absent(lvlm, found.names);
  std::map<std::string, Lora> changes;
  if (family.absorb != nullptr) changes = family.absorb(lvlm, read_more(weights, found));
  read_tensors(tensors(lvlm), found.tensors, {"weights", folder, "take the weights and config.json of one checkpoint"},
               Reader(weights, std::move(changes), options.frozen, peers));
  return lvlm;
}

Lvlm init(const fs::path& config_file, uint64_t seed, const LoadOptions& options) {
  const Json config = read_json(config_file, "model");
  Lvlm lvlm = family_of(config, config_file.parent_path()).build(config, options);
  Weights& weights = lvlm.weights();
  if (weights.decoder.may_tie) weights.decoder.head.reset();
  for (const NamedTensor& tensor : tensors(lvlm)) {
    *tensor.tensor = initial_values(tensor, seed).to(weights.device, weights.type);
  }
  return lvlm;
}

void save_weights(Lvlm& lvlm, const fs::path& folder, Dtype dtype) {
  const Family* family = find_row(families(), lvlm.weights().family);
  expect(family != nullptr, "a model of no family");
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (const NamedTensor& tensor : tensors(lvlm)) {
    expect(tensor.tensor->defined(), "a matrix is saved that is not held plain");
    named.emplace_back(family->saved(tensor.name), *tensor.tensor);
  }
  write_tensors(folder / "model.safetensors", named, scalar_type(dtype));
}

}  // namespace rrpo::model
