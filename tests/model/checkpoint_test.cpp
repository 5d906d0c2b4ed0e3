// Checkpoint folders: layouts of names, types, faults; initial values; pooling and newlines.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "../../src/model/tensor_io.h"
#include "../../src/model/vision/llava_projector.h"
#include "rrpo/io/checkpoint.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::HasSubstr;

/// Prefixes of one generation of names on disk, from the canonical ones.
struct Layout {
  const char* name;
  std::vector<std::pair<std::string, std::string>> prefixes;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {"transformers 5 modules", {}},
      {"transformers 4.52", {{"model.vision_tower.", "model.vision_tower.vision_model."}}},
      {"transformers 5 made new",
       {{"model.vision_tower.", "vision_tower."},
        {"model.multi_modal_projector.", "multi_modal_projector."},
        {"model.image_newline", "image_newline"},
        {"model.language_model.", "language_model.model."},
        {"lm_head.", "language_model.lm_head."}}},
      {"hub",
       {{"model.vision_tower.", "vision_tower.vision_model."},
        {"model.multi_modal_projector.", "multi_modal_projector."},
        {"model.image_newline", "image_newline"},
        {"model.language_model.", "language_model.model."},
        {"lm_head.", "language_model.lm_head."}}},
      {"LLaVA-NeXT",
       {{"model.vision_tower.", "model.vision_tower.vision_tower.vision_model."},
        {"model.multi_modal_projector.linear_1.", "model.mm_projector.0."},
        {"model.multi_modal_projector.linear_2.", "model.mm_projector.2."},
        {"model.language_model.", "model."}}},
  };
  return all;
}

using Named = std::vector<std::pair<std::string, at::Tensor>>;

Named in_layout(Lvlm& lvlm, const Layout& layout) {
  Named named;
  for (const NamedTensor& tensor : tensors(lvlm)) {
    std::string name = tensor.name;
    for (const auto& [from, to] : layout.prefixes) {
      if (!name.starts_with(from)) continue;
      name = to + name.substr(from.size());
      break;
    }
    named.emplace_back(name, *tensor.tensor);
  }
  return named;
}

void write_folder(const test::TempDir& folder, const Named& named, at::ScalarType type, const Json& config = tiny_config()) {
  folder.write("config.json", config.dump());
  write_tensors(folder / "model.safetensors", named, type);
}

/// The configurations of a family's golden checkpoints.
std::vector<Json> golden_configs(const Family& family) {
  std::vector<Json> configs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::source_file("tests/golden"))) {
    if (entry.path().filename() != "config.json") continue;
    const Json config = read_json(entry.path(), "test");
    if (config.is_object() && family.matches(config)) configs.push_back(config);
  }
  return configs;
}

LoadOptions golden_options(const Family& family) {
  LoadOptions options;
  options.video_pool = family.name == "llava_qwen" ? "bilinear" : "";
  return options;
}

std::string fault(const test::TempDir& folder) {
  try {
    load(folder.path(), {});
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    return error.what();
  }
  return "no fault";
}

Json untied() {
  Json config = tiny_config();
  config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = false;
  return config;
}

TEST(Checkpoint, LoadsEveryLayoutOfNames) {
  for (const Layout& layout : layouts()) {
    for (const Json& config : {tiny_config(), untied()}) {
      Lvlm lvlm = tiny_model(1, Dtype::float32, config);
      const test::TempDir folder;
      Named named = in_layout(lvlm, layout);
      named.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", random_tensor({4}, "f"));
      write_folder(folder, named, at::kFloat, config);
      Lvlm again = load(folder.path(), {});
      const auto wanted = tensors(lvlm), got = tensors(again);
      ASSERT_EQ(got.size(), wanted.size()) << layout.name;
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].name, wanted[i].name);
        EXPECT_TRUE(got[i].tensor->equal(*wanted[i].tensor)) << layout.name << " " << got[i].name;
      }
    }
  }
}

TEST(Checkpoint, SavesWhatItLoads) {
  for (const Json& config : {tiny_config(), untied()}) {
    Lvlm lvlm = tiny_model(1, Dtype::float32, config);
    const test::TempDir folder;
    folder.write("config.json", config.dump());
    save_weights(lvlm, folder.path(), Dtype::float32);
    std::vector<std::string> names;
    for (const io::TensorEntry& entry : io::open_checkpoint(folder.path())) names.push_back(entry.name);
    EXPECT_THAT(names, testing::IsSupersetOf({"image_newline", "language_model.model.layers.2.self_attn.q_proj.bias",
                                              "vision_tower.vision_model.embeddings.patch_embedding.weight",
                                              "multi_modal_projector.linear_1.weight", "language_model.model.norm.weight"}));
    EXPECT_EQ(std::count(names.begin(), names.end(), "language_model.lm_head.weight"), config == untied() ? 1 : 0);
    Lvlm again = load(folder.path(), {});
    for (size_t i = 0; i < tensors(lvlm).size(); ++i) EXPECT_TRUE(tensors(again)[i].tensor->equal(*tensors(lvlm)[i].tensor));
    save_weights(lvlm, folder.path(), Dtype::bfloat16);
    Lvlm rounded = load(folder.path(), {});
    EXPECT_TRUE(tensors(rounded)[0].tensor->equal(tensors(lvlm)[0].tensor->to(at::kBFloat16).to(at::kFloat)));
  }
}

TEST(Checkpoint, ConvertsTypesOfTheFile) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16, at::kDouble}) {
    const test::TempDir folder;
    write_folder(folder, in_layout(lvlm, layouts().front()), type);
    Lvlm again = load(folder.path(), {});
    const at::Tensor wanted = tensors(lvlm)[0].tensor->to(type).to(at::kFloat);
    EXPECT_EQ(tensors(again)[0].tensor->scalar_type(), at::kFloat);
    EXPECT_TRUE(tensors(again)[0].tensor->equal(wanted));
  }
}

TEST(Checkpoint, KeepsAPostNormThatIsThere) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  const test::TempDir folder;
  Named named = in_layout(lvlm, layouts().front());
  std::erase_if(named, [](const auto& entry) { return entry.first.find("post_layernorm") != std::string::npos; });
  write_folder(folder, named, at::kFloat);
  Lvlm without = load(folder.path(), {});
  EXPECT_EQ(tensors(without).size(), tensors(lvlm).size() - 2);
  named.emplace_back("model.vision_tower.post_layernorm.weight", random_tensor({16}, "w"));
  EXPECT_THAT((write_folder(folder, named, at::kFloat), fault(folder)),
              HasSubstr("1 missing; first missing model.vision_tower.post_layernorm.bias"));
}

TEST(Checkpoint, ReportsAllFaultsTogether) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  const test::TempDir folder;
  Named named = in_layout(lvlm, layouts().front());
  std::erase_if(named, [](const auto& entry) { return entry.first.ends_with("gate_proj.weight"); });
  for (auto& [name, tensor] : named) {
    if (name == "model.image_newline") tensor = random_tensor({5}, "n");
  }
  named.emplace_back("model.surprise", random_tensor({2}, "s"));
  named.emplace_back("language_model.model.norm.weight", random_tensor({32}, "d"));
  write_folder(folder, named, at::kFloat);
  const std::string line = fault(folder);
  EXPECT_THAT(line, HasSubstr("tensors 3 missing, 1 unexpected, 1 misshapen, 1 given twice; "));
  EXPECT_THAT(line, HasSubstr("first missing model.language_model.layers.0.mlp.gate_proj.weight; "));
  EXPECT_THAT(line, HasSubstr("first unexpected model.surprise; "));
  EXPECT_THAT(line, HasSubstr("first misshapen model.image_newline [5] instead of ["));
}

TEST(Checkpoint, AnUntiedModelNeedsItsHead) {
  Lvlm lvlm = tiny_model(1, Dtype::float32, untied());
  const test::TempDir folder;
  Named named = in_layout(lvlm, layouts().front());
  std::erase_if(named, [](const auto& entry) { return entry.first == "lm_head.weight"; });
  write_folder(folder, named, at::kFloat, untied());
  EXPECT_THAT(fault(folder), HasSubstr("1 missing; first missing lm_head.weight"));
}

TEST(Config, ReadsThetaInBothPlacesAndRefusesTheRest) {
  Json config = tiny_config();
  Json& text = config["text_config"];
  text.erase("rope_theta");
  text["rope_parameters"] = {{"rope_theta", 12345.0}, {"rope_type", "default"}};
  EXPECT_EQ(tiny_model(1, Dtype::float32, config).weights().decoder.theta, 12345.0);
  text["rope_scaling"] = nullptr;
  EXPECT_EQ(tiny_model(1, Dtype::float32, config).weights().decoder.theta, 12345.0);
  const std::vector<std::pair<std::string, Json>> bad = {{"/text_config/rope_parameters/rope_type", "yarn"},
                                                         {"/text_config/rope_parameters/rope_theta", "x"},
                                                         {"/text_config/use_sliding_window", true},
                                                         {"/text_config/layer_types", Json::array({"sliding_attention"})},
                                                         {"/text_config/hidden_act", "gelu"},
                                                         {"/text_config/num_key_value_heads", 3},
                                                         {"/text_config/num_hidden_layers", 0},
                                                         {"/text_config/vocab_size", 1e30},
                                                         {"/text_config/hidden_size", "wide"},
                                                         {"/text_config/model_type", "llama"},
                                                         {"/vision_config/hidden_act", "gelu"},
                                                         {"/vision_config/model_type", "clip_vision_model"},
                                                         {"/vision_config", 3},
                                                         {"/projector_hidden_act", "silu"},
                                                         {"/vision_feature_layer", -2},
                                                         {"/vision_feature_select_strategy", "default"}};
  for (const auto& [key, value] : bad) {
    Json broken = config;
    broken["text_config"]["max_window_layers"] = 0;  // or no layer would use the window
    broken["text_config"]["sliding_window"] = 8;
    broken[Json::json_pointer(key)] = value;
    try {
      tiny_model(1, Dtype::float32, broken);
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << key;
      EXPECT_THAT(error.what(), HasSubstr("config.json#")) << key;
    }
  }
}

TEST(Families, EachHasANameAndMatchesItself) {
  for (const Family& family : families()) {
    EXPECT_FALSE(family.name.empty());
    EXPECT_FALSE(family.matches(Json::array()));
    const std::vector<Json> configs = golden_configs(family);
    EXPECT_FALSE(configs.empty()) << family.name;
    for (const Json& config : configs) {
      Lvlm lvlm = family.build(config, golden_options(family));
      for (const NamedTensor& tensor : tensors(lvlm)) {
        EXPECT_EQ(canonical_names(family, family.saved(tensor.name)), std::vector<std::string>{tensor.name});
      }
    }
  }
  EXPECT_THROW(family_of({{"model_type", "nothing"}}, "x"), Error);
}

TEST(Init, FollowsItsRuleAndItsSeed) {
  Json config = tiny_config();
  config["text_config"]["vocab_size"] = 2000;
  Lvlm lvlm = tiny_model(5, Dtype::float32, config), again = tiny_model(5, Dtype::float32, config);
  Lvlm other = tiny_model(6, Dtype::float32, config);
  std::map<std::string, double> spread;
  for (size_t i = 0; i < tensors(lvlm).size(); ++i) {
    const NamedTensor tensor = tensors(lvlm)[i];
    EXPECT_TRUE(tensor.tensor->equal(*tensors(again)[i].tensor)) << tensor.name;
    spread[tensor.name] = std::sqrt(tensor.tensor->square().mean().item<double>());
  }
  EXPECT_FALSE(tensors(lvlm)[0].tensor->equal(*tensors(other)[0].tensor));
  const std::string layer = "model.language_model.layers.1.";
  EXPECT_NEAR(spread["model.language_model.embed_tokens.weight"], 0.1, 0.003);
  EXPECT_NEAR(spread["model.vision_tower.embeddings.position_embedding.weight"], 0.5, 0.1);
  EXPECT_NEAR(spread["model.image_newline"], 0.1, 0.05);
  EXPECT_NEAR(spread[layer + "mlp.up_proj.weight"] * std::sqrt(32.0), 1, 0.1);
  EXPECT_NEAR(spread[layer + "mlp.down_proj.weight"] * std::sqrt(40.0), 0.5, 0.05);
  EXPECT_NEAR(spread[layer + "self_attn.o_proj.weight"] * std::sqrt(32.0), 0.5, 0.05);
  EXPECT_NEAR(spread["model.vision_tower.embeddings.patch_embedding.weight"] * std::sqrt(48.0), 1, 0.1);
  EXPECT_EQ(spread[layer + "input_layernorm.weight"], 1);
  EXPECT_EQ(spread[layer + "self_attn.q_proj.bias"], 0);
}

TEST(Init, EveryPartOfAModelShows) {
  const test::TempDir folder;
  for (const Family& family : families()) {
    for (const Json& config : golden_configs(family)) {
      Lvlm lvlm = init(folder.write("config.json", config.dump()), 3, golden_options(family));
      for (const NamedTensor& tensor : tensors(lvlm)) {
        EXPECT_TRUE(tensor.tensor->isfinite().all().item<bool>()) << family.name << " " << tensor.name;
        const bool bias = tensor.name.ends_with("bias");
        EXPECT_EQ(tensor.tensor->abs().max().item<double>() > 0, !bias) << family.name << " " << tensor.name;
      }
    }
  }
}

/// Each linear that may carry an adapter stands in the list of weights under the same name, of the part that it belongs to.
TEST(Families, LinearsAreWeights) {
  for (const Family& family : families()) {
    for (const Json& config : golden_configs(family)) {
      Lvlm lvlm = family.build(config, golden_options(family));
      std::map<std::string, at::Tensor*> weights;
      for (const NamedTensor& tensor : tensors(lvlm)) EXPECT_TRUE(weights.emplace(tensor.name, tensor.tensor).second);
      std::set<std::string> modules;
      each_linear(lvlm.weights(), [&](const std::string& module, Linear& linear) {
        EXPECT_TRUE(modules.insert(module).second) << family.name << " " << module;
        const auto found = weights.find(module + ".weight");
        ASSERT_TRUE(found != weights.end()) << family.name << " " << module;
        EXPECT_EQ(found->second, &linear.weight.plain) << family.name << " " << module;
        const std::string own = module_name(family, module);
        EXPECT_EQ(canonical_names(family, own + ".weight"), std::vector<std::string>{module + ".weight"}) << own;
      });
    }
  }
}

/// A tensor on disk that holds several, one below the other.
TEST(Stacked, RowsAreDivided) {
  const test::TempDir folder;
  const at::Tensor whole = random_tensor({6, 5}, "w");
  write_tensors(folder / "model.safetensors", {{"a", random_tensor({3}, "a")}, {"qkv", whole}}, at::kDouble);
  const io::TensorEntry entry = io::read_safetensors_header(folder / "model.safetensors")[1];
  const std::vector<io::TensorEntry> parts = split_rows(entry, 3, "weights");
  ASSERT_EQ(parts.size(), 3U);
  for (int64_t i = 0; i < 3; ++i) {
    const at::Tensor part = read_tensor(parts[static_cast<size_t>(i)], at::kDouble, at::kCPU);
    EXPECT_TRUE(part.equal(whole.narrow(0, 2 * i, 2))) << i;
  }
  EXPECT_THROW(split_rows(entry, 4, "weights"), Error);
}

/// A map whose values name frame, row and column.
at::Tensor coded_map(int64_t frames, int64_t grid) {
  at::Tensor map = at::empty({frames, grid * grid, 1}, at::kDouble);
  double* out = map.mutable_data_ptr<double>();
  for (int64_t i = 0; i < map.numel(); ++i) {
    out[i] = static_cast<double>(100 * (i / (grid * grid)) + 10 * (i / grid % grid) + i % grid);
  }
  return map;
}

std::vector<double> values(const at::Tensor& x) {
  const at::Tensor plain = x.contiguous();
  return {plain.const_data_ptr<double>(), plain.const_data_ptr<double>() + plain.numel()};
}

ClipInput clip_of(const at::Tensor& pixels) {
  return {{pixels}, {.frames = pixels.size(0), .height = pixels.size(2), .width = pixels.size(3)}};
}

TEST(Projector, PoolsAndLaysNewlines) {
  const at::Tensor map = coded_map(2, 4), end = at::empty({1}, at::kDouble).fill_(-1);
  using V = std::vector<double>;
  // Halving an even side without aligned corners is the mean of each 2 x 2 square.
  EXPECT_EQ(values(pool_and_lay(map, end, Pool::bilinear, Newline::video)),
            (V{5.5, 7.5, 25.5, 27.5, 105.5, 107.5, 125.5, 127.5, -1}));
  EXPECT_EQ(values(pool_and_lay(map, end, Pool::average, Newline::none)),
            (V{5.5, 7.5, 25.5, 27.5, 105.5, 107.5, 125.5, 127.5}));
  EXPECT_EQ(values(pool_and_lay(map, end, Pool::max, Newline::frame)), (V{11, 13, 31, 33, -1, 111, 113, 131, 133, -1}));
  EXPECT_EQ(values(pool_and_lay(map, end, Pool::bilinear, Newline::row)),
            (V{5.5, 7.5, -1, 25.5, 27.5, -1, 105.5, 107.5, -1, 125.5, 127.5, -1}));
  // An odd side: source = (target + 1/2) * 3/2 - 1/2 = 1/4, 7/4.
  const V odd = values(pool_and_lay(coded_map(1, 3), end, Pool::bilinear, Newline::none));
  const V wanted = {2.75, 4.25, 17.75, 19.25};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(odd[i], wanted[i], 1e-12);
}

TEST(Projector, CountsTokens) {
  // 27 x 27 patches: 14 x 14 or 13 x 13 after pooling.
  const auto count = [](Pool pool, Newline layout, int64_t frames) {
    Projector projector;
    projector.pool = pool;
    projector.layout = layout;
    return projected_tokens(projector, 27, frames);
  };
  EXPECT_EQ(count(Pool::bilinear, Newline::video, 16), 3137);
  EXPECT_EQ(count(Pool::bilinear, Newline::row, 16), 3360);
  EXPECT_EQ(count(Pool::average, Newline::row, 64), 11648);
  EXPECT_EQ(count(Pool::average, Newline::frame, 16), 170 * 16);
  EXPECT_EQ(count(Pool::none, Newline::none, 2), 1458);
  const Lvlm lvlm = tiny_model();
  const ClipInput clip = clip_of(random_tensor({3, 3, 20, 20}, "p"));
  const std::optional<std::vector<VisualRun>> runs = lvlm.vision().runs(clip.form);
  ASSERT_TRUE(runs.has_value() && runs->size() == 1);
  EXPECT_EQ(encode(lvlm, clip).size(), runs->front().count);
}

TEST(Encode, FramesAreIndependent) {
  const at::NoGradGuard no_grad;
  Lvlm lvlm = tiny_model();
  const at::Tensor pixels = random_tensor({3, 3, 20, 20}, "pixels");
  const at::Tensor all = encode(lvlm, clip_of(pixels)).tokens;
  const int64_t each = (all.size(0) - 1) / 3;
  for (int64_t f = 0; f < 3; ++f) {
    const at::Tensor one = encode(lvlm, clip_of(pixels.narrow(0, f, 1))).tokens;
    EXPECT_LT(largest_difference(all.narrow(0, f * each, each), one.narrow(0, 0, each)), 1e-12);
  }
  for (const NamedTensor& tensor : tensors(lvlm)) {
    if (tensor.name != "model.image_newline") continue;
    EXPECT_TRUE(all[-1].equal(*tensor.tensor));
  }
  EXPECT_THROW(encode(lvlm, clip_of(random_tensor({1, 3, 24, 24}, "p"))), Error);
}

}  // namespace
}  // namespace rrpo::model
