// Every family against its original where it is trained, by the golden files of scripts/oracles/NAME.py: losses, gradients
// and updates of adapters (on the eye too, where the family has one), gradients at every weight; and packed rows of clips of
// different lengths against the same pairs one by one.
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "policy/family_golden.h"
#include "rrpo/model/weights.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/sight.h"
#include "rrpo/util/table.h"
#include "support/parity.h"

namespace rrpo::train {
namespace {

namespace golden_files = policy::test;
using golden_files::FamilyGolden;
using rrpo::test::expect_parity;
using rrpo::test::original;

/// The golden pairs as a dataset, and which golden clip each of its videos is: one for each clip, and for each text that the
/// eye reads with it.
struct GoldenPairs {
  data::Dataset dataset;
  std::vector<int64_t> clips;

  GoldenPairs(const FamilyGolden& golden, const policy::Policy& policy) {
    for (const Json& pair : golden.json.at("pairs")) {
      const auto question = pair.at("question").get<std::string>();
      const bool still = golden.clip(pair.at("clip")).at("still");
      data::Sample sample;
      sample.id = "pair-" + std::to_string(dataset.samples.size());
      sample.own.video = video_of(pair.at("clip"), policy::eye_text(policy, question));
      sample.own.question = text::encode_question(*policy.tokenizer, policy.chat, question, "", {.still = still});
      for (const auto& [side, answer] : {std::pair{"chosen", &sample.chosen}, {"rejected", &sample.rejected}}) {
        *answer = text::encode_answer(*policy.tokenizer, golden_files::marked_text(pair.at(side)), policy.end_of_turn,
                                      policy.chat.answer_end);
      }
      dataset.samples.push_back(std::move(sample));
    }
    dataset.videos.resize(clips.size());
  }

 private:
  int64_t video_of(int64_t clip, const std::vector<int64_t>& text) {
    for (size_t v = 0; v < clips.size(); ++v) {
      if (clips[v] == clip && dataset.eye_texts[v] == text) return static_cast<int64_t>(v);
    }
    clips.push_back(clip);
    dataset.eye_texts.push_back(text);
    return static_cast<int64_t>(clips.size()) - 1;
  }
};

/// A family's model in double, with an adapter that trains, or without one and all its weights trained.
struct Trainee {
  Trainee(const FamilyGolden& given, const std::string& adapter, const Json& objective_config)
      : golden(given),
        policy(golden_files::open_family(given, model::Dtype::float64, adapter)),
        pairs(given, policy),
        objective(loss::make_objective(objective_config)),
        parameters(adapter.empty() ? model::tensors(policy.lvlm) : model::adapter_tensors(policy.lvlm)) {
    for (const model::NamedTensor& parameter : parameters) parameter.tensor->set_requires_grad(true);
    if (objective.reads(Role::rejected)) return;
    for (data::Sample& sample : pairs.dataset.samples) sample.rejected = {};
  }
  data::PairBatch batch_of(const std::vector<int64_t>& rows) const {
    data::PairBatch batch;
    batch.place = {rows, 0, 0, true};
    for (const int64_t row : rows) {
      const data::Sample& sample = pairs.dataset.samples[static_cast<size_t>(row)];
      batch.ids.push_back(sample.id);
      const auto shown = [&sample](const data::Clip& clip) { return clip.video == sample.own.video; };
      if (std::any_of(batch.clips.begin(), batch.clips.end(), shown)) continue;
      const Json& clip = golden.clip(pairs.clips[static_cast<size_t>(sample.own.video)]);
      batch.clips.push_back({sample.own.video, golden_files::family_clip(policy, clip), {}});
    }
    return batch;
  }
  /// Adds the gradients of these rows and returns the sum of their losses.
  double accumulate(const std::vector<int64_t>& rows) {
    const at::Tensor sum = forward({policy, objective}, pairs.dataset, batch_of(rows)).outputs.at(0).loss.sum();
    sum.backward();
    return sum.item<double>();
  }
  /// `value(i)` of the parameters called `names` against the rows of a golden tensor.
  template <class Value>
  void expect_rows(const Json& names, const std::string& golden_tensor, const rrpo::test::Comparison& comparison,
                   const Value& value) const {
    const at::Tensor& expected = golden.tensors.at(golden_tensor);
    ASSERT_EQ(expected.size(0), static_cast<int64_t>(names.size()));
    for (size_t i = 0; i < names.size(); ++i) {
      const auto found = std::find_if(parameters.begin(), parameters.end(), [&](const model::NamedTensor& one) {
        return original_name(one.name) == names[i].get<std::string>();
      });
      ASSERT_NE(found, parameters.end()) << names[i];
      const at::Tensor actual = value(static_cast<size_t>(found - parameters.begin()));
      const at::Tensor row = expected.select(0, static_cast<int64_t>(i)).contiguous();
      expect_parity(comparison, golden_files::fingerprint_difference(actual, row), found->name);
    }
  }
  /// What the original calls a parameter: its weights and the modules of its adapters may have names of their own.
  std::string original_name(const std::string& name) const {
    const model::Family& family = *find_row(model::families(), policy.lvlm.weights().family);
    if (!family.own_modules) return name;
    const std::string prefix = "base_model.model.";
    const size_t leaf = name.find(".lora_");
    if (!name.starts_with(prefix) || leaf == std::string::npos) return family.saved(name);
    return prefix + model::module_name(family, name.substr(prefix.size(), leaf - prefix.size())) + name.substr(leaf);
  }
  at::Tensor gradient(size_t i, double denominator) const {
    const at::Tensor& gradient = parameters[i].tensor->grad();
    return gradient.defined() ? gradient.div(denominator) : parameters[i].tensor->detach().mul(0);
  }

  const FamilyGolden& golden;
  policy::Policy policy;
  GoldenPairs pairs;
  loss::Objective objective;
  std::vector<model::NamedTensor> parameters;
};

class FamilyTraining : public testing::TestWithParam<std::string> {
 protected:
  rrpo::test::Comparison compared(const std::string& what, const std::string& of, double standard) const {
    return {GetParam(), original(golden_.json, "torch") + ", " + original(golden_.json, "peft"), what + ", double",
            golden_.tolerance(of, standard)};
  }
  const FamilyGolden& golden_ = golden_files::family_golden(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Families, FamilyTraining, testing::ValuesIn(golden_files::family_cases()),
                         [](const auto& info) { return info.param; });

TEST_P(FamilyTraining, GradientsAndThreeStepsOfAdamW) {
  for (const Json& run : golden_.json.at("runs")) {
    const auto adapter = run.at("adapter").get<std::string>();
    SCOPED_TRACE(adapter);
    Trainee mine(golden_, adapter, run.at("objective"));
    const double denominator = run.at("denominator");
    const Json& settings = golden_.json.at("adamw");
    OptimConfig optim;
    optim.lr = settings.at("lr");
    optim.betas = settings.at("betas").get<std::vector<double>>();
    optim.eps = settings.at("eps");
    optim.weight_decay = settings.at("weight_decay");
    optim.max_grad_norm.reset();
    std::vector<at::Tensor> start;
    for (const model::NamedTensor& parameter : mine.parameters) start.push_back(parameter.tensor->detach().clone());
    AdamW optimizer(mine.parameters, optim);
    const auto losses = run.at("losses").get<std::vector<double>>();
    for (size_t step = 0; step < losses.size(); ++step) {
      const double loss = mine.accumulate({0, 1, 2}) / denominator;
      expect_parity(compared("loss of each step", "loss", step == 0 ? 1e-9 : 1e-7), std::abs(loss / losses[step] - 1));
      if (step == 0) {
        mine.expect_rows(run.at("parameters"), "gradient." + adapter,
                         compared("gradient of each LoRA tensor", "gradient", 1e-7),
                         [&](size_t i) { return mine.gradient(i, denominator); });
      }
      optimizer.step(optim.lr, 1 / denominator, optimizer.gradient_norm());
    }
    mine.expect_rows(run.at("parameters"), "movement." + adapter,
                     compared("movement of each LoRA tensor in three AdamW steps", "movement", 1e-5),
                     [&](size_t i) { return mine.parameters[i].tensor->detach().sub(start[i]); });
  }
}

TEST_P(FamilyTraining, GradientsOfEveryWeight) {
  if (!golden_.json.contains("whole")) GTEST_SKIP() << "not computed by the oracle";
  const Json& whole = golden_.json.at("whole");
  Trainee mine(golden_, "", {{"name", "sft"}});
  const double denominator = whole.at("denominator"), loss = mine.accumulate({0, 1, 2}) / denominator;
  EXPECT_NEAR(loss / whole.at("loss").get<double>(), 1, golden_.tolerance("loss", 1e-9));
  mine.expect_rows(whole.at("weights"), "gradient.whole", compared("gradient of each weight of the model", "gradient", 1e-7),
                   [&](size_t i) { return mine.gradient(i, denominator); });
}

TEST_P(FamilyTraining, PackedPairsEqualPairsOneByOne) {
  for (const Json& run : golden_.json.at("runs")) {
    const auto adapter = run.at("adapter").get<std::string>();
    SCOPED_TRACE(adapter);
    Trainee packed(golden_, adapter, run.at("objective")), single(golden_, adapter, run.at("objective"));
    const double together = packed.accumulate({0, 1, 2});
    double apart = 0;
    for (const int64_t row : {0, 1, 2}) apart += single.accumulate({row});
    EXPECT_NEAR(together, apart, 1e-9 * std::abs(apart));
    for (size_t i = 0; i < packed.parameters.size(); ++i) {
      const at::Tensor expected = single.gradient(i, 1);
      const double difference = packed.gradient(i, 1).sub(expected).norm().item<double>();
      EXPECT_LT(difference, golden_.tolerance("packed", 1e-9) * std::max(1e-6, expected.norm().item<double>()))
          << packed.parameters[i].name;
    }
  }
}

/// By pair: the log-probability of its chosen answer.
std::vector<double> of_chosen(const Pass& pass) {
  std::vector<double> sums(static_cast<size_t>(pass.stats.pairs), 0.0);
  for (int64_t m = 0; m < pass.packed.answer.numel(); ++m) {
    const auto number = pass.packed.answer.select(0, m).item<int64_t>();
    if (number < pass.stats.pairs) sums[static_cast<size_t>(number)] += pass.stats.logp.select(0, m).item<double>();
  }
  return sums;
}

/// Whatever an eye reads beside a clip, and however many tokens it makes of one, it does of a control's too.
TEST_P(FamilyTraining, SightIsTheGainOverAPassAboutOtherPictures) {
  const at::NoGradGuard frozen;
  Trainee mine(golden_, golden_.json.at("runs")[0].at("adapter").get<std::string>(), {{"name", "dpo"}});
  const Scorer scorer{mine.policy, mine.objective};
  data::PairBatch batch = mine.batch_of({0, 1, 2}), unseen = batch;
  for (data::Clip& clip : unseen.clips) {
    for (at::Tensor& pixels : clip.input.pixels) pixels = pixels.flip({0}).neg();
  }
  batch.controls = {{.control = {"negative"}, .clips = unseen.clips}};
  const Sighted seen = forward_under_controls(scorer, mine.pairs.dataset, batch);
  const std::vector<double> with = of_chosen(seen.pass), without = of_chosen(forward(scorer, mine.pairs.dataset, unseen));
  ASSERT_EQ(seen.rows.at("negative").size(), with.size());
  for (const SeenRow& row : seen.rows.at("negative")) {
    const auto pair = static_cast<size_t>(row.row);
    EXPECT_NEAR(row.nats, with[pair] - without[pair], 1e-9) << pair;
    EXPECT_NE(row.nats, 0) << pair;
  }
}

/// The way from files on: frames of a row as data::clip_input shows them are what the tests above are shown.
TEST_P(FamilyTraining, RowsAreShownAlike) {
  const policy::Policy policy = golden_files::open_family(golden_, model::Dtype::float32);
  for (const Json& clip : golden_.json.at("clips")) {
    rows::Media media;
    if (clip.at("still").get<bool>()) {
      media.frames = {"picture.png"};
    } else {
      media.video = "clip.mp4";
    }
    const model::ClipInput mine = data::clip_input(policy, media, golden_files::family_frames(clip), {}),
                           expected = golden_files::family_clip(policy, clip);
    ASSERT_EQ(mine.pixels.size(), expected.pixels.size());
    for (size_t t = 0; t < mine.pixels.size(); ++t) EXPECT_TRUE(mine.pixels[t].equal(expected.pixels[t]));
    EXPECT_EQ(mine.form.frames, expected.form.frames);
    EXPECT_EQ(mine.form.height, expected.form.height);
    EXPECT_EQ(mine.form.width, expected.form.width);
    EXPECT_EQ(mine.form.still, expected.form.still);
    EXPECT_EQ(mine.form.index, expected.form.index);
    EXPECT_EQ(mine.form.total, expected.form.total);
  }
}

}  // namespace
}  // namespace rrpo::train
