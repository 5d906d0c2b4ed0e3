// A stop while a video is read leaves no row about it; the next run makes what an undisturbed one makes, of the same videos
// only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "data/other_noise.h"
#include "data/tiny_world.h"
#include "rrpo/eval/predict.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::eval {
namespace {

EvalConfig config_of(const test::TinyWorld& world) {
  EvalConfig config;
  config.model.path = world.model();
  config.eval.questions = world.questions();
  config.eval.video_root = world.root();
  config.eval.max_new_tokens = 4;
  config.device = "cpu";
  config.threads = 1;
  return config;
}

Predictions predict_all(const EvalConfig& config, const QuestionSet& set, const std::filesystem::path& file) {
  ModelOnDemand model(config.model, config.device, config.devices);
  return predict(config, set, {}, model, file);
}

TEST(Stop, LeavesAWholeFileOfPredictions) {
  const test::TinyWorld world;
  const EvalConfig config = config_of(world);
  const QuestionSet set = read_question_set(config.eval);
  const auto file = world / "predictions.jsonl", undisturbed = world / "undisturbed.jsonl";
  EXPECT_FALSE(predict_all(config, set, undisturbed).stopped);
  set_stop_signal(SIGTERM);
  const Predictions halted = predict_all(config, set, file);
  set_stop_signal(0);
  EXPECT_TRUE(halted.stopped);
  EXPECT_TRUE(halted.rows.empty());
  EXPECT_EQ(read_file(file, "test"), "");
  const Predictions rest = predict_all(config, set, file);
  EXPECT_FALSE(rest.stopped);
  EXPECT_EQ(rest.rows.size(), set.questions.size());
  EXPECT_EQ(read_file(file, "test"), read_file(undisturbed, "test"));
}

/// Three questions about each of three videos; the rows end in the middle of the second one.
TEST(Resume, RefusesAVideoWithOtherPicturesThanItsRowsTellOf) {
  const test::TinyWorld world;
  const EvalConfig config = config_of(world);
  const QuestionSet set = read_question_set(config.eval);
  const auto file = world / "predictions.jsonl";
  predict_all(config, set, file);
  const std::string whole = read_file(file, "test");
  test::keep_lines(file, 4);
  const std::string part = read_file(file, "test");
  test::replace_picture(world.root() / "0-0.png");  // nothing is asked about it any more
  test::replace_picture(world.root() / "1-0.png");
  try {
    predict_all(config, set, file);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("1-0.png"), testing::HasSubstr("--overwrite")));
  }
  EXPECT_EQ(read_file(file, "test"), part);
  test::keep_lines(file, 3);  // between two videos nothing is mixed
  EXPECT_EQ(predict_all(config, set, file).rows.size(), set.questions.size());
  EXPECT_NE(read_file(file, "test"), whole);
}

}  // namespace
}  // namespace rrpo::eval
