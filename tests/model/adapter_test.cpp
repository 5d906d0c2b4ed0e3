// LoRA and PEFT folders.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "../../src/model/tensor_io.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::HasSubstr;

at::Tensor answer(const Lvlm& lvlm) {
  const at::NoGradGuard no_grad;
  PackedRows rows;
  rows.add_segment(tokens(9, 3), -1);
  for (int64_t i = 0; i < 9; ++i) rows.read_rows.push_back(i);
  return hidden(lvlm, rows, {});
}

/// W + scale * B A in every linear, and no adapter.
void merge(Lvlm& lvlm) {
  each_decoder_linear(lvlm.weights(), [](const std::string&, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    linear.weight = linear.weight.add(linear.lora.b.matmul(linear.lora.a).mul(linear.lora.scale));
    linear.lora = {};
  });
}

Lvlm adapted(const LoraConfig& config) {
  Lvlm lvlm = tiny_model();
  add_adapter(lvlm, config, 11);
  fill_adapter(lvlm);
  return lvlm;
}

TEST(Adapter, AFreshOneChangesNothing) {
  Lvlm lvlm = tiny_model();
  const at::Tensor before = answer(lvlm);
  EXPECT_FALSE(has_adapter(lvlm));
  add_adapter(lvlm, {4, 8}, 11);
  EXPECT_TRUE(has_adapter(lvlm));
  EXPECT_EQ(largest_difference(answer(lvlm), before), 0);
  EXPECT_EQ(adapter_tensors(lvlm).size(), 3U * 7U * 2U);
  EXPECT_EQ(adapter_tensors(lvlm)[0].name, "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight");
  const at::Tensor a = *adapter_tensors(lvlm)[0].tensor;
  const double bound = 1 / std::sqrt(32.0);
  EXPECT_LE(a.abs().max().item<double>(), bound);
  EXPECT_NEAR(a.square().mean().item<double>(), bound * bound / 3, bound * bound / 10);
  EXPECT_TRUE(a.equal(*adapter_tensors(lvlm)[0].tensor));
}

TEST(Adapter, EqualsMergedWeightsAndSwitchesOff) {
  Lvlm lvlm = adapted({4, 10, {"q_proj", "down_proj"}});
  const at::Tensor on = answer(lvlm), base = answer(tiny_model());
  {
    const AdapterOff off(lvlm);
    const AdapterOff twice(lvlm);
    EXPECT_EQ(largest_difference(answer(lvlm), base), 0);
  }
  EXPECT_EQ(largest_difference(answer(lvlm), on), 0);
  EXPECT_GT(largest_difference(on, base), 1e-3);
  merge(lvlm);
  EXPECT_LT(largest_difference(answer(lvlm), on), 1e-12);
}

TEST(Adapter, UnknownTargetIsAUsageFault) {
  Lvlm lvlm = tiny_model();
  try {
    add_adapter(lvlm, {4, 8, {"q_proj", "lm_head"}}, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr("lm_head"));
  }
}

class AdapterFolder : public testing::Test {
 protected:
  AdapterFolder() : lvlm_(adapted({4, 10, {"v_proj", "up_proj"}})) { save_adapter(lvlm_, folder_.path(), "base"); }

  Json config() const { return read_json(folder_ / "adapter_config.json", "test"); }
  void set(const std::string& key, const Json& value) {
    Json json = config();
    json[key] = value;
    folder_.write("adapter_config.json", json.dump());
  }
  /// Writes the tensors again under other names.
  void rename(const std::string& from, const std::string& to) {
    std::vector<std::pair<std::string, at::Tensor>> named;
    for (const NamedTensor& tensor : adapter_tensors(lvlm_)) {
      std::string name = tensor.name;
      if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
      named.emplace_back(name, *tensor.tensor);
    }
    write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  }
  at::Tensor loaded() const {
    Lvlm fresh = tiny_model();
    load_adapter(fresh, folder_.path());
    return answer(fresh);
  }
  std::string fault() const {
    Lvlm fresh = tiny_model();
    try {
      load_adapter(fresh, folder_.path());
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_FALSE(has_adapter(fresh));
      EXPECT_EQ(largest_difference(answer(fresh), answer(tiny_model())), 0);
      return error.what();
    }
    return "no fault";
  }

  test::TempDir folder_;
  Lvlm lvlm_;
};

TEST_F(AdapterFolder, ComesBack) {
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
  EXPECT_EQ(config()["lora_alpha"], 10);
  EXPECT_EQ(config()["target_modules"][0], "model.language_model.layers.0.self_attn.v_proj");
  EXPECT_EQ(config()["base_model_name_or_path"], "base");
  EXPECT_EQ(config().size(), 24U);
}

TEST_F(AdapterFolder, OldKeysAndLeafNamesLoadToo) {
  rename("model.language_model.layers", "language_model.model.layers");
  set("target_modules", {"v_proj", "up_proj"});
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
}

TEST_F(AdapterFolder, RootScale) {
  set("use_rslora", true);
  Lvlm fresh = tiny_model();
  load_adapter(fresh, folder_.path());
  EXPECT_DOUBLE_EQ(fresh.weights().decoder.layers[0].v.lora.scale, 5.0);
}

TEST_F(AdapterFolder, KeysThatMeetNoModuleAreNamed) {
  rename("model.language_model.layers.0", "model.visionary.layers.0");
  const std::string line = fault();
  EXPECT_THAT(line, HasSubstr("4 missing, 4 unexpected"));
  EXPECT_THAT(line, HasSubstr("first unexpected base_model.model.model.visionary.layers.0"));
}

TEST_F(AdapterFolder, TargetsWithoutKeysAreNamed) {
  set("target_modules", {"v_proj", "up_proj", "q_proj"});
  EXPECT_THAT(fault(), HasSubstr("6 missing"));
  set("target_modules", "all-linear");
  EXPECT_THAT(fault(), HasSubstr("30 missing"));
  set("target_modules", "((.+)+)+[?!]");
  EXPECT_THAT(fault(), HasSubstr("too many steps"));
}

TEST_F(AdapterFolder, ATensorThatIsMissingIsNamed) {
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (const NamedTensor& tensor : adapter_tensors(lvlm_)) named.emplace_back(tensor.name, *tensor.tensor);
  const std::string last = named.back().first;
  named.pop_back();
  write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  EXPECT_THAT(last, HasSubstr("lora_B"));
  EXPECT_THAT(fault(), HasSubstr("1 missing; first missing " + last));
}

/// The family's older names, and what trainers' wrappers leave in keys and targets.
TEST_F(AdapterFolder, OtherLayoutsOfTheSameModules) {
  set("target_modules", Json::array({"v_proj", "up_proj"}));
  for (const char* layout : {"model.layers", "language_model.model.layers", "_orig_mod.model.language_model.layers"}) {
    rename("model.language_model.layers", layout);
    EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0) << layout;
  }
  rename(".weight", ".default.weight");
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
  set("target_modules", "model\\.layers\\.[0-2]\\.(self_attn\\.v|mlp\\.up)_proj");
  rename("model.language_model.layers", "model.layers");
  EXPECT_THAT(fault(), HasSubstr("selects no linear"));
}

TEST_F(AdapterFolder, UnsupportedSettingsAreRefusedByName) {
  const std::vector<std::pair<std::string, Json>> bad = {{"use_dora", true},
                                                         {"fan_in_fan_out", true},
                                                         {"lora_bias", true},
                                                         {"modules_to_save", Json::array({"lm_head"})},
                                                         {"layer_replication", Json::array({Json::array({0, 2})})},
                                                         {"trainable_token_indices", Json::array({1})},
                                                         {"target_parameters", Json::array({"experts"})},
                                                         {"alora_invocation_tokens", Json::array({1})},
                                                         {"kasa_config", {{"beta", 1}}},
                                                         {"init_lora_weights", "pissa_niter_4"},
                                                         {"init_lora_weights", "olora"},
                                                         {"bias", "all"},
                                                         {"bias", "lora_only"},
                                                         {"rank_pattern", {{"q_proj", 0}}},
                                                         {"rank_pattern", {{"q_proj(", 2}}},
                                                         {"alpha_pattern", {{"q_proj", "much"}}},
                                                         {"layers_to_transform", "all"},
                                                         {"peft_type", "IA3"},
                                                         {"r", 0},
                                                         {"lora_alpha", "much"},
                                                         {"target_modules", "(?1).*_PROJ"},
                                                         {"target_modules", "no_such_module"},
                                                         {"target_modules", Json::array({3})},
                                                         {"target_modules", nullptr}};
  const Json good = config();
  for (const auto& [key, value] : bad) {
    set(key, value);
    EXPECT_THAT(fault(), HasSubstr("adapter_config.json#" + key));
    folder_.write("adapter_config.json", good.dump());
  }
  set("r", 5);
  EXPECT_THAT(fault(), HasSubstr("misshapen"));
  std::filesystem::remove(folder_ / "adapter_model.safetensors");
  EXPECT_THAT(fault(), HasSubstr("adapter_model.safetensors: missing"));
}

}  // namespace
}  // namespace rrpo::model
