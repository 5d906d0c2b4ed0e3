// Losses, gradients and steps of VideoChat2-Mistral against RRPO's authors' own forward pass and loss class, by the golden
// files of scripts/oracles/videochat2.py: with the vector of ones in front, as they train, and with <s> in its place.
#include "policy/videochat2_golden.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "rrpo/loss/loss.h"
#include "rrpo/text/token_diff.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "support/parity.h"

namespace rrpo::train {
namespace {

namespace golden_files = policy::test;
using rrpo::test::expect_parity;

const Json& training() { return golden_files::videochat2().json.at("training"); }

/// The adapter's tensor that the original's PEFT calls so.
std::string canonical(const std::string& name) {
  const std::string theirs = "base_model.model.model.";
  return theirs + "language_model." + name.substr(theirs.size());
}

/// The golden pairs of training: one clip, four instructions, so four videos.
struct Course {
  explicit Course(const std::string& front)
      : policy(golden_files::open_videochat2("videochat2_train", model::Dtype::float64, /*adapter=*/true)),
        objective(loss::make_objective(training().at("objective"))),
        parameters(model::adapter_tensors(policy.lvlm)),
        ones(front == "ones") {
    for (const model::NamedTensor& parameter : parameters) parameter.tensor->set_requires_grad(true);
    const Json& pairs = training().at("pairs");
    for (size_t i = 0; i < pairs.size(); ++i) add(pairs[i], training().at("labels")[i].size());
  }

  void add(const Json& pair, size_t size) {
    const at::NoGradGuard frozen;
    const golden_files::Conversation words = golden_files::conversation(policy, pair);
    const text::DifferenceMarks marks = text::difference_marks(golden_files::label_row(words, words.chosen, size),
                                                               golden_files::label_row(words, words.rejected, size));
    const size_t prompt = words.lead.size() + 96 + words.question.size();
    const auto marked = [&](const std::vector<int64_t>& ids, const std::vector<int64_t>& phrase) {
      const auto begin = phrase.begin() + static_cast<std::ptrdiff_t>(prompt);
      return text::AnswerIds{ids, {begin, begin + static_cast<std::ptrdiff_t>(ids.size())}};
    };
    data::Sample sample;
    sample.id = "pair-" + std::to_string(dataset.samples.size());
    sample.own.video = static_cast<int64_t>(dataset.samples.size());
    sample.own.question = words.question;
    sample.chosen = marked(words.chosen, marks.a);
    sample.rejected = marked(words.rejected, marks.b);
    numbers.push_back(sample.own.video);
    const model::ClipInput clip = golden_files::family_clip(policy, golden_files::videochat2().clip(training().at("clip")));
    visual.push_back(model::encode(policy.lvlm, clip, model::Adapter::on,
                                   policy.eye_words->encode_for_eye(pair.at("read").get<std::string>(), 512)));
    clips.push_back({{words.lead}, visual.back().runs, sample.own.video});
    dataset.samples.push_back(std::move(sample));
  }

  Pass pass() {
    data::PackedPairs packed = data::pack_pairs(dataset, numbers, clips);
    for (const model::Segment& segment : packed.rows.segments) {
      if (ones && segment.parent < 0) packed.rows.ids[static_cast<size_t>(segment.begin)] = model::kOnesRow;
    }
    return forward({policy, objective}, std::move(packed), visual, visual);
  }

  /// Adds the gradients of all pairs; returns their mean loss.
  double accumulate() {
    const at::Tensor sum = pass().outputs.at(0).loss.sum();
    sum.backward();
    return sum.item<double>() / static_cast<double>(numbers.size());
  }

  policy::Policy policy;
  loss::Objective objective;
  std::vector<model::NamedTensor> parameters;
  bool ones;
  data::Dataset dataset;
  std::vector<int64_t> numbers;
  std::vector<data::ShownClip> clips;
  std::vector<model::VisualTokens> visual;
};

class VideoChat2Training : public testing::TestWithParam<std::string> {
 protected:
  const Json& golden() const { return training().at(GetParam()); }
  rrpo::test::Comparison row_of(const std::string& compared, double tolerance) const {
    return {"videochat2_mistral" + std::string(GetParam() == "ones" ? ", compat=official" : ""),
            "RRPO's authors' forward and losses.py, " + rrpo::test::original(golden_files::videochat2().json, "peft"),
            compared + ", double", tolerance};
  }
  void expect_rows(const Course& mine, const std::string& golden_tensor, const rrpo::test::Comparison& comparison,
                   const std::function<at::Tensor(size_t)>& value) const {
    const Json& names = golden().at("parameters");
    const at::Tensor& expected = golden_files::videochat2().tensors.at("training." + GetParam() + "." + golden_tensor);
    ASSERT_EQ(names.size(), mine.parameters.size());
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string own = canonical(names[i]);
      const auto found =
          std::find_if(mine.parameters.begin(), mine.parameters.end(), [&](const auto& one) { return one.name == own; });
      ASSERT_NE(found, mine.parameters.end()) << names[i];
      const at::Tensor row = expected.select(0, static_cast<int64_t>(i)).contiguous();
      expect_parity(comparison,
                    golden_files::fingerprint_difference(value(static_cast<size_t>(found - mine.parameters.begin())), row),
                    found->name);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Fronts, VideoChat2Training, testing::Values("ones", "begin"),
                         [](const auto& info) { return info.param; });

TEST_P(VideoChat2Training, TokenStatisticsAndLosses) {
  const at::NoGradGuard no_grad;
  Course mine(GetParam());
  const Pass pass = mine.pass();
  const auto pairs = static_cast<int64_t>(mine.numbers.size());
  for (int64_t answer = 0; answer < 2 * pairs; ++answer) {
    const at::Tensor own = pass.packed.answer.eq(answer);
    const Json& row = golden().at("rows")[static_cast<size_t>(answer)];
    for (const auto& [name, values] :
         {std::pair<const char*, at::Tensor>{"logp", pass.stats.logp}, {"ref_logp", pass.stats.ref_logp}}) {
      const at::Tensor expected = at::tensor(row.at(name).get<std::vector<double>>(), at::kDouble);
      expect_parity(row_of(std::string(name) + " of labels", 1e-9),
                    golden_files::relative(values.masked_select(own), expected));
    }
    if (answer >= pairs || !pass.stats.kl.defined()) continue;  // only chosen answers are held to the reference
    const at::Tensor expected = at::tensor(row.at("kl").get<std::vector<double>>(), at::kDouble);
    expect_parity(row_of("kl of labels", 1e-9), golden_files::relative(pass.stats.kl.masked_select(own), expected));
  }
  const auto losses = golden().at("pair_losses").get<std::vector<double>>();
  expect_parity(row_of("loss of each pair", 1e-6),
                golden_files::relative(pass.outputs.at(0).loss, at::tensor(losses, at::kDouble)));
}

TEST_P(VideoChat2Training, LossAndGradients) {
  Course mine(GetParam());
  expect_parity(row_of("loss", 1e-9), std::abs(mine.accumulate() / golden().at("losses")[0].get<double>() - 1));
  expect_rows(mine, "gradient", row_of("gradient of each LoRA tensor", 1e-7),
              [&](size_t i) { return mine.parameters[i].tensor->grad().div(static_cast<double>(mine.numbers.size())); });
}

TEST_P(VideoChat2Training, ThreeStepsOfAdamW) {
  Course mine(GetParam());
  const Json& adamw = golden_files::videochat2().json.at("adamw");
  OptimConfig optim;
  optim.lr = adamw.at("lr");
  optim.betas = adamw.at("betas").get<std::vector<double>>();
  optim.eps = adamw.at("eps");
  optim.weight_decay = golden().at("weight_decay");
  optim.max_grad_norm.reset();
  std::vector<at::Tensor> start;
  for (const model::NamedTensor& parameter : mine.parameters) start.push_back(parameter.tensor->detach().clone());
  AdamW optimizer(mine.parameters, optim);
  for (const double expected : golden().at("losses").get<std::vector<double>>()) {
    EXPECT_NEAR(mine.accumulate(), expected, 1e-7 * expected);
    optimizer.step(optim.lr, 1 / static_cast<double>(mine.numbers.size()), optimizer.gradient_norm());
  }
  expect_rows(mine, "movement", row_of("movement of each LoRA tensor in three AdamW steps", 1e-5),
              [&](size_t i) { return mine.parameters[i].tensor->detach().sub(start[i]); });
}

}  // namespace
}  // namespace rrpo::train
