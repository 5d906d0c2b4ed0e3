// LoRA and PEFT folders.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "../../src/model/adapter_keys.h"
#include "../../src/model/tensor_io.h"
#include "rrpo/model/merge.h"
#include "rrpo/util/notes.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

at::Tensor answer(const Lvlm& lvlm, Adapter adapter = Adapter::on) {
  const at::NoGradGuard no_grad;
  PackedRows rows;
  rows.add_segment(tokens(9, 3), -1);
  for (int64_t i = 0; i < 9; ++i) rows.read_rows.push_back(i);
  return hidden(lvlm, rows, {}, adapter);
}

/// What the eye makes of two frames.
at::Tensor seen(const Lvlm& lvlm, Adapter adapter = Adapter::on) {
  const at::NoGradGuard no_grad;
  const ClipInput clip{{random_tensor({2, 3, 20, 20}, "pixels")}, {.frames = 2, .height = 20, .width = 20}};
  return encode(lvlm, clip, adapter).tokens;
}

/// W + scale * B A in every linear, and no adapter.
void merge(Lvlm& lvlm) {
  each_linear(lvlm.weights(), [](const std::string&, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    linear.weight.plain = linear.weight.plain.add(linear.lora.b.matmul(linear.lora.a).mul(linear.lora.scale));
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
  EXPECT_EQ(largest_difference(answer(lvlm, Adapter::off), base), 0);
  EXPECT_EQ(largest_difference(answer(lvlm), on), 0);
  EXPECT_GT(largest_difference(on, base), 1e-3);
  merge(lvlm);
  EXPECT_LT(largest_difference(answer(lvlm), on), 1e-12);
}

TEST(Adapter, SitsOnTheEyeToo) {
  Lvlm lvlm = adapted({4, 10, {"q_proj", "vision:q_proj", "fc2", "projector:all-linear"}});
  EXPECT_TRUE(adapts_vision(lvlm));
  EXPECT_FALSE(adapts_vision(adapted({4, 10, {"q_proj", "o_proj"}})));
  const at::Tensor on = seen(lvlm), base = seen(tiny_model());
  EXPECT_EQ(largest_difference(seen(lvlm, Adapter::off), base), 0);
  EXPECT_GT(largest_difference(on, base), 1e-3);
  std::map<Part, int64_t> parts;
  for (const NamedTensor& tensor : adapter_tensors(lvlm)) ++parts[tensor.part];
  EXPECT_EQ(parts, (std::map<Part, int64_t>{{Part::vision, 8}, {Part::projector, 4}, {Part::decoder, 6}}));
  merge(lvlm);
  EXPECT_LT(largest_difference(seen(lvlm), on), 1e-12);
}

/// A seed gives a module the same values whatever else carries an adapter.
TEST(Adapter, ValuesAreAFunctionOfTheName) {
  Lvlm some = tiny_model(), all = tiny_model();
  add_adapter(some, {4, 8}, 11);
  add_adapter(all, {4, 8, {"all-linear"}}, 11);
  std::map<std::string, at::Tensor> values;
  for (const NamedTensor& tensor : adapter_tensors(all)) values.emplace(tensor.name, *tensor.tensor);
  EXPECT_EQ(values.size(), 2U * (3U * 7U + 2U * 6U + 2U));
  for (const NamedTensor& tensor : adapter_tensors(some)) EXPECT_TRUE(values.at(tensor.name).equal(*tensor.tensor));
}

TEST(Adapter, TargetsNameLinears) {
  const Lvlm lvlm = tiny_model();
  const std::string tower = "model.vision_tower.encoder.layers.", projector = "model.multi_modal_projector.";
  const auto count = [&](const std::string& target) { return targeted_modules(lvlm, {target}).size(); };
  EXPECT_EQ(count("q_proj"), 3U);                 // the decoder's alone
  EXPECT_EQ(count("self_attn.q_proj"), 3U + 2U);  // as PEFT has it
  EXPECT_EQ(count("layers.1.self_attn.q_proj"), 2U);
  EXPECT_EQ(count("encoder.layers.1.self_attn.q_proj"), 1U);
  EXPECT_EQ(count("vision:q_proj"), 2U);
  EXPECT_EQ(count("vision:all-linear"), 2U * 6U);
  EXPECT_EQ(count("decoder:all-linear"), 3U * 7U);
  EXPECT_EQ(count("all-linear"), 3U * 7U + 2U * 6U + 2U);
  EXPECT_EQ(count("out_proj"), 2U);
  EXPECT_EQ(count("_proj"), 0U);
  EXPECT_EQ(count("vision:o_proj"), 0U);
  EXPECT_EQ(targeted_modules(lvlm, {tower + "1.mlp.fc2", "linear_1", "fc2"}),
            (std::vector<std::string>{tower + "0.mlp.fc2", tower + "1.mlp.fc2", projector + "linear_1"}));
}

TEST(Adapter, UnknownTargetIsAUsageFault) {
  for (const char* target : {"lm_head", "vision:o_proj", "embeddings.patch_embedding", "projector:linear_3", ""}) {
    Lvlm lvlm = tiny_model();
    try {
      add_adapter(lvlm, {4, 8, {"q_proj", target}}, 1);
      ADD_FAILURE() << target;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("'" + std::string(target) + "'"), HasSubstr("linear_2")));
    }
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
  rename("model.language_model.layers", "model.layers");  // names of its own, which its settings know
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
  set("target_modules", "model\\.layers\\.[0-1]\\.(self_attn\\.v|mlp\\.up)_proj");
  EXPECT_THAT(fault(), HasSubstr("does not select 'model.language_model.layers.2.self_attn.v_proj'"));
  set("target_modules", "model\\.layers\\.[0-2]\\.(self_attn\\.v|mlp\\.up|mlp\\.gate)_proj");
  EXPECT_THAT(fault(), HasSubstr("6 missing"));
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
                                                         {"bias", "some"},
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

/// The authors' LongVU adapters: PEFT 0.13 lost what it trained of the biases.
TEST_F(AdapterFolder, ABiasThatIsNotInTheFileIsTheBases) {
  set("bias", "lora_only");
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
}

class EyeFolder : public AdapterFolder {
 protected:
  EyeFolder() {
    lvlm_ = adapted({4, 10, {"v_proj", "vision:v_proj", "fc1", "linear_2"}});
    save_adapter(lvlm_, folder_.path(), "base");
  }
  /// The file without the tensors whose names hold `word`.
  void leave_out(const std::string& word) {
    std::vector<std::pair<std::string, at::Tensor>> named;
    for (const NamedTensor& tensor : adapter_tensors(lvlm_)) {
      if (tensor.name.find(word) == std::string::npos) named.emplace_back(tensor.name, *tensor.tensor);
    }
    write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  }
  Lvlm load_again() const {
    Lvlm fresh = tiny_model();
    load_adapter(fresh, folder_.path());
    return fresh;
  }
};

TEST_F(EyeFolder, ComesBack) {
  EXPECT_EQ(largest_difference(seen(load_again()), seen(lvlm_)), 0);
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
  const test::TempDir again;
  save_adapter(load_again(), again.path(), "base");
  for (const char* file : {"adapter_config.json", "adapter_model.safetensors"})
    EXPECT_EQ(read_file(again / file, "test"), read_file(folder_ / file, "test")) << file;
  EXPECT_THAT(config()["target_modules"].dump(), HasSubstr("model.multi_modal_projector.linear_2"));
}

TEST_F(EyeFolder, ALastPartMeetsTheTowerToo) {
  set("target_modules", {"v_proj", "fc1", "linear_2"});
  EXPECT_EQ(largest_difference(seen(load_again()), seen(lvlm_)), 0);
  set("target_modules", {"v_proj", "fc1", "linear_2", "linear_1"});
  EXPECT_THAT(fault(), HasSubstr("2 missing; first missing base_model.model.model.multi_modal_projector.linear_1.lora_A"));
  set("target_modules", {"v_proj", "linear_2"});
  EXPECT_THAT(fault(), HasSubstr("does not select 'model.vision_tower.encoder.layers.0.mlp.fc1'"));
  set("target_modules", {"v_proj", "fc1", "linear_2"});
  set("exclude_modules", ".*vision_tower.*");
  EXPECT_THAT(fault(), HasSubstr("does not select 'model.vision_tower.encoder.layers.0.self_attn.v_proj'"));
  leave_out("vision_tower");
  EXPECT_EQ(load_again().weights().adapter->targets.size(), 2U);
}

/// A tower that came after the adapter, or whose adapters were left out: PEFT leaves it as it is.
TEST_F(EyeFolder, APartWithoutAnyKeysStaysAsItIs) {
  set("target_modules", {"v_proj", "fc1", "linear_2"});
  leave_out("vision_tower");
  EXPECT_EQ(largest_difference(loaded(), answer(lvlm_)), 0);
  EXPECT_THAT(logged_notes(),
              testing::Contains(AllOf(HasSubstr(folder_.path().string()), HasSubstr("the vision tower too"))));
  leave_out("layers.1.mlp.fc1");
  EXPECT_THAT(fault(), HasSubstr("2 missing; first missing base_model.model.model.vision_tower.encoder.layers.1.mlp.fc1"));
}

TEST_F(EyeFolder, LmmsLabsModulesAreTheSame) {
  set("target_modules", {"v_proj", "fc1", "mm_projector.2"});
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (const NamedTensor& tensor : adapter_tensors(lvlm_)) {
    std::string name = tensor.name;
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"model.vision_tower.", "model.vision_tower.vision_tower.vision_model."},
          {"model.multi_modal_projector.linear_2.", "model.mm_projector.2."},
          {"model.language_model.", "model."}}) {
      if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
    }
    named.emplace_back(name, *tensor.tensor);
  }
  write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  EXPECT_EQ(largest_difference(seen(load_again()), seen(lvlm_)), 0);
}

TEST_F(EyeFolder, WhatIsNoLinearIsRefusedByName) {
  set("target_modules", {"v_proj", "fc1", "linear_2", "patch_embedding"});
  EXPECT_THAT(fault(), AllOf(HasSubstr("adapter_config.json#target_modules"), HasSubstr("embeddings.patch_embedding'"),
                             HasSubstr("merge_and_unload")));
  set("target_modules", {"v_proj", "fc1", "linear_2", "embed_tokens"});
  EXPECT_THAT(fault(), HasSubstr("'model.language_model.embed_tokens'"));
}

/// A linear that the original holds as one and we as several.
TEST(AdapterKeys, AStackedLinearsAdapterIsDivided) {
  Family family;
  family.canonical = [](const std::string& name) { return name; };
  family.saved = family.canonical;
  family.stacked = [](const std::string& name) -> std::vector<std::string> {
    if (name != "tower.0.qkv.weight") return {};
    return {"tower.0.q.weight", "tower.0.k.weight", "tower.0.v.weight"};
  };
  const at::Tensor a = random_tensor({2, 5}, "a"), b = random_tensor({12, 2}, "b");
  const test::TempDir folder;
  write_tensors(folder / "adapter_model.safetensors",
                {{"base_model.model.tower.0.qkv.lora_A.weight", a}, {"base_model.model.tower.0.qkv.lora_B.weight", b}},
                at::kDouble);
  const AdapterFile file = read_adapter_file(family, folder.path());
  ASSERT_EQ(file.entries.size(), 6U);
  std::map<std::string, at::Tensor> values;
  for (const auto& [key, entry] : file.entries) values.emplace(key, read_tensor(entry, at::kDouble, at::kCPU));
  EXPECT_TRUE(values.at("base_model.model.tower.0.v.lora_A.weight").equal(a));
  EXPECT_TRUE(values.at("base_model.model.tower.0.k.lora_B.weight").equal(b.narrow(0, 4, 4)));
  EXPECT_EQ(names_of(family, file, "tower.0.k"), (ModuleNames{"tower.0.k", "tower.0.k", "tower.0.qkv"}));
  write_tensors(folder / "adapter_model.safetensors",
                {{"base_model.model.tower.0.qkv.lora_B.weight", random_tensor({13, 2}, "b")}}, at::kDouble);
  try {
    read_adapter_file(family, folder.path());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("qkv.lora_B.weight: [13,2] does not divide into 3 equal ranges of rows"));
  }
}

/// OpenGVLab's InternVL holds queries, keys and values of its tower in one linear, and this program in three.
class StackedLinears : public testing::Test {
 protected:
  Lvlm load_base() const { return load(base_, {}); }
  static std::map<std::string, at::Tensor> weights(Lvlm& lvlm) {
    std::map<std::string, at::Tensor> values;
    for (const NamedTensor& tensor : tensors(lvlm)) values.emplace(tensor.name, *tensor.tensor);
    return values;
  }
  /// What the adapter adds to each weight.
  static std::map<std::string, at::Tensor> added(Lvlm& lvlm) {
    std::map<std::string, at::Tensor> values;
    each_linear(lvlm.weights(), [&](const std::string& module, Linear& linear) {
      if (linear.lora.a.defined()) values.emplace(module, linear.lora.b.matmul(linear.lora.a).mul(linear.lora.scale));
    });
    return values;
  }
  static std::string layer(const std::string& part) {
    return "model.vision_tower.encoder.layer.1.attention." + part + "_proj";
  }

  std::filesystem::path base_ = test::source_file("tests/golden/internvl3/layout");
};

TEST_F(StackedLinears, AMergeChangesOnlyItsRows) {
  Lvlm lvlm = load_base();
  add_adapter(lvlm, {2, 4, {"layer.1.attention.k_proj"}}, 5);
  fill_adapter(lvlm);
  const test::TempDir out;
  EXPECT_EQ(write_merged(lvlm, base_, out.path()).merged, 1);
  std::filesystem::copy(base_ / "config.json", out / "config.json");
  Lvlm merged = load(out.path(), {});
  const auto before = weights(lvlm), after = weights(merged), more = added(lvlm);
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, value] : before) {
    if (name == layer("k") + ".weight") continue;
    EXPECT_TRUE(value.equal(after.at(name))) << name;
  }
  const at::Tensor change = after.at(layer("k") + ".weight").sub(before.at(layer("k") + ".weight"));
  EXPECT_LT(largest_difference(change, more.at(layer("k"))), 1e-6);
  EXPECT_GT(change.abs().max().item<double>(), 1e-3);
}

TEST_F(StackedLinears, AnAdapterIsWrittenOfTheOriginalsModule) {
  for (const std::vector<std::string>& targets :
       {std::vector<std::string>{"vision:k_proj", "fc1"}, {"vision:q_proj", "vision:v_proj"}, {"vision:all-linear"}}) {
    Lvlm lvlm = load_base(), again = load_base(), third = load_base();
    add_adapter(lvlm, {2, 4, targets}, 5);
    fill_adapter(lvlm);
    const test::TempDir folder, twice;
    save_adapter(lvlm, folder.path(), "base");
    for (const io::TensorEntry& entry : io::read_safetensors_header(folder / "adapter_model.safetensors"))
      EXPECT_THAT(entry.name, testing::Not(HasSubstr("_proj."))) << "a module that the original does not have";
    load_adapter(again, folder.path());
    const auto ours = added(lvlm), theirs = added(again);
    for (const auto& [module, value] : theirs) {
      const auto found = ours.find(module);  // a part without one carries zeros now
      EXPECT_LT(largest_difference(value, found == ours.end() ? value.mul(0) : found->second), 1e-6) << module;
    }
    save_adapter(again, twice.path(), "base");  // the three share A now
    EXPECT_EQ(read_file(twice / "adapter_model.safetensors", "test"),
              read_file(folder / "adapter_model.safetensors", "test"));
    load_adapter(third, twice.path());
    for (const auto& [module, value] : added(third)) EXPECT_TRUE(value.equal(theirs.at(module))) << module;
  }
}

/// Whole modules of the projector beside LoRA on the decoder.
class SavedFolder : public AdapterFolder {
 protected:
  SavedFolder() {
    for (const NamedTensor& tensor : tensors(base_)) {
      if (tensor.name.find("multi_modal_projector") == std::string::npos) continue;
      values_.emplace_back("base_model.model." + tensor.name, tensor.tensor->add(random_tensor(tensor.shape, "own")));
    }
    write(values_);
    set("modules_to_save", {"multi_modal_projector"});
  }
  void write(std::vector<std::pair<std::string, at::Tensor>> named) {
    for (const NamedTensor& tensor : adapter_tensors(lvlm_)) named.emplace_back(tensor.name, *tensor.tensor);
    write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  }
  std::string fault_of_a_model_that_stays() const {
    Lvlm fresh = tiny_model();
    std::string line = "no fault";
    try {
      load_adapter(fresh, folder_.path());
    } catch (const Error& error) {
      line = error.what();
    }
    EXPECT_EQ(largest_difference(seen(fresh), seen(tiny_model())), 0);
    EXPECT_FALSE(replaces_weights(fresh));
    return line;
  }

  Lvlm base_ = tiny_model();
  std::vector<std::pair<std::string, at::Tensor>> values_;
};

TEST_F(SavedFolder, TakesThePlaceOfTheBases) {
  Lvlm fresh = tiny_model();
  EXPECT_FALSE(replaces_weights(fresh));
  load_adapter(fresh, folder_.path());
  EXPECT_TRUE(replaces_weights(fresh));
  EXPECT_FALSE(adapts_vision(fresh));
  EXPECT_EQ(fresh.weights().adapter->saved_modules, std::vector<std::string>{"multi_modal_projector"});
  for (const NamedTensor& tensor : tensors(base_)) {
    for (const auto& [key, value] : values_) {
      if (key.ends_with("." + tensor.name)) *tensor.tensor = value;
    }
  }
  EXPECT_EQ(largest_difference(seen(fresh), seen(base_)), 0);
  EXPECT_GT(largest_difference(seen(fresh), seen(tiny_model())), 1e-3);
  const test::TempDir again;
  save_adapter(fresh, again.path(), "base");
  EXPECT_EQ(read_file(again / "adapter_model.safetensors", "test"),
            read_file(folder_ / "adapter_model.safetensors", "test"));
  EXPECT_EQ(read_json(again / "adapter_config.json", "test")["modules_to_save"], Json::array({"multi_modal_projector"}));
}

TEST_F(SavedFolder, WrappedKeysAndOtherLayoutsAreTheSame) {
  for (auto& [key, value] : values_) {
    const std::string from = "model.multi_modal_projector.linear_";
    key.replace(key.find(from), from.size() + 2,
                key.find("_1.") != std::string::npos ? "model.mm_projector.0." : "model.mm_projector.2.");
  }
  write(values_);
  set("modules_to_save", {"mm_projector"});
  Lvlm fresh = tiny_model();
  load_adapter(fresh, folder_.path());
  EXPECT_TRUE(replaces_weights(fresh));
}

/// As in PEFT, a module that is saved whole carries no adapter.
TEST_F(SavedFolder, CarriesNoAdapter) {
  set("target_modules", {"v_proj", "up_proj", "linear_1"});
  set("exclude_modules",
      {"vision_tower.encoder.layers.0.self_attn.v_proj", "vision_tower.encoder.layers.1.self_attn.v_proj"});
  Lvlm fresh = tiny_model();
  load_adapter(fresh, folder_.path());
  EXPECT_FALSE(adapts_vision(fresh));
}

TEST_F(SavedFolder, APartThatIsMissingIsNamed) {
  values_.pop_back();
  write(values_);
  EXPECT_THAT(fault_of_a_model_that_stays(),
              HasSubstr("1 missing; first missing base_model.model.model.multi_modal_projector.linear_2.bias"));
}

TEST_F(SavedFolder, EqualWeightsReplaceNothing) {
  for (auto& [key, value] : values_) {
    for (const NamedTensor& tensor : tensors(base_)) {
      if (key.ends_with("." + tensor.name)) value = *tensor.tensor;
    }
  }
  write(values_);
  EXPECT_EQ(fault_of_a_model_that_stays(), "no fault");
}

TEST_F(SavedFolder, OnlyTheProjectorMayBeReplaced) {
  const std::string norm = "model.vision_tower.post_layernorm.weight";
  values_.emplace_back("base_model.model." + norm, random_tensor({16}, "norm"));
  write(values_);
  set("modules_to_save", {"multi_modal_projector", "post_layernorm"});
  EXPECT_THAT(fault_of_a_model_that_stays(),
              AllOf(HasSubstr("the vision tower, which differ"), HasSubstr("merge_and_unload")));
}

}  // namespace
}  // namespace rrpo::model
