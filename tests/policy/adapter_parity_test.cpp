// Adapters that PEFT wrote, against PEFT's logits, by the golden files of scripts/oracles/adapters.py.
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "policy/golden.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/pattern.h"

namespace rrpo::policy::test {
namespace {

namespace fs = std::filesystem;

struct AdapterGolden {
  fs::path folder = rrpo::test::source_file("tests/golden/adapters");
  Json json = read_json(folder / "golden.json", "test");
  std::map<std::string, at::Tensor> tensors = read_tensors(folder / "golden.safetensors");
};

const AdapterGolden& adapters() {
  static const AdapterGolden golden;
  return golden;
}

Policy open_with(const std::optional<fs::path>& adapter, model::Dtype dtype) {
  ModelConfig config;
  config.path = golden("tiny").checkpoint;
  config.adapter = adapter;
  return open_policy(config, "cpu", dtype);
}

at::Tensor logits(const Policy& policy) {
  const at::NoGradGuard no_grad;
  const Json& clip = adapters().json.at("clip");
  const at::Tensor visual = model::encode(policy.lvlm, clip_pixels(policy, clip));
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, clip.at("question").get<std::string>());
  const std::vector<int64_t> answer = ids_of(adapters().json.at("answer"));
  LabelledRows rows;
  const int64_t video = rows.add_video(prompt.before, visual.size(0), 0);
  rows.add_answer(rows.add_question(video, prompt.after), {answer, std::vector<int64_t>(answer.size())}, 0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t());
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, ignored] : adapters().json.at("cases").items()) names.push_back(name);
  return names;
}

class AdapterParity : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return adapters().folder / GetParam(); }
  const at::Tensor& expected() const { return adapters().tensors.at("logits." + GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Cases, AdapterParity, testing::ValuesIn(case_names()), [](const auto& info) { return info.param; });

TEST_P(AdapterParity, GivesPeftsLogits) {
  EXPECT_LT(relative(logits(open_with(folder(), model::Dtype::float64)), expected()), 1e-6);
  EXPECT_LT(relative(logits(open_with(folder(), model::Dtype::float32)), expected()), 1e-5);
  EXPECT_GT(relative(logits(open_with(std::nullopt, model::Dtype::float64)), expected()), 1e-2);
}

TEST_P(AdapterParity, EveryModuleHasPeftsScale) {
  Policy policy = open_with(folder(), model::Dtype::float64);
  const Json& scales = adapters().json.at("cases").at(GetParam()).at("scales");
  size_t adapted = 0;
  model::each_decoder_linear(policy.lvlm.weights(), [&](const std::string& name, model::Linear& linear) {
    ASSERT_EQ(linear.lora.a.defined(), scales.contains(name)) << name;
    if (!linear.lora.a.defined()) return;
    ++adapted;
    EXPECT_DOUBLE_EQ(linear.lora.scale, scales.at(name).get<double>()) << name;
  });
  EXPECT_EQ(adapted, scales.size());
}

/// Ours of the same modules: PEFT's keys and shapes, and it computes the same.
TEST_P(AdapterParity, SavedAgainHasPeftsKeysAndItsLogits) {
  const rrpo::test::TempDir again;
  const Policy policy = open_with(folder(), model::Dtype::float64);
  model::save_adapter(policy.lvlm, again.path(), "base");
  std::map<std::string, std::vector<int64_t>> theirs, ours;
  for (const io::TensorEntry& entry : io::read_safetensors_header(folder() / "adapter_model.safetensors")) {
    theirs[entry.name] = entry.shape;
  }
  for (const io::TensorEntry& entry : io::read_safetensors_header(again / "adapter_model.safetensors")) {
    ours[entry.name] = entry.shape;
  }
  EXPECT_EQ(ours, theirs);
  EXPECT_TRUE(ours.begin()->first.starts_with("base_model.model.model.language_model.layers.")) << ours.begin()->first;
  EXPECT_LT(relative(logits(open_with(again.path(), model::Dtype::float64)), expected()), 1e-6);
}

TEST(AdapterPatterns, MatchAsPythonDoes) {
  const std::vector<std::string> modules = adapters().json.at("modules");
  int64_t understood = 0;
  for (const Json& row : adapters().json.at("expressions")) {
    const auto text = row.at("pattern").get<std::string>();
    std::string problem;
    const std::optional<Pattern> pattern = Pattern::parse(text, problem);
    if (!pattern) {
      EXPECT_NE(text.find("(?<!"), std::string::npos) << text << ": " << problem;  // the one that we do not read
      continue;
    }
    ++understood;
    for (size_t i = 0; i < modules.size(); ++i) {
      EXPECT_EQ(pattern->fullmatch(modules[i]), row.at("matches")[i].get<bool>()) << text << " on " << modules[i];
    }
  }
  EXPECT_EQ(understood, 22);
}

}  // namespace
}  // namespace rrpo::policy::test
