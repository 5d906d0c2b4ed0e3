#include "rrpo/io/run_record.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rrpo/io/line_writer.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

using test::TempDir;

Json record_in(const TempDir& dir) { return read_json(dir / "run.json", "test"); }

RunHead head(const TempDir& dir, const std::string& grows = {}) {
  return {"rrpo-x", "job", {{"seed", 7}, {"k", 1}}, Inputs({dir.write("input.bin", "abc")}), grows};
}

TEST(RunRecord, TellsHowARunBeganAndEnded) {
  const TempDir dir;
  RunRecord record(dir.path(), head(dir));
  EXPECT_EQ(record_in(dir).at("exit").at("state"), "running");
  record.set_counts({{"rows", 3}});
  const Json whole = record.end(0, {{"loss", 1}});
  EXPECT_EQ(whole, record_in(dir));
  EXPECT_EQ(whole.at("exit"), Json({{"state", "finished"}, {"code", 0}}));
  EXPECT_EQ(whole.at("seed"), 7);
  EXPECT_EQ(whole.at("counts").at("rows"), 3);
  EXPECT_EQ(whole.at("result").at("loss"), 1);
  EXPECT_EQ(whole.at("inputs").at((dir / "input.bin").string()).at("sha256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // SHA-256 of "abc", FIPS 180-2
}

TEST(RunRecord, TakesOverHashesThatAreKnown) {
  const TempDir dir;
  RunHead merged = head(dir);
  merged.known = {{"model.safetensors", "c0ffee"}};
  const Json inputs = RunRecord(dir.path(), std::move(merged)).end(0).at("inputs");
  EXPECT_EQ(inputs.at("model.safetensors"), "c0ffee");
  EXPECT_EQ(inputs.size(), 2u);
}

TEST(RunRecord, ASignalStopsAndAFaultFails) {
  const TempDir dir;
  RunRecord(dir.path(), head(dir)).end(143);
  EXPECT_EQ(record_in(dir).at("exit"), Json({{"state", "stopped"}, {"code", 143}}));
  RunRecord(dir.path(), head(dir)).fail(5, "not finite");
  EXPECT_EQ(record_in(dir).at("exit"), Json({{"state", "failed"}, {"code", 5}}));
  EXPECT_EQ(record_in(dir).at("result").at("error"), "not finite");
}

TEST(RunRecord, ARunWithoutAnEndLeavesNothingOrSaysSo) {
  const TempDir dir;
  { const RunRecord record(dir.path(), head(dir, "rows.jsonl")); }
  EXPECT_FALSE(std::filesystem::exists(dir / "run.json"));
  {
    const RunRecord record(dir.path(), head(dir, "rows.jsonl"));
    dir.write("rows.jsonl", "{}\n");
  }
  EXPECT_EQ(record_in(dir).at("exit").at("state"), "failed");
  EXPECT_TRUE(std::filesystem::exists(dir / "rows.jsonl"));
}

std::string difference(const Json& before, const Json& now) {
  try {
    check_same_config(before, now, {"threads", "train.keep"});
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  return "";
}

TEST(RunRecord, AFieldThatAnEarlierVersionDidNotHaveHadItsDefault) {
  const std::vector<FieldHelp> fields = {{"video.frames", "integer", "16", ""}, {"video.rate", "number", "1.0", ""}};
  const Json before = {{"video", {{"frames", 8}}}, {"seed", 1}};
  const Json now = {{"video", {{"frames", 8}, {"rate", 1.0}}}, {"seed", 1}};
  EXPECT_EQ(with_defaults(before, now, fields), now);
  EXPECT_EQ(with_defaults(Json{{"seed", 1}}, now, fields), (Json{{"seed", 1}}));
  EXPECT_EQ(with_defaults(before, before, fields), before);
  Json other = now;
  other["video"]["rate"] = 2.0;
  EXPECT_NE(difference(with_defaults(before, other, fields), other).find("video.rate: the earlier run has 1.0"),
            std::string::npos);
}

// Its lines are on the disk before the record says that they are all.
TEST(RunRecord, IsNotFinishedWhereItsLinesCannotBeSynced) {
  const TempDir dir;
  const OutputFolder folder(dir.path(), Existing::refuse, {.program = "rrpo-x", .command = "job", .names = {"rows.jsonl"}});
  {
    RunRecord record(dir.path(), {.program = "rrpo-x", .command = "job", .config = {{"k", 1}}, .grows = "rows.jsonl"});
    LineWriter(dir / "rows.jsonl").write(1);
    std::filesystem::rename(dir / "rows.jsonl", dir / "moved");
    std::filesystem::create_symlink("moved", dir / "rows.jsonl");
    EXPECT_THROW(record.end(0), Error);
    EXPECT_EQ(record_in(dir).at("exit").at("state"), "running");
  }
  EXPECT_EQ(record_in(dir).at("exit").at("state"), "failed");
}

// A model whose files could not be listed is not one without files: a resumed run would compare no hashes.
TEST(ModelFiles, OfAFolderThatCannotBeReadAreAFault) {
  const TempDir dir;
  dir.write("model.safetensors", "x");
  dir.write("notes.md", "x");
  dir.write("run.json", "{}");
  EXPECT_EQ(model_files(dir.path(), dir / "absent"), std::vector{dir / "model.safetensors"});
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none = {3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    try {
      model_files(dir.path(), std::nullopt);
    } catch (const Error& error) {
      ::_exit(error.exit_code());
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST(RunRecord, NamesTheFirstFieldThatDiffers) {
  const Json config = {{"seed", 1}, {"threads", 2}, {"train", {{"keep", 3}, {"steps", 4}}}};
  Json other = config;
  other["threads"] = 9;
  other["train"]["keep"] = 9;
  EXPECT_EQ(difference(config, other), "");
  other["train"]["steps"] = 9;
  EXPECT_NE(difference(config, other).find("train.steps: the earlier run has 4, this one 9"), std::string::npos);
  other = config;
  other["train"].erase("steps");
  EXPECT_NE(difference(config, other).find("train.steps"), std::string::npos);
  EXPECT_NE(difference(other, config).find("train.steps"), std::string::npos);
}

}  // namespace
}  // namespace rrpo::io
