// Adapters that PEFT wrote, against PEFT's logits, by the golden files of scripts/oracles/adapters.py.
#include "policy/adapter_golden.h"
#include "rrpo/model/weights.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

namespace fs = std::filesystem;

using rrpo::test::expect_parity;
using rrpo::test::expect_same;

constexpr const char* kPart = "adapters";

std::string peft() { return rrpo::test::original(adapters().json, "peft"); }
fs::path base() { return golden("tiny").checkpoint; }

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, ignored] : adapters().json.at("cases").items()) names.push_back(name);
  return names;
}

class AdapterParity : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return adapters().folder / GetParam(); }
  at::Tensor expected() const { return adapter_tensor("logits." + GetParam()); }
  double difference(const std::optional<fs::path>& adapter, model::Dtype dtype) const {
    return relative(adapter_logits(open_with(base(), adapter, dtype)), expected());
  }
};
INSTANTIATE_TEST_SUITE_P(Cases, AdapterParity, testing::ValuesIn(case_names()), [](const auto& info) { return info.param; });

TEST_P(AdapterParity, GivesPeftsLogits) {
  expect_parity({kPart, peft(), "logits under an adapter that PEFT wrote, double", 1e-6},
                difference(folder(), model::Dtype::float64), GetParam());
  expect_parity({kPart, peft(), "logits under an adapter that PEFT wrote, float32", 1e-5},
                difference(folder(), model::Dtype::float32), GetParam());
  EXPECT_GT(difference(std::nullopt, model::Dtype::float64), 1e-2);
}

TEST_P(AdapterParity, EveryModuleHasPeftsScale) {
  Policy policy = open_with(base(), folder(), model::Dtype::float64);
  const Json& scales = adapters().json.at("cases").at(GetParam()).at("scales");
  size_t adapted = 0;
  model::each_linear(policy.lvlm.weights(), [&](const std::string& name, model::Linear& linear) {
    ASSERT_EQ(linear.lora.a.defined(), scales.contains(name)) << name;
    if (!linear.lora.a.defined()) return;
    ++adapted;
    const auto theirs = scales.at(name).get<double>();
    expect_parity({kPart, peft(), "scale of every module", 1e-15}, std::abs(linear.lora.scale - theirs) / theirs, name);
  });
  EXPECT_EQ(adapted, scales.size());
}

/// Ours of the same modules: PEFT's keys and shapes, and it computes the same.
TEST_P(AdapterParity, SavedAgainHasPeftsKeysAndItsLogits) {
  const rrpo::test::TempDir again;
  const Policy policy = open_with(base(), folder(), model::Dtype::float64);
  model::save_adapter(policy.lvlm, again.path(), "base");
  std::map<std::string, std::vector<int64_t>> theirs, ours;
  bool half = false;
  for (const io::TensorEntry& entry : io::read_safetensors_header(folder() / "adapter_model.safetensors")) {
    theirs[entry.name] = entry.shape;
    half = half || entry.dtype != "F32";
  }
  for (const io::TensorEntry& entry : io::read_safetensors_header(again / "adapter_model.safetensors")) {
    ours[entry.name] = entry.shape;
  }
  expect_same({kPart, peft(), "keys and shapes of the file that we write"}, ours == theirs, GetParam());
  EXPECT_LT(difference(again.path(), model::Dtype::float64), 1e-6);
  if (half) return;
  const rrpo::test::TempDir plain;
  model::save_adapter(open_with(base(), folder(), model::Dtype::float32).lvlm, plain.path(), "base");
  const std::string name = "adapter_model.safetensors";
  expect_same({kPart, peft(), "bytes of the file that we write again"},
              read_file(plain / name, "test") == read_file(folder() / name, "test"), GetParam());
}

}  // namespace
}  // namespace rrpo::policy::test
