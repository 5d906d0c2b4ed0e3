#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

template <class Call>
std::string error_of(Call call, Fault fault = Fault::environment) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
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

TEST(WriteFile, ReplacesAndLeavesNothingElse) {
  const test::TempDir dir;
  write_file(dir / "a.txt", "one");
  write_file(dir / "a.txt", "two");
  EXPECT_EQ(read_file(dir / "a.txt", "test"), "two");
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("a.txt"));
  write_json(dir / "b.json", {{"x", 1}});
  EXPECT_EQ(read_file(dir / "b.json", "test"), "{\n  \"x\": 1\n}\n");
}

TEST(WriteFile, WorksInTheCurrentFolder) {
  const test::TempDir dir;
  const int status = in_child([&] {
    std::filesystem::current_path(dir.path());
    write_file("plain.txt", "x");
    write_folder("plain", [](const auto& folder) { write_file(folder / "in", "y"); });
  });
  EXPECT_EQ(status, 0);
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("plain.txt", "plain"));
}

TEST(WriteFile, FailsInWords) {
  const test::TempDir dir;
  dir.write("file", "x");
  EXPECT_THAT(error_of([&] { write_file(dir / "file/below", "x"); }), HasSubstr("io: "));
  EXPECT_THAT(error_of([&] { write_file(dir / "absent/below", "x"); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([&] { write_file(dir / std::string(300, 'n'), "x"); }), HasSubstr("fix: choose a shorter name"));
  EXPECT_THAT(error_of([&] { write_file(dir.path(), "x"); }), HasSubstr("; fix: "));
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("file"));
}

TEST(WriteFile, ADiskThatStopsAcceptingKeepsTheOldFile) {
  const test::TempDir dir;
  write_file(dir / "a", "old");
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(dir / "a", std::string(5000, 'x'));
    } catch (const Error& error) {
      ::_exit(error.exit_code());
    }
  });
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(read_file(dir / "a", "test"), "old");
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("a"));
}

// A user's quota is full while the disk is not: a cluster's usual way to end a run.
TEST(WriteFile, AFullQuotaIsTheMachines) {
  const auto full = [] {
    errno = EDQUOT;
    throw_errno("/scratch/run/metrics.jsonl", "cannot write");
  };
  EXPECT_EQ(static_cast<int>(Fault::environment), 4);
  EXPECT_THAT(error_of(full), AllOf(HasSubstr("/scratch/run/metrics.jsonl: cannot write: "), HasSubstr("quota exceeded"),
                                    HasSubstr("fix: free some of your quota")));
}

TEST(WriteFile, WithoutPermission) {
  const test::TempDir dir;
  ::chmod(dir.path().c_str(), 0555);
  const int status = in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(1);  // root may write everywhere
    const bool file = error_of([&] { write_file(dir / "a", "x"); }).find("Permission denied") != std::string::npos;
    const bool folder =
        error_of([&] { OutputFolder(dir.path(), Existing::refuse, {}); }).find("Permission denied") != std::string::npos;
    ::_exit(file && folder ? 0 : 2);
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ::chmod(dir.path().c_str(), 0700);
}

TEST(WriteFolder, AppearsWholeAndReplaces) {
  const test::TempDir dir;
  for (const char* content : {"one", "two"}) {
    write_folder(dir / "f", [&](const auto& folder) {
      std::filesystem::create_directories(folder / "deep");
      write_file(folder / "deep/a", content);
    });
    EXPECT_EQ(read_file(dir / "f/deep/a", "test"), content);
  }
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("f"));
  write_folder((dir / "f").string() + "/", [](const auto& folder) { write_file(folder / "b", "x"); });
  EXPECT_THAT(names_in(dir / "f"), UnorderedElementsAre("b"));
}

TEST(WriteFolder, AFailedFillLeavesTheOldOne) {
  const test::TempDir dir;
  write_folder(dir / "f", [](const auto& folder) { write_file(folder / "a", "old"); });
  EXPECT_THROW(write_folder(dir / "f",
                            [](const auto& folder) {
                              write_file(folder / "a", "new");
                              throw Error(Fault::numerics, "test", "stop", "");
                            }),
               Error);
  EXPECT_EQ(read_file(dir / "f/a", "test"), "old");
  EXPECT_THAT(names_in(dir.path()), UnorderedElementsAre("f"));
}

TEST(LineWriter, AppendsAndCutsATornLine) {
  const test::TempDir dir;
  const std::string whole = "{\"a\":1}\n{\"a\":2}\n";
  for (size_t length = 0; length <= whole.size(); ++length) {
    dir.write("x.jsonl", whole.substr(0, length));
    LineWriter(dir / "x.jsonl").write({{"a", 3}});
    const size_t kept = length < 8 ? 0 : length < 16 ? 8 : 16;
    EXPECT_EQ(read_file(dir / "x.jsonl", "test"), whole.substr(0, kept) + "{\"a\":3}\n") << length;
  }
}

TEST(LineWriter, CutsATornLineOfAnyLength) {
  const test::TempDir dir;
  for (const size_t torn : {4095, 4096, 4097, 10000}) {
    dir.write("x.jsonl", "1\n" + std::string(torn, 'x'));
    LineWriter(dir / "x.jsonl").write(2);
    EXPECT_EQ(read_file(dir / "x.jsonl", "test"), "1\n2\n") << torn;
  }
}

TEST(LineWriter, EachLineIsThereAtOnce) {
  const test::TempDir dir;
  LineWriter writer(dir / "x.jsonl");
  writer.write(1);
  EXPECT_EQ(read_file(dir / "x.jsonl", "test"), "1\n");
}

TEST(LineWriter, AFullDiskLeavesWholeLines) {
  EXPECT_THAT(error_of([] { LineWriter("/dev/full").write(1); }), HasSubstr("No space left"));
  const test::TempDir dir;
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100, 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    LineWriter writer(dir / "x.jsonl");
    writer.write(1);
    try {
      writer.write(std::string(500, 'x'));
    } catch (const Error& error) {
      writer.write(2);
      ::_exit(error.exit_code());
    }
  });
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(read_file(dir / "x.jsonl", "test"), "1\n2\n");
}

// The examples of FIPS 180-4 and the million letters a.
TEST(Sha256, OfPublishedTexts) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const test::TempDir dir;
  EXPECT_EQ(file_sha256(dir.write("a", std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(file_sha256(dir.write("a", std::string(1 << 20, 'a'))), sha256(std::string(1 << 20, 'a')));
  EXPECT_THAT(error_of([&] { file_sha256(dir / "absent"); }, Fault::input), HasSubstr("No such file"));
}

}  // namespace
}  // namespace rrpo::io
