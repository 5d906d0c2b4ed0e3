// Family llava_qwen against the authors' own package, by the golden files of scripts/oracles/llava_qwen.py.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <set>

#include "../../src/model/layers.h"
#include "../../src/model/vision/llava_projector.h"
#include "../../src/model/vision/siglip.h"
#include "policy/golden.h"
#include "rrpo/io/checkpoint.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/generate.h"
#include "rrpo/video/reader.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using testing::HasSubstr;

constexpr int64_t kVideoId = -200;  // where the original's ids hold the video

/// As in parity_test.cpp: golden values are float64 rounded to float32.
const std::vector<std::pair<model::Dtype, double>> kTolerances = {{model::Dtype::float64, 3e-7},
                                                                  {model::Dtype::float32, 1e-4}};

class LlavaQwen : public testing::Test {
 protected:
  static std::filesystem::path folder() { return rrpo::test::source_file("tests/golden/llava_qwen"); }

  static Policy open(model::Dtype dtype, const std::string& pool = "auto") {
    ModelConfig config;
    config.path = folder() / "checkpoint";
    config.video_pool = pool;
    return open_policy(config, "cpu", dtype);
  }

  /// The checkpoint with some keys of its config.json changed; null takes a key away.
  static void write_variant(const rrpo::test::TempDir& at, const Json& changes) {
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "checkpoint"))
      std::filesystem::copy_file(entry.path(), at / entry.path().filename());
    Json config = read_json(at / "config.json", "test");
    for (const auto& [key, value] : changes.items()) {
      config[key] = value;
      if (value.is_null()) config.erase(key);
    }
    at.write("config.json", config.dump());
  }
  static Policy open_variant(const Json& changes, model::Dtype dtype = model::Dtype::float64) {
    const rrpo::test::TempDir at;
    write_variant(at, changes);
    ModelConfig config;
    config.path = at.path();
    return open_policy(config, "cpu", dtype);
  }

  /// A row of the parity table.
  rrpo::test::Comparison compared(const std::string& what, double tolerance = 0) const {
    const std::string commit = json_.at("commit").get<std::string>().substr(0, 7);
    return {"llava_qwen", "the authors' llava " + commit + ", " + rrpo::test::original(json_, "transformers"), what,
            tolerance};
  }

  const Json json_ = read_json(folder() / "golden.json", "test");
  const std::map<std::string, at::Tensor> tensors_ = read_tensors(folder() / "golden.safetensors");
  const at::NoGradGuard no_grad_;
};

std::vector<int64_t> whole_prompt(const Policy& policy, const std::string& question) {
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, question);
  std::vector<int64_t> ids = prompt.before;
  ids.push_back(kVideoId);
  ids.insert(ids.end(), prompt.after.begin(), prompt.after.end());
  return ids;
}

TEST_F(LlavaQwen, PromptsAreThoseOfTrainingAndEvaluation) {
  const Policy policy = open(model::Dtype::float32);
  EXPECT_EQ(policy.chat.name, "authors");
  for (const Json& clip : json_.at("clips")) EXPECT_EQ(whole_prompt(policy, clip.at("question")), ids_of(clip.at("ids")));
  for (const Json& turn : json_.at("conversations")) {
    const std::vector<int64_t> ids = ids_of(turn.at("ids"));
    std::vector<int64_t> prompt = whole_prompt(policy, turn.at("question"));
    ASSERT_LE(prompt.size(), ids.size());
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), ids.begin()));
    EXPECT_EQ(policy.chat.before_video + "<image>" + policy.chat.after_video + turn.at("question").get<std::string>() +
                  policy.chat.answer_start,
              turn.at("prompt").get<std::string>());
  }
}

TEST_F(LlavaQwen, TimeSentence) {
  const Json& time = json_.at("time");
  const video::Frames frames = video::read_video(rrpo::test::source_file(time.at("video").get<std::string>()),
                                                 time.at("sampling"), time.at("frames"));
  const std::string question = time.at("question"), sentence = time.at("sentence");
  Policy policy = open(model::Dtype::float32);
  EXPECT_EQ(timed_question(policy, frames, question), question);
  EXPECT_DOUBLE_EQ(frames.duration_s, time.at("duration_s").get<double>());
  policy.time_instruction = "line";
  EXPECT_EQ(timed_question(policy, frames, question), sentence + "\n" + question);
  policy.time_instruction = "paragraph";  // as the authors' train.py writes it
  const std::string asked = timed_question(policy, frames, question);
  rrpo::test::expect_same(compared("ids of the time sentence"), whole_prompt(policy, asked) == ids_of(time.at("ids")));
  EXPECT_EQ(policy.chat.before_video + "<image>" + policy.chat.after_video + asked + policy.chat.answer_start,
            time.at("prompt").get<std::string>());
  EXPECT_THROW(timed_question(policy, video::test::picture(8, 8, 1), question), Error);
}

TEST_F(LlavaQwen, AnswersAreLabelledToTheirEndOfTurn) {
  const Policy policy = open(model::Dtype::float32);
  for (const Json& turn : json_.at("conversations")) {
    text::MarkedText marked;
    marked.text = turn.at("answer");
    const std::vector<int64_t> ids = ids_of(turn.at("ids"));
    std::vector<int64_t> wanted;
    for (const int64_t at : ids_of(turn.at("answer_eos"))) wanted.push_back(ids[static_cast<size_t>(at)]);
    EXPECT_EQ(text::encode_answer(*policy.tokenizer, marked, policy.end_of_turn).ids, wanted);
    // The original labels more: see --compat official.
    const std::vector<int64_t> official = ids_of(turn.at("official")), ours = ids_of(turn.at("answer_eos"));
    EXPECT_TRUE(std::includes(official.begin(), official.end(), ours.begin(), ours.end()));
    EXPECT_GT(official.size(), ours.size());
  }
}

TEST_F(LlavaQwen, PixelsAreTheSameBits) {  // the folder holds no processor's file
  const Policy policy = open(model::Dtype::float32);
  for (const Json& clip : json_.at("clips")) {
    const at::Tensor pixels = clip_pixels(policy, clip);
    const Json& expected = clip.at("pixels");
    ASSERT_EQ(pixels.sizes().vec(), ids_of(expected.at("shape")));
    const float* values = pixels.const_data_ptr<float>();
    for (size_t i = 0; i < expected.at("at").size(); ++i)
      EXPECT_EQ(values[expected.at("at")[i].get<int64_t>()], expected.at("values")[i].get<float>()) << i;
    rrpo::test::expect_same(compared("pixels of clips"),
                            video::test::crc32(values, pixels.nbytes()) == expected.at("crc32").get<uint32_t>());
  }
}

/// Rows of a stage: some of them one by one, all of them by norm and products with signs.
void expect_stage(const rrpo::test::Comparison& comparison, const at::Tensor& value, const at::Tensor& rows,
                  const Json& whole, const std::string& name, int64_t step = 37) {
  ASSERT_EQ(value.size(0), whole.at("rows").get<int64_t>()) << name;
  std::vector<int64_t> picked;
  for (int64_t i = 0; i < value.size(0); i += step) picked.push_back(i);
  picked.push_back(value.size(0) - 1);
  rrpo::test::expect_parity(comparison, relative(value.index_select(0, model::index_tensor(picked, at::kCPU)), rows), name);
  const auto expected = whole.at("fingerprint").get<std::vector<double>>();
  const std::vector<double> actual = fingerprint(value, static_cast<int64_t>(expected.size()) - 1);
  for (size_t i = 0; i < expected.size(); ++i) {
    rrpo::test::expect_parity(comparison, std::abs(actual[i] - expected[i]) / expected[0], name);
  }
}

/// Halves of the eye with the model's own tensors, so that what lies between them can be seen.
struct Halves {
  model::Tower tower;
  model::Projector projector;

  explicit Halves(Policy& policy) {
    const Json config = read_json(policy.folder / "config.json", "test");
    const model::ConfigReader vision(config.at("vision_config"), "");
    const model::Shapes shapes(policy.lvlm.weights().type);
    tower = model::siglip_tower(vision, config.at("vision_config").at("num_hidden_layers").get<int64_t>() - 1, shapes);
    projector.linear_1 = projector.linear_2 = shapes.linear(1, 1, true);
    projector.pool = model::Pool::none;
    projector.layout = model::Newline::none;
    std::vector<model::NamedTensor> own;
    model::Listing list(own);
    list_tower(list, "model.vision_tower.", tower);
    list.add("model.multi_modal_projector.linear_1", projector.linear_1);
    list.add("model.multi_modal_projector.linear_2", projector.linear_2);
    std::map<std::string, at::Tensor> values;
    for (const model::NamedTensor& tensor : model::tensors(policy.lvlm)) values[tensor.name] = *tensor.tensor;
    for (const model::NamedTensor& tensor : own) *tensor.tensor = values[tensor.name];
    projector.newline = values["model.image_newline"];
  }
};

TEST_F(LlavaQwen, TowerAndProjector) {
  for (const auto& [dtype, tolerance] : kTolerances) {
    Policy policy = open(dtype);
    const Halves halves(policy);
    for (size_t i = 0; i < json_.at("clips").size(); ++i) {
      const Json& stages = json_.at("clips")[i].at("stages");
      const at::Tensor pixels = clip_pixels(policy, json_.at("clips")[i]).to(policy.lvlm.weights().type);
      const at::Tensor features = run_tower(halves.tower, pixels, model::Adapter::on);
      const auto expect = [&](const std::string& name, const at::Tensor& value) {
        expect_stage(compared(name + in_type(dtype), tolerance), value, tensors_.at(name + "." + std::to_string(i)),
                     stages.at(name), name);
      };
      expect("tower", features.flatten(0, 1));
      expect("projector", run_projector(halves.projector, features, model::Adapter::on));
    }
  }
}

TEST_F(LlavaQwen, EveryPoolingAndLayoutOfNewlines) {
  for (const char* pool : {"bilinear", "average", "max"}) {
    for (const char* newline : {"grid", "frame", "one_token", "no_token"}) {
      const Policy policy = open_variant({{"mm_spatial_pool_mode", pool}, {"mm_newline_position", newline}});
      const std::string name = std::string(pool) + "." + newline;
      for (size_t i = 0; i < json_.at("clips").size(); ++i) {
        const Json& clip = json_.at("clips")[i];
        const model::VisualTokens visual = encode_clip(policy, clip);
        EXPECT_EQ(visual.runs, clip_runs(policy, clip));
        expect_stage(compared("3 poolings x 4 layouts of newlines, double", 3e-7), visual.tokens,
                     tensors_.at(name + "." + std::to_string(i)), clip.at("stages").at(name), name);
      }
    }
  }
}

TEST_F(LlavaQwen, StillsInTiles) {
  const Policy policy = open_variant(Json::object());
  for (size_t i = 0; i < json_.at("pictures").size(); ++i) {
    const Json& picture = json_.at("pictures")[i];
    const video::Resolution size{picture.at("height"), picture.at("width")};
    const std::string place = std::to_string(size.height) + " x " + std::to_string(size.width);
    const model::ClipInput still = still_input(policy, picture, policy.pixels.front());
    const at::Tensor& pixels = still.pixels.front();
    ASSERT_EQ(pixels.size(0), picture.at("tiles").get<int64_t>()) << place;
    EXPECT_EQ(video::test::crc32(pixels.const_data_ptr(), pixels.nbytes()), picture.at("crc32").get<uint32_t>()) << place;
    EXPECT_EQ(policy.lvlm.vision().runs(still.form)->front().count, picture.at("rows").get<int64_t>()) << place;
    expect_stage(compared("stills in tiles, double", 3e-7), model::encode(policy.lvlm, still).tokens,
                 tensors_.at("picture." + std::to_string(i)), picture, place, 401);
  }
}

/// Logits [n, V] of the rows that predict `ids`.
at::Tensor answer_logits(const Policy& policy, const model::VisualTokens& visual, const std::string& question,
                         const std::vector<int64_t>& ids) {
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, question);
  LabelledRows rows;
  const int64_t video = rows.add_clip({prompt.before}, visual.runs, 0);
  rows.add_answer(rows.add_question(video, prompt.after), {ids, std::vector<int64_t>(ids.size())}, 0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t());
}

TEST_F(LlavaQwen, Logits) {
  for (const char* pool : {"bilinear", "average"}) {
    for (const auto& [dtype, tolerance] : kTolerances) {
      const Policy policy = open(dtype, pool);
      for (size_t i = 0; i < json_.at("clips").size(); ++i) {
        const Json& clip = json_.at("clips")[i];
        const at::Tensor& expected = tensors_.at("logits." + std::string(pool) + "." + std::to_string(i));
        std::vector<int64_t> ids = ids_of(clip.at("runs").at(pool).at("greedy"));
        ids.resize(static_cast<size_t>(expected.size(0)));
        const model::VisualTokens visual = encode_clip(policy, clip);
        rrpo::test::expect_parity(compared("logits" + in_type(dtype), tolerance),
                                  relative(answer_logits(policy, visual, clip.at("question"), ids), expected), pool);
      }
    }
  }
}

TEST_F(LlavaQwen, GreedyTokens) {
  for (const char* pool : {"auto", "bilinear", "average"}) {
    Policy policy = open(model::Dtype::float32, pool);
    policy.stop_ids.clear();
    for (const Json& clip : json_.at("clips")) {
      const Json& expected = clip.at("runs").at(std::string(pool) == "auto" ? "bilinear" : pool).at("greedy");
      const model::VisualTokens visual = encode_clip(policy, clip);
      const Generated answer =
          generate(policy, visual, {clip.at("question").get<std::string>()}, static_cast<int64_t>(expected.size())).at(0);
      rrpo::test::expect_same(compared("greedy tokens"), answer.ids == ids_of(expected), pool);
    }
  }
}

TEST_F(LlavaQwen, SavesTheNamesThatItLoads) {
  Policy policy = open(model::Dtype::float32);
  const rrpo::test::TempDir at;
  model::save_weights(policy.lvlm, at.path(), model::Dtype::bfloat16);
  const auto names = [](const std::filesystem::path& file) {
    std::set<std::string> all;
    for (const io::TensorEntry& entry : io::read_safetensors_header(file)) all.insert(entry.name);
    return all;
  };
  EXPECT_EQ(names(at / "model.safetensors"), names(folder() / "checkpoint" / "model.safetensors"));
}

TEST_F(LlavaQwen, AdaptersHaveTheOriginalsModuleNames) {
  Policy policy = open(model::Dtype::float32);
  model::add_adapter(policy.lvlm, {2, 4, {"q_proj", "down_proj"}}, 7);
  const rrpo::test::TempDir at;
  model::save_adapter(policy.lvlm, at.path(), "");
  std::set<std::string> keys;
  for (const io::TensorEntry& entry : io::read_safetensors_header(at / "adapter_model.safetensors")) keys.insert(entry.name);
  EXPECT_EQ(keys.size(), 12U);
  EXPECT_TRUE(keys.contains("base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight"));
  EXPECT_THAT(read_json(at / "adapter_config.json", "test").at("target_modules").get<std::vector<std::string>>(),
              testing::Contains("model.layers.0.mlp.down_proj"));
  ModelConfig config;
  config.path = folder() / "checkpoint";
  config.adapter = at.path();
  Policy again = open_policy(config, "cpu");
  const auto wanted = model::adapter_tensors(policy.lvlm), got = model::adapter_tensors(again.lvlm);
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(got[i].tensor->equal(*wanted[i].tensor)) << got[i].name;
}

TEST_F(LlavaQwen, RefusesWhatItDoesNotCompute) {
  const std::vector<std::pair<Json, const char*>> bad = {
      {{{"mm_projector_type", "linear"}}, "mm_projector_type"},
      {{{"mm_projector_type", nullptr}}, "mm_projector_type"},
      {{{"mm_patch_merge_type", "flat"}}, "mm_patch_merge_type"},
      {{{"mm_vision_select_layer", -1}}, "mm_vision_select_layer"},
      {{{"mm_resampler_type", "perceiver"}}, "mm_resampler_type"},
      {{{"mm_newline_position", "everywhere"}}, "mm_newline_position: 'everywhere' is none of: grid"},
      {{{"mm_spatial_pool_mode", "median"}}, "mm_spatial_pool_mode: 'median' is none of: bilinear"},
      {{{"mm_spatial_pool_mode", nullptr}}, "set model.video_pool"},
      {{{"add_faster_video", true}}, "add_faster_video"},
      {{{"mm_hidden_size", 1152}}, "mm_hidden_size"},
      {{{"vision_config", nullptr}, {"mm_vision_tower", "openai/clip-vit-large-patch14-336"}}, "mm_vision_tower"},
      {{{"rope_theta", nullptr}}, "rope_theta"}};
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

TEST_F(LlavaQwen, NamesTheTensorsOfATowerThatIsNotThere) {
  const rrpo::test::TempDir at;
  write_variant(at, Json::object());
  std::vector<std::vector<char>> bytes;
  std::vector<io::TensorBytes> kept;
  for (const io::TensorEntry& entry : io::read_safetensors_header(at / "model.safetensors")) {
    if (entry.name.find("vision_tower") != std::string::npos) continue;
    io::read_tensor_bytes(entry, bytes.emplace_back(static_cast<size_t>(entry.bytes)).data());
    kept.push_back({entry.name, entry.dtype, entry.shape, bytes.back().data()});
  }
  std::filesystem::remove(at / "model.safetensors");
  io::write_safetensors(at / "model.safetensors", kept);
  ModelConfig config;
  config.path = at.path();
  try {
    open_policy(config, "cpu");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("first missing model.vision_tower."));
  }
}

}  // namespace
}  // namespace rrpo::policy::test
