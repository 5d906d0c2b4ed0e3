#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cmath>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/random.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

TEST(Error, IsOneShortPrintableLine) {
  const Error error(Fault::input, "data", "a\nb\x1b[31m" + std::string(1000, 'x'), "do it");
  const std::string text = error.what();
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LE(text.size(), 400u);
  EXPECT_NE(text.find("; fix: do it"), std::string::npos);
}

// A terminal must see nothing of a file's that it would act on.
TEST(Printable, ShowsWhatATerminalWouldActOn) {
  EXPECT_EQ(printable("a\x1b]0;owned\x07"), "a\\x1b]0;owned\\x07");
  EXPECT_EQ(printable("a\xc2\x9bm"), "a\\xc2\\x9bm") << "CSI of the second control block";
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xae"
            "b")
      << "right-to-left override";
  EXPECT_EQ(printable("a\x9bm\xff"), "a\\x9bm\\xff") << "no UTF-8";
  EXPECT_EQ(printable("\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x99\x82"), "\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x99\x82");
}

// Of a long path the file's own name counts, and the reason behind it.
TEST(Error, ShortensPathsAndKeepsTheReason) {
  const std::string folder = "/mnt/" + std::string(250, 'c') + "/some_more_folder/of_the_cluster/tied/";
  const Error error(Fault::input, "video", folder + "clips/holiday.mp4: not a readable video", "look at it");
  EXPECT_STREQ(error.what(),
               "video: "
               "/mnt/.../clips/holiday.mp4: not a readable video"
               "; fix: look at it");
  EXPECT_EQ(printable(folder + "clips/holiday.mp4"), "/mnt/.../clips/holiday.mp4");
  const std::string cut = printable("q7: " + folder + "clips/a.mp4: cannot be read: the reason is here", 120);
  EXPECT_EQ(cut, "q7: /mnt/.../clips/a.mp4: cannot be read: the reason is here");
  // Two of them, and names that are long themselves.
  const std::string name = std::string(200, 'n') + ".safetensors";
  const std::string two =
      Error(Fault::input, "io", folder + name + ": is not " + folder + "b/" + name + ": differs", "x").what();
  EXPECT_LE(two.size(), 400u);
  EXPECT_NE(two.find("nnn.safetensors: is not /mnt/"), std::string::npos) << two;
  EXPECT_NE(two.find(": differs; fix: x"), std::string::npos) << two;
  EXPECT_EQ(printable("/a/short/path/stays.txt: " + std::string(10, 'x')), "/a/short/path/stays.txt: xxxxxxxxxx");
}

// Names with one slash and with none, as in a row or in the current folder.
TEST(Error, ShortensLongNamesAndKeepsTheReason) {
  const std::string name = "first" + std::string(240, 'n') + "last.mp4";
  for (const std::string& place : {"videos/" + name, name, "/" + name}) {
    const std::string text = Error(Fault::input, "video", place + ": no such file below /root", "look at it").what();
    EXPECT_NE(text.find("firstnnn"), std::string::npos) << text;
    EXPECT_NE(text.find("nnnlast.mp4: no such file below /root; fix: look at it"), std::string::npos) << text;
  }
  const std::string folder = Error(Fault::input, "video", std::string(250, 'd') + "/a.mp4: no such file", "").what();
  EXPECT_NE(folder.find("ddd/a.mp4: no such file"), std::string::npos) << folder;
}

// A path that is to be typed stands in the line as a whole, and the problem's path gives way.
TEST(Error, AFixKeepsThePathToType) {
  const std::string path = "/scratch/" + std::string(100, 'p') + "/runs/second_try/checkpoints/step-000100/adapter";
  const std::string fix = "start anew with --overwrite, or in another --out with model.adapter=" + path;
  const std::string text = Error(Fault::input, "train", path + ": is damaged, and no checkpoint is whole", fix).what();
  EXPECT_LE(text.size(), 400u);
  EXPECT_NE(text.find("/.../step-000100/adapter: is damaged, and no checkpoint is whole; fix: "), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with(fix)) << text;
  EXPECT_LE(std::string(Error(Fault::input, "train", path, "model.path=" + path + path + path).what()).size(), 400u);
}

TEST(Printable, CutsOnACharacterBorder) { EXPECT_EQ(printable("aaaa\xc3\xa9\xc3\xa9\xc3\xa9", 9), "aaaa\xc3\xa9..."); }

TEST(Nearest, FindsATypoAndNothingElse) {
  EXPECT_EQ(nearest("alhpa", {"alpha", "beta"}), "alpha");
  EXPECT_EQ(nearest("xyz", {"alpha", "beta"}), "");
}

TEST(Random, DependsOnEachArgumentAndOnNothingElse) {
  EXPECT_EQ(Random(1, "a", 2).bits(), Random(1, "a", 2).bits());
  EXPECT_NE(Random(1, "a", 2).bits(), Random(1, "a", 3).bits());
  EXPECT_NE(Random(1, "a", 2).bits(), Random(1, "b", 2).bits());
  EXPECT_NE(Random(1, "a", 2).bits(), Random(2, "a", 2).bits());
}

TEST(Random, UniformNormalAndBelowHaveTheirMoments) {
  Random random(7, "moments");
  double sum = 0, square = 0, uniform = 0;
  int64_t counts[3] = {0, 0, 0};
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    square += x * x;
    uniform += random.uniform();
    ++counts[random.below(3)];
  }
  EXPECT_NEAR(sum / n, 0, 0.03);
  EXPECT_NEAR(square / n, 1, 0.05);
  EXPECT_NEAR(uniform / n, 0.5, 0.01);
  for (int64_t count : counts) EXPECT_NEAR(static_cast<double>(count) / n, 1.0 / 3, 0.02);
}

TEST(JsonFile, ErrorNamesFileAndLine) {
  const test::TempDir dir;
  const auto file = dir.write("rows.jsonl", "{\"a\": 1}\n\n{\"a\": }\n");
  int64_t rows = 0;
  try {
    each_json_line(file, "data", [&](const Json&, int64_t) { ++rows; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("rows.jsonl:3: parse error"), std::string::npos) << error.what();
    EXPECT_EQ(error.exit_code(), 3);
  }
  EXPECT_EQ(rows, 1);
}

TEST(JsonFile, DeepNestingIsRefused) { EXPECT_THROW(parse_json(std::string(100000, '['), "data", "x"), Error); }

TEST(Prefetch, OrderDoesNotDependOnThreads) {
  for (int threads : {0, 1, 3}) {
    Prefetch<int64_t> prefetch(5, 55, threads, 4, [](int64_t i) { return i * i; });
    for (int64_t i = 5; i < 55; ++i) EXPECT_EQ(prefetch.next(), i * i);
    EXPECT_EQ(prefetch.next(), std::nullopt);
  }
}

TEST(Prefetch, AnExceptionArrivesInItsPlace) {
  Prefetch<int64_t> prefetch(0, 4, 2, 4, [](int64_t i) {
    if (i == 1) throw Error(Fault::input, "data", "row 1", "");
    return i;
  });
  EXPECT_EQ(prefetch.next(), 0);
  EXPECT_THROW(prefetch.next(), Error);
  EXPECT_EQ(prefetch.next(), 2);
}

TEST(Prefetch, StaysWithinItsBound) {
  std::atomic<int64_t> made = 0;
  Prefetch<int64_t> prefetch(0, 100, 2, 3, [&](int64_t i) { return ++made, i; });
  for (int64_t i = 0; i < 10; ++i) {
    prefetch.next();
    EXPECT_LE(made.load(), i + 1 + 3 + 1);
  }
}

// The address space of a process has no room for one such stack: what a limit of processes or memory looks like.
TEST(Prefetch, AThreadThatCannotBeMadeIsAnErrorOfTheEnvironment) {
  pthread_attr_t before, huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  try {
    Prefetch<int64_t> prefetch(0, 10, 3, 3, [](int64_t i) { return i; });
    ADD_FAILURE() << "a thread with a stack of 128 TiB";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
    EXPECT_NE(std::string(error.what()).find("0 of 3 threads"), std::string::npos) << error.what();
  }
  pthread_setattr_default_np(&before);
}

TEST(Prefetch, AStopPassesThrough) {
  Prefetch<int64_t> prefetch(0, 4, 2, 4, [](int64_t i) {
    if (i == 1) throw Stopped();
    return i;
  });
  EXPECT_EQ(prefetch.next(), 0);
  EXPECT_THROW(prefetch.next(), Stopped);
}

}  // namespace
}  // namespace rrpo
