#include "rrpo/io/rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>

#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/stop.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

class Rewrite : public testing::Test {
 protected:
  Rewrite() {
    const std::array<float, 4> wide = {1, 2, 3, 4};
    const std::array<uint8_t, 3> bytes = {7, 8, 9};
    write_safetensors(folder_ / "a.safetensors",
                      {{"w", "F32", {2, 2}, wide.data()}, {"b", "U8", {3}, bytes.data()}, {"none", "F32", {0}, nullptr}},
                      {{"format", "pt"}});
  }
  std::string text(const char* name) const { return read_file(folder_ / name, "test"); }
  test::TempDir folder_;
};

TEST_F(Rewrite, WithoutAChangeIsACopy) {
  int64_t seen = 0;
  rewrite_safetensors(folder_ / "a.safetensors", folder_ / "b.safetensors",
                      [&seen](const TensorEntry&, std::vector<char>&) { ++seen; });
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(text("a.safetensors"), text("b.safetensors"));
}

TEST_F(Rewrite, ChangesWhatItIsTold) {
  rewrite_safetensors(folder_ / "a.safetensors", folder_ / "b.safetensors",
                      [](const TensorEntry& entry, std::vector<char>& bytes) {
                        EXPECT_EQ(static_cast<int64_t>(bytes.size()), entry.bytes);
                        if (entry.name == "b") bytes = {1, 2, 3};
                      });
  const std::string before = text("a.safetensors"), after = text("b.safetensors");
  ASSERT_EQ(before.size(), after.size());
  EXPECT_EQ(before.substr(0, before.size() - 3), after.substr(0, after.size() - 3));
  EXPECT_EQ(after.substr(after.size() - 3), "\1\2\3");
}

TEST_F(Rewrite, LeavesNothingWhenItFails) {
  const auto grow = [](const TensorEntry&, std::vector<char>& bytes) { bytes.push_back(0); };
  EXPECT_THROW(rewrite_safetensors(folder_ / "a.safetensors", folder_ / "b.safetensors", grow), Error);
  EXPECT_THROW(rewrite_safetensors(folder_ / "absent", folder_ / "b.safetensors", grow), Error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(Rewrite, LeavesNothingWhenAStopEndsIt) {
  int64_t seen = 0;
  EXPECT_THROW(rewrite_safetensors(folder_ / "a.safetensors", folder_ / "b.safetensors",
                                   [&](const TensorEntry&, std::vector<char>&) {
                                     if (++seen == 2) set_stop_signal(SIGTERM);
                                   }),
               Stopped);
  set_stop_signal(0);
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

}  // namespace
}  // namespace rrpo::io
