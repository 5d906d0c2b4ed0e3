// Answers that grow together, and looks at them that come less often, are the answers of one clip looked at at every token.
#include "rrpo/policy/generate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "policy/golden.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/devices.h"
#include "rrpo/util/error.h"

namespace rrpo::policy::test {
namespace {

using testing::ElementsAre;

/// The clips of the tiny golden and two questions about each. In double the company changes no choice.
class Together : public testing::Test {
 protected:
  Together() : policy_(open_case(golden("tiny"), model::Dtype::float64)) {
    for (const Json& clip : golden("tiny").json.at("clips")) {
      const auto question = clip.at("question").get<std::string>();
      clips_.push_back({encode_clip(policy_, clip)});
      questions_.push_back({{question}, {"And then? " + question}});
    }
  }

  std::vector<ClipQuestions> all() {
    std::vector<ClipQuestions> asked;
    for (size_t c = 0; c < clips_.size(); ++c) asked.push_back({&clips_[c], questions_[c]});
    return asked;
  }
  /// Ids of the answers, clip after clip, each clip by itself.
  std::vector<std::vector<int64_t>> alone(int64_t count) {
    std::vector<std::vector<int64_t>> ids;
    for (size_t c = 0; c < clips_.size(); ++c) {
      for (const Generated& one : generate(policy_, clips_[c], questions_[c], count)) ids.push_back(one.ids);
    }
    return ids;
  }

  Policy policy_;
  std::vector<Clip> clips_;
  std::vector<std::vector<Ask>> questions_;
};

std::vector<std::vector<int64_t>> ids_of(const std::vector<Generated>& answers) {
  std::vector<std::vector<int64_t>> ids;
  for (const Generated& one : answers) ids.push_back(one.ids);
  return ids;
}

TEST_F(Together, ClipsAreAnsweredAsAlone) {
  ASSERT_GE(clips_.size(), 2U);
  EXPECT_EQ(ids_of(generate_together(policy_, all(), 12)), alone(12));
}

TEST_F(Together, AClipWithoutQuestionsAndAQuestionTooLongChangeNothing) {
  const std::vector<std::vector<int64_t>> expected = alone(6);
  std::vector<ClipQuestions> asked = all();
  std::string longer;
  for (int i = 0; i < 20000; ++i) longer += "word ";
  asked[0].questions.insert(asked[0].questions.begin() + 1, Ask{longer});
  asked[1].questions.clear();
  const std::vector<Generated> answers = generate_together(policy_, asked, 6);
  EXPECT_EQ(answers[0].ids, expected[0]);
  EXPECT_THAT(answers[1].fault, testing::HasSubstr("the model has 512 positions"));
  EXPECT_EQ(answers[2].ids, expected[1]);
  EXPECT_EQ(answers[3].ids, expected[4]);
}

/// Answers end at a stop id or at the limit in the middle of what was computed ahead.
TEST_F(Together, TokensBehindTheEndOfAnAnswerAreDropped) {
  policy_.stop_ids = {alone(12)[0][4]};
  const std::vector<Generated> expected = generate_together(policy_, all(), 11);
  EXPECT_TRUE(expected[0].finished);
  for (const int64_t ahead : {2, 3, 8, 100}) {
    const std::vector<Generated> answers = generate_together(policy_, all(), 11, {}, {.ahead = ahead});
    EXPECT_EQ(ids_of(answers), ids_of(expected)) << ahead;
    for (size_t k = 0; k < answers.size(); ++k) EXPECT_EQ(answers[k].finished, expected[k].finished) << ahead;
  }
}

TEST_F(Together, ChanceGoesByTheQuestion) {
  const auto sampling = [&](size_t first, size_t count) {
    Sampling how{1.2, 0.95, {}};
    for (size_t i = first; i < first + count; ++i) how.streams.emplace_back(i, "answer");
    return how;
  };
  const std::vector<Generated> together = generate_together(policy_, all(), 8, sampling(0, 2 * clips_.size()));
  for (size_t c = 0; c < clips_.size(); ++c) {
    const std::vector<Generated> own = generate(policy_, clips_[c], questions_[c], 8, {}, sampling(2 * c, 2));
    for (size_t k = 0; k < 2; ++k) EXPECT_EQ(together[2 * c + k].ids, own[k].ids) << c;
  }
}

TEST_F(Together, SaysWhichQuestionHasNoNumbers) {
  policy_.lvlm.weights().decoder.norm.weight.fill_(std::numeric_limits<double>::quiet_NaN());
  try {
    generate_together(policy_, {{&clips_[0], {}}, {&clips_[1], {{"second?"}}}}, 4);
    FAIL() << "not seen";
  } catch (const LogitsNotFinite& fault) {
    EXPECT_EQ(fault.question(), 0);
    EXPECT_THAT(fault.what(), testing::HasSubstr("'second?'"));
  }
}

/// The definition, with every weight computed.
int64_t plain_draw(const std::vector<float>& logits, double temperature, double top_p, Random& random) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights;
  double total = 0;
  for (const float logit : logits) {
    weights.push_back(std::exp((static_cast<double>(logit) - highest) / temperature));
    total += weights.back();
  }
  if (top_p >= 1) return random.weighted(weights);
  std::vector<int64_t> order;
  for (size_t i = 0; i < weights.size(); ++i) order.push_back(static_cast<int64_t>(i));
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return weights[static_cast<size_t>(a)] > weights[static_cast<size_t>(b)]; });
  std::vector<double> kept;
  for (double sum = 0; kept.size() < order.size() && (kept.empty() || sum < top_p * total); sum += kept.back())
    kept.push_back(weights[static_cast<size_t>(order[kept.size()])]);
  return order[static_cast<size_t>(random.weighted(kept))];
}

TEST(Draw, PassesOverNothingThatChangesADraw) {
  for (uint64_t round = 0; round < 400; ++round) {
    Random random(round, "logits");
    std::vector<float> logits(static_cast<size_t>(1 + random.below(round % 20 == 0 ? 5000 : 200)));
    const double spread = std::exp(random.uniform(-2, 5));
    for (float& logit : logits) logit = static_cast<float>(random.normal() * spread);
    for (float& logit : logits) {
      if (&logit != &logits.front() && random.chance(0.02)) logit = -std::numeric_limits<float>::infinity();
    }
    for (const double temperature : {1e-9, 0.05, 0.7, 1.0, 5.0}) {
      for (const double top_p : {1.0, 0.999, 0.6}) {
        Random mine(round, "draw"), plain(round, "draw");
        for (int i = 0; i < 3; ++i)
          ASSERT_EQ(draw_token(logits.data(), static_cast<int64_t>(logits.size()), temperature, top_p, mine),
                    plain_draw(logits, temperature, top_p, plain))
              << round << " " << temperature << " " << top_p;
      }
    }
  }
}

TEST(Devices, OfACpuIsOne) {
  EXPECT_THAT(resolve_devices("cpu", "auto"), ElementsAre("cpu"));
  EXPECT_THAT(resolve_devices("cpu", "1"), ElementsAre("cpu"));
  EXPECT_THROW(resolve_devices("cpu", "2"), Error);
  for (const char* right : {"auto", "1", "8"}) EXPECT_NO_THROW(check_devices("devices", right)) << right;
  for (const char* wrong : {"", "0", "-1", "all", "2x"}) EXPECT_THROW(check_devices("devices", wrong), Error) << wrong;
}

}  // namespace
}  // namespace rrpo::policy::test
