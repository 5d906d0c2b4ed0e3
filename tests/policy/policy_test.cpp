// Opening a folder, its faults, rows under construction, and the end of an answer.
#include "policy/golden.h"

#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <thread>

#include "rrpo/model/processor.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/generate.h"
#include "rrpo/util/stop.h"
#include "support/model_parts.h"

namespace rrpo::policy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The error that `call` throws.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(Fault::internal, "test", "nothing was thrown", "");
}

/// A copy of the tiny checkpoint that a test may damage.
class Folder {
 public:
  Folder() {
    for (const auto& entry : std::filesystem::directory_iterator(golden("tiny").checkpoint)) {
      std::filesystem::copy_file(entry.path(), folder_.path() / entry.path().filename());
    }
  }
  void remove(const std::string& name) const { std::filesystem::remove(folder_ / name); }
  void write(const std::string& name, const Json& json) const { folder_.write(name, json.dump()); }
  void write_text(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  std::filesystem::path path() const { return folder_.path(); }
  Policy open(const std::string& prompt = "auto") const {
    ModelConfig config;
    config.path = folder_.path();
    config.prompt = prompt;
    return open_policy(config, "cpu");
  }
  std::string fault(const std::string& prompt = "auto") const {
    const Error error = error_of([&] { open(prompt); });
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }

 private:
  rrpo::test::TempDir folder_;
};

Json flat_processor() {
  return Json{{"size", {{"height", 37}, {"width", 37}}},
              {"resample", 3},
              {"rescale_factor", 0.5},
              {"image_mean", {0.1, 0.2, 0.3}},
              {"image_std", {1.0, 2.0, 3.0}}};
}

TEST(Policy, AFormWithOtherMarksThanTheFamilysIsRefused) {
  const auto fault = [](const std::string& golden_name, const std::string& prompt) {
    ModelConfig config;
    config.path = rrpo::test::source_file("tests/golden") / golden_name / "checkpoint";
    config.prompt = prompt;
    return std::string(error_of([&] { open_policy(config, "cpu"); }).what());
  };
  EXPECT_THAT(fault("qwen3_vl", "authors"),
              HasSubstr("writes no marks around a clip, and family qwen3_vl was trained with them"));
  EXPECT_THAT(fault("llava_qwen", "internvl"),
              HasSubstr("writes marks around a clip, and family llava_qwen was trained without"));
  EXPECT_THAT(fault("videochat2", "onevision"), HasSubstr("fix: model.prompt=videochat2"));
}

TEST(OpenPolicy, NamesTheMissingFile) {
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const Folder folder;
    folder.remove(name);
    EXPECT_THAT(folder.fault(), HasSubstr(name));
  }
  const Folder folder;
  folder.remove("processor_config.json");
  EXPECT_THAT(folder.fault(), HasSubstr("preprocessor_config.json: missing"));
}

/// A sentencepiece model in place of the byte-level tokenizer, with the chat's markers as added tokens or without.
TEST(OpenPolicy, TakesASentencepieceModel) {
  const Folder folder;
  folder.remove("tokenizer.json");
  rrpo::test::ModelParts parts;
  parts.specials();
  for (char letter = 'a'; letter <= 'z'; ++letter) parts.piece(std::string(1, letter));
  folder.write_text("tokenizer.model", parts.bytes());
  const Json added = {{"30", {{"content", "<|im_start|>"}, {"special", true}}},
                      {"31", {{"content", "<|im_end|>"}, {"special", true}}}};
  folder.write("tokenizer_config.json", {{"tokenizer_class", "LlamaTokenizer"}});
  EXPECT_THAT(folder.fault("authors"),
              HasSubstr("its tokenizer has no token <|im_start|>, which the prompt form 'authors' writes"));
  folder.write("tokenizer_config.json", {{"tokenizer_class", "LlamaTokenizer"}, {"added_tokens_decoder", added}});
  const Policy policy = folder.open("authors");
  EXPECT_EQ(policy.end_of_turn, 31);
  EXPECT_EQ(text::encode_ids(*policy.tokenizer, "ab<|im_end|>"), (std::vector<int64_t>{3, 4, 5, 31}));
}

TEST(OpenPolicy, TakesTheTemplateFromEitherFile) {
  const std::string jinja = read_file(golden("tiny").checkpoint / "chat_template.jinja", "test");
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const Folder folder;
    folder.remove("chat_template.jinja");
    folder.write(name, {{"chat_template", jinja}});
    EXPECT_EQ(folder.open().chat.name, "onevision");
  }
  const Folder named;
  named.remove("chat_template.jinja");
  named.write("tokenizer_config.json", {{"chat_template", {{{"name", "default"}, {"template", jinja}}}}});
  EXPECT_EQ(named.open().chat.name, "onevision");
}

TEST(OpenPolicy, RefusesATemplateThatItDoesNotKnow) {
  const Folder folder;
  folder.write_text("chat_template.jinja", "{{ 'USER: ' + messages[0]['content'] }}");
  EXPECT_THAT(folder.fault(),
              HasSubstr("chat_template.jinja: its chat template is none that we know; fix: set model.prompt"));
  EXPECT_EQ(folder.open("authors").chat.name, "authors");
}

TEST(OpenPolicy, FilesOfTwoCheckpointsDoNotMix) {
  const Folder folder;
  folder.remove("processor_config.json");
  Json processor = flat_processor();
  processor["size"] = {{"height", 40}, {"width", 40}};
  folder.write("preprocessor_config.json", processor);
  EXPECT_THAT(folder.fault(), HasSubstr("40 pixels, config.json's vision tower takes 37"));
}

TEST(OpenPolicy, StopsAtTheIdsOfTheGenerationConfig) {
  const Folder folder;
  const Policy policy = folder.open();
  EXPECT_THAT(policy.stop_ids, ElementsAre(policy.tokenizer->id_of("<|im_end|>"), policy.tokenizer->id_of("<|endoftext|>")));
  folder.remove("generation_config.json");
  EXPECT_THAT(folder.open().stop_ids, ElementsAre(policy.end_of_turn));
  folder.write("generation_config.json", {{"eos_token_id", "end"}});
  EXPECT_THAT(folder.fault(), HasSubstr("generation_config.json#eos_token_id"));
}

TEST(OpenPolicy, AStopEndsTheReadingOfWeights) {
  const Folder folder;
  set_stop_signal(SIGTERM);
  EXPECT_THROW(folder.open(), Stopped);
  set_stop_signal(0);
  folder.open();
}

/// It would be left out, whether another one is given or none; in its own folder it is the one that is given.
TEST(OpenPolicy, RefusesAnAdapterThatLiesInTheFolderOfTheModel) {
  const Folder folder;
  const auto adapter = rrpo::test::source_file("tests/golden/adapters/layers");
  ModelConfig config;
  config.path = folder.path();
  config.adapter = adapter;
  open_policy(config, "cpu");
  const auto fault = [&] { return std::string(error_of([&] { open_policy(config, "cpu"); }).what()); };
  for (const char* name : {"non_lora_trainables.bin", "adapter_model.safetensors"}) {
    folder.write_text(name, "x");
    config.adapter = adapter;
    EXPECT_THAT(fault(), testing::AllOf(HasSubstr(name), HasSubstr("left out; fix: move it out of the folder")));
    config.adapter.reset();
    EXPECT_THAT(fault(), testing::AllOf(HasSubstr(name), HasSubstr("fix: model.adapter=")));
    folder.remove(name);
  }
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
    std::filesystem::copy_file(adapter / name, folder.path() / name);
  config.adapter = folder.path();
  EXPECT_TRUE(model::has_adapter(open_policy(config, "cpu").lvlm));
}

TEST(PixelSpec, ReadsNestedAndFlatFiles) {
  const video::PixelSpec nested = model::read_pixel_spec(golden("tiny").checkpoint);
  EXPECT_EQ(nested.size, 37);
  EXPECT_THAT(nested.mean, ElementsAre(0.48f, 0.45f, 0.41f));
  EXPECT_THAT(nested.std, ElementsAre(0.27f, 0.26f, 0.28f));
  EXPECT_EQ(nested.rescale, 0.00392156862745098);
  const rrpo::test::TempDir folder;
  folder.write("processor_config.json", R"({"processor_class": "LlavaOnevisionProcessor"})");
  folder.write("preprocessor_config.json", flat_processor().dump());
  const video::PixelSpec flat = model::read_pixel_spec(folder.path());
  EXPECT_THAT(flat.std, ElementsAre(1, 2, 3));
  EXPECT_EQ(flat.rescale, 0.5);
}

TEST(PixelSpec, RefusesWhatItCannotDo) {
  const std::vector<std::pair<std::string, Json>> faults = {{"resample", 2},
                                                            {"resample", nullptr},
                                                            {"size", {{"shortest_edge", 37}}},
                                                            {"size", {{"height", 37}, {"width", 40}}},
                                                            {"size", {{"height", 0}, {"width", 0}}},
                                                            {"image_mean", {0.5, 0.5}},
                                                            {"image_std", {0.5, 0.0, 0.5}},
                                                            {"image_std", {0.5, "x", 0.5}},
                                                            {"rescale_factor", "1/255"},
                                                            {"do_center_crop", true},
                                                            {"do_normalize", false}};
  for (const auto& [key, value] : faults) {
    const rrpo::test::TempDir folder;
    Json json = flat_processor();
    json[key] = value;
    folder.write("preprocessor_config.json", json.dump());
    const Error error = error_of([&] { model::read_pixel_spec(folder.path()); });
    EXPECT_EQ(error.fault(), Fault::input) << key << " " << value;
    EXPECT_THAT(error.what(), HasSubstr(key));
  }
}

TEST(PixelSpec, NamesTheMissingKey) {
  for (const char* key : {"size", "resample", "image_mean", "image_std", "rescale_factor"}) {
    const rrpo::test::TempDir folder;
    Json json = flat_processor();
    json.erase(key);
    folder.write("preprocessor_config.json", json.dump());
    EXPECT_THAT(error_of([&] { model::read_pixel_spec(folder.path()); }).what(), HasSubstr(std::string(key) + ": missing"));
  }
}

TEST(Configuration, RefusesValuesThatAreNone) {
  ModelConfig model;
  model.dtype = "float16";
  EXPECT_THAT(error_of([&] { model.check("model"); }).what(), HasSubstr("model.dtype"));
  model = {};
  model.prompt = "onvision";
  EXPECT_THAT(error_of([&] { model.check("model"); }).what(), HasSubstr("onevision"));
  VideoConfig video;
  video.frames = 0;
  EXPECT_EQ(error_of([&] { video.check("video"); }).fault(), Fault::usage);
  video = {};
  video.sampling = "uniform";
  EXPECT_THAT(error_of([&] { video.check("video"); }).what(), HasSubstr("video.sampling"));
  video.sampling = "segment_center";
  EXPECT_THAT(error_of([&] { video.check("video"); }).what(), HasSubstr("fix: video.sampling=segment_centre"));
  for (const double rate : {-1.0, 1e9}) {
    video = {};
    video.sample_fps = rate;
    EXPECT_THAT(error_of([&] { video.check("video"); }).what(), HasSubstr("video.sample_fps"));
  }
  video = {};
  video.max_frames = -1;
  EXPECT_THAT(error_of([&] { video.check("video"); }).what(), HasSubstr("video.max_frames"));
}

TEST(Device, IsOneThatTheMachineHas) {
  EXPECT_EQ(resolve_device("cpu"), "cpu");
  for (const char* wrong : {"gpu", "cuda:", "cuda:x", "cuda:-1", ""}) {
    EXPECT_EQ(error_of([&] { resolve_device(wrong); }).fault(), Fault::usage) << wrong;
  }
  if (open_cuda()) {
    EXPECT_EQ(resolve_device("auto"), "cuda");
    EXPECT_EQ(resolve_device("cuda:0"), "cuda:0");
    EXPECT_EQ(error_of([&] { resolve_device("cuda:99"); }).fault(), Fault::environment);
  } else {
    EXPECT_EQ(resolve_device("auto"), "cpu");
    EXPECT_EQ(error_of([&] { resolve_device("cuda"); }).fault(), Fault::environment);
  }
}

TEST(LabelledRows, ReadTheRowBeforeEachLabel) {
  LabelledRows rows;
  const int64_t video = rows.add_clip({{7}}, {model::plain_run(3)}, 0);  // rows 0..3
  const int64_t question = rows.add_question(video, {8, 9});             // rows 4, 5
  rows.add_answer(question, {{10, 11, 12}, {0, 1, 0}}, 5);               // rows 6, 7: the last id is no input
  rows.add_answer(question, {{13}, {0}}, 6);                             // no row of its own
  EXPECT_THAT(rows.rows.ids, ElementsAre(7, model::kVisualRow, model::kVisualRow, model::kVisualRow, 8, 9, 10, 11));
  EXPECT_THAT(rows.rows.read_rows, ElementsAre(5, 6, 7, 5));
  EXPECT_THAT(rows.labels, ElementsAre(10, 11, 12, 13));
  EXPECT_THAT(rows.phrase, ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(rows.answer, ElementsAre(5, 5, 5, 6));
}

TEST(Generate, EndsAtAStopId) {
  const Golden& tiny = golden("tiny");
  Policy policy = open_case(tiny, model::Dtype::float32);
  const Json& clip = tiny.json.at("clips")[1];
  const std::vector<int64_t> greedy = ids_of(clip.at("greedy"));
  policy.stop_ids = {greedy[4]};
  const auto first = std::find(greedy.begin(), greedy.end(), greedy[4]);
  const model::VisualTokens visual = encode_clip(policy, clip);
  std::vector<std::string> heard;
  const Generated answer =
      generate(policy, visual, {clip.at("question").get<std::string>()}, 20, [&](int64_t, const std::string& text) {
        heard.push_back(text);
      }).at(0);
  EXPECT_EQ(answer.ids, std::vector<int64_t>(greedy.begin(), first));
  EXPECT_TRUE(answer.finished);
  EXPECT_EQ(heard.size(), answer.ids.size());
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), answer.text);
  EXPECT_TRUE(generate(policy, visual, {}, 20).empty());
}

TEST(Generate, EndsBetweenTwoTokensWhenAStopWasAskedFor) {
  const Golden& tiny = golden("tiny");
  const Policy policy = open_case(tiny, model::Dtype::float32);
  const Json& clip = tiny.json.at("clips")[1];
  const model::VisualTokens visual = encode_clip(policy, clip);
  int64_t tokens = 0;
  const auto stop_at_the_third = [&](int64_t, const std::string&) {
    if (++tokens == 3) set_stop_signal(SIGTERM);
  };
  EXPECT_THROW(generate(policy, visual, {clip.at("question").get<std::string>()}, 20, stop_at_the_third), Stopped);
  set_stop_signal(0);
  EXPECT_EQ(tokens, 3);
}

// Frequencies of 20000 draws against the probabilities that the definition gives; 0.02 is 5.6 standard deviations.
TEST(Draw, FollowsTemperatureAndNucleus) {
  const std::vector<float> logits = {0.5f, 2.0f, 1.0f, 2.0f, -3.0f};
  const auto frequencies = [&](double temperature, double top_p) {
    Random random(3, "test");
    std::vector<double> out(logits.size(), 0.0);
    for (int i = 0; i < 20000; ++i)
      out[static_cast<size_t>(draw_token(logits.data(), 5, temperature, top_p, random))] += 1 / 20000.0;
    return out;
  };
  const auto expected = [&](double temperature, const std::vector<size_t>& kept) {
    std::vector<double> out(logits.size(), 0.0);
    double total = 0;
    for (const size_t i : kept) total += std::exp(static_cast<double>(logits[i]) / temperature);
    for (const size_t i : kept) out[i] = std::exp(static_cast<double>(logits[i]) / temperature) / total;
    return out;
  };
  const auto check = [&](double temperature, double top_p, const std::vector<size_t>& kept) {
    EXPECT_THAT(frequencies(temperature, top_p), testing::Pointwise(testing::DoubleNear(0.02), expected(temperature, kept)))
        << temperature << " " << top_p;
  };
  check(1, 1, {0, 1, 2, 3, 4});
  check(2, 1, {0, 1, 2, 3, 4});
  // Probabilities at temperature 1: 0.0865, 0.3877, 0.1426, 0.3877, 0.0026.
  check(1, 0.95, {0, 1, 2, 3});
  check(1, 0.8, {1, 2, 3});
  check(1, 0.7, {1, 3});
  check(1, 0.3, {1});  // of two equal tokens the one with the lower number
}

/// Weights are finite, what they compute is not: the most likely token would be number 0, and the answer "!!!!".
TEST(Generate, StopsAtLogitsThatAreNotFinite) {
  const Golden& tiny = golden("tiny");
  Policy policy = open_case(tiny, model::Dtype::float32);
  const Json& clip = tiny.json.at("clips")[1];
  const model::VisualTokens visual = encode_clip(policy, clip);
  policy.lvlm.weights().decoder.norm.weight.fill_(3e38);
  for (const double temperature : {0.0, 1.0}) {
    Sampling sampling{temperature, 0.9, {}};
    for (int i = 0; i < 2 && temperature > 0; ++i) sampling.streams.emplace_back(i, "answer");
    const Error error = error_of([&] { generate(policy, visual, {"first?", "second?"}, 4, {}, std::move(sampling)); });
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), HasSubstr("not finite for question 'first?'"));
  }
}

TEST(Draw, RefusesLogitsThatAreNotFinite) {
  const std::vector<float> logits = {0.5f, std::numeric_limits<float>::quiet_NaN()};
  Random random(3, "test");
  EXPECT_THROW(draw_token(logits.data(), 2, 1, 0.9, random), Error);
}

TEST(Generate, DrawsEachBranchFromItsOwnStream) {
  const Golden& tiny = golden("tiny");
  const Policy policy = open_case(tiny, model::Dtype::float32);
  const Json& clip = tiny.json.at("clips")[0];
  const model::VisualTokens visual = encode_clip(policy, clip);
  const auto question = clip.at("question").get<std::string>();
  const auto asked = [&](const std::vector<uint64_t>& seeds, double temperature) {
    Sampling sampling{temperature, 0.95, {}};
    for (const uint64_t seed : seeds) sampling.streams.emplace_back(seed, "answer");
    std::vector<std::vector<int64_t>> ids;
    for (const Generated& one :
         generate(policy, visual, std::vector<std::string>(seeds.size(), question), 10, {}, std::move(sampling)))
      ids.push_back(one.ids);
    return ids;
  };
  const auto three = asked({1, 2, 1}, 1.5);
  EXPECT_EQ(three[0], three[2]);
  EXPECT_NE(three[0], three[1]);
  EXPECT_EQ(asked({2}, 1.5)[0], three[1]);
  EXPECT_EQ(asked({2}, 1e-6)[0], generate(policy, visual, {question}, 10).at(0).ids);
}

TEST(Generate, RunsInSeveralThreads) {
  const Golden& tiny = golden("tiny");
  const Policy policy = open_case(tiny, model::Dtype::float32);
  const Json& clip = tiny.json.at("clips")[0];
  const model::VisualTokens visual = encode_clip(policy, clip);
  std::vector<std::vector<int64_t>> ids(4);
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&] { mine = generate(policy, visual, {clip.at("question").get<std::string>()}, 10).at(0).ids; });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : ids) EXPECT_EQ(one, ids[0]);
}

}  // namespace
}  // namespace rrpo::policy::test
