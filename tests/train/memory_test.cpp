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
  int64_t other = 0;  ///< visual rows of a second clip of each pair, which its chosen answer stands under too
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
  // No two begin alike: what they had in common would be computed once, which the plan does not count on.
  const int64_t first = 5 + 3 * number;
  sample.own.question.assign(static_cast<size_t>(rows.question), first);
  const auto answer = [](int64_t length, int64_t id) {
    text::AnswerIds ids;
    ids.ids.assign(static_cast<size_t>(length), id);
    ids.phrase.assign(static_cast<size_t>(length), 1);
    return ids;
  };
  if (rows.other > 0) sample.other = {number + 1, sample.own.question, {}};
  sample.chosen = answer(rows.chosen, first + 1);
  sample.rejected = answer(rows.rejected, first + 2);
  return sample;
}

data::Dataset dataset_of(const Rows& rows) {
  data::Dataset dataset;
  for (int64_t i = 0; i < rows.pairs; ++i) dataset.samples.push_back(sample_of(rows, i));
  dataset.videos.emplace_back().media.video = "clip.mp4";
  if (rows.other > 0) dataset.roles.push_back(Role::chosen_other);
  return dataset;
}

/// The reward of the chosen answer over that of the same answer under the second clip, beside the one over the rejected.
loss::Objective objective_of(const Rows& rows) {
  loss::Objective objective = loss::make_objective({{"name", "rrpo"}});
  if (rows.other == 0) return objective;
  objective.roles.push_back(Role::chosen_other);
  const loss::LossFunction own = objective.terms.at(0).loss;
  objective.terms[0].loss = [own](const loss::TokenStats& stats, const loss::Past& past) {
    loss::LossOutput output = own(stats, past);
    const at::Tensor sums = stats.logp.new_zeros({3 * stats.pairs}).index_add(0, stats.row, stats.logp);
    const at::Tensor margin = sums.narrow(0, 0, stats.pairs).sub(sums.narrow(0, 2 * stats.pairs, stats.pairs));
    output.loss = output.loss.sub(margin.mul(0.1).sigmoid().log());
    return output;
  };
  return objective;
}

/// The first clip, then the second one of each pair: their tokens, and how a prompt shows them.
struct Clips {
  std::vector<model::VisualTokens> visual;
  std::vector<data::ShownClip> shown;

  Clips(const Rows& rows, const model::Lvlm& lvlm) {
    add(rows.visual, lvlm);
    for (int64_t i = 0; i < rows.pairs && rows.other > 0; ++i) add(rows.other, lvlm);
  }
  void add(int64_t tokens, const model::Lvlm& lvlm) {
    const at::Tensor values = at::randn({tokens, model::width(lvlm)}).to(lvlm.weights().type);
    visual.push_back({values, {}, {model::plain_run(tokens)}});
    shown.push_back({{{1, 2, 3}}, visual.back().runs, static_cast<int64_t>(shown.size())});
  }
};

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
  const loss::Objective objective = objective_of(rows);
  const data::Dataset dataset = dataset_of(rows);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < rows.pairs; ++i) numbers.push_back(i);
  int64_t most = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const Clips clips(rows, policy.lvlm);
    data::PackedPairs packed = data::pack_pairs(dataset, numbers, clips.shown);
    test::Counted::allocator().forget();
    const model::PassRules pass_rules{.recompute = rules.recompute, .recompute_layers = rules.recompute_layers};
    forward({policy, objective, nullptr, nullptr, pass_rules}, std::move(packed), clips.visual, clips.visual)
        .outputs.at(0)
        .loss.sum()
        .backward();
    most = test::Counted::allocator().most() - before;
  }
  return most;
}

Memory planned(const Shape& shape, const Rows& rows, model::Dtype dtype, const MemoryRules& rules) {
  PairRows planned = longest_rows(dataset_of(rows), [&](const data::AskedClip& clip) {
    return Seen{{}, 3 + (clip.video == 0 ? rows.visual : rows.other)};
  });
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

TEST(Memory, OfAPassWithSecondClipsIsWhatAnAllocatorCounts) {
  for (const Case& one : {Case{kNarrow, {300, 20, 40, 50, 1, 300}, model::Dtype::float32},
                          Case{kNarrow, {900, 20, 60, 60, 1, 400}, model::Dtype::float32},
                          Case{kWide, {400, 15, 40, 40, 2, 600}, model::Dtype::float32},
                          Case{kNarrow, {900, 20, 60, 60, 1, 900}, model::Dtype::bfloat16}})
    expect_planned(one, memory_rules(/*gpu=*/false, /*several_passes=*/true), "a second clip");
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
