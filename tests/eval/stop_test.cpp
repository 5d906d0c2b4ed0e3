// A stop while a video is read leaves no row about it; the next run makes what an undisturbed one makes.
#include <gtest/gtest.h>

#include <csignal>

#include "data/tiny_world.h"
#include "rrpo/eval/predict.h"
#include "rrpo/util/stop.h"

namespace rrpo::eval {
namespace {

TEST(Stop, LeavesAWholeFileOfPredictions) {
  const test::TinyWorld world;
  EvalConfig config;
  config.model.path = world.model();
  config.eval.questions = world.questions();
  config.eval.video_root = world.root();
  config.eval.max_new_tokens = 4;
  config.device = "cpu";
  config.threads = 1;
  const std::vector<rows::Question> questions = rows::read_questions(world.questions());
  const auto file = world / "predictions.jsonl", undisturbed = world / "undisturbed.jsonl";
  EXPECT_FALSE(predict(config, questions, undisturbed).stopped);
  set_stop_signal(SIGTERM);
  const Predictions halted = predict(config, questions, file);
  set_stop_signal(0);
  EXPECT_TRUE(halted.stopped);
  EXPECT_TRUE(halted.rows.empty());
  EXPECT_EQ(read_file(file, "test"), "");
  const Predictions rest = predict(config, questions, file);
  EXPECT_FALSE(rest.stopped);
  EXPECT_EQ(rest.rows.size(), questions.size());
  EXPECT_EQ(read_file(file, "test"), read_file(undisturbed, "test"));
}

}  // namespace
}  // namespace rrpo::eval
