// Family longvu against the authors' own package, by the golden files of scripts/oracles/longvu.py. What all families have
// in common is in family_golden_test.cpp, the reduction's functions are in tests/model/longvu_reduction_test.cpp.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "../../src/model/layers.h"
#include "../../src/model/vision/dinov2.h"
#include "../../src/model/vision/siglip.h"
#include "../../src/model/vision/sva.h"
#include "policy/family_golden.h"
#include "rrpo/io/checkpoint.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using testing::HasSubstr;

const std::vector<std::pair<model::Dtype, double>> kTolerances = {{model::Dtype::float64, 3e-7},
                                                                  {model::Dtype::float32, 1e-4}};

class LongVu : public testing::Test {
 protected:
  /// The checkpoint with some keys of its config.json changed; null takes a key away.
  static void write_variant(const rrpo::test::TempDir& at, const Json& changes) {
    for (const auto& entry : std::filesystem::directory_iterator(family_golden("longvu").checkpoint))
      std::filesystem::copy_file(entry.path(), at / entry.path().filename());
    Json config = read_json(at / "config.json", "test");
    for (const auto& [key, value] : changes.items()) {
      config[key] = value;
      if (value.is_null()) config.erase(key);
    }
    at.write("config.json", config.dump());
  }
  Policy open_variant(const Json& changes, model::Dtype dtype = model::Dtype::float64) const {
    const rrpo::test::TempDir at;
    write_variant(at, changes);
    return open_family(golden_, dtype, "", at.path());
  }

  rrpo::test::Comparison compared(const std::string& what, double tolerance = 0) const {
    const std::string commit = golden_.json.at("commit").get<std::string>().substr(0, 7);
    return {"longvu", "the authors' longvu " + commit + ", " + rrpo::test::original(golden_.json, "transformers"), what,
            tolerance};
  }

  /// Some rows of a stage one by one, all of them by norm and products with signs.
  void expect_stage(const std::string& what, double tolerance, const at::Tensor& value, const at::Tensor& rows,
                    const Json& whole) const {
    constexpr int64_t kStep = 41;
    ASSERT_EQ(value.size(0), whole.at("rows").get<int64_t>()) << what;
    std::vector<int64_t> picked;
    for (int64_t i = 0; i < value.size(0); i += kStep) picked.push_back(i);
    picked.push_back(value.size(0) - 1);
    const at::Tensor some = value.index_select(0, model::index_tensor(picked, at::kCPU));
    rrpo::test::expect_parity(compared(what, tolerance), relative(some, rows), what);
    const auto expected = whole.at("fingerprint").get<std::vector<double>>();
    const std::vector<double> actual = fingerprint(value, static_cast<int64_t>(expected.size()) - 1);
    for (size_t i = 0; i < expected.size(); ++i)
      rrpo::test::expect_parity(compared(what, tolerance), std::abs(actual[i] - expected[i]) / expected[0], what);
  }

  /// Gives what `list` collects its values of the checkpoint, in double.
  void fill(const std::function<void(model::Listing&)>& list) const {
    std::vector<model::NamedTensor> named;
    model::Listing listing(named);
    list(listing);
    std::map<std::string, io::TensorEntry> entries;
    for (const io::TensorEntry& entry : io::read_safetensors_header(golden_.checkpoint / "model.safetensors"))
      entries.emplace(entry.name, entry);
    const std::string siglip = "model.vision_tower_aux_0.";
    for (const model::NamedTensor& one : named) {
      const bool inner = one.name.starts_with(siglip);
      const io::TensorEntry& entry =
          entries.at(inner ? siglip + "vision_model." + one.name.substr(siglip.size()) : one.name);
      at::Tensor value = at::empty(entry.shape, entry.dtype == "BF16" ? at::kBFloat16 : at::kFloat);
      io::read_tensor_bytes(entry, value.mutable_data_ptr());
      *one.tensor = value.to(at::kDouble);
    }
  }

  const FamilyGolden& golden_ = family_golden("longvu");
  const at::NoGradGuard no_grad_;
};

/// Maps [F, n, D] to side x side, as the package resizes them.
at::Tensor resized(const at::Tensor& maps, int64_t side) {
  const int64_t own = std::llround(std::sqrt(static_cast<double>(maps.size(1)))), width = maps.size(2);
  const at::Tensor planes = maps.view({-1, own, own, width}).permute({0, 3, 1, 2}).to(at::kFloat).contiguous();
  return at::upsample_bilinear2d(planes, {side, side}, false).to(at::kDouble).flatten(2).transpose(1, 2);
}

TEST_F(LongVu, TowersAndConnector) {
  const Policy policy = open_family(golden_, model::Dtype::float64);
  const Json json = read_json(golden_.checkpoint / "config.json", "test");
  const model::ConfigReader config(json, "");
  const model::Shapes shapes(at::kDouble);
  model::Tower siglip = model::siglip_tower(config.object("vision_config_aux_0"), 2, shapes);
  model::DinoTower dino = model::dino_tower(config.object("vision_config_aux_1"), shapes);
  model::Sva sva = model::sva({.width = 32, .depth = 3, .grid = 12, .side = 24, .towers = {24, 20}}, shapes);
  fill([&](model::Listing& list) { model::list_tower(list, "model.vision_tower_aux_0.", siglip); });
  fill([&](model::Listing& list) { model::list_dino(list, "model.vision_tower_aux_1.", dino); });
  fill([&](model::Listing& list) { model::list_sva(list, sva); });
  for (const Json& one : golden_.json.at("connector")) {
    const auto number = one.at("clip").get<size_t>();
    const model::ClipInput clip = family_clip(policy, golden_.clip(static_cast<int64_t>(number)));
    const auto off = model::Adapter::off;
    const at::Tensor bright = resized(model::run_tower(siglip, clip.pixels[0].to(at::kDouble), off), 24);
    const at::Tensor other = resized(model::run_dino(dino, clip.pixels[1].to(at::kDouble), off), 24);
    // (height, width) stand where (width, height) are read.
    const model::MapPart part = model::picture_part(24, clip.form.source.height, clip.form.source.width);
    const at::Tensor queries = model::run_sva(sva, {bright, other}, part, off);
    expect_stage("SigLIP, double", 3e-7, bright.flatten(0, 1), golden_.tensor("tower.0", number), one.at("tower.0"));
    expect_stage("DINOv2, double", 3e-7, other.flatten(0, 1), golden_.tensor("tower.1", number), one.at("tower.1"));
    expect_stage("connector, double", 3e-7, queries.flatten(0, 1), golden_.tensor("connector", number), one.at("connector"));
  }
}

/// A clip of frames with seeds of their own.
model::ClipInput clip_of(const Policy& policy, const Json& one) {
  Json frame = {{"frames", 1},
                {"height", one.at("height")},
                {"width", one.at("width")},
                {"still", false},
                {"index", {0}},
                {"fps", 1.0},
                {"total", 1}};
  model::ClipInput clip;
  for (const Json& seed : one.at("seeds")) {
    frame["seed"] = seed;
    const model::ClipInput part = family_clip(policy, frame);
    clip.form = part.form;
    clip.pixels.resize(part.pixels.size());
    for (size_t i = 0; i < part.pixels.size(); ++i)
      clip.pixels[i] = clip.pixels[i].defined() ? at::cat({clip.pixels[i], part.pixels[i]}) : part.pixels[i];
  }
  clip.form.frames = static_cast<int64_t>(one.at("seeds").size());
  return clip;
}

TEST_F(LongVu, WhatIsLeftOfAClip) {
  std::map<std::string, model::ClipInput> clips;
  for (size_t i = 0; i < golden_.json.at("reduced").size(); ++i) {
    const Json& one = golden_.json.at("reduced")[i];
    for (const auto& [dtype, tolerance] : kTolerances) {
      const Policy policy = open_variant(one.at("settings"), dtype);
      const std::string name = one.at("seeds").dump();
      if (!clips.contains(name)) clips.emplace(name, clip_of(policy, one));
      const std::vector<int64_t> asked = eye_text(policy, one.at("question").get<std::string>());
      EXPECT_EQ(static_cast<int64_t>(asked.size()), one.at("row").get<int64_t>());
      const model::VisualTokens visual = model::encode(policy.lvlm, clips.at(name), model::Adapter::off, asked);
      expect_stage("what is left of " + std::to_string(golden_.json.at("reduced").size()) + " clips" + in_type(dtype),
                   tolerance, visual.tokens, golden_.tensor("reduced", i), one.at("visual"));
      EXPECT_EQ(visual.runs, std::vector<model::VisualRun>{model::plain_run(one.at("count"))}) << one.at("settings");
    }
  }
}

TEST_F(LongVu, PromptsAreTheAuthors) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  EXPECT_EQ(policy.chat.name, "authors");
  for (const Json& one : golden_.json.at("texts")) {
    EXPECT_EQ(policy.chat.before_video + "<image>" + policy.chat.after_video + one.at("question").get<std::string>() +
                  policy.chat.answer_start,
              one.at("text").get<std::string>());
  }
}

TEST_F(LongVu, TheQuestionDecidesWhatIsSeen) {
  const Policy policy = open_family(golden_, model::Dtype::float64);
  EXPECT_TRUE(policy.lvlm.vision().reads_text());
  EXPECT_FALSE(policy.lvlm.vision().runs(family_clip(policy, golden_.clip(2)).form).has_value());
  const Json& clip = golden_.clip(2);
  const model::VisualTokens once = see(policy, clip, "Describe the video."),
                            again = see(policy, clip, "Describe the video."),
                            other =
                                see(policy, clip, "What is shown, and where? Tell the whole story of it at length, please.");
  EXPECT_TRUE(once.tokens.equal(again.tokens));
  EXPECT_NE(once.size(), other.size());
}

TEST_F(LongVu, AQuestionMayLeaveNoRoom) {
  const Policy policy = open_variant({{"tokenizer_model_max_length", 40}});
  try {
    see(policy, golden_.clip(0), "Describe the video.");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("leaves the video no room in 40"));
  }
}

TEST_F(LongVu, SavesTheNamesThatItLoads) {
  Policy policy = open_family(golden_, model::Dtype::float32);
  const rrpo::test::TempDir at;
  model::save_weights(policy.lvlm, at.path(), model::Dtype::bfloat16);
  const auto names = [](const std::filesystem::path& file) {
    std::set<std::string> all;
    for (const io::TensorEntry& entry : io::read_safetensors_header(file)) all.insert(entry.name);
    return all;
  };
  EXPECT_EQ(names(at / "model.safetensors"), names(golden_.checkpoint / "model.safetensors"));
}

TEST_F(LongVu, PublishedSizes) {
  Json config = read_json(golden_.checkpoint / "config.json", "test");
  config.update({{"vocab_size", 152064},
                 {"hidden_size", 3584},
                 {"intermediate_size", 18944},
                 {"num_hidden_layers", 28},
                 {"num_attention_heads", 28},
                 {"num_key_value_heads", 4},
                 {"vision_hidden_size", 1024},
                 {"tokenizer_model_max_length", 8192}});
  config["vision_config_aux_0"] = {
      {"model_type", "siglip_vision_model"}, {"hidden_size", 1152}, {"intermediate_size", 4304}, {"num_hidden_layers", 27},
      {"num_attention_heads", 16},           {"image_size", 384},   {"patch_size", 14}};
  config["vision_config_aux_1"] = {{"model_type", "dinov2"},    {"hidden_size", 1536}, {"num_hidden_layers", 40},
                                   {"num_attention_heads", 24}, {"image_size", 518},   {"patch_size", 14},
                                   {"use_swiglu_ffn", true}};
  model::Lvlm lvlm = model::family_of(config, "test").build(config, {});
  std::map<std::string, int64_t> counts;
  for (const model::NamedTensor& tensor : model::tensors(lvlm)) {
    const bool siglip = tensor.name.starts_with("model.vision_tower_aux_0."),
               dino = tensor.name.starts_with("model.vision_tower_aux_1.");
    counts[siglip ? "siglip" : dino ? "dinov2" : "model"] += tensor.tensor->numel();
  }
  for (const auto& [name, wanted] : golden_.json.at("parameters").items())
    rrpo::test::expect_same(compared("parameters of the published models"), counts[name] == wanted.get<int64_t>(), name);
  // As many tokens as there can be: whole maps, as far as a prompt holds them.
  EXPECT_EQ(lvlm.vision().most_runs({.frames = 16}).at(0).count, 16 * 156);
  EXPECT_EQ(lvlm.vision().most_runs({.frames = 100}).at(0).count, 8192 - 16);
}

TEST_F(LongVu, PixelsWithoutTheTowersFilesAreThoseOfTheirRepositories) {
  const rrpo::test::TempDir at;
  write_variant(at, Json::object());
  for (const char* name : {"preprocessor_config_aux_0.json", "preprocessor_config_aux_1.json"})
    std::filesystem::remove(at / name);
  const Policy policy = open_family(golden_, model::Dtype::float32, "", at.path());
  ASSERT_EQ(policy.pixels.size(), 2U);
  EXPECT_EQ(policy.pixels[0].mean, (std::array<float, 3>{0.5F, 0.5F, 0.5F}));
  EXPECT_EQ(policy.pixels[1].mean, (std::array<float, 3>{0.485F, 0.456F, 0.406F}));
  EXPECT_EQ(policy.pixels[1].size, 378);
  at.write("preprocessor_config_aux_1.json", R"({"image_mean": [0.5, 0.5], "image_std": [1, 1, 1], "rescale_factor": 1})");
  EXPECT_THROW(open_family(golden_, model::Dtype::float32, "", at.path()), Error);
}

TEST_F(LongVu, RefusesWhatItDoesNotCompute) {
  const std::vector<std::pair<Json, const char*>> bad = {
      {{{"mm_projector_type", "mlp2x_gelu"}}, "mm_projector_type"},
      {{{"mm_projector_type", nullptr}}, "mm_projector_type"},
      {{{"num_query_group", 2}}, "num_query_group"},
      {{{"query_num_list", {576}}}, "query_num_list"},
      {{{"query_num_list", {144, 144}}}, "query_num_list"},
      {{{"image_token_len", 143}}, "image_token_len: no square of tokens"},
      {{{"mm_vision_tower_aux_token_len_list", {576, 144}}}, "mm_vision_tower_aux_token_len_list"},
      {{{"connector_only", false}}, "connector_only"},
      {{{"frame_pos", true}}, "frame_pos"},
      {{{"vision_hidden_size", 40}}, "vision_hidden_size"},
      {{{"lowres_token", 13}}, "lowres_token"},
      {{{"tokenizer_model_max_length", nullptr}}, "tokenizer_model_max_length: missing"},
      {{{"dino_threshold", 0}}, "dino_threshold"},
      {{{"vision_config_aux_1", nullptr}}, "join the folders with scripts/join_longvu.py"}};
  for (const auto& [changes, part] : bad) {
    try {
      open_variant(changes);
      ADD_FAILURE() << changes;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
}

}  // namespace
}  // namespace rrpo::policy::test
