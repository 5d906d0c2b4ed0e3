// A reference that is asked about clips of its own: what separate passes say, token by token.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include "data/tiny_world.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/train/pass.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;

/// Row i about video v whose reference is that of another row or, `longer`, one of three frames.
Json row_of(int64_t i, int64_t v, int64_t shift, bool longer) {
  Json frames = TinyWorld::pair(0, (v + shift) % 3)["frames"];
  if (longer) frames.push_back(TinyWorld::pair(0, v)["frames"][0]);
  Json row = TinyWorld::pair(i, v);
  row["reference"] = {{"frames", frames}};
  return row;
}

/// Rows about the videos of a world, with a policy in double whose adapter is not zero.
struct Bench {
  const TinyWorld& world;
  policy::Policy policy = world.open(model::Dtype::float64);
  loss::Objective same = loss::make_objective({{"name", "dpo"}}), apart = same;

  explicit Bench(const TinyWorld& world, bool adapted = true) : world(world) {
    apart.reference_apart = true;
    if (!adapted) return;
    model::add_adapter(policy.lvlm, {.rank = 2, .alpha = 4, .targets = {"q_proj", "down_proj"}}, 3);
    const at::NoGradGuard frozen;
    Random random(5, "adapter");
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.3 * random.normal());
    }
  }

  data::Dataset read(const std::string& name, const std::vector<Json>& rows, bool with_reference) const {
    std::string text;
    for (const Json& row : rows) text += row.dump() + "\n";
    world.dir().write(name, text);
    return data::read_dataset({world / name}, world.root(), policy, {.reference_apart = with_reference});
  }

  data::LoaderRules rules(int64_t micro) const {
    return {
        .root = world.root(), .video = {}, .order = {.seed = 1, .shuffle = false}, .batch = {.batch = 6, .micro = micro}};
  }
};

/// Values of the tokens of one answer.
at::Tensor of_answer(const Pass& pass, const at::Tensor& values, int64_t number) {
  return values.detach().masked_select(pass.packed.answer.eq(number));
}

/// The reference is asked about the clips of the first rows in another order than the policy.
std::vector<Json> rows_with(int64_t shift) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < 6; ++i) rows.push_back(row_of(i, i % 3, shift, i >= 4));
  return rows;
}

std::vector<Json> shown_to_reference(std::vector<Json> rows) {
  for (Json& row : rows) {
    row["frames"] = row["reference"]["frames"];
    row.erase("reference");
  }
  return rows;
}

/// KL(reference || policy) of the read rows of two passes that read the same tokens.
at::Tensor divergence(Bench& bench, const data::Dataset& own, const data::PairBatch& own_batch, const Pass& own_pass,
                      const data::PairBatch& other_batch, const Pass& other_pass) {
  const model::Lvlm& lvlm = bench.policy.lvlm;
  const auto hidden = [&](const data::PairBatch& batch, const Pass& pass, model::Adapter adapter) {
    const auto visual = model::encode(lvlm, batch.clips.at(0).input, adapter, own.eye_text(0));
    return model::hidden(lvlm, *model::plan_rows(lvlm, pass.packed.rows), {visual}, {.adapter = adapter});
  };
  return loss::token_values(hidden(own_batch, own_pass, model::Adapter::on), model::head(lvlm),
                            hidden(other_batch, other_pass, model::Adapter::off), own_pass.packed.labels)
      .kl;
}

void expect_close(const at::Tensor& a, const at::Tensor& b, double tolerance = 1e-9) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_TRUE(at::allclose(a, b, tolerance, tolerance)) << a.sub(b).abs().max().item<double>();
}

TEST(ReferenceApart, SaysWhatSeparatePassesSay) {
  const TinyWorld world;
  const at::NoGradGuard frozen;
  Bench bench(world);
  const data::Dataset rows = bench.read("apart.jsonl", rows_with(1), true),
                      own = bench.read("own.jsonl", rows_with(1), false),
                      other = bench.read("other.jsonl", shown_to_reference(rows_with(1)), false);
  for (const int64_t micro : {1, 2, 6}) {
    SCOPED_TRACE(micro);
    data::Loader together(rows, bench.policy, nullptr, bench.rules(micro), 0, 1),
        own_ones(own, bench.policy, nullptr, bench.rules(1), 0, 1),
        other_ones(other, bench.policy, nullptr, bench.rules(1), 0, 1);
    while (const auto batch = together.next()) {
      const Pass pass = forward({bench.policy, bench.apart}, rows, *batch);
      for (int64_t p = 0; p < batch->pairs(); ++p) {
        const auto own_batch = own_ones.next(), other_batch = other_ones.next();
        const Pass own_pass = forward({bench.policy, bench.same}, own, *own_batch),
                   other_pass = forward({bench.policy, bench.same}, other, *other_batch);
        const at::Tensor kl = divergence(bench, own, *own_batch, own_pass, *other_batch, other_pass);
        for (const int64_t side : {0, 1}) {
          const int64_t number = side * batch->pairs() + p;
          expect_close(of_answer(pass, pass.stats.logp, number), of_answer(own_pass, own_pass.stats.logp, side));
          expect_close(of_answer(pass, pass.stats.ref_logp, number), of_answer(other_pass, other_pass.stats.ref_logp, side));
          expect_close(of_answer(pass, pass.stats.kl, number), of_answer(own_pass, kl, side));
          EXPECT_FALSE(at::allclose(of_answer(pass, pass.stats.ref_logp, number),
                                    of_answer(own_pass, own_pass.stats.ref_logp, side), 1e-6, 1e-6));
        }
      }
    }
  }
}

// Without an adapter the reference is the policy, and still sees another clip.
TEST(ReferenceApart, WithoutAnAdapterIsThePolicyAboutTheOtherClip) {
  const TinyWorld world;
  const at::NoGradGuard frozen;
  Bench bench(world, /*adapted=*/false);
  const data::Dataset rows = bench.read("apart.jsonl", rows_with(1), true),
                      other = bench.read("other.jsonl", shown_to_reference(rows_with(1)), false);
  data::Loader one(rows, bench.policy, nullptr, bench.rules(1), 0, 1),
      two(other, bench.policy, nullptr, bench.rules(1), 0, 1);
  const Pass pass = forward({bench.policy, bench.apart}, rows, *one.next()),
             shown = forward({bench.policy, bench.same}, other, *two.next());
  expect_close(pass.stats.ref_logp, shown.stats.logp);
}

TEST(ReferenceApart, IsKeptByTheClipsThatItWasAskedAbout) {
  const TinyWorld world;
  const at::NoGradGuard frozen;
  Bench bench(world);
  data::VisualCache clips(int64_t{1} << 20);
  data::ReferenceCache references(int64_t{1} << 20);
  const auto ask = [&](const data::Dataset& rows, bool kept) {
    data::Loader loader(rows, bench.policy, &clips, bench.rules(6), 0, 1);
    return forward({bench.policy, bench.apart, &clips, kept ? &references : nullptr}, rows, *loader.next());
  };
  const data::Dataset rows = bench.read("apart.jsonl", rows_with(1), true),
                      moved = bench.read("moved.jsonl", rows_with(2), true);
  EXPECT_EQ(ask(rows, true).reference_hits, 0);
  const Pass again = ask(rows, true), computed = ask(rows, false);
  EXPECT_EQ(again.reference_hits, 6);
  EXPECT_TRUE(again.stats.ref_logp.equal(computed.stats.ref_logp));
  EXPECT_TRUE(again.stats.kl.equal(computed.stats.kl));
  EXPECT_EQ(ask(moved, true).reference_hits, 0);
}

}  // namespace
}  // namespace rrpo::train
