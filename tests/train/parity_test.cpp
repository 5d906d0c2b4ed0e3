// Losses, gradients and updates against PEFT and torch.optim, by the golden files of scripts/oracles/onevision.py; and
// packed rows against the same pairs one by one.
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "policy/golden.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/schedule.h"
#include "rrpo/train/step.h"
#include "support/parity.h"

namespace rrpo::train {
namespace {

namespace golden_files = policy::test;
using golden_files::Golden;
using rrpo::test::Comparison;
using rrpo::test::expect_parity;
using rrpo::test::original;

/// The golden pairs as a dataset: videos are numbered as the golden clips.
data::Dataset dataset_of(const Golden& golden, const policy::Policy& policy) {
  data::Dataset dataset;
  dataset.videos.resize(golden.json.at("clips").size());
  for (const Json& pair : golden.json.at("pairs")) {
    const text::PromptIds prompt =
        text::encode_prompt(*policy.tokenizer, policy.chat, pair.at("question").get<std::string>());
    data::Sample sample;
    sample.id = "pair-" + std::to_string(dataset.samples.size());
    sample.own.video = pair.at("clip");
    sample.own.question = prompt.after;
    sample.chosen = text::encode_answer(*policy.tokenizer, golden_files::marked_text(pair.at("chosen")), policy.end_of_turn);
    sample.rejected =
        text::encode_answer(*policy.tokenizer, golden_files::marked_text(pair.at("rejected")), policy.end_of_turn);
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

enum class Trains { adapter, everything };

/// A model with its adapter, or without one and all its weights, ready to train in `dtype`.
struct Trainee {
  Trainee(const Golden& given, const std::string& name, model::Dtype dtype, Trains trains = Trains::adapter)
      : golden(given),
        policy(golden_files::open_case(given, dtype, trains == Trains::adapter)),
        dataset(dataset_of(given, policy)),
        objective(loss::make_objective(objective_config(given, name))),
        parameters(trains == Trains::adapter ? model::adapter_tensors(policy.lvlm) : model::tensors(policy.lvlm)) {
    for (const model::NamedTensor& parameter : parameters) parameter.tensor->set_requires_grad(true);
    if (!objective.reads(Role::rejected)) {
      for (data::Sample& sample : dataset.samples) sample.rejected = {};
    }
  }
  static Json objective_config(const Golden& golden, const std::string& name) {
    Json config = golden.json.at("objectives").at(name).at("settings");
    config["name"] = name;
    return config;
  }
  data::PairBatch pack(const std::vector<int64_t>& rows) const {
    data::PairBatch batch;
    batch.place = {rows, 0, 0, true};
    for (const int64_t row : rows) {
      const int64_t video = dataset.samples[static_cast<size_t>(row)].own.video;
      batch.ids.push_back(dataset.samples[static_cast<size_t>(row)].id);
      if (!batch.clips.empty() && batch.clips.back().video == video) continue;
      const Json& clip = golden.json.at("clips").at(static_cast<size_t>(video));
      batch.clips.push_back({video, golden_files::clip_input(golden_files::clip_pixels(policy, clip)), {}});
    }
    return batch;
  }
  /// Adds the gradients of these rows and returns the sum of their losses.
  double accumulate(const std::vector<int64_t>& rows) {
    const Pass pass = forward({policy, objective}, dataset, pack(rows));
    const at::Tensor sum = pass.outputs.at(0).loss.sum();
    sum.backward();
    return sum.item<double>();
  }
  double denominator() const { return golden.json.at("objectives").at(objective.terms[0].row->name).at("denominator"); }

  const Golden& golden;
  policy::Policy policy;
  data::Dataset dataset;
  loss::Objective objective;
  std::vector<model::NamedTensor> parameters;
};

/// The relative difference of a tensor from a golden row: of its norm, or by products with random signs of all of it.
double difference(const at::Tensor& actual, const at::Tensor& expected) {
  const int64_t projections = expected.numel() - 1;
  const std::vector<double> mine = golden_files::fingerprint(actual, projections);
  const double* theirs = expected.const_data_ptr<double>();
  double squares = 0;
  for (int64_t k = 1; k <= projections; ++k) squares += std::pow(mine[static_cast<size_t>(k)] - theirs[k], 2);
  const double scale = std::max(theirs[0], 1e-9);  // a key bias of the tower has gradient 0 but for rounding
  return std::max(std::abs(mine[0] - theirs[0]), std::sqrt(squares / static_cast<double>(projections))) / scale;
}

/// The parameters called `names` against the rows of a golden tensor.
template <class Value>
void expect_rows(const Trainee& trainee, const Json& names, const at::Tensor& expected, const Comparison& comparison,
                 const Value& value) {
  ASSERT_EQ(expected.size(0), static_cast<int64_t>(names.size()));
  ASSERT_GE(trainee.parameters.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = std::find_if(trainee.parameters.begin(), trainee.parameters.end(),
                                    [&](const model::NamedTensor& one) { return one.name == names[i].get<std::string>(); });
    ASSERT_NE(found, trainee.parameters.end()) << names[i];
    const auto at = static_cast<size_t>(found - trainee.parameters.begin());
    expect_parity(comparison, difference(value(at), expected.select(0, static_cast<int64_t>(i)).contiguous()), found->name);
  }
}

/// The parameters named in the golden list `listed`, against the rows of one golden tensor.
template <class Value>
void expect_all(const Trainee& trainee, const std::string& golden_tensor, const Comparison& comparison, const Value& value,
                const char* listed = "parameters") {
  expect_rows(trainee, trainee.golden.json.at(listed), trainee.golden.tensors.at(golden_tensor), comparison, value);
}

class TrainParity : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  Trainee trainee(model::Dtype dtype) const { return {golden_, std::get<1>(GetParam()), dtype}; }
  std::string peft() const { return original(golden_.json, "torch") + ", " + original(golden_.json, "peft"); }
  std::string part() const { return "objective " + std::get<1>(GetParam()); }
  std::vector<double> losses() const { return golden_.json.at("objectives").at(std::get<1>(GetParam())).at("losses"); }
  const Golden& golden_ = golden_files::golden(std::get<0>(GetParam()));
};
INSTANTIATE_TEST_SUITE_P(Cases, TrainParity,
                         testing::Combine(testing::ValuesIn(golden_files::cases()), testing::Values("rrpo", "dpo", "sft")),
                         [](const auto& info) { return std::get<0>(info.param) + "_" + std::get<1>(info.param); });

TEST_P(TrainParity, LossAndGradientsInDouble) {
  Trainee mine = trainee(model::Dtype::float64);
  const double loss = mine.accumulate({0, 1, 2}) / mine.denominator();
  expect_parity({part(), peft(), "loss, double", 1e-9}, std::abs(loss / losses()[0] - 1));
  expect_all(mine, "gradient." + mine.objective.terms[0].row->name,
             {part(), peft(), "gradient of each LoRA tensor, double", 1e-7},
             [&](size_t i) { return mine.parameters[i].tensor->grad().div(mine.denominator()); });
}

TEST_P(TrainParity, LossInFloat) {
  Trainee mine = trainee(model::Dtype::float32);
  const double loss = mine.accumulate({0, 1, 2}) / mine.denominator();
  expect_parity({part(), peft(), "loss, float32", 1e-5}, std::abs(loss / losses()[0] - 1));
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
  expect_all(mine, "movement." + mine.objective.terms[0].row->name,
             {part(), peft(), "movement of each LoRA tensor in three AdamW steps, double", 1e-5},
             [&](size_t i) { return mine.parameters[i].tensor->detach().sub(start[i]); });
}

/// Tower, projector, newline, embedding and head: what no adapter reaches.
class WholeModel : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Cases, WholeModel, testing::ValuesIn(golden_files::cases()),
                         [](const auto& info) { return info.param; });

TEST_P(WholeModel, GradientsOfEveryWeight) {
  Trainee mine(golden_files::golden(GetParam()), "sft", model::Dtype::float64, Trains::everything);
  mine.accumulate({0, 1, 2});
  const std::string transformers = original(mine.golden.json, "transformers");
  expect_all(
      mine, "gradient.whole", {"objective sft", transformers, "gradient of each weight of the model, double", 1e-7},
      [&](size_t i) { return mine.parameters[i].tensor->grad().div(mine.denominator()); }, "weights");
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

/// What scripts/oracles/training_step.py saw: steps of transformers' Trainer with the authors' loss.
struct Course {
  Json json;
  std::map<std::string, at::Tensor> tensors;
};
const Course& course() {
  static const Course read = [] {
    const std::filesystem::path folder = rrpo::test::source_file("tests/golden/training_step");
    return Course{read_json(folder / "golden.json", "test"), golden_files::read_tensors(folder / "golden.safetensors")};
  }();
  return read;
}

/// The golden pairs, then the same with chosen and rejected exchanged; a loader finds their visual tokens in `cache`.
struct Learner {
  Trainee trainee{golden_files::golden("tiny"), "rrpo", model::Dtype::float64};
  data::VisualCache cache;

  Learner() {
    trainee.objective = loss::make_objective(course().json.at("objective"));
    data::Dataset& dataset = trainee.dataset;
    for (size_t v = 0; v < dataset.videos.size(); ++v) {
      dataset.videos[v].media.video = "clip-" + std::to_string(v);
      const at::NoGradGuard frozen;
      cache.insert(dataset.videos[v], {}, golden_files::encode_clip(trainee.policy, trainee.golden.json.at("clips").at(v)));
    }
    const size_t count = dataset.samples.size();
    for (size_t i = 0; i < count; ++i) {
      dataset.samples.push_back(dataset.samples[i]);
      std::swap(dataset.samples.back().chosen, dataset.samples.back().rejected);
    }
  }
  data::Loader loader(int64_t accumulate) {
    const data::LoaderRules rules{
        .root = {}, .video = {}, .order = {.shuffle = false}, .batch = {.batch = accumulate, .micro = 1}};
    return {trainee.dataset, trainee.policy, &cache, rules, 0, trainee.dataset.rows() / accumulate};
  }
  /// The gradients of the rows of one step, which are then dropped.
  void expect_gradients(int64_t step, int64_t accumulate, const at::Tensor& expected, const Comparison& comparison) {
    for (int64_t i = 0; i < accumulate; ++i) trainee.accumulate({step * accumulate + i});
    expect_rows(trainee, course().json.at("parameters"), expected, comparison,
                [&](size_t i) { return trainee.parameters[i].tensor->grad().div(static_cast<double>(accumulate)); });
    for (const model::NamedTensor& parameter : trainee.parameters) parameter.tensor->mutable_grad().reset();
  }
};

Comparison of_step(const std::string& compared, double tolerance) {
  const Json& json = course().json;
  return {"training step", "the authors' losses.py, " + original(json, "transformers") + ", " + original(json, "peft"),
          compared + ", double", tolerance};
}

class TrainingSteps : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Runs, TrainingSteps, testing::Values("published", "varied"));

TEST_P(TrainingSteps, AreThoseOfTransformersWithTheAuthorsLoss) {
  const Json& run = course().json.at("runs").at(GetParam());
  const auto losses = run.at("losses").get<std::vector<double>>(), norms = run.at("norms").get<std::vector<double>>(),
             rates = run.at("rates").get<std::vector<double>>();
  const auto steps = static_cast<int64_t>(losses.size()), accumulate = course().json.at("accumulate").get<int64_t>();
  const auto optim = config_from<OptimConfig>(run.at("settings"));
  Learner mine;
  data::Loader loader = mine.loader(accumulate);
  AdamW optimizer(mine.trainee.parameters, optim);
  std::vector<at::Tensor> start;
  for (const model::NamedTensor& parameter : mine.trainee.parameters) start.push_back(parameter.tensor->detach().clone());
  for (int64_t s = 0; s < steps; ++s) {
    const auto at = static_cast<size_t>(s);
    mine.expect_gradients(s, accumulate, course().tensors.at("gradients." + GetParam()).select(0, s),
                          of_step("gradient of each LoRA tensor in each step", 1e-7));
    const double lr = learning_rate(optim, s, steps);
    EXPECT_DOUBLE_EQ(lr, rates[at]);
    const StepReport report =
        step({mine.trainee.policy, mine.trainee.objective}, mine.trainee.dataset, loader, optimizer, lr);
    const double loss = report.sums.loss(mine.trainee.objective);
    expect_parity(of_step("loss of each step", 1e-9), std::abs(loss / losses[at] - 1));
    expect_parity(of_step("gradient norm of each step", 1e-9), std::abs(report.grad_norm / norms[at] - 1));
  }
  expect_rows(mine.trainee, course().json.at("parameters"), course().tensors.at("movement." + GetParam()),
              of_step("movement in three AdamW steps with warm-up, accumulation and clipping", 1e-6),
              [&](size_t i) { return mine.trainee.parameters[i].tensor->detach().sub(start[i]); });
}

TEST(TrainingSteps, RatesAreThoseOfTransformers) {
  for (const Json& schedule : course().json.at("schedules")) {
    OptimConfig optim;
    optim.lr = 1;
    optim.schedule = schedule.at("schedule");
    optim.warmup_ratio = schedule.at("warmup_ratio");
    const auto rates = schedule.at("rates").get<std::vector<double>>();
    const auto steps = static_cast<int64_t>(rates.size());
    for (int64_t s = 0; s < steps; ++s) {
      expect_parity({"learning rates", original(course().json, "transformers"), "every rate of a run, peak 1", 1e-15},
                    std::abs(learning_rate(optim, s, steps) - rates[static_cast<size_t>(s)]), schedule.dump());
    }
  }
}

}  // namespace
}  // namespace rrpo::train
