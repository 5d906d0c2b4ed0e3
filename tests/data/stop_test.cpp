// A stop in the middle of a video is no fault of the video: no answer, no skipped row, and the rest is as without it.
#include <gtest/gtest.h>

#include <csignal>

#include "rrpo/data/answers.h"
#include "rrpo/data/loader.h"
#include "rrpo/util/stop.h"
#include "tiny_world.h"

namespace rrpo::data {
namespace {

/// A stop signal that is forgotten at the end of a test.
struct Planted {
  Planted() = default;
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
  ~Planted() { set_stop_signal(0); }
};

TEST(Stop, EndsTheAnswersBetweenTwoVideos) {
  const Planted planted;
  const test::TinyWorld world;
  const policy::Policy policy = world.open();
  const std::vector<rows::Question> questions = rows::read_questions(world.questions());
  const std::vector<VideoQuestions> groups = group_by_video(questions);
  ASSERT_EQ(groups.size(), 3u);
  for (const int64_t threads : {0, 1, 3}) {
    set_stop_signal(0);
    AnswerRules rules{.root = world.root(), .video = {}, .max_new_tokens = 4, .threads = threads};
    rules.change = [&](const video::Frames& frames, const rows::Media& media) {
      if (media.key() == groups[1].media.key()) set_stop_signal(SIGTERM);
      return frames;
    };
    AnswerStream stream(policy, questions, groups, rules);
    int64_t answered = 0;
    while (const auto video = stream.next()) {
      EXPECT_EQ(video->fault, "");
      EXPECT_EQ(video->answers.size(), groups[static_cast<size_t>(video->group)].questions.size());
      ++answered;
    }
    EXPECT_LE(answered, 1) << threads;
    EXPECT_FALSE(stream.next()) << threads;
  }
}

TEST(Stop, IsNoSkippedRow) {
  const Planted planted;
  const test::TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const LoaderRules rules{
      .root = world.root(), .video = {}, .order = {}, .batch = {.batch = 3, .micro = 3}, .skip_bad_media = true};
  Loader loader(dataset, policy, nullptr, rules, 0, 1);
  set_stop_signal(SIGTERM);
  EXPECT_THROW(loader.next(), Stopped);
}

}  // namespace
}  // namespace rrpo::data
