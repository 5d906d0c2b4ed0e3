#include "rrpo/policy/compute_type.h"

#include "rrpo/util/json_file.h"

namespace rrpo::policy {

namespace {

/// The type that a config.json names, at the top or for its decoder; empty where it names none.
std::string saved_type(const Json& config) {
  if (!config.is_object()) return "";
  for (const Json& place : {config, config.value("text_config", Json())}) {
    if (!place.is_object()) continue;
    for (const char* key : {"dtype", "torch_dtype"}) {
      const Json given = place.value(key, Json());
      if (given.is_string()) return given.get<std::string>();
    }
  }
  return "";
}

}  // namespace

model::Dtype compute_type(const ModelConfig& config, const std::string& device) {
  if (config.dtype == "bfloat16") return model::Dtype::bfloat16;
  if (config.dtype == "float32" || !device.starts_with("cuda")) return model::Dtype::float32;
  const std::string saved = saved_type(read_json(config.path / "config.json", "model"));
  return saved == "bfloat16" || saved == "float16" ? model::Dtype::bfloat16 : model::Dtype::float32;
}

}  // namespace rrpo::policy
