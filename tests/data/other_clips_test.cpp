// Second clips of rows, from the file to the micro-batch: what is refused, what is read, and how often.
#include "other_clips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/media.h"
#include "rrpo/data/media_check.h"
#include "rrpo/text/chat.h"
#include "rrpo/util/error.h"
#include "rrpo/util/random.h"

namespace rrpo::data {
namespace {

using test::Opened;
using test::pair_with;
using test::pictures;
using test::TinyWorld;
using testing::ElementsAre;
using testing::HasSubstr;

const DatasetRules kOthers{.roles = {Role::chosen, Role::rejected, Role::other_chosen}};

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

Json changed(const Json& step, uint64_t seed = 0) { return {{"perturb", Json::array({step})}, {"seed", seed}}; }
/// All frames under one colour.
Json blank() { return changed({{"name", "blank"}, {"share", {1, 1}}}); }

/// Everything in one micro-batch, on the caller's thread.
LoaderRules in_one(const TinyWorld& world, int64_t rows) {
  return {.root = world.root(), .order = {.shuffle = false}, .batch = {.batch = rows, .micro = rows}};
}

/// What an objective needs of a row, and what the row has, in one line with its place, its id and a remedy.
TEST(OtherClips, ARowWithoutWhatAnObjectiveReadsIsAFaultOfOneLine) {
  const TinyWorld world(2, 1);
  const policy::Policy policy = world.open();
  Json bare = TinyWorld::pair(7, 0), no_answer = pair_with(7, 0, blank()), same = no_answer, steps = no_answer,
       lost = no_answer, outside = no_answer;
  no_answer.erase("other_chosen");
  same["other_chosen"] = same["chosen"];
  steps["other"] = changed({{"name", "mask"}, {"fil", "mean"}});
  lost["other"] = pictures({"nowhere"});
  outside["other"] = pictures({"../pairs"});
  struct Case {
    Json row;
    DatasetRules rules;
    std::string reason;
  };
  const std::vector<Case> cases = {{bare, kOthers, "has no other_chosen, which this objective reads"},
                                   {bare, {.roles = {Role::chosen, Role::chosen_other}}, "has no other, which"},
                                   {no_answer, kOthers, "has no other_chosen, which"},
                                   {no_answer, {.reference_apart = true}, "has no reference, which"},
                                   {same, kOthers, "other_chosen and chosen are the same text"},
                                   {steps, kOthers, "other.perturb[0].fil"},
                                   {lost, kOthers, "nowhere.png"},
                                   {outside, kOthers, "leaves the video root"}};
  for (const auto& [row, rules, reason] : cases) {
    const auto file = test::write_pairs(world, {pair_with(0, 1, pictures({"0-0"})), row});
    const std::string line = fault_of([&] { read_dataset({file}, world.root(), policy, rules); });
    EXPECT_THAT(line, testing::AllOf(HasSubstr("others.jsonl:"), HasSubstr(reason), HasSubstr("; fix: ")));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find("; fix: "), line.rfind("; fix: ")) << line;
  }
  same["id"] = "row-8";
  steps["id"] = "row-9";
  // A skipped row leaves none of its clips behind: nobody would read them.
  const auto file = test::write_pairs(world, {pair_with(0, 1, pictures({"0-0"})), lost, same, steps});
  DatasetRules tolerant = kOthers;
  tolerant.skip_bad_rows = true;
  const Dataset dataset = read_dataset({file}, world.root(), policy, tolerant);
  EXPECT_EQ(dataset.rows(), 1);
  EXPECT_EQ(dataset.skipped.size(), 3U);
  EXPECT_EQ(dataset.videos.size(), 2U);
}

TEST(OtherClips, AMediaIsDecodedOnceForAllOfItsViews) {
  const TinyWorld world(2, 1);
  const policy::Policy policy = world.open();
  const auto file = test::write_pairs(
      world, {pair_with(0, 0, blank()), pair_with(1, 0, changed("reverse")), pair_with(2, 1, pictures({"0-0", "0-1"}))});
  const Dataset dataset = read_dataset({file}, world.root(), policy, kOthers);
  EXPECT_EQ(dataset.videos.size(), 4U);  // v0 as it is, blank and reversed, and v1
  SeenMedia seen;
  LoaderRules rules = in_one(world, 3);
  rules.seen = &seen;
  Loader loader(dataset, policy, nullptr, rules, 0, 1);
  Opened opened(world.root());
  const rows::Media& media = dataset.videos[0].media;
  const video::Frames frames = read_media(media, world.root(), {});
  const int64_t once = opened.times("0-1.png");
  ASSERT_GT(once, 0);
  const auto batch = loader.next();
  EXPECT_EQ(opened.times("0-1.png"), once);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->clips.size(), 4U);
  // Blank is one colour, reversed the same frames the other way round, and the media's hash that of its own frames.
  const at::Tensor own = batch->clips[0].input.pixels.at(0);
  const at::Tensor grey = batch->clips[1].input.pixels.at(0).flatten(2);
  EXPECT_TRUE(grey.amax({2}).equal(grey.amin({2})));
  EXPECT_TRUE(batch->clips[2].input.pixels.at(0).equal(own.flip(0)));
  const uint64_t hash = hash64({reinterpret_cast<const char*>(frames.rgb.data()), frames.rgb.size()});
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen.at(media.key()).frames, hash);
  for (size_t c = 0; c < 3; ++c) EXPECT_EQ(batch->clips[c].frames, hash);
}

TEST(OtherClips, ABadOneIsAsBadAsTheRowsOwn) {
  const TinyWorld world(3, 1);
  const policy::Policy policy = world.open();
  // Row 0 has it as the second clip, row 1 as its own and in a second view, row 2 not at all.
  const auto file = test::write_pairs(
      world, {pair_with(0, 0, pictures({"1-0"})), pair_with(1, 1, blank()), pair_with(2, 2, pictures({"2-0"}))});
  const Dataset dataset = read_dataset({file}, world.root(), policy, kOthers);
  std::ofstream(world.root() / "1-0.png", std::ios::trunc) << "no picture";
  LoaderRules rules = in_one(world, 3);
  Loader strict(dataset, policy, nullptr, rules, 0, 1);
  EXPECT_THAT(fault_of([&] { strict.next(); }), HasSubstr("row-0: "));
  rules.skip_bad_media = true;
  Loader tolerant(dataset, policy, nullptr, rules, 0, 1);
  const auto batch = tolerant.next();
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->ids, ElementsAre("row-2"));
  ASSERT_EQ(batch->skipped.size(), 2U);
  EXPECT_EQ(batch->skipped[1].id, "row-1");
  EXPECT_EQ(batch->clips.size(), 2U);  // that of row 0 alone is not encoded for nobody
}

TEST(OtherClips, RowsOfOneVideoStayTogetherWhateverElseTheyShow) {
  const TinyWorld world(3, 1);
  const policy::Policy policy = world.open();
  std::vector<Json> rows;
  for (int64_t i = 0; i < 6; ++i) rows.push_back(pair_with(i, i % 3, pictures({std::to_string((i + 1) % 3) + "-0"})));
  const Dataset dataset = read_dataset({test::write_pairs(world, rows)}, world.root(), policy, kOthers);
  LoaderRules rules = in_one(world, 6);
  rules.order.group_by_video = 2;
  rules.batch.micro = 2;
  Loader loader(dataset, policy, nullptr, rules, 0, 1);
  for (int64_t v = 0; v < 3; ++v) {
    const auto batch = loader.next();
    ASSERT_TRUE(batch);
    EXPECT_THAT(batch->place.rows, ElementsAre(v, v + 3));
    EXPECT_EQ(batch->clips.size(), 2U);  // both rows' own video, and the second clip that both name
  }
}

TEST(OtherClips, AreDecodedAndPerturbedByTheCheckBeforeARun) {
  const TinyWorld world(2, 1);
  rows::View own, turned, other;
  own.media.frames = turned.media.frames = {"0-0.png", "0-1.png"};
  turned.perturb = Json::array({"reverse"});
  other.media.frames = {"1-0.png", "1-1.png"};
  Opened opened(world.root());
  EXPECT_TRUE(unreadable_media({own}, world.root(), {}, 0).empty());
  const int64_t once = opened.times("0-0.png");
  EXPECT_TRUE(unreadable_media({own, turned, other}, world.root(), {}, 0).empty());
  EXPECT_EQ(opened.times("0-0.png"), once);
  std::ofstream(world.root() / "0-1.png", std::ios::trunc) << "no picture";
  const auto faults = unreadable_media({own, turned, other}, world.root(), {}, 0);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].media, own.media.key());
  turned.media = other.media;
  turned.perturb = Json::array({"no such thing"});
  EXPECT_THROW(unreadable_media({other, turned}, world.root(), {}, 0), Error);
}

/// A prompt tells the times of the clip that it is about.
TEST(OtherClips, HaveTimesOfTheirOwn) {
  const test::TempDir dir;
  Json row = pair_with(0, 0, {{"video", "bframes.mp4"}, {"clip", {{"start_s", 1}}}});
  row.erase("frames");
  row["video"] = "bframes.mp4";
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/llava_qwen/checkpoint");
  config.time_instruction = "line";
  const policy::Policy policy = policy::open_policy(config, "cpu");
  DatasetRules rules = kOthers;
  rules.video = {.frames = 4, .sampling = "linspace"};
  const auto file = dir.write("pairs.jsonl", row.dump() + "\n");
  const Dataset dataset = read_dataset({file}, test::source_file("tests/fixtures"), policy, rules);
  const Sample& sample = dataset.samples.at(0);
  EXPECT_THAT(policy.tokenizer->decode(sample.own.question), HasSubstr("located at 0.00s,0.75s,1.50s,2.38s."));
  rows::Media part = dataset.view(sample.own).media;
  part.start_s = 1;
  const video::Frames frames = read_media(part, test::source_file("tests/fixtures"), rules.video);
  const std::string asked = policy::timed_question(policy, frames, row["question"].get<std::string>());
  EXPECT_EQ(sample.other.value().question, text::encode_question(*policy.tokenizer, policy.chat, asked));
  EXPECT_NE(sample.other.value().question, sample.own.question);
}

/// An eye that reads the question knows a clip for each text, the second one's too.
TEST(OtherClips, AreSeenWithTheQuestionByAnEyeThatReadsIt) {
  const TinyWorld world(2, 1);
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/longvu/checkpoint");
  const policy::Policy policy = policy::open_policy(config, "cpu");
  std::vector<Json> rows = {pair_with(0, 0, pictures({"1-0", "1-1"})), pair_with(1, 1, pictures({"0-0", "0-1"})),
                            pair_with(2, 0, pictures({"1-0", "1-1"}))};
  rows[2]["question"] = rows[0]["question"];
  const Dataset dataset = read_dataset({test::write_pairs(world, rows)}, world.root(), policy, kOthers);
  EXPECT_EQ(dataset.videos.size(), 4U);  // two clips, two questions
  ASSERT_EQ(dataset.eye_texts.size(), 4U);
  const AskedClip &own = dataset.samples[0].own, &other = dataset.samples[0].other.value();
  EXPECT_EQ(dataset.eye_text(own.video), dataset.eye_text(other.video));
  EXPECT_NE(dataset.eye_text(own.video), dataset.eye_text(dataset.samples[1].other.value().video));
  EXPECT_EQ(dataset.samples[2].other.value().video, other.video);
}

/// Only the answers that stand under a clip count for its length.
TEST(OtherClips, AnAnswerIsTooLongOnlyWhereItStands) {
  const TinyWorld world(2, 1);
  policy::Policy policy = world.open();
  Json row = pair_with(0, 0, pictures({"1-0"}));
  std::string text = "It is yellow";
  for (int i = 0; i < 40; ++i) text += " and yellow";
  row["other_chosen"] = {{"text", text}};
  const auto file = test::write_pairs(world, {row});
  const Dataset dataset = read_dataset({file}, world.root(), policy, kOthers);
  const Sample& sample = dataset.samples[0];
  EXPECT_EQ(longest_answer(sample, sample.other.value(), dataset.roles),
            static_cast<int64_t>(sample.other_chosen.ids.size()));
  EXPECT_EQ(longest_answer(sample, sample.own, dataset.roles),
            static_cast<int64_t>(std::max(sample.chosen.ids.size(), sample.rejected.ids.size())));
  const auto too_long = [&](const AskedClip& clip, int64_t positions) {
    policy.positions = positions;
    const std::string line = fault_of([&] { read_dataset({file}, world.root(), policy, kOthers); });
    EXPECT_THAT(line, HasSubstr(", " + std::to_string(longest_answer(sample, clip, dataset.roles)) + " of the longer"));
    return std::stoll(line.substr(line.find("row-0: ") + 7));
  };
  const int64_t own = too_long(sample.own, 1);
  EXPECT_GT(too_long(sample.other.value(), own), own);
}

}  // namespace
}  // namespace rrpo::data
