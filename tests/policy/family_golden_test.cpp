// Every family against its original, by the golden files of scripts/oracles/NAME.py: prompts, pixels, visual tokens, places,
// logits, greedy tokens, and what answers come to under an adapter. What is one family's own stands in NAME_test.cpp.
#include "policy/family_golden.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using rrpo::test::expect_parity;
using rrpo::test::expect_same;
using rrpo::test::original;

class Family : public testing::TestWithParam<std::string> {
 protected:
  /// Calls `each` with the number of each golden clip and the clip.
  template <class Each>
  void each_clip(const Each& each) const {
    const Json& clips = golden_.json.at("clips");
    for (size_t i = 0; i < clips.size(); ++i) {
      SCOPED_TRACE("clip " + std::to_string(i));
      each(i, clips[i]);
    }
  }
  const FamilyGolden& golden_ = family_golden(GetParam());
  const std::string transformers_ = original(golden_.json, "transformers");
  const at::NoGradGuard no_grad_;
};
INSTANTIATE_TEST_SUITE_P(Families, Family, testing::ValuesIn(family_cases()), [](const auto& info) { return info.param; });

std::string question_of(const Json& clip) { return clip.at("question").get<std::string>(); }

TEST_P(Family, PromptsAreTheSameIds) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  std::map<int64_t, std::vector<model::VisualRun>> runs;
  each_clip([&](size_t i, const Json& clip) {
    runs[static_cast<int64_t>(i)] = see(policy, clip, question_of(clip)).runs;
    expect_same({GetParam(), transformers_, "ids of prompts"},
                prompt_ids(policy, clip, runs[static_cast<int64_t>(i)], question_of(clip)) == ids_of(clip.at("prompt")),
                question_of(clip));
  });
  for (const Json& prompt : golden_.json.at("prompts")) {
    const Json& clip = golden_.clip(prompt.at("clip"));
    const std::string question = question_of(prompt);
    if (policy.lvlm.vision().reads_text()) runs[prompt.at("clip")] = see(policy, clip, question).runs;
    expect_same({GetParam(), transformers_, "ids of prompts"},
                prompt_ids(policy, clip, runs.at(prompt.at("clip")), question) == ids_of(prompt.at("ids")), question);
  }
}

TEST_P(Family, AnswersAreTheSameIds) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  for (const Json& pair : golden_.json.at("pairs")) {
    for (const char* side : {"chosen", "rejected"}) {
      const text::AnswerIds answer =
          text::encode_answer(*policy.tokenizer, marked_text(pair.at(side)), policy.end_of_turn, policy.chat.answer_end);
      expect_same({GetParam(), transformers_, "ids and marks of answers"},
                  answer.ids == ids_of(pair.at(side).at("ids")) && answer.phrase == ids_of(pair.at(side).at("phrase")),
                  pair.at(side).at("text"));
    }
  }
}

TEST_P(Family, PixelsAreTheSameBits) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  const std::string pillow = ", Pillow " + golden_.json.at("versions").at("PIL").get<std::string>();
  each_clip([&](size_t /*i*/, const Json& clip) {
    const model::ClipInput input = family_clip(policy, clip);
    ASSERT_EQ(input.pixels.size(), clip.at("pixels").size());
    for (size_t tower = 0; tower < input.pixels.size(); ++tower) {
      const Json& expected = clip.at("pixels")[tower];
      const at::Tensor& pixels = input.pixels[tower];
      ASSERT_EQ(pixels.sizes().vec(), ids_of(expected.at("shape")));
      const float* values = pixels.const_data_ptr<float>();
      for (size_t k = 0; k < expected.at("at").size(); ++k)
        EXPECT_EQ(values[expected.at("at")[k].get<int64_t>()], expected.at("values")[k].get<float>()) << k;
      expect_same({GetParam(), transformers_ + pillow, "pixels of clips"},
                  video::test::crc32(values, pixels.nbytes()) == expected.at("crc32").get<uint32_t>());
    }
  });
}

/// Golden values are float64 rounded to float32; a wrong GELU or epsilon moves them by 1e-5.
const std::vector<std::pair<model::Dtype, double>> kTolerances = {{model::Dtype::float64, 3e-7},
                                                                  {model::Dtype::float32, 1e-4}};

TEST_P(Family, VisualTokens) {
  for (const auto& [dtype, standard] : kTolerances) {
    const double tolerance = golden_.tolerance("visual" + in_type(dtype), standard);
    const Policy policy = open_family(golden_, dtype);
    each_clip([&, dtype = dtype](size_t i, const Json& clip) {
      const model::VisualTokens visual = see(policy, clip, question_of(clip));
      expect_parity({GetParam(), transformers_, "visual tokens" + in_type(dtype), tolerance},
                    relative(visual.tokens, golden_.tensor("visual", i)));
      for (size_t k = 0; k < visual.deep.size(); ++k)
        expect_parity({GetParam(), transformers_, "visual tokens for deeper layers" + in_type(dtype), tolerance},
                      relative(visual.deep[k], golden_.tensor("deep." + std::to_string(i), k)));
      EXPECT_EQ(golden_.tensors.count("deep." + std::to_string(i) + "." + std::to_string(visual.deep.size())), 0);
      const auto foreseen = policy.lvlm.vision().runs(family_clip(policy, clip).form);
      if (foreseen) EXPECT_EQ(*foreseen, visual.runs);
    });
  }
}

TEST_P(Family, TowerStageByStage) {
  for (const Json& stage : golden_.json.at("stages")) {
    const auto name = stage.at("name").get<std::string>();
    const rrpo::test::TempDir folder;
    shrink(golden_, stage, folder.path());
    const Policy policy = open_family(golden_, model::Dtype::float64, "", folder.path());
    const model::VisualTokens visual = see(policy, golden_.clip(0), question_of(golden_.clip(0)));
    expect_parity(
        {GetParam(), transformers_, "visual tokens of towers that are cut, double", golden_.tolerance("stages", 3e-7)},
        relative(visual.tokens, golden_.tensors.at("stage." + name)), name);
  }
}

TEST_P(Family, Positions) {
  const Policy policy = open_family(golden_, model::Dtype::float32);
  each_clip([&](size_t i, const Json& clip) {
    const at::Tensor expected = golden_.tensor("positions", i).to(at::kLong).contiguous();
    std::vector<int64_t> answer = ids_of(clip.at("greedy"));
    answer.resize(4);  // three of them are rows
    const model::VisualTokens visual = see(policy, clip, question_of(clip));
    const std::vector<model::Position> places =
        asked_rows(policy, clip, visual.runs, question_of(clip), answer).rows.positions;
    ASSERT_EQ(static_cast<int64_t>(places.size()), expected.size(0));
    const int64_t axes = expected.size(1);
    std::vector<int64_t> mine,
        theirs(expected.const_data_ptr<int64_t>(), expected.const_data_ptr<int64_t>() + expected.numel());
    for (const model::Position& place : places) {
      mine.push_back(place.time);
      if (axes == 3) mine.insert(mine.end(), {place.height, place.width});
    }
    expect_same({GetParam(), transformers_, "places of rows"}, mine == theirs);
  });
}

TEST_P(Family, Logits) {
  for (const auto& [dtype, standard] : kTolerances) {
    const Policy policy = open_family(golden_, dtype);
    each_clip([&, dtype = dtype, standard = standard](size_t i, const Json& clip) {
      const at::Tensor& expected = golden_.tensor("logits", i);
      std::vector<int64_t> ids = ids_of(clip.at("greedy"));
      ids.resize(static_cast<size_t>(expected.size(0)));
      expect_parity(
          {GetParam(), transformers_, "logits" + in_type(dtype), golden_.tolerance("logits" + in_type(dtype), standard)},
          relative(answer_logits(policy, clip, question_of(clip), ids), expected));
    });
  }
}

TEST_P(Family, GreedyTokens) {
  Policy policy = open_family(golden_, model::Dtype::float32);
  policy.stop_ids.clear();
  each_clip([&](size_t /*i*/, const Json& clip) {
    Clip shown{.visual = see(policy, clip, question_of(clip)), .still = clip.at("still")};
    const auto limit = static_cast<int64_t>(clip.at("greedy").size());
    const Generated answer = generate(policy, shown, {{.text = question_of(clip)}}, limit).at(0);
    expect_same({GetParam(), transformers_, "greedy tokens"}, answer.ids == ids_of(clip.at("greedy")), answer.text);
    EXPECT_EQ(answer.text, clip.at("text").get<std::string>());
  });
}

/// One answer of a golden pair; differences are absolute below 1 and relative above.
void expect_statistics(const FamilyGolden& golden, const Policy& policy, const Json& pair, const Json& expected,
                       const char* side, model::Dtype dtype) {
  const double tolerance = golden.tolerance("statistics" + in_type(dtype), dtype == model::Dtype::float64 ? 1e-9 : 5e-5);
  const std::vector<int64_t> ids = ids_of(pair.at(side).at("ids"));
  const auto logp_of = [&](model::Adapter adapter) {
    return answer_logits(policy, golden.clip(pair.at("clip")), question_of(pair), ids, adapter)
        .to(at::kDouble)
        .log_softmax(1);
  };
  const at::Tensor logp = logp_of(model::Adapter::on), reference = logp_of(model::Adapter::off);
  const at::Tensor label = at::tensor(ids).unsqueeze(1);
  const auto expect_near = [&](const at::Tensor& actual, const char* what) {
    const auto values = expected.at(side).at(what).get<std::vector<double>>();
    ASSERT_EQ(actual.numel(), static_cast<int64_t>(values.size()));
    for (size_t t = 0; t < values.size(); ++t) {
      const double difference = std::abs(actual.select(0, static_cast<int64_t>(t)).item<double>() - values[t]);
      expect_parity(
          {golden.name, original(golden.json, "peft"), std::string(what) + " of answer tokens" + in_type(dtype), tolerance},
          difference / std::max(1.0, std::abs(values[t])), std::to_string(t));
    }
  };
  expect_near(logp.gather(1, label).squeeze(1), "logp");
  expect_near(reference.gather(1, label).squeeze(1), "ref_logp");
  expect_near(reference.exp().mul(reference.sub(logp)).sum({1}), "kl");
}

TEST_P(Family, TokenStatisticsUnderAdapters) {
  const Json& pairs = golden_.json.at("pairs");
  for (const Json& run : golden_.json.at("runs")) {
    const auto adapter = run.at("adapter").get<std::string>();
    SCOPED_TRACE(adapter);
    for (const model::Dtype dtype : {model::Dtype::float64, model::Dtype::float32}) {
      const Policy policy = open_family(golden_, dtype, adapter);
      for (size_t p = 0; p < pairs.size(); ++p) {
        for (const char* side : {"chosen", "rejected"})
          expect_statistics(golden_, policy, pairs[p], run.at("pairs")[p], side, dtype);
      }
    }
  }
}

}  // namespace
}  // namespace rrpo::policy::test
