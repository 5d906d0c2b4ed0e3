// What backward makes again instead of keeping it: no number changes.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "../../src/model/functions.h"
#include "../../src/model/layers.h"
#include "support/counting_allocator.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

/// A matrix that is made anew each time, and how often it was.
class Remade final : public Held {
 public:
  explicit Remade(at::Tensor values) : values_(std::move(values)), shape_(values_.sizes().vec()) {}
  at::Tensor get(at::ScalarType type) const override {
    ++asked;
    return values_.to(type).clone();
  }
  const std::vector<int64_t>& shape() const override { return shape_; }
  int64_t bytes() const override { return static_cast<int64_t>(values_.nbytes()); }
  mutable int64_t asked = 0;

 private:
  at::Tensor values_;
  std::vector<int64_t> shape_;
};

Linear random_linear(int64_t out, int64_t in, const std::string& name, at::ScalarType type, int64_t rank = 3) {
  const at::ScalarType adapter = type == at::kDouble ? at::kDouble : at::kFloat;
  Linear linear{random_tensor({out, in}, name, type).mul(0.3), random_tensor({out}, name + "bias", type), {}};
  if (rank == 0) return linear;
  linear.lora = {random_tensor({rank, in}, name + "A", adapter).requires_grad_(true),
                 random_tensor({out, rank}, name + "B", adapter).requires_grad_(true), 0.5};
  return linear;
}

/// `outputs` and the gradients of `inputs`, for a loss that weighs every output.
std::vector<at::Tensor> with_gradients(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> weights;
  for (const at::Tensor& out : outputs)
    weights.push_back(random_tensor(out.sizes().vec(), "w" + std::to_string(weights.size()), out.scalar_type()));
  std::vector<at::Tensor> all = outputs;
  for (const at::Tensor& gradient : torch::autograd::grad(outputs, inputs, weights)) all.push_back(gradient);
  return all;
}

void expect_equal(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].scalar_type(), wanted[i].scalar_type()) << what << ", tensor " << i;
    EXPECT_TRUE(got[i].equal(wanted[i])) << what << ", tensor " << i << ": " << largest_difference(got[i], wanted[i]);
  }
}

std::vector<at::Tensor> adapters(const std::vector<Linear>& linears) {
  std::vector<at::Tensor> all;
  for (const Linear& linear : linears) {
    if (linear.lora.a.defined()) all.insert(all.end(), {linear.lora.a, linear.lora.b});
  }
  return all;
}

constexpr at::ScalarType kTypes[] = {at::kDouble, at::kFloat, at::kBFloat16};

TEST(LayerFunctions, LinearsOfANormEqualTheirParts) {
  for (const at::ScalarType type : kTypes) {
    for (const bool picked : {false, true}) {
      const at::Tensor x = random_tensor({40, 24}, "x", type).requires_grad_(true);
      const Norm norm{random_tensor({24}, "norm", type), {}, 1e-6};
      const std::vector<Linear> linears = {random_linear(24, 24, "q", type), random_linear(8, 24, "v", type, 0),
                                           random_linear(8, 24, "k", type)};
      const at::Tensor rows = picked ? index_tensor({3, 7, 8, 39}, at::kCPU) : at::Tensor();
      std::vector<at::Tensor> inputs = adapters(linears);
      inputs.push_back(x);
      const auto got = with_gradients(normed_linears(x, norm, linears, rows), inputs);
      const at::Tensor normed = rms_norm(x, norm.weight, norm.eps);
      std::vector<at::Tensor> parts(3);  // made last to first, so that gradients come first to last
      for (const size_t i : {2, 1, 0})
        parts[i] = linear(i == 0 && picked ? normed.index_select(0, rows) : normed, linears[i], Adapter::on);
      expect_equal(got, with_gradients(parts, inputs), std::string(c10::toString(type)) + (picked ? ", picked" : ""));
    }
  }
}

TEST(LayerFunctions, AnMlpEqualsItsParts) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor x = random_tensor({40, 24}, "x", type).requires_grad_(true);
    Mlp own{{random_tensor({24}, "norm", type), {}, 1e-6},
            random_linear(32, 24, "gate", type),
            random_linear(32, 24, "up", type),
            random_linear(24, 32, "down", type)};
    std::vector<at::Tensor> inputs = adapters({own.gate, own.up, own.down});
    inputs.push_back(x);
    const at::Tensor normed = rms_norm(x, own.norm.weight, own.norm.eps);
    const at::Tensor inner = swiglu(linear(normed, own.gate, Adapter::on), linear(normed, own.up, Adapter::on));
    const auto wanted = with_gradients({x.add(linear(inner, own.down, Adapter::on))}, inputs);
    for (const bool again : {false, true}) {
      own.again = again;
      expect_equal(with_gradients({mlp(x, own)}, inputs), wanted,
                   std::string(c10::toString(type)) + (again ? ", again" : ""));
    }
  }
}

TEST(LayerFunctions, AskAHeldWeightAgainAndKeepNoCopy) {
  const at::Tensor x = random_tensor({9, 24}, "x", at::kFloat).requires_grad_(true);
  Mlp own{{random_tensor({24}, "norm", at::kFloat), {}, 1e-6},
          random_linear(32, 24, "gate", at::kFloat),
          random_linear(32, 24, "up", at::kFloat),
          random_linear(24, 32, "down", at::kFloat)};
  std::vector<at::Tensor> inputs = adapters({own.gate, own.up, own.down});
  inputs.push_back(x);
  const auto wanted = with_gradients({mlp(x, own)}, inputs);
  std::vector<std::shared_ptr<Remade>> held;
  for (Linear* linear : {&own.gate, &own.up, &own.down}) {
    held.push_back(std::make_shared<Remade>(linear->weight.plain));
    linear->weight.plain.reset();
    linear->weight.held = held.back();
  }
  expect_equal(with_gradients({mlp(x, own)}, inputs), wanted, "held");
  for (const auto& one : held) EXPECT_EQ(one->asked, 2);  // forward and backward
}

/// A tree of a clip, a question and two answers.
PackedRows small_tree(int64_t visual) {
  PackedRows rows;
  const int64_t clip = rows.add_clip({tokens(3, 1)}, {plain_run(visual)}, 0);
  const int64_t question = rows.add_segment(tokens(4, 3), clip);
  for (const int64_t first : {4, 9}) {
    const Segment& own = rows.segments[static_cast<size_t>(rows.add_segment(tokens(6, first), question))];
    for (int64_t i = 0; i < own.length; ++i) rows.read_rows.push_back(own.begin + i);
  }
  return rows;
}

enum class Trained { adapter, weights };

/// The rows of a pass and the gradients of all that is trained, and of the visual tokens where they want some.
std::vector<at::Tensor> pass_of(Dtype dtype, Trained what, bool shown_too, bool deep, const PassRules& rules) {
  Lvlm lvlm = tiny_model(1, dtype);
  const at::ScalarType type = lvlm.weights().type;
  std::vector<at::Tensor> inputs;
  if (what == Trained::adapter) {
    add_adapter(lvlm, {4, 8}, 3);
    fill_adapter(lvlm);
    for (NamedTensor& tensor : adapter_tensors(lvlm)) inputs.push_back(tensor.tensor->requires_grad_(true));
  } else {
    for (NamedTensor& tensor : tensors(lvlm)) {
      if (tensor.part == Part::decoder) inputs.push_back(tensor.tensor->requires_grad_(true));
    }
  }
  VisualTokens clip = shown(random_tensor({10, width(lvlm)}, "clip", type).mul(0.2));
  for (int i = 0; deep && i < 2; ++i)
    clip.deep.push_back(random_tensor({10, width(lvlm)}, "deep" + std::to_string(i), type).mul(0.2));
  if (shown_too) {
    inputs.push_back(clip.tokens.requires_grad_(true));
    for (at::Tensor& features : clip.deep) inputs.push_back(features.requires_grad_(true));
  }
  const PackedRows rows = small_tree(10);
  const auto plan = plan_rows(lvlm, rows);
  const std::vector<at::Tensor> all = with_gradients({hidden(lvlm, *plan, {clip}, rules)}, inputs);
  for (const at::Tensor& input : inputs) EXPECT_FALSE(input.grad().defined());  // they go where they were asked for
  return all;
}

TEST(Recompute, ChangesNoNumber) {
  for (const Dtype dtype : {Dtype::float64, Dtype::float32, Dtype::bfloat16}) {
    for (const Trained what : {Trained::adapter, Trained::weights}) {
      for (const bool deep : {false, true}) {
        for (const bool shown_too : {false, true}) {
          const auto wanted = pass_of(dtype, what, shown_too, deep, {});
          for (const PassRules& rules : {PassRules{.recompute = Recompute::mlp}, PassRules{.recompute = Recompute::layer},
                                         PassRules{.recompute = Recompute::layer, .recompute_layers = 2},
                                         PassRules{.recompute = Recompute::mlp, .recompute_layers = 1}}) {
            expect_equal(pass_of(dtype, what, shown_too, deep, rules), wanted,
                         std::to_string(static_cast<int>(dtype)) + " " + std::to_string(static_cast<int>(what)) + " " +
                             std::to_string(static_cast<int>(rules.recompute)) + " in " +
                             std::to_string(rules.recompute_layers) + (deep ? ", deep" : ""));
          }
        }
      }
    }
  }
}

TEST(Recompute, KeepsNothingWithoutGradients) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  const PackedRows rows = small_tree(10);
  const auto plan = plan_rows(lvlm, rows);
  const VisualTokens clip = shown(random_tensor({10, width(lvlm)}, "clip", at::kFloat));
  const at::Tensor frozen = hidden(lvlm, *plan, {clip}, {.recompute = Recompute::layer});
  EXPECT_FALSE(frozen.requires_grad());
  const at::NoGradGuard none;
  EXPECT_TRUE(hidden(lvlm, *plan, {clip}).equal(frozen));
}

/// Bytes that a pass keeps for backward, without what it returns.
int64_t kept_bytes(const Lvlm& lvlm, const RowsPlan& plan, const VisualTokens& clip, const PassRules& rules) {
  const int64_t before = test::Counted::allocator().live();
  const at::Tensor out = hidden(lvlm, plan, {clip}, rules);
  return test::Counted::allocator().live() - before - static_cast<int64_t>(out.nbytes());
}

TEST(Recompute, KeepsWhatItSaysAndNoMore) {
  const test::Counted counted;
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  add_adapter(lvlm, {4, 8}, 3);
  for (NamedTensor& tensor : adapter_tensors(lvlm)) tensor.tensor->requires_grad_(true);
  const PackedRows rows = small_tree(10);
  const auto plan = plan_rows(lvlm, rows);
  const VisualTokens clip = shown(random_tensor({10, width(lvlm)}, "clip", at::kFloat));
  const Decoder& decoder = lvlm.weights().decoder;
  const int64_t all = static_cast<int64_t>(rows.ids.size()), read = static_cast<int64_t>(rows.read_rows.size());
  const int64_t wide = width(lvlm), queries = decoder.heads * decoder.head_width,
                keys = 2 * decoder.kv_heads * decoder.head_width, inner = decoder.layers[0].up.weight.size(0), rank = 4;
  // Numbers per row. Of all rows: the layer's input and the scale of its norm, keys and values, and between A and B of
  // these.
  const int64_t input = wide + 1 + keys + 2 * rank;
  // Of the rows that go on: queries, what they found and its log-sum-exp, between A and B of q and o; then the second half's
  // input, its scale, between A and B of down; and gate and up with theirs.
  const int64_t found = 2 * queries + decoder.heads + 2 * rank, middle = wide + 1 + rank, open = 2 * inner + 2 * rank;
  const int64_t end = read * (wide + 1 + decoder.head_width);  // the last norm; the angles of the read rows
  const int64_t layers = static_cast<int64_t>(decoder.layers.size());
  const auto bytes = [&](int64_t inside, int64_t last_all, int64_t last_read) {
    return 4 * ((layers - 1) * all * inside + all * last_all + read * last_read + end);
  };
  EXPECT_EQ(kept_bytes(lvlm, *plan, clip, {}), bytes(input + found + middle + open, input, found + middle + open));
  EXPECT_EQ(kept_bytes(lvlm, *plan, clip, {.recompute = Recompute::mlp}),
            bytes(input + found + middle, input, found + middle));
  EXPECT_EQ(kept_bytes(lvlm, *plan, clip, {.recompute = Recompute::layer}),
            bytes(wide, wide, 0) - 4 * read * decoder.head_width);
  EXPECT_EQ(kept_bytes(lvlm, *plan, clip, {.recompute = Recompute::layer, .recompute_layers = layers - 1}),
            bytes(wide, input, found + middle + open));
}

}  // namespace
}  // namespace rrpo::model
