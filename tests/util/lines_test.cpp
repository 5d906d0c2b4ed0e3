#include "rrpo/util/lines.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

using test::TempDir;

std::vector<std::string> lines_of(const std::filesystem::path& file, int64_t longest = kLongestLine) {
  std::vector<std::string> lines;
  each_line(
      file, "data",
      [&](std::string_view text, int64_t number) {
        lines.emplace_back(text);
        EXPECT_EQ(number, static_cast<int64_t>(lines.size()));
      },
      longest);
  return lines;
}

/// The exit code that `call` leads to, 0 where it is content.
template <class Call>
int fault_of(Call call, std::string* what = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (what != nullptr) *what = error.what();
    return error.exit_code();
  }
  return 0;
}

TEST(EachLine, EveryLineWithItsNumber) {
  const TempDir dir;
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of(dir.write("a", "")), Lines{});
  EXPECT_EQ(lines_of(dir.write("a", "\n")), Lines{""});
  EXPECT_EQ(lines_of(dir.write("a", "x\n\ny")), (Lines{"x", "", "y"}));
  EXPECT_EQ(lines_of(dir.write("a", "x\r\ny\n")), (Lines{"x\r", "y"}));
}

// Around the border of a piece of the file.
TEST(EachLine, LinesOfAnyLength) {
  const TempDir dir;
  for (const size_t length : {(1u << 20) - 1, 1u << 20, (1u << 20) + 1, (3u << 20) + 7}) {
    const std::vector<std::string> lines = lines_of(dir.write("a", std::string(length, 'x') + "\nend\n"));
    ASSERT_EQ(lines.size(), 2u) << length;
    EXPECT_EQ(lines[0].size(), length);
    EXPECT_EQ(lines[1], "end");
  }
}

TEST(EachLine, ALineWithoutEndIsRefused) {
  const TempDir dir;
  std::string what;
  const auto file = dir.write("a", "short\n" + std::string(5 << 20, 'x'));
  EXPECT_EQ(fault_of([&] { lines_of(file, 1 << 20); }, &what), 3);
  EXPECT_NE(what.find("a:2: a line of more than"), std::string::npos) << what;
}

// Memory that is not mapped reads as a disk that fails: an error is no end of the file.
TEST(EachLine, AReadThatFailsIsTheMachines) {
  std::string what;
  EXPECT_EQ(fault_of([&] { lines_of("/proc/self/mem"); }, &what), 4);
  EXPECT_NE(what.find("/proc/self/mem: cannot read: Input/output error"), std::string::npos) << what;
}

// Neither of them ever ends, or begins.
TEST(ReadFile, OnlyRegularFiles) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  for (const std::filesystem::path& file : {dir / "fifo", dir.path(), std::filesystem::path("/dev/zero")}) {
    std::string what;
    EXPECT_EQ(fault_of([&] { read_file(file, "data"); }, &what), 3) << file;
    EXPECT_NE(what.find(file.string()), std::string::npos) << what;
    EXPECT_EQ(fault_of([&] { lines_of(file); }), 3) << file;
    EXPECT_EQ(fault_of([&] { each_json_line(file, "data", [](const Json&, int64_t) {}); }), 3) << file;
  }
  EXPECT_EQ(fault_of([&] { read_file(dir / "absent", "data"); }), 3);
}

TEST(ReadFile, MoreThanFitsIntoMemoryIsRefused) {
  const TempDir dir;
  const auto file = dir.write("a", "");
  std::filesystem::resize_file(file, static_cast<uintmax_t>(kLargestWholeFile) + 1);  // holes take no room
  std::string what;
  EXPECT_EQ(fault_of([&] { read_file(file, "data"); }, &what), 3);
  EXPECT_NE(what.find("larger than 2 GiB"), std::string::npos) << what;
}

// A machine without free descriptors is no fault of the file.
TEST(ReadFile, WithoutADescriptor) {
  const TempDir dir;
  const auto file = dir.write("a", "x");
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none = {3, 3};
    ::setrlimit(RLIMIT_NOFILE, &none);
    std::string what;
    const int code = fault_of([&] { read_file(file, "data"); }, &what);
    ::_exit(what.find("Too many open files") == std::string::npos ? 1 : code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

}  // namespace
}  // namespace rrpo
