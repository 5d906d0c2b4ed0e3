// The model of FLOP, bytes and memory against the published numbers of the 7B shape: LLaVA-Video with rank 128 on all
// linears of the decoder, 210 tokens a frame, 64 prompt tokens, 60 tokens an answer.
#include "rrpo/train/plan.h"

#include <gtest/gtest.h>

#include "rrpo/model/family.h"
#include "support/temp_dir.h"

namespace rrpo::train {
namespace {

/// LLaVA-OneVision 7B from its configuration; no value is allocated.
Json seven_billion_config() {
  return Json::parse(R"({
    "model_type": "llava_onevision", "projector_hidden_act": "gelu", "vision_feature_layer": -1,
    "vision_feature_select_strategy": "full", "tie_word_embeddings": false,
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
      "num_hidden_layers": 26, "num_attention_heads": 16, "image_size": 384, "patch_size": 14, "hidden_act": "gelu_pytorch_tanh"},
    "text_config": {"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
      "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "hidden_act": "silu", "rms_norm_eps": 1e-6,
      "rope_theta": 1000000.0, "tie_word_embeddings": false}})");
}
model::Lvlm model_of(const Json& config) {
  model::LoadOptions options;
  options.dtype = model::Dtype::bfloat16;
  return model::family_of(config, "test").build(config, options);
}
const model::Lvlm& seven_billion_model() {
  static const model::Lvlm lvlm = model_of(seven_billion_config());
  return lvlm;
}
ModelShape seven_billion() { return shape_of(seven_billion_model(), {}); }

PairRows rows_of(int64_t frames, int64_t pairs = 1) {
  PairRows rows;
  rows.own.vision = seven_billion_model().vision().cost({.frames = frames, .height = 384, .width = 384});
  rows.own.prefix = static_cast<double>(frames * 210 + 20);
  rows.own.question = 44;
  rows.own.answers = {60, 60};
  rows.own.read = 120;
  rows.pairs = pairs;
  return rows;
}

void expect_within(double actual, double published, double part, const std::string& what) {
  EXPECT_NEAR(actual, published, part * published) << what;
}

TEST(Plan, ParametersOfTheShape) {
  const ModelShape shape = seven_billion();
  EXPECT_EQ(shape.parameters, 8030348832.0);
  EXPECT_EQ(shape.lora, 322961408.0);
  EXPECT_EQ(static_cast<double>(shape.layers) * shape.layer_linears(), 28 * 233046016.0);
  EXPECT_EQ(shape.lora_ranks, 28 * 7 * 128.0);
}

TEST(Plan, FlopOfAStep) {
  const ModelShape shape = seven_billion();
  struct Row {
    int64_t frames;
    double step, cached, no_reference, neither;  ///< 1e12
  };
  for (const Row& row :
       {Row{16, 162.5, 152.0, 115.4, 104.9}, Row{32, 336.7, 315.8, 240.5, 219.6}, Row{64, 744.2, 702.4, 536.7, 494.9}}) {
    const PairRows rows = rows_of(row.frames);
    const std::string what = std::to_string(row.frames) + " frames";
    expect_within(flop_of(shape, rows, {}).total() / 1e12, row.step, 0.005, what);
    expect_within(flop_of(shape, rows, {.encode = false}).total() / 1e12, row.cached, 0.005, what + ", vision cached");
    expect_within(flop_of(shape, rows, {.reference = false}).total() / 1e12, row.no_reference, 0.005,
                  what + ", reference cached");
    expect_within(flop_of(shape, rows, {.encode = false, .reference = false}).total() / 1e12, row.neither, 0.005,
                  what + ", both");
  }
}

TEST(Plan, FlopOfItsParts) {
  const Flop flop = flop_of(seven_billion(), rows_of(16), {});
  expect_within(flop.linears / 1e12, 89.4, 0.01, "linears");
  expect_within(flop.lora / 1e12, 6.6, 0.01, "lora");
  expect_within(flop.attention / 1e12, 8.5, 0.01, "attention");
  expect_within(flop.head / 1e12, 0.39, 0.01, "head");
  expect_within(flop.vision / 1e12, 16 * (0.6418 + 0.0247), 0.01, "vision");
  expect_within(flop.reference / 1e12, 47.1, 0.01, "reference");
}

/// One pass of policy and reference over the pair, then over each answer alone, which lacks the 60 rows of the other: in
/// bfloat16 three times.
TEST(Plan, FlopOfTheSelfCheck) {
  const double vision = 16 * (0.6418 + 0.0247), policy = 47.1 + 6.6 / 3, reference = 47.1, alone = 3484.0 / 3544;
  expect_within(self_check_flop(seven_billion(), rows_of(16), {}) / 1e12,
                vision + (policy + reference) * (1 + 3 * 2 * alone), 0.01, "policy and reference");
  expect_within(self_check_flop(seven_billion(), rows_of(16), {.reference = false}) / 1e12,
                vision + policy * (1 + 3 * 2 * alone), 0.01, "policy");
}

/// The published numbers count 64 prompt tokens before the questions, and the last layer in full: within 4 %.
TEST(Plan, FlopOfPairsThatShareAVideo) {
  const ModelShape shape = seven_billion();
  struct Row {
    int64_t pairs;
    double few, some, many;  ///< 1e12 per pair at 16, 32, 64 frames
  };
  for (const Row& row : {Row{2, 57, 117, 260}, Row{4, 31.5, 62, 134}, Row{8, 18.6, 34, 71}}) {
    const auto each = [&](int64_t frames) {
      PairRows rows = rows_of(frames, row.pairs);
      rows.own.prefix += 44;
      return flop_of(shape, rows, {.encode = false, .reference = false}).total() / 1e12 / static_cast<double>(row.pairs);
    };
    expect_within(each(16), row.few, 0.04, std::to_string(row.pairs));
    expect_within(each(32), row.some, 0.04, std::to_string(row.pairs));
    expect_within(each(64), row.many, 0.04, std::to_string(row.pairs));
  }
}

/// The published numbers count the last layer in full and keep no norms: within 4 %.
TEST(Plan, MemoryOfAStep) {
  const ModelShape shape = seven_billion();
  const MemoryRules published{.trained_bytes = 18, .gpu = true};
  struct Row {
    int64_t frames;
    double saved, total;  ///< 1e9
  };
  for (const Row& row : {Row{16, 10.8, 34}, Row{32, 21.0, 44}, Row{64, 41.4, 65}}) {
    const Memory memory = memory_of(shape, rows_of(row.frames), {}, published);
    expect_within(memory.weights / 1e9, 16.06, 0.005, "weights");
    expect_within(memory.trained / 1e9, 5.81, 0.005, "adapter");
    expect_within(memory.saved / 1e9, row.saved, 0.04, "saved");
    expect_within(memory.total() / 1e9, row.total, 0.04, std::to_string(row.frames) + " frames");
  }
}

/// What data/results/step_7b.json holds of rrpo-train on an H200: windows of one pair, 196 tokens a frame and the newline,
/// a question of about 20 tokens, answers of about 60. That program kept what both norms and the gate's product give, too.
TEST(Plan, MemoryOfAStepIsWhatAGpuTook) {
  const Json steps = read_json(test::source_file("data/results/step_7b.json"), "test").at("steps");
  const ModelShape shape = seven_billion();
  for (const int64_t frames : {16, 32}) {
    PairRows rows = rows_of(frames);
    rows.own.prefix = static_cast<double>(frames * 196 + 1 + 15);
    rows.own.question = 20;
    const double peak = steps.at(std::to_string(frames)).at("ours").at("peak_bytes").get<double>();
    const Memory memory = memory_of(shape, rows, {}, memory_rules(/*gpu=*/true, /*several_passes=*/false));
    const double kept = 2.0 * static_cast<double>((shape.layers - 1) * (2 * shape.width + shape.inner)) * rows.rows();
    expect_within((memory.total() + kept) / 1e9, peak / 1e9, 0.05, std::to_string(frames) + " frames");
  }
}

TEST(Plan, RowsOfADataset) {
  data::Dataset dataset;
  for (const size_t length : {3, 5}) {
    data::Sample sample;
    sample.own.question.resize(length);
    sample.chosen.ids.resize(length + 1);
    if (length == 5) sample.rejected.ids.resize(9);
    dataset.samples.push_back(sample);
  }
  const SeenOf seen = [](const data::AskedClip& clip) {
    return clip.question.size() == 3 ? Seen{{2, 1}, 8} : Seen{{6, 3}, 16};
  };
  const PairRows mean = mean_rows(dataset, seen), longest = longest_rows(dataset, seen);
  EXPECT_EQ(mean.vision().flop, 4);
  EXPECT_EQ(mean.vision().kept_values, 2);
  EXPECT_EQ(mean.own.prefix, 12);
  EXPECT_EQ(mean.own.question, 4);
  EXPECT_EQ(mean.own.answers[0], 4);  // the last id is no input
  EXPECT_EQ(mean.own.answers[1], 4);  // none, and eight
  EXPECT_EQ(mean.read(), 9.5);
  EXPECT_EQ(longest.rows(), 16 + 5 + 5 + 8);
  EXPECT_EQ(longest.vision().flop, 6);
  EXPECT_EQ(mean_rows({}, seen).rows(), 0);
}

/// Clip 0 of 8 rows is the pair's own, clip 1 of 16 a second one, clip 2 of 4 what the reference is shown.
TEST(Plan, RowsOfSecondClips) {
  data::Dataset dataset;
  dataset.roles = {Role::chosen, Role::rejected, Role::chosen_other, Role::other_chosen};
  data::Sample sample;
  for (const size_t length : {6, 7, 9})
    (length == 6 ? sample.chosen : length == 7 ? sample.rejected : sample.other_chosen).ids.resize(length);
  sample.own = {0, std::vector<int64_t>(3), {}};
  sample.other = {1, std::vector<int64_t>(5), {}};
  sample.reference = {2, std::vector<int64_t>(2), {}};
  dataset.samples = {sample};
  const SeenOf seen = [](const data::AskedClip& clip) {
    const double size = std::vector<double>{8, 16, 4}[static_cast<size_t>(clip.video)];
    return Seen{{10 * size, size}, static_cast<int64_t>(size)};
  };
  for (PairRows rows : {mean_rows(dataset, seen), longest_rows(dataset, seen)}) {
    EXPECT_EQ(rows.rows(), (8 + 3 + 5 + 6) + (16 + 5 + 5 + 8));
    EXPECT_EQ(rows.to_reference().rows(), (4 + 2 + 5 + 6) + (16 + 5 + 5 + 8));
    EXPECT_EQ(rows.read(), 6 + 7 + 6 + 9);
    EXPECT_EQ(rows.vision().flop, 280);
    rows.pairs = 4;
    rows.videos = 2;  // the second clips and the reference's are each pair's own
    EXPECT_EQ(rows.rows(), 2 * 8 + 4 * (3 + 5 + 6) + 4 * (16 + 5 + 5 + 8));
    EXPECT_EQ(rows.to_reference().rows(), 4 * (4 + 2 + 5 + 6) + 4 * (16 + 5 + 5 + 8));
    EXPECT_EQ(rows.read(), 4 * (6 + 7 + 6 + 9));
    EXPECT_EQ(rows.vision().flop, 10 * (2 * 8 + 4 * 16 + 4 * 4));
  }
}

/// A second clip with question and answers like the first is a pass of two videos: with the same clip twice, two passes.
TEST(Plan, ASecondClipCostsWhatAPassOfItsOwnCosts) {
  const ModelShape shape = seven_billion();
  const PairRows one = rows_of(16);
  PairRows two = one, apart = one;
  two.other = one.own;
  apart.reference = rows_of(8).own;
  const StepKind kind;
  EXPECT_NEAR(flop_of(shape, two, kind).total() / flop_of(shape, one, kind).total(), 2, 1e-12);
  const Memory alone = memory_of(shape, one, kind), both = memory_of(shape, two, kind);
  EXPECT_NEAR(both.saved / alone.saved, 2, 1e-12);
  EXPECT_EQ(both.weights, alone.weights);
  // The reference about a clip of its own: its half of the shorter clip, which is encoded beside the other.
  const Flop plain = flop_of(shape, one, kind), shorter = flop_of(shape, rows_of(8), kind),
             mixed = flop_of(shape, apart, kind);
  EXPECT_DOUBLE_EQ(mixed.reference, shorter.reference);
  EXPECT_DOUBLE_EQ(mixed.linears, plain.linears);
  EXPECT_DOUBLE_EQ(mixed.vision, plain.vision + shorter.vision);
}

TEST(Plan, TrainedPartsCostTheirOwnGradients) {
  const ModelShape shape = seven_billion();
  const PairRows rows = rows_of(16);
  StepKind whole{.reference = false, .decoder = true, .projector = true, .vision = true};
  const Flop all = flop_of(shape, rows, whole), adapter = flop_of(shape, rows, {.reference = false});
  EXPECT_DOUBLE_EQ(all.vision, 3 * adapter.vision);
  EXPECT_DOUBLE_EQ(all.linears, 1.5 * adapter.linears);
  EXPECT_DOUBLE_EQ(memory_of(shape, rows, whole).trained, 16 * 8030348832.0);
  EXPECT_EQ(memory_of(shape, rows, whole).weights, 0);
}

/// Rows of a real clip: 196 tokens a frame and the newline.
PairRows clip_of(int64_t frames) {
  PairRows rows = rows_of(frames);
  rows.own.prefix = static_cast<double>(frames * 196 + 1 + 15);
  return rows;
}

/// What train.fit takes of a card: its bytes without a reserve of 1 GB, and a margin of 5 %.
std::optional<Fit> fit_of(const ModelShape& shape, int64_t frames, double card, int64_t ranks = 1) {
  const MemoryRules rules = memory_rules(/*gpu=*/true, /*several_passes=*/true);
  return first_fit(ways_to_fit(shape, clip_of(frames), {}, rules, ranks), (card - 1e9) / 1.05);
}

TEST(Fit, OfSixtyFourFramesInEightyGigabytesGivesNothingUp) {
  const auto fit = fit_of(seven_billion(), 64, 80e9);
  ASSERT_TRUE(fit.has_value());
  EXPECT_FALSE(fit->rules.nf4);
  EXPECT_EQ(fit->rules.recompute, model::Recompute::none);
}

TEST(Fit, OfSixteenFramesInTwentyFourGigabytesTakesFourBits) {
  const auto fit = fit_of(seven_billion(), 16, 24e9);
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->rules.nf4);
  EXPECT_EQ(fit->rules.recompute, model::Recompute::mlp);
}

TEST(Fit, GivesUpWhatMovesNoNumberFirst) {
  const ModelShape shape = seven_billion();
  const auto ways = ways_to_fit(shape, clip_of(32), {}, memory_rules(/*gpu=*/true, /*several_passes=*/true));
  ASSERT_EQ(ways.size(), 2 * 30U);  // none, mlp, 1 to 27 layers, all; plain and in four bits
  const auto at = [&](size_t way) { return first_fit(ways, ways[way].memory.total())->rules; };
  EXPECT_EQ(at(0).recompute, model::Recompute::none);
  EXPECT_EQ(at(1).recompute, model::Recompute::mlp);
  EXPECT_EQ(at(25).recompute_layers, 24);  // a few layers less would take more than gate and up of all
  EXPECT_EQ(at(29).recompute, model::Recompute::layer);
  EXPECT_FALSE(at(29).nf4);
  EXPECT_TRUE(at(59).nf4);
  for (size_t way = 3; way < 28; ++way) EXPECT_LT(ways[way].memory.total(), ways[way - 1].memory.total()) << way;
  EXPECT_FALSE(first_fit(ways, 1e9).has_value());
}

TEST(Fit, OfTrainedWeightsNeverTakesFourBits) {
  const StepKind whole{.reference = false, .decoder = true};
  for (const Fit& way : ways_to_fit(seven_billion(), clip_of(16), whole, {})) EXPECT_FALSE(way.rules.nf4);
}

ModelShape seventy_two_billion() {
  Json config = seven_billion_config();
  config["text_config"].update({{"hidden_size", 8192},
                                {"intermediate_size", 29568},
                                {"num_hidden_layers", 80},
                                {"num_attention_heads", 64},
                                {"num_key_value_heads", 8}});
  return shape_of(model_of(config), {});
}

/// 72B, of which each card holds all: with a margin it fits 80 GB in no way, and 141 GB in four bits.
TEST(Fit, OfSeventyTwoBillion) {
  const ModelShape shape = seventy_two_billion();
  EXPECT_NEAR(shape.parameters, 73.2e9, 0.3e9);
  EXPECT_FALSE(fit_of(shape, 16, 80e9).has_value());
  const auto fit = fit_of(shape, 16, 141e9);
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->rules.nf4);
}

/// 70.2 of the 73.2 billion parameters are matrices of the layers: 140.4 GB, of which a card holds an eighth and two layers.
/// The adapter of rank 128 takes 27 GB.
TEST(Fit, OfSeventyTwoBillionOnEightCards) {
  const ModelShape shape = seventy_two_billion();
  for (const int64_t frames : {16, 32}) {
    const auto fit = fit_of(shape, frames, 80e9, 8);
    ASSERT_TRUE(fit.has_value());
    EXPECT_FALSE(fit->rules.nf4);
    EXPECT_EQ(fit->rules.sharing, 8);
    EXPECT_LT(fit->memory.total() * 1.05 + 1e9, 80e9);
    const double layer = 2.0 * (2.0 * 8192 * (8192 + 1024) + 3.0 * 8192 * 29568);
    EXPECT_NEAR(fit->memory.weights, 2 * shape.parameters - 80 * layer + 10 * layer + 2 * layer, 1e3);
  }
  EXPECT_EQ(fit_of(shape, 16, 80e9, 8)->rules.recompute, model::Recompute::mlp);
  EXPECT_EQ(fit_of(shape, 32, 80e9, 8)->rules.recompute, model::Recompute::layer);
  EXPECT_TRUE(fit_of(shape, 16, 60e9, 8)->rules.nf4);  // then four bits, divided too
  EXPECT_EQ(fit_of(shape, 16, 60e9, 8)->rules.sharing, 8);
}

/// Before layers are divided they are computed again, which asks no other card for anything; four bits come last.
TEST(Fit, DividesAmongRanksBeforeItTakesFourBits) {
  const ModelShape shape = seven_billion();
  const MemoryRules rules = memory_rules(/*gpu=*/true, /*several_passes=*/true);
  const auto ways = ways_to_fit(shape, clip_of(16), {}, rules, 2);
  ASSERT_EQ(ways.size(), 4 * 30U);
  for (size_t way = 0; way < ways.size(); ++way) {
    EXPECT_EQ(ways[way].rules.nf4, way >= 60) << way;
    EXPECT_EQ(ways[way].rules.sharing, way / 30 % 2 == 1 ? 2 : 1) << way;
  }
  const double layers = 2.0 * 28 * shape.layer_linears();
  EXPECT_NEAR(ways[0].memory.weights - ways[30].memory.weights, layers / 2 - 2 * layers / 28, 1);
  const StepKind whole{.reference = false, .decoder = true};
  EXPECT_EQ(ways_to_fit(shape, clip_of(16), whole, rules, 2).size(), 30U);
}

TEST(Fit, RecomputedLayersCostTheirForwardPass) {
  const ModelShape shape = seven_billion();
  const Flop none = flop_of(shape, clip_of(16), {});
  MemoryRules rules = memory_rules(/*gpu=*/true, /*several_passes=*/true);
  EXPECT_EQ(none.again, 0);
  rules.recompute = model::Recompute::layer;
  const double all = flop_of(shape, clip_of(16), {}, rules).again;
  EXPECT_NEAR(all / (none.linears / 2 + none.attention / 3.5 + none.lora / 3), 1, 1e-9);
  rules.recompute_layers = 7;
  EXPECT_NEAR(flop_of(shape, clip_of(16), {}, rules).again, all / 4, 1e6);
  rules = {.recompute = model::Recompute::mlp};
  EXPECT_NEAR(flop_of(shape, clip_of(16), {}, rules).again / all, 2.0 / 3 * 3 * 3584 * 18944 / 233046016.0, 0.05);
}

}  // namespace
}  // namespace rrpo::train
