// What a resumed run believes of what an earlier part left: nothing that it has not checked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "data/other_noise.h"
#include "data/tiny_world.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/tensor_folder.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/io/manifest.h"
#include "rrpo/io/sha256.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/train/trainer.h"
#include "rrpo/train/verify_resume.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "support/temp_dir.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;
using testing::HasSubstr;

TrainConfig small_config(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 4;
  config.train.micro_pairs = 2;
  config.train.steps = 6;
  config.train.save_every = 2;
  config.device = "cpu";
  return config;
}

/// A run that stops after `steps`.
RunOptions part(const fs::path& out, int64_t steps) {
  RunOptions options{out, io::Existing::resume};
  options.halt_after = steps;
  return options;
}

Result go_on(const TrainConfig& config, const fs::path& out) { return run(config, {out, io::Existing::resume}); }

std::string fault_of(const std::function<void()>& call, Fault fault) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::vector<Json> timeless(const fs::path& out) {
  std::vector<Json> lines;
  each_json_line(out / "metrics.jsonl", "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  for (Json& line : lines) {
    for (const char* key : {"seconds", "seconds_data", "reference/hits", "eval/reference/hits"}) line.erase(key);
  }
  return lines;
}

void expect_same_end(const fs::path& a, const fs::path& b) {
  EXPECT_EQ(timeless(a), timeless(b));
  EXPECT_EQ(read_file(a / "ledger.jsonl", "test"), read_file(b / "ledger.jsonl", "test"));
  EXPECT_EQ(io::file_sha256(a / "adapter/adapter_model.safetensors"),
            io::file_sha256(b / "adapter/adapter_model.safetensors"));
}

void flip(const fs::path& file, size_t bit) {
  std::string bytes = read_file(file, "test");
  bytes[bit / 8 % bytes.size()] = static_cast<char>(bytes[bit / 8 % bytes.size()] ^ (1 << bit % 8));
  io::write_file(file, bytes);
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Resume, DamagedCheckpointGivesWayToTheWholeOneBeforeIt) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  for (const char* name : {"trained.safetensors", "optimizer.safetensors", "state.json", "manifest.json",
                           "adapter/adapter_model.safetensors", "adapter/adapter_config.json"}) {
    SCOPED_TRACE(name);
    const fs::path out = world / ("damaged-" + fs::path(name).filename().string());
    run(config, part(out, 5));  // checkpoints 4 and 5
    flip(out / "checkpoints/step-000005" / name, 777);
    EXPECT_EQ(go_on(config, out).exit_code, 0);
    expect_same_end(out, world / "straight");
    EXPECT_FALSE(fs::exists(out / "checkpoints/step-000005"));
  }
}

// Steps that are done again are in TensorBoard's file once, as in metrics.jsonl: only times differ.
TEST(Resume, EventsAreThoseOfAnUndisturbedRun) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.tensorboard = true;
  const fs::path straight = world / "straight", out = world / "disturbed";
  ASSERT_EQ(run(config, {straight}).exit_code, 0);
  run(config, part(out, 5));
  flip(out / "checkpoints/step-000005/state.json", 777);
  EXPECT_EQ(go_on(config, out).exit_code, 0);
  const char* events = "events.out.tfevents.rrpo";
  EXPECT_EQ(fs::file_size(out / events), fs::file_size(straight / events));
  EXPECT_GT(fs::file_size(straight / events), 1000U);
}

// Checkpoints that could not be listed are not none: the run would begin anew and cut its metrics to nothing.
TEST(Resume, ACheckpointFolderThatCannotBeReadIsAFault) {
  const rrpo::test::TempDir dir;
  dir.write("checkpoints/step-000004/state.json", "{}");
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none = {3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    try {
      newest_snapshot(dir.path());
    } catch (const Error& error) {
      ::_exit(error.exit_code());
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST(Resume, WithoutAWholeCheckpointIsRefusedWithTheWayOut) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const fs::path out = world / "out";
  run(config, part(out, 5));
  for (const char* step : {"step-000004", "step-000005"}) flip(out / "checkpoints" / step / "trained.safetensors", 99);
  const std::string said = fault_of([&] { go_on(config, out); }, Fault::input);
  EXPECT_THAT(said, testing::AllOf(HasSubstr("step-000005"), HasSubstr("trained.safetensors"), HasSubstr("--overwrite")));
}

TEST(Resume, CheckpointOfAnEarlierVersionIsRefusedWithTheWayOut) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const fs::path out = world / "out";
  run(config, part(out, 2));
  fs::remove(out / "checkpoints/step-000002/manifest.json");
  const std::string said = fault_of([&] { go_on(config, out); }, Fault::input);
  EXPECT_THAT(said, testing::AllOf(HasSubstr("without manifests"), HasSubstr("--overwrite")));
}

/// Sound by its manifest, and yet no state of ours.
TEST(Resume, StateOfOtherTypesOrOfAnotherStepIsDamage) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const fs::path out = world / "out", folder = out / "checkpoints/step-000002";
  run(config, part(out, 2));
  const Json state = read_json(folder / "state.json", "test");
  for (const Json& change : {Json{{"step", "two"}}, Json{{"step", 3}}, Json{{"steps", nullptr}}, Json{{"skipped", 4}},
                             Json{{"skipped", {{{"id", 7}}}}}, Json{{"config", "x"}}, Json{{"media", {{"a", 1}}}},
                             Json{{"step", 2.5}}, Json{{"steps", 1}}}) {
    Json changed = state;
    changed.update(change);
    io::write_json(folder / "state.json", changed);
    io::write_manifest(folder);
    EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::input), HasSubstr("state.json")) << change;
  }
  io::write_file(folder / "state.json", "[1, 2]");
  io::write_manifest(folder);
  fault_of([&] { go_on(config, out); }, Fault::input);
}

TEST(Resume, LinksInACheckpointAreRefused) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const fs::path out = world / "out", file = out / "checkpoints/step-000002/trained.safetensors";
  run(config, part(out, 2));
  fs::rename(file, world / "elsewhere");
  fs::create_symlink(world / "elsewhere", file);
  EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::input), HasSubstr("is a link"));
}

TEST(Resume, EverySingleBitOfFiveHundredIsFoundBeforeUse) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.cache = world / "cache";
  run(config, part(world / "out", 4));
  const fs::path checkpoint = world / "out/checkpoints/step-000004";
  policy::Policy policy = world.open();
  const data::Dataset rows = data::read_dataset(config.data.pairs, world.root(), policy, {});
  std::vector<fs::path> files = files_below(checkpoint);
  const size_t in_checkpoint = files.size();
  size_t of_clips = 0;
  const auto of_reference = [](const fs::path& file) { return file.filename().string().starts_with("reference-"); };
  for (const fs::path& file : files_below(world / "cache")) {
    files.push_back(file);
    of_clips += !of_reference(file);
  }
  ASSERT_EQ(of_clips, rows.videos.size());
  ASSERT_GT(files.size(), in_checkpoint + of_clips);
  Random random(12, "flips");
  int64_t found = 0;
  constexpr int64_t kFlips = 500;
  for (int64_t i = 0; i < kFlips; ++i) {
    const auto number = static_cast<size_t>(random.below(static_cast<int64_t>(files.size())));
    const std::string before = read_file(files[number], "test");
    flip(files[number], static_cast<size_t>(random.below(static_cast<int64_t>(8 * before.size()))));
    if (number < in_checkpoint) {
      found += io::manifest_fault(checkpoint).has_value();
    } else if (of_reference(files[number])) {
      data::TensorFolder cache(world / "cache");
      found += !cache.read(files[number].stem()) && cache.damaged() == 1;
    } else {
      data::VisualCache cache;
      cache.open_folder(world / "cache", policy, config.video, world.root());
      int64_t missing = 0;
      for (const rows::View& view : rows.videos) missing += !cache.find(view).defined();
      found += missing == 1 && cache.damaged() == 1;
    }
    io::write_file(files[number], before);
  }
  std::printf("%lld of %lld single-bit flips were found before use\n", static_cast<long long>(found),
              static_cast<long long>(kFlips));
  EXPECT_EQ(found, kFlips);
  EXPECT_FALSE(io::manifest_fault(checkpoint).has_value());
}

/// Another content under the same name, size and modification time, as `cp -p` or `touch -r` leave it.
void replace_content(const fs::path& file, size_t bit) {
  const auto time = fs::last_write_time(file);
  std::string bytes = read_file(file, "test");
  bytes[bit / 8 % bytes.size()] = static_cast<char>(bytes[bit / 8 % bytes.size()] ^ (1 << bit % 8));
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  fs::last_write_time(file, time);
}

TEST(Resume, EachInputIsComparedByContentAndNamed) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "first"}).exit_code, 0);
  config.model.adapter = world / "first" / "adapter";
  fs::copy_file(world.pairs(), world / "held_out.jsonl");
  config.data.eval_pairs = {world / "held_out.jsonl"};
  run(config, part(world / "stopped", 3));
  ASSERT_EQ(run(config, {world / "finished"}).exit_code, 0);
  for (const fs::path& file :
       {world.pairs(), world / "held_out.jsonl", world.model() / "config.json", world.model() / "model.safetensors",
        world.model() / "tokenizer.json", world.model() / "tokenizer_config.json",
        world.model() / "preprocessor_config.json", world.model() / "chat_template.jinja",
        *config.model.adapter / "adapter_config.json", *config.model.adapter / "adapter_model.safetensors"}) {
    SCOPED_TRACE(file);
    const std::string before = read_file(file, "test");
    replace_content(file, 8 * (before.size() - 2));
    for (const char* out : {"stopped", "finished"}) {
      const std::string record = read_file(world / out / "run.json", "test");
      EXPECT_THAT(fault_of([&] { go_on(config, world / out); }, Fault::usage), HasSubstr(file.filename().string())) << out;
      EXPECT_EQ(read_file(world / out / "run.json", "test"), record);
    }
    std::ofstream(file, std::ios::binary | std::ios::trunc) << before;
  }
  EXPECT_EQ(go_on(config, world / "stopped").exit_code, 0);
  expect_same_end(world / "stopped", world / "finished");
}

TEST(Resume, ChangedPicturesAreRefusedBySizeAtTheStartAndByContentWhereTheyAreRead) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const fs::path picture = world.root() / "1-0.png", out = world / "out";
  run(config, part(out, 3));
  const std::string before = read_file(picture, "test");
  io::write_file(picture, before + "x");
  EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::usage), HasSubstr("1-0.png"));
  io::write_file(picture, before);
  test::replace_picture(picture);
  EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::usage), HasSubstr("1-0.png"));
}

/// The last video of the world is about held-out rows alone.
TrainConfig held_out_config(const TinyWorld& world) {
  TrainConfig config = small_config(world);
  std::string rows, held_out;
  for (int64_t i = 0; i < 12; ++i) (i % 4 == 3 ? held_out : rows) += TinyWorld::pair(i, i % 4).dump() + "\n";
  config.data.pairs = {world.dir().write("rows.jsonl", rows)};
  config.data.eval_pairs = {world.dir().write("held_out.jsonl", held_out)};
  config.train.eval_every = 2;
  return config;
}

TEST(Resume, ChangedHeldOutPicturesAreRefusedInTheSameWay) {
  const TinyWorld world(4);
  const TrainConfig config = held_out_config(world);
  const fs::path picture = world.root() / "3-0.png", out = world / "out";
  run(config, part(out, 3));
  const std::string before = read_file(picture, "test");
  io::write_file(picture, before + "x");
  EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::usage), HasSubstr("3-0.png"));
  io::write_file(picture, before);
  test::replace_picture(picture);
  EXPECT_THAT(fault_of([&] { go_on(config, out); }, Fault::usage), HasSubstr("3-0.png"));
  io::write_file(picture, before);
  EXPECT_EQ(go_on(config, out).exit_code, 0);
}

/// Their tokens came from the folder: no picture was decoded that the next part could be compared with.
TEST(Resume, ChangedPicturesAreRefusedWhereTheCacheServedThemBefore) {
  for (const bool keeps_cache : {true, false}) {
    SCOPED_TRACE(keeps_cache);
    const TinyWorld world;
    TrainConfig config = small_config(world);
    config.data.cache = world / "cache";
    ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
    run(config, part(world / "out", 3));
    if (!keeps_cache) config.data.cache = std::nullopt;
    fs::copy(world / "out", world / "unchanged", fs::copy_options::recursive);
    EXPECT_EQ(go_on(config, world / "unchanged").exit_code, 0);
    expect_same_end(world / "unchanged", world / "straight");
    test::replace_picture(world.root() / "1-0.png");
    EXPECT_THAT(fault_of([&] { go_on(config, world / "out"); }, Fault::usage), HasSubstr("1-0.png"));
  }
}

/// Decoded first, served later: only the folder has changed, no picture.
TEST(Resume, ACacheThatComesLaterChangesNothing) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  run(config, part(world / "out", 3));
  config.data.cache = world / "cache";
  ASSERT_EQ(run(config, {world / "filled"}).exit_code, 0);
  EXPECT_EQ(go_on(config, world / "out").exit_code, 0);
  expect_same_end(world / "out", world / "straight");
}

/// Decoded first, then served by a folder that knows other pictures under the same name.
TEST(Resume, ACacheOfOtherPicturesIsRefused) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  run(config, part(world / "out", 3));
  test::replace_picture(world.root() / "1-0.png");
  config.data.cache = world / "cache";
  ASSERT_EQ(run(config, {world / "filled"}).exit_code, 0);
  EXPECT_THAT(fault_of([&] { go_on(config, world / "out"); }, Fault::usage), HasSubstr("1-0.png"));
}

TEST(Resume, ARunThatEndedBeforeItsFirstStepMayBeginWithOtherRows) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  const std::string rows = read_file(world.pairs(), "test");
  io::write_file(world.pairs(), rows + "{\"id\": \"broken\"}\n");
  fault_of([&] { run(config, {world / "out"}); }, Fault::input);
  io::write_file(world.pairs(), rows);
  EXPECT_EQ(go_on(config, world / "out").exit_code, 0);
}

TEST(Resume, AStopDuringAnEvaluationLosesNothing) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.eval_pairs = {world.pairs()};
  config.train.eval_every = 2;
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  for (const int64_t at : {2, 4, 6}) {
    SCOPED_TRACE(at);
    const fs::path out = world / ("broken-" + std::to_string(at));
    RunOptions options{out};
    int64_t steps = 0;
    options.watch = [&](const std::vector<std::string>&) {
      if (++steps == at) set_stop_signal(SIGTERM);  // after the update, before its evaluation
    };
    EXPECT_EQ(run(config, options).exit_code, 128 + SIGTERM);
    set_stop_signal(0);
    EXPECT_EQ(timeless(out).size(), static_cast<size_t>(at - 1));
    EXPECT_FALSE(fs::exists(out / "adapter"));
    EXPECT_EQ(go_on(config, out).exit_code, 0);
    expect_same_end(out, world / "straight");
  }
}

TEST(Resume, ALongerScheduleIsRefusedWithACommandThatWorks) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "out"}).exit_code, 0);
  run(config, part(world / "stopped", 3));
  config.train.steps = 12;
  for (const char* out : {"out", "stopped"}) {
    const std::string said = fault_of([&] { go_on(config, world / out); }, Fault::usage);
    EXPECT_THAT(said, testing::AllOf(HasSubstr("train.steps"), HasSubstr("model.adapter=")));
    TrainConfig longer = config;
    longer.model.adapter = said.substr(said.find("model.adapter=") + 14);
    EXPECT_EQ(run(longer, {world / (std::string(out) + "-longer")}).exit_code, 0);
  }
}

TEST(Run, RefusesAScheduleThatLearnsNothing) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.steps = std::nullopt;
  config.train.batch_pairs = 32;  // nine rows: one step, which is the warm-up
  EXPECT_THAT(fault_of([&] { run(config, {world / "out"}); }, Fault::usage), HasSubstr("optim.warmup_ratio=0"));
  config.optim.warmup_ratio = 0;
  EXPECT_EQ(run(config, {world / "once"}).exit_code, 0);
}

TEST(VerifyResume, ProvesARunAndLeavesNothing) {
  const TinyWorld world;
  VerifyConfig config{small_config(world), 3};
  const Result result = verify_resume(config, {world / "proof"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.summary["verified"], true);
  EXPECT_THAT(result.text, HasSubstr("bit for bit"));
  EXPECT_FALSE(fs::exists(world / "proof"));
  fs::create_directories(world / "mine");
  io::write_file(world / "mine/file", "mine");
  EXPECT_EQ(verify_resume(config, {world / "mine"}).exit_code, 0);
  EXPECT_EQ(files_below(world / "mine").size(), 1U);
}

TEST(VerifyResume, NamesTheFirstDifference) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "a"}).exit_code, 0);
  ASSERT_EQ(run(config, {world / "b"}).exit_code, 0);
  EXPECT_EQ(compare_runs(world / "a", world / "b", 6).first, "");
  const fs::path moments = world / "b/checkpoints/step-000006/optimizer.safetensors";
  flip(moments, 8 * (fs::file_size(moments) - 100) + 1);
  const RunDifference changed = compare_runs(world / "a", world / "b", 6);
  EXPECT_THAT(changed.first, HasSubstr("optimizer.safetensors#"));
  EXPECT_GT(changed.optimizer, 0);
  EXPECT_EQ(changed.weights, 0);
  config.seed = 43;
  ASSERT_EQ(run(config, {world / "c"}).exit_code, 0);
  EXPECT_THAT(compare_runs(world / "a", world / "c", 6).first, HasSubstr("metrics.jsonl, step 1"));
}

}  // namespace
}  // namespace rrpo::train
