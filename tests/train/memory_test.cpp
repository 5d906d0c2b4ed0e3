// The plan's memory against what an allocator counts: a pass forward and backward over made-up rows of a random model.
#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "../../src/model/lora.h"
#include "../../src/model/nf4.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/plan.h"
#include "support/counting_allocator.h"
#include "support/temp_dir.h"

namespace rrpo::train {
namespace {

struct Shape {
  int64_t width, inner, layers, vocabulary, rank;
};
struct Rows {
  int64_t visual, question, chosen, rejected, pairs;
};

/// A model without values.
model::Lvlm shapes_of(const Shape& shape, model::Dtype dtype) {
  Json config = read_json(test::source_file("data/toy/recipe/config.json"), "test");
  config["tie_word_embeddings"] = false;
  config["text_config"].update({{"hidden_size", shape.width},
                                {"intermediate_size", shape.inner},
                                {"num_hidden_layers", shape.layers},
                                {"num_attention_heads", shape.width / 32},
                                {"num_key_value_heads", 2},
                                {"head_dim", 32},
                                {"vocab_size", shape.vocabulary},
                                {"tie_word_embeddings", false}});
  model::LoadOptions options;
  options.dtype = dtype;
  return model::family_of(config, "test").build(config, options);
}

model::Lvlm random_model(const Shape& shape, model::Dtype dtype, bool nf4) {
  model::Lvlm lvlm = shapes_of(shape, dtype);
  for (const model::NamedTensor& weight : model::tensors(lvlm))
    *weight.tensor = at::randn(weight.shape, at::kFloat).mul_(0.05).to(weight.tensor->scalar_type());
  if (!nf4) return lvlm;
  for (const auto& [name, matrix] : model::decoder_matrices(lvlm.weights())) {
    matrix->held = model::quantise_nf4(matrix->plain, at::kCPU);
    matrix->plain.reset();
  }
  return lvlm;
}

data::Sample sample_of(const Rows& rows, int64_t number) {
  data::Sample sample;
  sample.id = std::to_string(number);
  sample.own.question.assign(static_cast<size_t>(rows.question), 5);
  const auto answer = [](int64_t length) {
    text::AnswerIds ids;
    ids.ids.assign(static_cast<size_t>(length), 6);
    ids.phrase.assign(static_cast<size_t>(length), 1);
    return ids;
  };
  sample.chosen = answer(rows.chosen);
  sample.rejected = answer(rows.rejected);
  return sample;
}

data::Dataset dataset_of(const Rows& rows) {
  data::Dataset dataset;
  for (int64_t i = 0; i < rows.pairs; ++i) dataset.samples.push_back(sample_of(rows, i));
  dataset.videos.emplace_back().media.video = "clip.mp4";
  return dataset;
}

/// Peak bytes of the second pass of a window, over what the program held before the model was made.
int64_t measured(const Shape& shape, const Rows& rows, model::Dtype dtype, const MemoryRules& rules) {
  const test::Counted counted;
  const int64_t before = test::Counted::allocator().live();
  policy::Policy policy{.lvlm = random_model(shape, dtype, rules.nf4),
                        .tokenizer = nullptr,
                        .chat = text::chat_templates().front(),
                        .stop_ids = {},
                        .pixels = {},
                        .folder = {}};
  TrainConfig config;
  config.lora.rank = shape.rank;
  AdamW optimizer(prepare_trainable(policy, config), config.optim);
  const loss::Objective row = loss::make_objective({{"name", "rrpo"}});
  const data::Dataset dataset = dataset_of(rows);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < rows.pairs; ++i) numbers.push_back(i);
  int64_t most = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const std::vector<model::VisualTokens> visual = {
        {at::randn({rows.visual, model::width(policy.lvlm)}), {}, {model::plain_run(rows.visual)}}};
    data::PackedPairs packed = data::pack_pairs(dataset, numbers, {{{{1, 2, 3}}, visual.front().runs, 0}});
    test::Counted::allocator().forget();
    const model::PassRules pass_rules{.recompute = rules.recompute, .recompute_layers = rules.recompute_layers};
    forward({policy, row, nullptr, nullptr, pass_rules}, std::move(packed), visual, visual)
        .outputs.at(0)
        .loss.sum()
        .backward();
    most = test::Counted::allocator().most() - before;
  }
  return most;
}

Memory planned(const Shape& shape, const Rows& rows, model::Dtype dtype, const MemoryRules& rules) {
  PairRows planned;
  planned.prefix = static_cast<double>(rows.visual + 3);
  planned.question = static_cast<double>(rows.question);
  planned.chosen = static_cast<double>(rows.chosen - 1);
  planned.rejected = static_cast<double>(rows.rejected - 1);
  planned.read = static_cast<double>(rows.chosen + rows.rejected);
  planned.pairs = rows.pairs;
  return memory_of(shape_of(shapes_of(shape, dtype), {shape.rank, 1, LoraFields().targets}), planned, {}, rules);
}

struct Case {
  Shape shape;
  Rows rows;
  model::Dtype dtype;
};
const Shape kNarrow{128, 352, 4, 2048, 16}, kWide{256, 1408, 3, 8192, 32}, kLongVocabulary{128, 352, 3, 60000, 8},
    kDeep{128, 352, 12, 2048, 16};

void expect_planned(const Case& one, MemoryRules rules, const std::string& what) {
  at::set_num_threads(1);
  const auto counted = static_cast<double>(measured(one.shape, one.rows, one.dtype, rules));
  const Memory memory = planned(one.shape, one.rows, one.dtype, rules);
  EXPECT_NEAR(memory.total() / counted, 1, 0.02)
      << what << ", " << one.rows.visual << " visual rows: " << memory.total() << " bytes planned, " << counted
      << " counted; weights " << memory.weights << ", trained " << memory.trained << ", saved " << memory.saved
      << ", workspace " << memory.workspace;
}

TEST(Memory, OfAPassOnTheCpuIsWhatAnAllocatorCounts) {
  for (const Case& one :
       {Case{kNarrow, {300, 20, 40, 50, 1}, model::Dtype::float32},
        Case{kNarrow, {900, 20, 60, 60, 1}, model::Dtype::float32}, Case{kWide, {600, 30, 60, 60, 1}, model::Dtype::float32},
        Case{kWide, {400, 15, 40, 40, 4}, model::Dtype::float32},
        Case{kLongVocabulary, {300, 20, 40, 50, 1}, model::Dtype::float32},
        Case{kNarrow, {900, 20, 60, 60, 1}, model::Dtype::bfloat16},
        Case{kWide, {600, 30, 60, 60, 1}, model::Dtype::bfloat16}})
    expect_planned(one, memory_rules(/*gpu=*/false, /*several_passes=*/true), "nothing given up");
}

TEST(Memory, OfEachWayToFitIsWhatAnAllocatorCounts) {
  for (const bool nf4 : {false, true}) {
    for (const auto& [recompute, layers] : {std::pair(model::Recompute::none, -1),
                                            {model::Recompute::mlp, -1},
                                            {model::Recompute::layer, 5},
                                            {model::Recompute::layer, -1}}) {
      MemoryRules rules = memory_rules(/*gpu=*/false, /*several_passes=*/true);
      rules.nf4 = nf4;
      rules.recompute = recompute;
      rules.recompute_layers = layers;
      const std::string what = std::string(nf4 ? "nf4" : "plain") + ", recompute " +
                               std::to_string(static_cast<int>(recompute)) + " of " + std::to_string(layers);
      expect_planned({kDeep, {900, 20, 60, 60, 1}, model::Dtype::float32}, rules, what);
      expect_planned(nf4 ? Case{kWide, {600, 30, 60, 60, 1}, model::Dtype::float32}
                         : Case{kDeep, {900, 20, 60, 60, 1}, model::Dtype::bfloat16},
                     rules, what);
    }
  }
}

}  // namespace
}  // namespace rrpo::train
