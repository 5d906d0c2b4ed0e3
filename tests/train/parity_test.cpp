// Losses, gradients and updates against PEFT and torch.optim, by the golden files of scripts/oracles/onevision.py; and
// packed rows against the same pairs one by one.
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "policy/golden.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"

namespace rrpo::train {
namespace {

namespace golden_files = policy::test;
using golden_files::Golden;

/// The golden pairs as a dataset: videos are numbered as the golden clips.
data::Dataset dataset_of(const Golden& golden, const policy::Policy& policy) {
  data::Dataset dataset;
  dataset.videos.resize(golden.json.at("clips").size());
  for (const Json& pair : golden.json.at("pairs")) {
    const text::PromptIds prompt =
        text::encode_prompt(*policy.tokenizer, policy.chat, pair.at("question").get<std::string>());
    dataset.before = prompt.before;
    data::Sample sample;
    sample.id = "pair-" + std::to_string(dataset.samples.size());
    sample.video = pair.at("clip");
    sample.question = prompt.after;
    sample.chosen = text::encode_answer(*policy.tokenizer, golden_files::marked_text(pair.at("chosen")), policy.end_of_turn);
    sample.rejected =
        text::encode_answer(*policy.tokenizer, golden_files::marked_text(pair.at("rejected")), policy.end_of_turn);
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

/// A model with its adapter, ready to train in `dtype`.
struct Trainee {
  Trainee(const Golden& given, const std::string& name, model::Dtype dtype)
      : golden(given),
        policy(golden_files::open_case(given, dtype, true)),
        dataset(dataset_of(given, policy)),
        objective(loss::make_objective(objective_config(given, name))),
        parameters(model::adapter_tensors(policy.lvlm)) {
    for (const model::NamedTensor& parameter : parameters) parameter.tensor->set_requires_grad(true);
    if (!objective.row->needs_rejected) {
      for (data::Sample& sample : dataset.samples) sample.rejected = {};
    }
  }
  static Json objective_config(const Golden& golden, const std::string& name) {
    Json config = golden.json.at("objectives").at(name).at("settings");
    config["name"] = name;
    return config;
  }
  data::PairBatch pack(const std::vector<int64_t>& rows) const {
    std::vector<data::Clip> clips;
    std::vector<int64_t> counts;
    for (const int64_t row : rows) {
      const int64_t video = dataset.samples[static_cast<size_t>(row)].video;
      if (!clips.empty() && clips.back().video == video) continue;
      const Json& clip = golden.json.at("clips").at(static_cast<size_t>(video));
      clips.push_back({video, {golden_files::clip_pixels(policy, clip), {}}, {}});
      counts.push_back(model::visual_token_count(policy.lvlm, clip.at("frames")));
    }
    return data::pack_pairs(dataset, {rows, 0, 0, true}, std::move(clips), counts);
  }
  /// Adds the gradients of these rows and returns the sum of their losses.
  double accumulate(const std::vector<int64_t>& rows) {
    const Pass pass = forward({policy, objective}, dataset, pack(rows));
    const at::Tensor sum = pass.output.loss.sum();
    sum.backward();
    return sum.item<double>();
  }
  double denominator() const { return golden.json.at("objectives").at(objective.row->name).at("denominator"); }

  const Golden& golden;
  policy::Policy policy;
  data::Dataset dataset;
  loss::Objective objective;
  std::vector<model::NamedTensor> parameters;
};

/// Compares a tensor with a golden row: its norm, and by products with random signs the norm of the difference.
void expect_fingerprint(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& name) {
  const int64_t projections = expected.numel() - 1;
  const std::vector<double> mine = golden_files::fingerprint(actual, projections);
  const double* theirs = expected.const_data_ptr<double>();
  double squares = 0;
  for (int64_t k = 1; k <= projections; ++k) squares += std::pow(mine[static_cast<size_t>(k)] - theirs[k], 2);
  EXPECT_NEAR(mine[0], theirs[0], tolerance * theirs[0]) << name;
  EXPECT_LT(std::sqrt(squares / static_cast<double>(projections)), tolerance * theirs[0]) << name;
}

/// All parameters by name against the rows of one golden tensor.
template <class Value>
void expect_all(const Trainee& trainee, const std::string& golden_tensor, double tolerance, const Value& value) {
  const at::Tensor& expected = trainee.golden.tensors.at(golden_tensor);
  const Json& names = trainee.golden.json.at("parameters");
  ASSERT_EQ(trainee.parameters.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = std::find_if(trainee.parameters.begin(), trainee.parameters.end(),
                                    [&](const model::NamedTensor& one) { return one.name == names[i].get<std::string>(); });
    ASSERT_NE(found, trainee.parameters.end()) << names[i];
    const auto at = static_cast<size_t>(found - trainee.parameters.begin());
    expect_fingerprint(value(at), expected.select(0, static_cast<int64_t>(i)).contiguous(), tolerance, found->name);
  }
}

class TrainParity : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  Trainee trainee(model::Dtype dtype) const { return {golden_, std::get<1>(GetParam()), dtype}; }
  std::vector<double> losses() const { return golden_.json.at("objectives").at(std::get<1>(GetParam())).at("losses"); }
  const Golden& golden_ = golden_files::golden(std::get<0>(GetParam()));
};
INSTANTIATE_TEST_SUITE_P(Cases, TrainParity,
                         testing::Combine(testing::ValuesIn(golden_files::cases()), testing::Values("rrpo", "dpo", "sft")),
                         [](const auto& info) { return std::get<0>(info.param) + "_" + std::get<1>(info.param); });

TEST_P(TrainParity, LossAndGradientsInDouble) {
  Trainee mine = trainee(model::Dtype::float64);
  const double loss = mine.accumulate({0, 1, 2}) / mine.denominator();
  EXPECT_NEAR(loss, losses()[0], 1e-9 * losses()[0]);
  expect_all(mine, "gradient." + mine.objective.row->name, 1e-7,
             [&](size_t i) { return mine.parameters[i].tensor->grad().div(mine.denominator()); });
}

TEST_P(TrainParity, LossInFloat) {
  Trainee mine = trainee(model::Dtype::float32);
  EXPECT_NEAR(mine.accumulate({0, 1, 2}) / mine.denominator(), losses()[0], 1e-5 * losses()[0]);
}

TEST_P(TrainParity, ThreeStepsOfAdamW) {
  Trainee mine = trainee(model::Dtype::float64);
  OptimConfig optim;
  optim.lr = golden_.json.at("adamw").at("lr");
  optim.betas = golden_.json.at("adamw").at("betas").get<std::vector<double>>();
  optim.eps = golden_.json.at("adamw").at("eps");
  optim.weight_decay = golden_.json.at("adamw").at("weight_decay");
  optim.max_grad_norm.reset();
  std::vector<at::Tensor> start;
  for (const model::NamedTensor& parameter : mine.parameters) start.push_back(parameter.tensor->detach().clone());
  AdamW optimizer(mine.parameters, optim);
  for (const double expected : losses()) {
    EXPECT_NEAR(mine.accumulate({0, 1, 2}) / mine.denominator(), expected, 1e-7 * expected);
    optimizer.step(optim.lr, 1 / mine.denominator(), optimizer.gradient_norm());
  }
  expect_all(mine, "movement." + mine.objective.row->name, 1e-5,
             [&](size_t i) { return mine.parameters[i].tensor->detach().sub(start[i]); });
}

TEST_P(TrainParity, PackedPairsEqualPairsOneByOne) {
  Trainee packed = trainee(model::Dtype::float64), single = trainee(model::Dtype::float64);
  const double together = packed.accumulate({0, 1, 2});
  double apart = 0;
  for (const int64_t row : {0, 1, 2}) apart += single.accumulate({row});
  EXPECT_NEAR(together, apart, 1e-9 * std::abs(apart));
  for (size_t i = 0; i < packed.parameters.size(); ++i) {
    const at::Tensor& expected = single.parameters[i].tensor->grad();
    const double difference = packed.parameters[i].tensor->grad().sub(expected).norm().item<double>();
    EXPECT_LT(difference, 1e-9 * expected.norm().item<double>()) << packed.parameters[i].name;
  }
}

}  // namespace
}  // namespace rrpo::train
