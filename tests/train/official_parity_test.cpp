// `--compat official` against the authors' loss class over whole conversations, by the golden files of
// scripts/oracles/spans.py (labels, marks) and scripts/oracles/official_loss.py (loss, gradients).
#include <algorithm>
#include <cmath>

#include "policy/golden.h"
#include "rrpo/train/pass.h"
#include "support/parity.h"

namespace rrpo::train {
namespace {

namespace golden_files = policy::test;
using rrpo::test::Comparison;
using rrpo::test::expect_parity;

Json read_golden(const char* name) { return read_json(rrpo::test::source_file("tests/golden/spans") / name, "test"); }

/// The golden pairs as rows of a file, about empty pictures that stand for the golden clips; clip numbers follow the videos.
std::filesystem::path write_rows(const rrpo::test::TempDir& dir, const Json& loss, const Json& spans) {
  std::string rows;
  for (const Json& pair : loss.at("pairs")) {
    const std::string picture = "clip-" + pair.at("clip").dump() + ".png";
    dir.write(picture, "");
    for (const Json& text : spans.at("pairs")) {
      if (text.at("name") != pair.at("name")) continue;
      const Json row = {{"id", pair.at("name")}, {"frames", {picture}}, {"question", "What happens?"}};
      Json whole = row;
      for (const char* side : {"chosen", "rejected"}) {
        const auto marked = text::parse_mask_tags(text.at(side).at("tagged").get<std::string>(),
                                                  text.at(side).at("plain").get<std::string>(), "golden");
        whole[side] = {{"text", marked.text}, {"spans", Json::array()}};
        for (const text::ByteRange& span : marked.spans) whole[side]["spans"].push_back({span.begin, span.end});
        if (!marked.tagged.empty()) whole[side]["tagged"] = marked.tagged;
      }
      rows += whole.dump() + "\n";
    }
  }
  return dir.write("pairs.jsonl", rows);
}

policy::Policy open_policy(const golden_files::Golden& tiny) {
  policy::Policy policy = golden_files::open_case(tiny, model::Dtype::float64, /*adapter=*/true);
  for (const text::ChatTemplate& chat : text::chat_templates()) {
    if (chat.name == "authors") policy.chat = chat;
  }
  return policy;
}

class OfficialLoss : public testing::Test {
 protected:
  /// Rows `rows` through model and loss; all of one clip share its prefix.
  Pass forward_rows(const std::vector<int64_t>& rows) {
    data::PairBatch batch;
    batch.place = {rows, 0, 0, true};
    std::vector<data::Clip>& clips = batch.clips;
    for (const int64_t row : rows) {
      const int64_t video = dataset_.samples[static_cast<size_t>(row)].own.video;
      batch.ids.push_back(dataset_.samples[static_cast<size_t>(row)].id);
      const auto known = [&](const data::Clip& clip) { return clip.video == video; };
      if (std::any_of(clips.begin(), clips.end(), known)) continue;
      const int64_t number = loss_.at("pairs").at(static_cast<size_t>(row)).at("clip");
      const Json& clip = tiny_.json.at("clips").at(static_cast<size_t>(number));
      clips.push_back({video, golden_files::clip_input(golden_files::clip_pixels(policy_, clip)), {}});
    }
    return forward({policy_, objective_}, dataset_, batch);
  }
  void expect(const std::string& key, const at::Tensor& values) {
    const Comparison comparison{"compat official", rrpo::test::original(loss_, "pritamqu/RRPO"), key + " of a pair, double",
                                1e-9};
    for (int64_t i = 0; i < dataset_.rows(); ++i) {
      const Json& pair = loss_.at("pairs").at(static_cast<size_t>(i));
      const double expected = pair.at(key), actual = values[i].item<double>();
      expect_parity(comparison, std::abs(actual - expected) / std::max(1e-3, std::abs(expected)), pair.at("name"));
    }
  }

  const golden_files::Golden& tiny_ = golden_files::golden("tiny");
  const Json loss_ = read_golden("loss.json"), spans_ = read_golden("golden.json");
  rrpo::test::TempDir dir_;
  policy::Policy policy_ = open_policy(tiny_);
  data::Dataset dataset_ = data::read_dataset({write_rows(dir_, loss_, spans_)}, dir_ / "", policy_, {.official = true});
  loss::Objective objective_ =
      loss::make_objective({{"name", "rrpo"}, {"alpha", loss_.at("alpha")}, {"beta", loss_.at("beta")}});
  const std::vector<int64_t> all_ = {0, 1, 2, 3, 4, 5};
};

TEST_F(OfficialLoss, PairsHaveTheAuthorsNumbers) {
  ASSERT_EQ(dataset_.rows(), static_cast<int64_t>(loss_.at("pairs").size()));
  const Pass pass = forward_rows(all_);
  expect("loss", pass.outputs.at(0).loss);
  expect("reward_chosen", pass.outputs.at(0).chosen_reward);
  expect("reward_rejected", pass.outputs.at(0).rejected_reward);
  expect("kl_chosen", pass.outputs.at(0).kl);
  at::Tensor logp = pass.stats.logp.new_zeros({2 * pass.stats.pairs});
  logp.index_add_(0, pass.stats.row, pass.stats.logp.detach());
  expect("logp_chosen", logp.slice(0, 0, pass.stats.pairs));
  expect("logp_rejected", logp.slice(0, pass.stats.pairs));
}

TEST_F(OfficialLoss, GradientsAreTheAuthors) {
  std::vector<model::NamedTensor> weights = model::adapter_tensors(policy_.lvlm);
  for (const model::NamedTensor& weight : weights) weight.tensor->set_requires_grad(true);
  forward_rows(all_).outputs.at(0).loss.mean().backward();
  ASSERT_EQ(weights.size(), loss_.at("gradients").size());
  const Comparison comparison{"compat official", rrpo::test::original(loss_, "pritamqu/RRPO"),
                              "gradient of each LoRA tensor, double", 1e-7};
  for (const model::NamedTensor& weight : weights) {
    const auto expected = loss_.at("gradients").at(weight.name).get<std::vector<double>>();
    const std::vector<double> mine =
        golden_files::fingerprint(weight.tensor->grad(), static_cast<int64_t>(expected.size()) - 1);
    double worst = 0;
    for (size_t k = 0; k < expected.size(); ++k) worst = std::max(worst, std::abs(mine[k] - expected[k]));
    expect_parity(comparison, worst / std::max(expected[0], 1e-9), weight.name);
  }
}

}  // namespace
}  // namespace rrpo::train
