#include "rrpo/io/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/io/run_record.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;
using testing::UnorderedElementsAre;

const Claim kClaim = {"rrpo-x", "job", {"rows.jsonl", "page.html", "adapter"}};

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment) << error.what();
    return error.what();
  }
  return "";
}

/// Runs `call` in a child process and returns its exit status as waitpid gives it.
template <class Call>
int in_child(Call call) {
  const pid_t child = ::fork();
  if (child == 0) {
    call();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

RunHead head(std::vector<fs::path> keep = {}) {
  return {.program = "rrpo-x", .command = "job", .config = {{"k", 1}}, .keep = std::move(keep)};
}

/// What a run leaves: rows, a page and a folder.
void run_in(const fs::path& path, Existing existing = Existing::refuse, std::vector<fs::path> keep = {}) {
  const OutputFolder folder(path, existing, kClaim);
  RunRecord record(path, head(std::move(keep)));
  LineWriter(path / "rows.jsonl").write(1);
  write_file(path / "page.html", "x");
  write_folder(path / "adapter", [](const fs::path& inside) { write_file(inside / "weights", "w"); });
  record.end(0);
}

std::vector<std::string> recorded(const fs::path& folder) {
  return read_json(folder / "run.json", "test").at("outputs").get<std::vector<std::string>>();
}

TEST(OutputFolder, ARunOwnsWhatItMakes) {
  const TempDir dir;
  run_in(dir / "out");
  EXPECT_THAT(recorded(dir / "out"), UnorderedElementsAre("rows.jsonl", "page.html", "adapter/weights"));
  dir.write("out/mine.txt", "mine");
  EXPECT_THAT(error_of([&] { run_in(dir / "out"); }),
              AllOf(HasSubstr("holds run.json of an earlier run"), HasSubstr("--overwrite")));
  run_in(dir / "out", Existing::overwrite);
  EXPECT_THAT(names_in(dir / "out"),
              UnorderedElementsAre("mine.txt", "rows.jsonl", "page.html", "adapter", "run.json", ".lock"));
  EXPECT_EQ(read_file(dir / "out/rows.jsonl", "test"), "1\n");
  run_in(dir / "out", Existing::resume);
  EXPECT_EQ(read_file(dir / "out/rows.jsonl", "test"), "1\n1\n");
}

// The names are written down before the first byte of a result is.
TEST(OutputFolder, ANameIsRecordedBeforeItIsMade) {
  const TempDir dir;
  const int status = in_child([&] {
    const OutputFolder folder(dir.path(), Existing::refuse, kClaim);
    const RunRecord record(dir.path(), head());
    claim_outputs({dir / "page.html"});
    ::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(recorded(dir.path()), UnorderedElementsAre("page.html"));
}

TEST(OutputFolder, AUsersNamesAreRefusedInEveryMode) {
  for (const char* name : {"rows.jsonl", "page.html", "adapter/notes.txt"}) {
    const TempDir dir;
    dir.write(name, "mine");
    for (const Existing existing : {Existing::refuse, Existing::resume, Existing::overwrite}) {
      EXPECT_THAT(error_of([&] { run_in(dir.path(), existing); }), AllOf(HasSubstr(name), HasSubstr("is not ours")));
      EXPECT_EQ(read_file(dir / name, "test"), "mine");
    }
    EXPECT_FALSE(fs::exists(dir / "run.json"));
  }
}

TEST(OutputFolder, AUsersFileInAFolderOfOursIsLeftAlone) {
  const TempDir dir;
  run_in(dir.path());
  dir.write("adapter/README.md", "mine");
  for (const Existing existing : {Existing::resume, Existing::overwrite})
    EXPECT_THAT(error_of([&] { run_in(dir.path(), existing); }), HasSubstr("adapter/README.md: is not ours"));
  EXPECT_EQ(read_file(dir / "adapter/README.md", "test"), "mine");
  EXPECT_EQ(read_file(dir / "adapter/weights", "test"), "w");
}

TEST(OutputFolder, AnotherProgramsRunJsonIsNotOurs) {
  for (const char* text : {"{}", "[1]", "no json", R"({"program": "wandb", "version": "1", "exit": {}})"}) {
    const TempDir dir;
    dir.write("run.json", text);
    for (const Existing existing : {Existing::refuse, Existing::resume, Existing::overwrite})
      EXPECT_THAT(error_of([&] { run_in(dir.path(), existing); }), HasSubstr("run.json: is not ours")) << text;
    EXPECT_EQ(read_file(dir / "run.json", "test"), text);
  }
}

TEST(OutputFolder, ARecordThatLeadsOutOfItsFolderIsNotOurs) {
  const TempDir dir;
  dir.write("precious", "mine");
  for (const char* name : {"../precious", "/etc/passwd", "a/../../precious", "."}) {
    dir.write("out/run.json",
              Json({{"program", "rrpo-x"}, {"command", "job"}, {"version", "1"}, {"exit", {}}, {"outputs", {name}}}).dump());
    EXPECT_THAT(error_of([&] { run_in(dir / "out", Existing::overwrite); }), HasSubstr("is not ours")) << name;
    EXPECT_TRUE(fs::exists(dir / "precious"));
  }
}

TEST(OutputFolder, OnlyTheSameCommandGoesOn) {
  const TempDir dir;
  EXPECT_FALSE(OutputFolder(dir.path(), Existing::resume, kClaim).resumed());
  run_in(dir.path());
  EXPECT_TRUE(OutputFolder(dir.path(), Existing::resume, kClaim).resumed());
  for (const Claim& other : {Claim{"rrpo-x", "other", {}}, Claim{"rrpo-y", "job", {}}})
    EXPECT_THAT(error_of([&] { OutputFolder(dir.path(), Existing::resume, other); }),
                HasSubstr("holds the results of rrpo-x job"));
  EXPECT_FALSE(OutputFolder(dir.path(), Existing::overwrite, kClaim).resumed());
}

TEST(OutputFolder, NothingGoesBeforeTheRunBegins) {
  const TempDir dir;
  run_in(dir.path());
  { const OutputFolder folder(dir.path(), Existing::overwrite, kClaim); }
  EXPECT_TRUE(fs::exists(dir / "page.html"));
}

// Half of the earlier results are gone: what is left is none to go on from.
TEST(OutputFolder, AKillWhileOverwritingLeavesNothingToGoOnFrom) {
  const TempDir dir;
  run_in(dir.path());
  Json record = read_json(dir / "run.json", "test");
  record["exit"]["state"] = "clearing";
  dir.write("run.json", record.dump());
  fs::remove(dir / "page.html");
  EXPECT_FALSE(OutputFolder(dir.path(), Existing::resume, kClaim).resumed());
  run_in(dir.path(), Existing::resume);
  EXPECT_EQ(read_file(dir / "rows.jsonl", "test"), "1\n");
  EXPECT_THAT(recorded(dir.path()), UnorderedElementsAre("rows.jsonl", "page.html", "adapter/weights"));
}

TEST(OutputFolder, InputsAreNeverRemoved) {
  const TempDir dir;
  run_in(dir / "out");
  fs::create_directory_symlink(dir / "out/adapter", dir / "link");
  for (const fs::path& input :
       {dir / "out/page.html", dir / "out/adapter", dir / "link", dir / "link/weights", dir / "out"}) {
    EXPECT_THAT(error_of([&] { run_in(dir / "out", Existing::overwrite, {input}); }), HasSubstr("is an input of this run"))
        << input;
    EXPECT_THAT(names_in(dir / "out"), UnorderedElementsAre("rows.jsonl", "page.html", "adapter", "run.json", ".lock"));
  }
  run_in(dir / "out", Existing::overwrite, {dir / "out/mine.txt", dir.path() / "elsewhere"});
}

TEST(OutputFolder, AResultThatIsAUsersFolderNowStays) {
  const TempDir dir;
  run_in(dir.path());
  fs::remove(dir / "page.html");
  dir.write("page.html/mine.txt", "mine");
  EXPECT_THAT(error_of([&] { run_in(dir.path(), Existing::overwrite); }), HasSubstr("page.html"));
  EXPECT_TRUE(fs::exists(dir / "page.html/mine.txt"));
}

TEST(OutputFolder, WhatLiesInNoOpenFolderIsNobodysConcern) {
  const TempDir dir;
  const OutputFolder folder(dir / "out", Existing::refuse, kClaim);
  dir.write("beside.txt", "old");
  write_file(dir / "beside.txt", "new");
  EXPECT_EQ(read_file(dir / "beside.txt", "test"), "new");
  dir.write("out/late.txt", "mine");
  EXPECT_THAT(error_of([&] { write_file(dir / "out/late.txt", "new"); }), HasSubstr("is not ours"));
  EXPECT_THAT(error_of([&] { LineWriter(dir / "out/late.txt"); }), HasSubstr("is not ours"));
}

TEST(OutputFolder, IsForOneProcess) {
  const TempDir dir;
  {
    const OutputFolder out(dir.path(), Existing::refuse, {});
    const std::string error = error_of([&] { OutputFolder(dir.path(), Existing::resume, {}); });
    EXPECT_THAT(error, HasSubstr("lock: "));
    EXPECT_THAT(error, HasSubstr("is used by pid " + std::to_string(::getpid()) + " on "));
  }
  EXPECT_EQ(read_file(dir / ".lock", "test"), "");
  in_child([&] {
    const OutputFolder out(dir.path(), Existing::refuse, {});
    ::raise(SIGKILL);
  });
  const OutputFolder after_kill(dir.path(), Existing::refuse, {});
}

TEST(OutputFolder, ALockThatIsSomethingElse) {
  const TempDir dir;
  const fs::path precious = dir.write("precious.txt", "precious"), lock = dir / "out/.lock";
  fs::create_directories(dir / "out");
  const auto refused = [&] { return error_of([&] { OutputFolder(dir / "out", Existing::refuse, {}); }); };
  fs::create_symlink("../precious.txt", lock);
  EXPECT_THAT(refused(), HasSubstr(".lock: is not a lock of ours"));
  fs::remove(lock);
  fs::create_hard_link(precious, lock);
  EXPECT_THAT(refused(), HasSubstr(".lock: is not a lock of ours"));
  fs::remove(lock);
  ASSERT_EQ(::mkfifo(lock.c_str(), 0600), 0);
  EXPECT_THAT(refused(), HasSubstr(".lock: is not a lock of ours"));
  fs::remove(lock);
  fs::create_directory(lock);
  EXPECT_THAT(refused(), HasSubstr(".lock: is not a lock of ours"));
  fs::remove(lock);
  dir.write("out/.lock", "a note of mine");
  EXPECT_THAT(refused(), HasSubstr(".lock: is not a lock of ours"));
  EXPECT_EQ(read_file(lock, "test"), "a note of mine");
  EXPECT_EQ(read_file(precious, "test"), "precious");
}

TEST(OutputFolder, AFileInItsPlace) {
  const TempDir dir;
  dir.write("file", "x");
  EXPECT_THAT(error_of([&] { OutputFolder(dir / "file", Existing::refuse, {}); }), HasSubstr("cannot create the folder"));
  EXPECT_THAT(error_of([&] { OutputFolder(dir / "file/below", Existing::refuse, {}); }),
              HasSubstr("cannot create the folder"));
}

TEST(WriteFolder, AKillInTheMiddleLeavesTheOldOneAndTheNextRunCleansUp) {
  const TempDir dir;
  run_in(dir.path());
  const int status = in_child([&] {
    const OutputFolder folder(dir.path(), Existing::resume, kClaim);
    const RunRecord record(dir.path(), head());
    write_folder(dir / "adapter", [](const fs::path& inside) {
      write_file(inside / "weights", "new");
      ::raise(SIGKILL);
    });
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(dir / "adapter/weights", "test"), "w");
  EXPECT_THAT(names_in(dir.path()), Contains(StartsWith(".rrpo-tmp-")));
  const OutputFolder out(dir.path(), Existing::resume, kClaim);
  EXPECT_TRUE(out.resumed());
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("rows.jsonl", "page.html", "adapter", "run.json", ".lock"));
}

// The temporaries of a run below, of a process that lives, and of folders that are none of ours.
TEST(OutputFolder, LeavesTheTemporariesOfOthers) {
  const TempDir dir;
  const OutputFolder below(dir / "runs/a", Existing::refuse, kClaim);
  fs::path seen;
  write_folder(dir / "runs/a/checkpoint", [&](const fs::path& inside) {
    seen = inside;
    write_file(inside / "weights", "w");
    const int status = in_child([&] { const OutputFolder above(dir / "runs", Existing::refuse, kClaim); });
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(fs::exists(inside / "weights"));
  });
  EXPECT_TRUE(fs::exists(dir / "runs/a/checkpoint/weights"));
  write_folder(dir / "runs/base", [&](const fs::path& inside) {
    write_file(inside / "weights", "w");
    in_child([&] { const OutputFolder above(dir / "runs", Existing::refuse, kClaim); });
    EXPECT_TRUE(fs::exists(inside / "weights"));
  });
  const std::string foreign = seen.filename().string() + "/x";
  dir.write("runs/clips/" + foreign, "x");
  in_child([&] { const OutputFolder above(dir / "runs", Existing::refuse, kClaim); });
  EXPECT_TRUE(fs::exists(dir / ("runs/clips/" + foreign)));
}

TEST(CheckReplaceable, OnlyAFolderOfOursWithNothingElse) {
  const TempDir dir;
  const auto refusal = [&](Existing existing, std::vector<fs::path> inputs = {}) {
    return error_of([&] { check_replaceable(dir / "base", existing, inputs); });
  };
  EXPECT_EQ(refusal(Existing::refuse), "");
  write_folder(dir / "base", [](const fs::path& inside) {
    RunRecord record(inside, head());
    write_file(inside / "weights", "w");
    fs::create_directory(inside / "deep");
    write_file(inside / "deep/weights", "w");
    record.end(0);
  });
  EXPECT_THAT(recorded(dir / "base"), UnorderedElementsAre("weights", "deep/weights"));
  EXPECT_THAT(refusal(Existing::refuse), HasSubstr("is not empty"));
  EXPECT_EQ(refusal(Existing::overwrite), "");
  EXPECT_THAT(refusal(Existing::overwrite, {dir / "base"}), HasSubstr("is an input"));
  EXPECT_THAT(refusal(Existing::overwrite, {dir / "base/weights"}), HasSubstr("is an input"));
  EXPECT_EQ(refusal(Existing::overwrite, {dir.path()}), "");
  dir.write("base/deep/mine.txt", "mine");
  EXPECT_THAT(refusal(Existing::overwrite), HasSubstr("base/deep/mine.txt: is not ours"));
  fs::remove_all(dir / "base");
  dir.write("base/config.json", "{}");
  EXPECT_THAT(refusal(Existing::overwrite), HasSubstr("base: is not ours"));
  fs::remove_all(dir / "base");
  dir.write("base", "");
  EXPECT_THAT(refusal(Existing::overwrite), HasSubstr("base: is not ours"));
}

TEST(LeavePages, BesideARunOrAlone) {
  const TempDir dir;
  run_in(dir.path());
  const Claim claim = {"rrpo-x", "compare", {}};
  leave_pages(dir.path(), Existing::refuse, claim, {{"compare.html", "one"}});
  EXPECT_THAT(recorded(dir.path()), Contains("compare.html"));
  EXPECT_THAT(error_of([&] {
                leave_pages(dir.path(), Existing::refuse, claim, {{"compare.html", "two"}});
              }),
              HasSubstr("exists"));
  leave_pages(dir.path(), Existing::overwrite, claim, {{"compare.html", "two"}});
  EXPECT_EQ(read_file(dir / "compare.html", "test"), "two");
  run_in(dir.path(), Existing::overwrite);
  EXPECT_FALSE(fs::exists(dir / "compare.html"));
  leave_pages(dir / "alone", Existing::refuse, claim, {{"compare.html", "one"}});
  EXPECT_THAT(recorded(dir / "alone"), UnorderedElementsAre("compare.html"));
  dir.write("alone/show.html", "mine");
  for (const Existing existing : {Existing::refuse, Existing::overwrite, Existing::resume})
    EXPECT_THAT(error_of([&] {
                  leave_pages(dir / "alone", existing, claim, {{"show.html", "x"}});
                }),
                HasSubstr("is not ours"));
  EXPECT_EQ(read_file(dir / "alone/show.html", "test"), "mine");
}

}  // namespace
}  // namespace rrpo::io
