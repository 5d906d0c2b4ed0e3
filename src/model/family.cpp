#include "rrpo/model/family.h"

#include <ATen/ops/empty.h>

#include "families/rows.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

const std::vector<Family>& families() {
  static const std::vector<Family> rows = {
      llava_onevision_row(),    llava_qwen_row(), internvl_row(), internvl_chat_row(),
      videochat2_mistral_row(), qwen2_5_vl_row(), qwen3_vl_row(), longvu_row(),
  };
  return rows;
}

const Family& family_of(const Json& config, const std::filesystem::path& folder) {
  for (const Family& family : families()) {
    if (family.matches(config)) return family;
  }
  const Json kind = config.is_object() ? config.value("model_type", Json()) : Json();
  throw Error(Fault::input, "model",
              (folder / "config.json").string() + "#model_type: " +
                  printable(kind.dump(-1, ' ', true, Json::error_handler_t::replace)) + " is no family that we know",
              "use a checkpoint of one of: " + join(row_names(families())));
}

std::vector<std::string> canonical_names(const Family& family, const std::string& disk_name) {
  if (family.stacked != nullptr) {
    std::vector<std::string> parts = family.stacked(disk_name);
    if (!parts.empty()) return parts;
  }
  std::string name = family.canonical(disk_name);
  if (name.empty()) return {};
  return {std::move(name)};
}

std::string module_name(const Family& family, const std::string& name) {
  if (!family.own_modules) return name;
  // Renames know whole parts of names: a module's own name may be the last one.
  const std::string end = ".weight", saved = family.saved(name + end);
  return saved.ends_with(end) ? saved.substr(0, saved.size() - end.size()) : saved;
}

at::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32:
      return at::kFloat;
    case Dtype::bfloat16:
      return at::kBFloat16;
    case Dtype::float64:
      return at::kDouble;
  }
  return at::kFloat;
}

at::Tensor Shapes::tensor(std::vector<int64_t> shape) const {
  return at::empty(shape, at::TensorOptions(at::kMeta).dtype(type_));
}

Linear Shapes::linear(int64_t in, int64_t out, bool bias) const {
  return {tensor({out, in}), bias ? tensor({out}) : at::Tensor(), {}};
}

Norm Shapes::layer_norm(int64_t width, double eps) const { return {tensor({width}), tensor({width}), eps}; }

Norm Shapes::rms_norm(int64_t width, double eps) const { return {tensor({width}), {}, eps}; }

std::string rename_prefix(const std::vector<Rename>& renames, const std::string& name) {
  for (const Rename& rename : renames) {
    if (name.starts_with(rename.from)) return rename.to + name.substr(rename.from.size());
  }
  return name;
}

}  // namespace rrpo::model
