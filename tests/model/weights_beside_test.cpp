// What lies beside an adapter or a base and is not read: named, unless it changes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/model/adapter_folder.h"
#include "../../src/model/tensor_io.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/model/merge.h"
#include "rrpo/util/notes.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using Named = std::vector<std::pair<std::string, at::Tensor>>;

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("; fix: "));
    return error.what();
  }
  return "no fault";
}

class Beside : public testing::Test {
 protected:
  Beside() : lvlm_(tiny_model()) {
    add_adapter(lvlm_, {4, 8, {"q_proj", "up_proj"}}, 11);
    fill_adapter(lvlm_);
    save_adapter(lvlm_, folder_.path(), "base");
  }
  /// The adapter's file with more tensors, under `base_model.model.`.
  void add(const Named& more) {
    Named named;
    for (const NamedTensor& tensor : adapter_tensors(lvlm_)) named.emplace_back(tensor.name, *tensor.tensor);
    for (const auto& [name, tensor] : more) named.emplace_back("base_model.model." + name, tensor);
    write_tensors(folder_ / "adapter_model.safetensors", named, at::kDouble);
  }
  std::string load_fault() {
    fresh_.emplace(tiny_model());
    return refusal([&] { load_adapter(*fresh_, folder_.path()); });
  }

  test::TempDir folder_;
  Lvlm lvlm_;
  std::optional<Lvlm> fresh_;
};

TEST_F(Beside, WeightsAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> files = {{"non_lora_trainables.bin", "merge_lora_weights"},
                                                                  {"non_lora_trainables.safetensors", "merge_lora_weights"},
                                                                  {"non_lora_state_dict.bin", "move it"},
                                                                  {"mm_projector.bin", "merge_lora_weights"},
                                                                  {"new_embeddings.safetensors", "resized"},
                                                                  {"adapter_model.bin", "second copy"},
                                                                  {"value_head.safetensors", "value head"},
                                                                  {"value_head.bin", "value head"},
                                                                  {"model.safetensors", "a whole model"},
                                                                  {"pytorch_model.bin", "a whole model"},
                                                                  {"extra.pth", "no part of a PEFT adapter"},
                                                                  {"consolidated.00.pth", "no part of a PEFT adapter"}};
  for (const auto& [name, says] : files) {
    folder_.write(name, "x");
    EXPECT_THAT(load_fault(), AllOf(HasSubstr("/" + name), HasSubstr(says), HasSubstr("left out")));
    EXPECT_FALSE(has_adapter(*fresh_));
    std::filesystem::remove(folder_ / name);
  }
  EXPECT_EQ(load_fault(), "no fault");
}

TEST_F(Beside, StatesOfATrainerAreNone) {
  for (const char* name : {"optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "rng_state_0.pth",
                           "training_args.bin", "random_states_0.pkl", "trainer_state.json", "tokenizer.model", "README.md"})
    folder_.write(name, "x");
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(), Not(Contains(HasSubstr(folder_.path().string()))));
}

TEST_F(Beside, AModelMayShareItsFolderWithItsAdapter) {
  folder_.write("model.safetensors", "x");
  folder_.write("config.json", "{}");
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(), Contains(AllOf(HasSubstr(folder_.path().string()), HasSubstr("a whole model lies beside"))));
}

TEST_F(Beside, TensorsEqualToTheBasesChangeNothing) {
  const Decoder& decoder = lvlm_.weights().decoder;
  add({{"model.language_model.embed_tokens.weight", decoder.embedding},
       {"lm_head.weight", decoder.embedding},
       {"v_head.summary.weight", random_tensor({1, 32}, "v")}});
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(), Contains(AllOf(HasSubstr(folder_.path().string()),
                                             HasSubstr("3 tensors that are no adapter change nothing"))));
}

/// A weight of the model by its name.
at::Tensor weight(Lvlm& lvlm, const std::string& name) {
  for (const NamedTensor& tensor : tensors(lvlm)) {
    if (tensor.name == name) return *tensor.tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

TEST_F(Beside, TensorsThatDifferAreNamedWithTheirPart) {
  const at::Tensor changed = lvlm_.weights().decoder.embedding.clone();
  changed.select(0, 7).select(0, 3).add_(1e-6);
  add({{"model.language_model.embed_tokens.weight", changed}});
  EXPECT_THAT(load_fault(), AllOf(HasSubstr("the embedding, which differ from the base's"), HasSubstr("merge_and_unload")));
  add({{"lm_head.weight", random_tensor({51, 32}, "longer")}});
  EXPECT_THAT(load_fault(), HasSubstr("the head, which differ"));
  add({{"model.multi_modal_projector.linear_1.weight",
        weight(lvlm_, "model.multi_modal_projector.linear_1.weight").add(1)}});
  EXPECT_THAT(load_fault(), HasSubstr("the projector, which differ"));
}

TEST_F(Beside, LoraOfWhatIsNoLinearIsNamed) {
  const std::vector<std::pair<std::string, std::string>> modules = {
      {"model.vision_tower.embeddings.patch_embedding", "adapts the vision tower where it is no linear"},
      {"vision_tower.vision_model.embeddings.position_embedding", "adapts the vision tower where it is no linear"},
      {"model.language_model.embed_tokens", "adapts the embedding"},
      {"lm_head", "adapts the head"}};
  for (const auto& [module, says] : modules) {
    add({{module + ".lora_A.weight", random_tensor({4, 16}, "a")},
         {module + ".lora_B.weight", random_tensor({24, 4}, "b")}});
    EXPECT_THAT(load_fault(), AllOf(HasSubstr(says), HasSubstr("merge_and_unload"))) << module;
  }
}

TEST_F(Beside, LoraThatTheSettingsDoNotSelectIsNamed) {
  for (const char* module :
       {"model.vision_tower.encoder.layers.0.mlp.fc1", "vision_tower.vision_model.encoder.layers.0.mlp.fc1"}) {
    add({{module + std::string(".lora_A.weight"), random_tensor({4, 16}, "a")},
         {module + std::string(".lora_B.weight"), random_tensor({24, 4}, "b")}});
    EXPECT_THAT(load_fault(), HasSubstr("#target_modules: does not select 'model.vision_tower.encoder.layers.0.mlp.fc1'"));
  }
}

/// The pooling head of SigLIP: its output is not used, so neither is an adapter of it.
TEST_F(Beside, LoraOfAPartThatNothingReadsIsSaid) {
  add({{"model.vision_tower.head.mlp.fc1.lora_A.weight", random_tensor({4, 16}, "a")},
       {"model.vision_tower.head.mlp.fc1.lora_B.weight", random_tensor({24, 4}, "b")}});
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(),
              Contains(AllOf(HasSubstr(folder_.path().string()), HasSubstr("2 tensors of modules that no"))));
}

TEST_F(Beside, ModulesToSaveAreLookedAt) {
  Json json = read_json(folder_ / "adapter_config.json", "test");
  json["modules_to_save"] = {"embed_tokens"};
  folder_.write("adapter_config.json", json.dump());
  EXPECT_THAT(load_fault(), HasSubstr("modules_to_save: 'embed_tokens' has no weights"));
  add({{"model.language_model.embed_tokens.modules_to_save.default.weight", lvlm_.weights().decoder.embedding}});
  EXPECT_EQ(load_fault(), "no fault");
}

class Base : public testing::Test {
 protected:
  void write(const Named& more, Json config = tiny_config()) {
    folder_.write("config.json", config.dump());
    Named named = more;
    for (const NamedTensor& tensor : tensors(lvlm_)) named.emplace_back(tensor.name, *tensor.tensor);
    write_tensors(folder_ / "model.safetensors", named, at::kFloat);
  }
  std::string load_fault() {
    return refusal([&] { loaded_.emplace(load(folder_.path(), {})); });
  }
  test::TempDir folder_;
  Lvlm lvlm_ = tiny_model(1, Dtype::float32);
  std::optional<Lvlm> loaded_;
};

TEST_F(Base, ATowerStoredTwiceIsReadOnce) {
  const at::Tensor first = weight(lvlm_, "model.vision_tower.encoder.layers.1.mlp.fc1.weight");
  const std::string second = "vision_tower.vision_model.encoder.layers.1.mlp.fc1.weight";
  write({{second, first}});
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(),
              Contains(AllOf(HasSubstr(folder_.path().string()), HasSubstr("1 given twice with equal values"))));
  write({{second, first.add(1e-6)}});
  EXPECT_THAT(load_fault(), AllOf(HasSubstr("1 given twice; "), HasSubstr(second)));
}

TEST_F(Base, AValueHeadIsSaid) {
  write({{"v_head.summary.weight", random_tensor({1, 32}, "v")}, {"v_head.summary.bias", random_tensor({1}, "b")}});
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_THAT(logged_notes(), Contains(AllOf(HasSubstr(folder_.path().string()), HasSubstr("its value head is not read"))));
}

TEST_F(Base, QuantisedWeightsAreNamed) {
  const std::vector<std::pair<Json, std::string>> methods = {
      {{{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}}, "quantised with bitsandbytes, 4 bits"},
      {{{"load_in_8bit", true}}, "quantised with bitsandbytes, 8 bits"},
      {{{"quant_method", "gptq"}, {"bits", 4}}, "quantised with gptq, 4 bits"},
      {{{"quant_method", "awq"}, {"bits", 4}}, "quantised with awq, 4 bits"},
      {{{"quant_method", "fp8"}}, "quantised with fp8"},
      {{{"quant_method", "compressed-tensors"}}, "quantised with compressed-tensors"}};
  for (const auto& [settings, says] : methods) {
    for (const bool nested : {false, true}) {
      Json config = tiny_config();
      (nested ? config["text_config"] : config)["quantization_config"] = settings;
      write({}, config);
      EXPECT_THAT(load_fault(), AllOf(HasSubstr(says), HasSubstr("dequantize")));
    }
  }
  for (const auto& [end, says] : {std::pair("qweight", "GPTQ or AWQ"),
                                  {"weight.absmax", "bitsandbytes, 4 bits"},
                                  {"weight.quant_state.bitsandbytes__nf4", "bitsandbytes, 4 bits"},
                                  {"SCB", "8 bits"},
                                  {"weight_scale_inv", "FP8"}}) {
    write({{std::string("language_model.model.layers.0.mlp.up_proj.") + end, random_tensor({4}, "q")}});
    EXPECT_THAT(load_fault(), AllOf(HasSubstr("quantised with "), HasSubstr(says)));
  }
}

/// transformers saves tied weights once and lists them twice.
TEST_F(Base, ATiedHeadMayStandInTheIndexOnly) {
  write({});
  std::filesystem::rename(folder_ / "model.safetensors", folder_ / "model-00001-of-00001.safetensors");
  Json map = Json::object();
  for (const NamedTensor& tensor : tensors(lvlm_)) map[tensor.name] = "model-00001-of-00001.safetensors";
  map["lm_head.weight"] = "model-00001-of-00001.safetensors";
  folder_.write("model.safetensors.index.json", Json{{"weight_map", map}}.dump());
  EXPECT_EQ(load_fault(), "no fault");
  EXPECT_FALSE(loaded_->weights().decoder.head.defined());
  const test::TempDir out;
  add_adapter(*loaded_, {2, 2}, 3);
  write_merged(*loaded_, folder_.path(), out.path());
  Json untied = tiny_config();
  untied["tie_word_embeddings"] = untied["text_config"]["tie_word_embeddings"] = false;
  folder_.write("config.json", untied.dump());
  EXPECT_THAT(load_fault(), HasSubstr("lm_head.weight: the index places this tensor here, but it is missing"));
}

TEST_F(Base, AWindowThatNeverNarrowsIsFullAttention) {
  const auto with = [](const Json& settings) {
    Json config = tiny_config();
    config["text_config"].update({{"use_sliding_window", true}, {"sliding_window", 8}, {"max_position_embeddings", 64}});
    config["text_config"].update(settings);
    return config;
  };
  for (const Json& full : {Json{{"max_window_layers", 3}}, Json{{"max_window_layers", 28}},
                           Json{{"sliding_window", nullptr}}, Json{{"sliding_window", 64}}}) {
    write({}, with(full));
    EXPECT_EQ(load_fault(), "no fault") << full;
  }
  for (const Json& narrow : {Json{{"max_window_layers", 2}}, Json::object()}) {
    write({}, with(narrow));
    EXPECT_THAT(load_fault(), HasSubstr("use_sliding_window")) << narrow;
  }
}

}  // namespace
}  // namespace rrpo::model
