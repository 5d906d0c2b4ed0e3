#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "rrpo/data/answers.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/media.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/model/weights.h"
#include "rrpo/text/chat.h"
#include "tiny_world.h"

namespace rrpo::data {
namespace {

using test::TinyWorld;

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

void append(const std::filesystem::path& file, const Json& row) { std::ofstream(file, std::ios::app) << row.dump() << "\n"; }

TEST(Dataset, ReadsPairsAndSharesVideos) {
  const TinyWorld world(3, 2);
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  EXPECT_EQ(dataset.rows(), 6);
  EXPECT_EQ(dataset.videos.size(), 3U);
  EXPECT_EQ(dataset.samples[0].own.video, dataset.samples[3].own.video);
  for (const Sample& sample : dataset.samples) {
    EXPECT_EQ(sample.chosen.ids.back(), policy.end_of_turn);
    EXPECT_EQ(sample.rejected.ids.back(), policy.end_of_turn);
    EXPECT_NE(sample.chosen.ids, sample.rejected.ids);
  }
}

TEST(Dataset, TakesQuestionsOnlyWhereNoRejectedAnswerIsRead) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.questions()}, world.root(), policy, {.roles = {Role::chosen}, .marks = false});
  EXPECT_EQ(dataset.rows(), 9);
  EXPECT_TRUE(dataset.samples[0].rejected.ids.empty());
  EXPECT_THAT(fault_of([&] { read_dataset({world.questions()}, world.root(), policy, {}); }),
              testing::HasSubstr("questions.jsonl:1: holds a question"));
}

TEST(Dataset, DecidesByRowWhetherItIsAQuestion) {
  const TinyWorld world(2, 1);
  const policy::Policy policy = world.open();
  Json question = TinyWorld::pair(7, 0);
  question["answer"] = question["chosen"]["text"];
  question["format"] = "open";
  question.erase("chosen");
  question.erase("rejected");
  for (const bool first : {true, false}) {
    const auto file = world.dir().write("mixed.jsonl", first ? question.dump() + "\n" : "");
    append(file, TinyWorld::pair(0, 0));
    if (!first) append(file, question);
    const Dataset sft = read_dataset({file}, world.root(), policy, {.roles = {Role::chosen}, .marks = false});
    EXPECT_EQ(sft.rows(), 2);
    DatasetRules rules;
    rules.skip_bad_rows = true;
    const Dataset pairs = read_dataset({file}, world.root(), policy, rules);
    EXPECT_EQ(pairs.rows(), 1);
    ASSERT_EQ(pairs.skipped.size(), 1U);
    EXPECT_THAT(pairs.skipped[0].reason, testing::HasSubstr("holds a question"));
  }
}

TEST(Dataset, ThrowsAtTheFirstBadRowOrCountsThem) {
  const TinyWorld world(2, 1);
  const policy::Policy policy = world.open();
  Json unmarked = TinyWorld::pair(7, 0), equal = TinyWorld::pair(8, 0), lost = TinyWorld::pair(9, 0),
       outside = TinyWorld::pair(10, 0);
  unmarked["chosen"]["spans"] = unmarked["rejected"]["spans"] = Json::array();
  equal["rejected"] = equal["chosen"];
  lost["frames"] = {"nowhere.png"};
  outside["frames"] = {"../pairs.jsonl"};
  const std::vector<std::pair<Json, std::string>> faults = {
      {unmarked, "no marked token"}, {equal, "same text"}, {lost, "nowhere.png"}, {outside, "leaves the video root"}};
  for (const auto& [row, reason] : faults) {
    const auto file = world.dir().write("bad.jsonl", TinyWorld::pair(0, 0).dump() + "\n");
    append(file, row);
    EXPECT_THAT(fault_of([&] { read_dataset({file}, world.root(), policy, {}); }),
                testing::AllOf(testing::HasSubstr(reason), testing::HasSubstr(row["id"].get<std::string>())));
    append(world.pairs(), row);
  }
  append(world.pairs(), Json{{"id", "broken"}});
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {.skip_bad_rows = true});
  EXPECT_EQ(dataset.rows(), 2);
  EXPECT_EQ(dataset.skipped.size(), 5U);
}

/// The model's tokenizer with `[PAUSE]` in the place of `<|endoftext|>`: a control token that no list of markup knows.
void add_own_token(const TinyWorld& world) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    std::string text = read_file(world.model() / name, "test");
    constexpr std::string_view kOld = "<|endoftext|>";
    for (size_t at = text.find(kOld); at != std::string::npos; at = text.find(kOld))
      text.replace(at, kOld.size(), "[PAUSE]");
    io::write_file(world.model() / name, text);
  }
}

TEST(Dataset, RefusesControlTokensOfTheTokenizerOrCountsTheirRows) {
  const TinyWorld world(2, 1);
  add_own_token(world);
  const policy::Policy policy = world.open();
  ASSERT_GE(policy.tokenizer->id_of("[PAUSE]"), 0);
  Json question = TinyWorld::pair(7, 0), chosen = TinyWorld::pair(8, 0), rejected = TinyWorld::pair(9, 0);
  question["question"] = "What colour [PAUSE]?";
  for (auto& [row, side] : {std::pair(&chosen, "chosen"), {&rejected, "rejected"}})
    (*row)[side]["text"] = (*row)[side]["text"].get<std::string>() + "[PAUSE]";
  for (const auto& [row, key] : {std::pair(question, "question"), {chosen, "chosen"}, {rejected, "rejected"}}) {
    const auto file = world.dir().write("bad.jsonl", row.dump() + "\n");
    EXPECT_THAT(fault_of([&] { read_dataset({file}, world.root(), policy, {}); }),
                testing::AllOf(testing::HasSubstr(row["id"].get<std::string>()),
                               testing::HasSubstr(std::string(key) + " holds [PAUSE], a control token of this tokenizer")));
    append(world.pairs(), row);
  }
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {.skip_bad_rows = true});
  EXPECT_EQ(dataset.rows(), 2);
  EXPECT_EQ(dataset.skipped.size(), 3U);
  // Where no rejected answer is read, nobody minds what it holds.
  DatasetRules alone{.roles = {Role::chosen}, .marks = false, .skip_bad_rows = true};
  EXPECT_EQ(read_dataset({world.pairs()}, world.root(), policy, alone).rows(), 3);
}

TEST(Answers, RefuseControlTokensOfTheTokenizerInAQuestion) {
  const TinyWorld world(2, 1);
  add_own_token(world);
  const policy::Policy policy = world.open();
  std::vector<rows::Question> questions = rows::read_questions(world.questions());
  const AnswerRules rules{.root = world.root(), .video = {}, .max_new_tokens = 1, .threads = 1};
  EXPECT_TRUE(AnswerStream(policy, questions, group_by_video(questions), rules).next());
  questions[1].question = "What [PAUSE]?";
  EXPECT_THAT(fault_of([&] { AnswerStream(policy, questions, group_by_video(questions), rules); }),
              testing::AllOf(testing::HasSubstr("questions.jsonl:2"), testing::HasSubstr("question holds [PAUSE]")));
}

TEST(Dataset, RefusesAnEmptyResult) {
  const TinyWorld world(1, 1);
  const policy::Policy policy = world.open();
  const auto empty = world.dir().write("empty.jsonl", "\n");
  EXPECT_THAT(fault_of([&] { read_dataset({empty}, world.root(), policy, {}); }), testing::HasSubstr("no usable row"));
}

/// Everything of a loader's output that a run depends on.
std::vector<Json> outline(const TinyWorld& world, const policy::Policy& policy, const Dataset& dataset, int64_t threads,
                          int64_t first, int64_t last, int64_t group = 2) {
  const LoaderRules rules{.root = world.root(),
                          .video = {},
                          .order = {.seed = 3, .shuffle = true, .group_by_video = group},
                          .batch = {.batch = 4, .micro = 2},
                          .threads = threads};
  Loader loader(dataset, policy, nullptr, rules, first, last);
  std::vector<Json> batches;
  while (const auto batch = loader.next()) {
    double pixels = 0;
    for (const Clip& clip : batch->clips) pixels += clip.input.pixels.at(0).abs().sum().item<double>();
    batches.push_back({{"ids", batch->ids},
                       {"window", batch->place.window},
                       {"ends", batch->place.ends_window},
                       {"rows", batch->place.rows},
                       {"pixels", pixels}});
  }
  return batches;
}

TEST(Loader, IsTheSameForAnyNumberOfThreads) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const std::vector<Json> expected = outline(world, policy, dataset, 0, 0, 7);
  EXPECT_EQ(outline(world, policy, dataset, 1, 0, 7), expected);
  EXPECT_EQ(outline(world, policy, dataset, 3, 0, 7), expected);
  std::set<int64_t> windows;
  for (const Json& batch : expected) windows.insert(batch["window"].get<int64_t>());
  EXPECT_EQ(windows.size(), 7U);  // 9 rows make windows of 4, 4, 1
}

TEST(Loader, GoesOnInTheMiddleOfAnEpoch) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  std::vector<Json> expected = outline(world, policy, dataset, 0, 0, 7);
  std::erase_if(expected, [](const Json& batch) { return batch["window"].get<int64_t>() < 4; });
  EXPECT_EQ(outline(world, policy, dataset, 2, 4, 7), expected);
}

TEST(Loader, SharesOfSeveralAreTheWhole) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const std::vector<Json> expected = outline(world, policy, dataset, 0, 0, 7);
  for (const int64_t size : {2, 3}) {
    std::map<std::pair<int64_t, int64_t>, Json> ids;
    for (int64_t rank = 0; rank < size; ++rank) {
      const LoaderRules rules{.root = world.root(),
                              .video = {},
                              .order = {.seed = 3, .shuffle = true, .group_by_video = 2},
                              .batch = {.batch = 4, .micro = 2},
                              .share = {rank, size},
                              .threads = rank};
      Loader loader(dataset, policy, nullptr, rules, 0, 7);
      int64_t windows = 0;
      while (const auto batch = loader.next()) {
        windows += batch->place.ends_window;
        if (batch->pairs() > 0) ids[{batch->place.window, batch->place.number}] = batch->ids;
      }
      EXPECT_EQ(windows, 7);
    }
    std::vector<Json> in_order;
    for (const auto& [place, one] : ids) in_order.push_back(one);
    ASSERT_EQ(in_order.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(in_order[i], expected[i]["ids"]);
  }
}

// Nine rows in windows of up to 4, and two to a pass where they are of one video: epochs of 3 windows.
TEST(Loader, TellsTheMostPassesOfTheWindowsToCome) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  for (const int64_t size : {1, 2, 3}) {
    std::vector<int64_t> most(7, 0), told(7, 0);
    int64_t most_of_all = 0, told_of_all = 0;
    for (int64_t rank = 0; rank < size; ++rank) {
      const LoaderRules rules{.root = world.root(),
                              .video = {},
                              .order = {.seed = 3, .shuffle = true, .group_by_video = 2},
                              .batch = {.batch = 4, .micro = 2},
                              .share = {rank, size},
                              .threads = rank};
      Loader loader(dataset, policy, nullptr, rules, 2, 7);
      told_of_all = loader.most_passes(5);
      int64_t all = 0;
      for (size_t window = 2; window < 7; ++window) {
        told[window] = loader.most_passes();
        int64_t own = 0;
        for (bool open = true; open;) {
          const auto batch = loader.next();
          own += batch->pairs() > 0 ? 1 : 0;
          open = !batch->place.ends_window;
        }
        most[window] = std::max(most[window], own);
        all += own;
      }
      most_of_all = std::max(most_of_all, all);
    }
    EXPECT_EQ(told, most) << size;
    EXPECT_EQ(told_of_all, most_of_all) << size;
  }
}

/// The threads are at the next epochs' pictures before this one's last pass is done. The longer they are given, the surer.
TEST(Loader, ReadsAheadOverTheEndOfAnEpoch) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const LoaderRules rules{
      .root = world.root(), .video = {}, .order = {.seed = 3}, .batch = {.batch = 9, .micro = 9}, .threads = 2};
  bool whole = false;
  for (int64_t wait_ms = 10; wait_ms < 20000 && !whole; wait_ms *= 2) {
    Loader loader(dataset, policy, nullptr, rules, 0, 3);
    ASSERT_TRUE(loader.next());
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    std::filesystem::rename(world.root(), world / "away");
    try {
      whole = loader.next() && loader.next() && !loader.next();
    } catch (const Error&) {
      whole = false;
    }
    std::filesystem::rename(world / "away", world.root());
  }
  EXPECT_TRUE(whole);
}

TEST(Loader, NamesTheRowWhosePicturesAreDamagedOrDropsIt) {
  const TinyWorld world;
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  std::ofstream(world.root() / "1-0.png", std::ios::trunc) << "no picture";
  LoaderRules rules{.root = world.root(),
                    .video = {},
                    .order = {.seed = 3, .shuffle = false, .group_by_video = 1},
                    .batch = {.batch = 9, .micro = 9}};
  Loader strict(dataset, policy, nullptr, rules, 0, 1);
  EXPECT_THAT(fault_of([&] { strict.next(); }), testing::HasSubstr("row-1"));
  rules.skip_bad_media = true;
  Loader tolerant(dataset, policy, nullptr, rules, 0, 1);
  const auto batch = tolerant.next();
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->ids, testing::ElementsAre("row-0", "row-2", "row-3", "row-5", "row-6", "row-8"));
  EXPECT_EQ(batch->skipped.size(), 3U);
  EXPECT_EQ(batch->place.rows.size(), 6U);
}

/// Five visual tokens for each of the first two videos.
std::vector<ShownClip> two_clips(const policy::Policy& policy, const Dataset& dataset) {
  const std::vector<model::VisualRun> runs = {model::plain_run(5)};
  const auto leads = policy::clip_leads(policy, runs);
  return {{leads, runs, dataset.samples[0].own.video}, {leads, runs, dataset.samples[1].own.video}};
}

TEST(PairBatch, SharesThePrefixOfAVideo) {
  const TinyWorld world(2, 2);
  const policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const PackedPairs batch = pack_pairs(dataset, {0, 1, 2, 3}, two_clips(policy, dataset));
  EXPECT_EQ(batch.rows.visual.size(), 2U);
  // 2 videos, 4 questions, 8 answers.
  EXPECT_EQ(batch.rows.segments.size(), 14U);
  int64_t labels = 0;
  for (const Sample& sample : dataset.samples)
    labels += static_cast<int64_t>(sample.chosen.ids.size() + sample.rejected.ids.size());
  EXPECT_EQ(batch.labels.numel(), labels);
  EXPECT_EQ(batch.rows.read_rows.size(), static_cast<size_t>(labels));
  EXPECT_EQ(batch.answer.max().item<int64_t>(), 7);
}

/// What each answer of a batch predicts: place in its whole conversation -> label.
std::vector<std::map<int64_t, int64_t>> predictions(const PackedPairs& batch) {
  std::vector<std::map<int64_t, int64_t>> out(static_cast<size_t>(2 * batch.weight.numel()));
  for (int64_t m = 0; m < batch.labels.numel(); ++m) {
    const int64_t row = batch.rows.read_rows[static_cast<size_t>(m)];
    const int64_t place = batch.rows.positions[static_cast<size_t>(row)].time + 1;
    auto& of_answer = out[static_cast<size_t>(batch.answer[m].item<int64_t>())];
    EXPECT_TRUE(of_answer.emplace(place, batch.labels[m].item<int64_t>()).second) << "read twice";
  }
  return out;
}

TEST(Official, PromptsCarryTheAuthorsLabels) {
  const TinyWorld world(2, 2);
  policy::Policy policy = world.open();
  for (const text::ChatTemplate& chat : text::chat_templates()) {
    if (chat.name == "authors") policy.chat = chat;
  }
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {.official = true});
  ASSERT_EQ(dataset.rows(), 4);
  const std::vector<ShownClip> clips = two_clips(policy, dataset);
  const PackedPairs batch = pack_pairs(dataset, {0, 1, 2, 3}, clips);
  const auto predicted = predictions(batch);
  const int64_t newline = 198, start = 441, end = 442;  // of the toy tokenizer
  for (int64_t p = 0; p < 4; ++p) {
    const Sample& sample = dataset.samples[static_cast<size_t>(p)];
    for (const auto& [number, answer] : {std::pair(p, &sample.chosen), {4 + p, &sample.rejected}}) {
      std::vector<int64_t> ids = clips.front().leads.front();
      ids.insert(ids.end(), 5, -1);
      ids.insert(ids.end(), sample.own.question.begin(), sample.own.question.end());
      const auto answer_begin = static_cast<int64_t>(ids.size());
      ids.insert(ids.end(), answer->ids.begin(), answer->ids.end());
      std::map<int64_t, int64_t> expected;
      for (int64_t i = 1; i < static_cast<int64_t>(ids.size()); ++i) {
        const int64_t id = ids[static_cast<size_t>(i)];
        const bool header = i >= answer_begin - 3;  // <|im_start|>, assistant, newline
        if (header || id == newline || id == start || id == end) expected[i] = id;
      }
      EXPECT_EQ(predicted[static_cast<size_t>(number)], expected) << sample.id;
      EXPECT_EQ(answer->ids[answer->ids.size() - 2], end);
      EXPECT_EQ(answer->ids.back(), newline);
    }
  }
}

TEST(Official, PairsThatTheAuthorsDropAreCountedNotReplaced) {
  const TinyWorld world(1, 1);
  const policy::Policy policy = world.open();
  Json whole = TinyWorld::pair(1, 0), one_sided = TinyWorld::pair(2, 0);
  whole["chosen"] = {{"text", "left"}, {"spans", Json::array({Json::array({0, 4})})}};
  one_sided["rejected"]["spans"] = Json::array();
  append(world.pairs(), whole);
  append(world.pairs(), one_sided);
  EXPECT_EQ(read_dataset({world.pairs()}, world.root(), policy, {}).rows(), 3);
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {.official = true});
  EXPECT_EQ(dataset.rows(), 1);
  EXPECT_TRUE(dataset.skipped.empty());
  ASSERT_EQ(dataset.dropped.size(), 2U);
  EXPECT_EQ(dataset.dropped[0].id, "row-1");
  EXPECT_THAT(dataset.dropped[0].reason, testing::HasSubstr("chosen: without its tags"));
  EXPECT_THAT(dataset.dropped[1].reason, testing::HasSubstr("rejected: it has no tags"));
  // An objective that reads no marks drops none, but has the same labels.
  const Dataset unmarked = read_dataset({world.pairs()}, world.root(), policy, {.marks = false, .official = true});
  EXPECT_EQ(unmarked.rows(), 3);
  EXPECT_FALSE(unmarked.before_labels.empty());
}

TEST(Dataset, MarksTheDifferenceWhereAskedTo) {
  const TinyWorld world(1, 1);
  const policy::Policy policy = world.open();
  Json row = TinyWorld::pair(1, 0);
  row["chosen"] = {{"text", "It is red and round."}};
  row["rejected"] = {{"text", "It is blue and round, too."}};
  const auto file = world.dir().write("plain.jsonl", row.dump() + "\n");
  fault_of([&] { read_dataset({file}, world.root(), policy, {}); });
  for (const bool official : {false, true}) {
    const Dataset dataset = read_dataset({file}, world.root(), policy, {.difference = true, .official = official});
    ASSERT_EQ(dataset.rows(), 1);
    const auto marked = [&](const text::AnswerIds& answer) {
      std::vector<int64_t> ids;
      for (size_t i = 0; i < answer.ids.size(); ++i) {
        if (answer.phrase[i] > 0) ids.push_back(answer.ids[i]);
      }
      return policy.tokenizer->decode(ids);
    };
    EXPECT_EQ(marked(dataset.samples[0].chosen), " red");
    EXPECT_EQ(marked(dataset.samples[0].rejected), " blue");  // what is only inserted is not marked
  }
}

TEST(VisualCache, ReturnsWhatWasPutInAndKeepsToItsRoom) {
  VisualCache cache(3 * 40);
  rows::View a, b;
  a.media.video = "a.mp4";
  b.media.video = "b.mp4";
  const model::VisualTokens tokens{at::randn({5, 4}), {}, {model::plain_run(5)}};  // 80 bytes
  EXPECT_FALSE(cache.find(a).defined());
  cache.insert(a, {}, tokens);
  cache.insert(b, {}, tokens);
  EXPECT_TRUE(cache.find(a).tokens.equal(tokens.tokens));
  EXPECT_FALSE(cache.find(b).defined());
}

TEST(VisualCache, FolderServesALaterRunWithTheSameContentOnly) {
  const TinyWorld world(1, 1);
  policy::Policy policy = world.open();
  const Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  const model::VisualTokens tokens{at::randn({5, 24}), {}, {model::plain_run(5)}};
  const auto opened = [&] {
    auto cache = std::make_unique<VisualCache>();
    cache->open_folder(world / "cache", policy, {}, world.root());
    return cache;
  };
  opened()->insert(dataset.videos[0], {}, tokens);
  EXPECT_TRUE(opened()->find(dataset.videos[0]).tokens.equal(tokens.tokens));
  for (model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    if (weight.part == model::Part::projector) weight.tensor->mul_(2);
  }
  EXPECT_FALSE(opened()->find(dataset.videos[0]).defined());
  opened()->insert(dataset.videos[0], {}, tokens);
  EXPECT_TRUE(opened()->find(dataset.videos[0]).defined());
  policy.pixels.front().mean[0] = 0.25F;  // the same weights, other tokens
  EXPECT_FALSE(opened()->find(dataset.videos[0]).defined());
}

TEST(ClipInput, OneStillIsShownInTilesWhereThatIsAskedFor) {
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/onevision_variants/checkpoint");
  const policy::Policy plain = policy::open_policy(config, "cpu");
  config.image = "anyres";
  const policy::Policy tiled = policy::open_policy(config, "cpu");
  rows::Media still, several, video;
  still.frames = {"a.png"};
  several.frames = {"a.png", "b.png"};
  video.video = "a.mp4";
  video::Frames picture;
  picture.count = 1;
  picture.height = 50;
  picture.width = 80;
  picture.rgb.assign(50 * 80 * 3, 9);
  const model::ClipInput tiles = clip_input(tiled, still, picture, {});
  ASSERT_TRUE(tiles.form.still);
  EXPECT_EQ(tiles.pixels.front().size(0), 1 + 2 * 3);
  EXPECT_EQ(tiles.form.frames, 1 + 2 * 3);
  EXPECT_EQ(tiled.lvlm.vision().runs(tiles.form), model::encode(tiled.lvlm, tiles).runs);
  EXPECT_FALSE(clip_input(tiled, several, picture, {}).form.still);
  EXPECT_FALSE(clip_input(tiled, video, picture, {}).form.still);
  const model::ClipInput frame = clip_input(plain, still, picture, {});
  EXPECT_FALSE(frame.form.still);
  EXPECT_EQ(frame.pixels.front().size(0), 1);
}

TEST(Loader, AStillOutOfACacheIsAStill) {
  const TinyWorld world(1, 1);
  policy::Policy policy = world.open();
  policy.still = policy.pixels.front();
  Dataset dataset = read_dataset({world.pairs()}, world.root(), policy, {});
  rows::View& view = dataset.videos[0];
  view.media.frames.resize(1);
  VisualCache cache;
  cache.insert(view, {}, {at::randn({5, 24}), {}, {model::plain_run(5)}});
  Loader loader(dataset, policy, &cache, {.root = world.root(), .video = {}, .order = {}, .batch = {.batch = 1, .micro = 1}},
                0, 1);
  const auto batch = loader.next();
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->clips.at(0).visual.defined());
  EXPECT_TRUE(batch->clips.at(0).input.pixels.empty());
  EXPECT_TRUE(batch->clips.at(0).input.form.still);
}

TEST(Dataset, TimesOfAVideoStandInItsQuestions) {
  const test::TempDir dir;
  const Json row = {{"id", "a"},
                    {"video", "bframes.mp4"},
                    {"question", "What?"},
                    {"chosen", {{"text", "It is red."}, {"spans", Json::array({Json::array({6, 9})})}}},
                    {"rejected", {{"text", "It is blue."}, {"spans", Json::array({Json::array({6, 10})})}}}};
  const auto file = dir.write("pairs.jsonl", row.dump() + "\n");
  const auto root = test::source_file("tests/fixtures");
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/llava_qwen/checkpoint");
  config.time_instruction = "line";
  const policy::Policy policy = policy::open_policy(config, "cpu");
  const policy::VideoConfig four{.frames = 4, .sampling = "linspace"};
  const Dataset dataset = read_dataset({file}, root, policy, {.video = four});
  EXPECT_THAT(
      policy.tokenizer->decode(dataset.samples.at(0).own.question),
      testing::HasSubstr("lasts for 2.50 seconds, and 4 frames are uniformly sampled from it. These frames are located "
                         "at 0.00s,0.75s,1.50s,2.38s.Please answer the following questions related to this "
                         "video.\nWhat?"));
  Json pictures = row;
  pictures.erase("video");
  pictures["frames"] = {"a.png"};
  const auto stills = dir.write("stills.jsonl", pictures.dump() + "\n");
  EXPECT_THROW(read_dataset({stills}, root, policy, {.video = four}), Error);
}

TEST(TensorFile, RoundTripsEveryTypeBitForBit) {
  const test::TempDir dir;
  TensorMap tensors = {{"scalar", at::randn({}, at::kFloat)},
                       {"empty", at::randn({0, 3})},
                       {"wide", at::randn({2, 3}, at::kDouble)},
                       {"half", at::randn({4}).to(at::kBFloat16)},
                       {"whole", at::randn({4}).to(at::kLong)}};
  save_tensors(dir / "a.safetensors", tensors);
  const TensorMap read = load_tensors(dir / "a.safetensors");
  ASSERT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(read.at(name).equal(tensor)) << name;
  }
}

}  // namespace
}  // namespace rrpo::data
