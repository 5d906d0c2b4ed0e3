// Checkpoint folders in and out, and models with initial values.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <set>

#include "families/rows.h"
#include "quantised.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

/// Drops from the tree what a checkpoint may leave out: the tower's post norm, and a head that is the embedding.
void drop_absent(Weights& weights, const std::set<std::string>& names) {
  Norm& post = weights.tower.post;
  if (!names.contains("model.vision_tower.post_layernorm.weight") &&
      !names.contains("model.vision_tower.post_layernorm.bias")) {
    post.weight.reset();
    post.bias.reset();
  }
  if (!names.contains("lm_head.weight") && weights.decoder.may_tie) weights.decoder.head.reset();
}

bool ends_in_any(const std::string& name, std::initializer_list<const char*> ends) {
  for (const char* end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

/// Standard deviation of a tensor's initial values, 0 for constants.
double initial_spread(const NamedTensor& tensor) {
  if (ends_in_any(tensor.name, {"embed_tokens.weight", "image_newline"})) return 0.1;
  if (tensor.name.ends_with("position_embedding.weight")) return 0.5;
  if (tensor.shape.size() < 2) return 0;
  double fan_in = 1;
  for (size_t i = 1; i < tensor.shape.size(); ++i) fan_in *= static_cast<double>(tensor.shape[i]);
  const bool half = ends_in_any(tensor.name, {"o_proj.weight", "out_proj.weight", "fc2.weight", "down_proj.weight"});
  return (half ? 0.5 : 1.0) / std::sqrt(fan_in);
}

at::Tensor initial_values(const NamedTensor& tensor, uint64_t seed) {
  at::Tensor values = at::empty(tensor.shape, at::kDouble);
  double* out = values.mutable_data_ptr<double>();
  const double spread = initial_spread(tensor), constant = tensor.name.ends_with("weight") ? 1 : 0;
  Random random(seed, "initial weights", hash64(tensor.name));
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = spread > 0 ? spread * random.normal() : constant;
  return values;
}

}  // namespace

bool tied_head(const Weights& weights, const Family& family, const std::string& disk_name) {
  return weights.decoder.may_tie && family.canonical(disk_name) == "lm_head.weight";
}

Lvlm load(const fs::path& folder, const LoadOptions& options) {
  const Json config = read_json(folder / "config.json", "model");
  const Family& family = family_of(config, folder);
  check_not_quantised(config, folder);
  Lvlm lvlm = family.build(config, options);
  Weights& weights = lvlm.weights();
  std::vector<std::pair<std::string, io::TensorEntry>> found;
  std::set<std::string> names;
  int64_t value_heads = 0;
  for (io::TensorEntry& entry :
       io::open_checkpoint(folder, [&](const std::string& name) { return tied_head(weights, family, name); })) {
    std::string name = family.canonical(entry.name);
    if (name.empty()) continue;
    if (name.starts_with("v_head.") || name.starts_with("value_head.")) {
      ++value_heads;
      continue;
    }
    check_not_quantised(entry);
    names.insert(name);
    found.emplace_back(std::move(name), std::move(entry));
  }
  if (value_heads > 0) log_note(folder.string() + ": its value head is not read, no answer needs it");
  drop_absent(weights, names);
  fill_tensors(tensors(lvlm), found, weights.type, weights.device,
               {"weights", folder, "take the weights and config.json of one checkpoint"});
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
  for (const NamedTensor& tensor : tensors(lvlm)) named.emplace_back(family->saved(tensor.name), *tensor.tensor);
  write_tensors(folder / "model.safetensors", named, scalar_type(dtype));
}

}  // namespace rrpo::model
