// The golden files of scripts/oracles/adapters.py.
#pragma once

#include <ATen/core/grad_mode.h>

#include "policy/golden.h"

namespace rrpo::policy::test {

struct AdapterGolden {
  std::filesystem::path folder = rrpo::test::source_file("tests/golden/adapters");
  Json json = read_json(folder / "golden.json", "test");
};

inline const AdapterGolden& adapters() {
  static const AdapterGolden golden;
  return golden;
}

/// Tensors of the golden file in float64: it holds float32, float64 and bfloat16.
inline at::Tensor adapter_tensor(const std::string& name) {
  for (const io::TensorEntry& entry : io::read_safetensors_header(adapters().folder / "golden.safetensors")) {
    if (entry.name != name) continue;
    at::Tensor tensor = at::empty(entry.shape, entry.dtype == "F64"    ? at::kDouble
                                               : entry.dtype == "BF16" ? at::kBFloat16
                                                                       : at::kFloat);
    io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
    return tensor.to(at::kDouble);
  }
  ADD_FAILURE() << "the golden file has no " << name;
  return {};
}

inline Policy open_with(const std::filesystem::path& base, const std::optional<std::filesystem::path>& adapter,
                        model::Dtype dtype) {
  ModelConfig config;
  config.path = base;
  config.adapter = adapter;
  return open_policy(config, "cpu", dtype);
}

/// Logits [3, V] of the golden answer to the golden question about the golden clip.
inline at::Tensor adapter_logits(const Policy& policy) {
  const at::NoGradGuard no_grad;
  const Json& clip = adapters().json.at("clip");
  const model::VisualTokens visual = encode_clip(policy, clip);
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, clip.at("question").get<std::string>());
  const std::vector<int64_t> answer = ids_of(adapters().json.at("answer"));
  LabelledRows rows;
  const int64_t video = rows.add_clip({prompt.before}, visual.runs, 0);
  rows.add_answer(rows.add_question(video, prompt.after), {answer, std::vector<int64_t>(answer.size())}, 0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t());
}

}  // namespace rrpo::policy::test
