#include "rrpo/io/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using testing::AllOf;
using testing::HasSubstr;

/// What check_same says; empty where it is content.
std::string refusal(const Inputs& inputs, const Json& earlier, const std::vector<std::string>& free = {}) {
  try {
    inputs.check_same(earlier, free);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage) << error.what();
    return error.what();
  }
  return "";
}

/// Weights too large to be hashed at once.
fs::path write_weights(const TempDir& dir, char byte) {
  return dir.write("model.safetensors", std::string((16 << 20) + 1, byte));
}

TEST(Inputs, SayWhatTheFileSystemAndTheContentSay) {
  const TempDir dir;
  const fs::path small = dir.write("q.jsonl", "abc"), large = write_weights(dir, 'x');
  const Inputs inputs({small, large, small, dir / "absent", dir.path()});
  const Json all = inputs.json();
  EXPECT_TRUE(inputs.ready());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.at(small.string()).at("size"), 3);
  EXPECT_EQ(all.at(small.string()).at("sha256"), sha256("abc"));
  EXPECT_EQ(all.at(large.string()).at("sha256"), file_sha256(large));
  EXPECT_GT(all.at(large.string()).at("modified_ns"), int64_t{1'700'000'000} * 1'000'000'000);
  EXPECT_EQ(refusal(inputs, all), "");
}

TEST(Inputs, NameTheFileThatChanged) {
  const TempDir dir;
  const fs::path a = dir.write("a.jsonl", "abc"), b = dir.write("b.json", "{}"), large = write_weights(dir, 'x');
  const Json before = Inputs({a, b, large}).json();
  dir.write("b.json", "[]");
  EXPECT_THAT(refusal(Inputs({a, b, large}, before), before), AllOf(HasSubstr(b.string()), HasSubstr("--overwrite")));
  dir.write("b.json", "{}");
  EXPECT_EQ(refusal(Inputs({a, b, large}, before), before), "");  // content decides, not times
  write_weights(dir, 'y');
  EXPECT_THAT(refusal(Inputs({a, b, large}, before), before), HasSubstr(large.string()));
}

TEST(Inputs, NameTheFileThatIsGoneOrNew) {
  const TempDir dir;
  const fs::path a = dir.write("a.jsonl", "abc"), b = dir.write("b.jsonl", "x");
  const Json one = Inputs({a}).json(), both = Inputs({a, b}).json();
  EXPECT_THAT(refusal(Inputs({a}), both), HasSubstr(b.string()));
  EXPECT_THAT(refusal(Inputs({a, b}), one), HasSubstr(b.string()));
  EXPECT_EQ(refusal(Inputs({a}), both, {b.string()}), "");
  EXPECT_EQ(refusal(Inputs({a, b}), one, {b.string()}), "");
  dir.write("b.jsonl", "y");
  EXPECT_THAT(refusal(Inputs({a, b}), both, {b.string()}), HasSubstr(b.string()));
}

TEST(Inputs, KnowAFileThatHasMoved) {
  const TempDir dir;
  const fs::path here = dir.write("here/q.jsonl", "abc"), there = dir.write("there/q.jsonl", "abc");
  const Json before = Inputs({here}).json();
  EXPECT_EQ(refusal(Inputs({there}), before), "");
  dir.write("there/q.jsonl", "abd");
  EXPECT_THAT(refusal(Inputs({there}), before), HasSubstr(here.string()));
  EXPECT_THAT(refusal(Inputs({dir.write("other.jsonl", "abc")}), before), HasSubstr(here.string()));
}

TEST(Inputs, ReadRecordsOfEarlierVersions) {
  const TempDir dir;
  const fs::path file = dir.write("q.jsonl", "abc");
  EXPECT_EQ(refusal(Inputs({file}), {{file.string(), sha256("abc")}}), "");
  EXPECT_THAT(refusal(Inputs({file}), {{file.string(), sha256("abd")}}), HasSubstr(file.string()));
  EXPECT_THAT(refusal(Inputs({file}), {{file.string(), nullptr}}), HasSubstr(file.string()));
  EXPECT_THAT(refusal(Inputs({file}), nullptr), HasSubstr("does not say what it has read"));
  EXPECT_EQ(refusal(Inputs(), nullptr), "");
}

TEST(Inputs, TimesDoWhereNoHashWasMade) {
  const TempDir dir;
  const fs::path large = write_weights(dir, 'x');
  Json before = Inputs({large}).json();
  before.at(large.string())["sha256"] = nullptr;
  EXPECT_EQ(refusal(Inputs({large}, before), before), "");
  write_weights(dir, 'x');
  EXPECT_THAT(refusal(Inputs({large}, before), before), HasSubstr("ended before it was hashed"));
}

TEST(Inputs, UntouchedWeightsAreNotHashedAgain) {
  const TempDir dir;
  const fs::path large = write_weights(dir, 'x'), small = dir.write("small.safetensors", "abc");
  Json before = Inputs({large, small}).json();
  for (auto& entry : before) entry["sha256"] = "c0ffee";
  const Inputs again({large, small}, before);
  EXPECT_TRUE(again.ready());
  EXPECT_EQ(again.json().at(large.string()).at("sha256"), "c0ffee");
  EXPECT_EQ(again.json().at(small.string()).at("sha256"), sha256("abc"));
  write_weights(dir, 'x');
  EXPECT_EQ(Inputs({large}, before).json().at(large.string()).at("sha256"), file_sha256(large));
}

TEST(Inputs, GiveUpAtAStop) {
  const TempDir dir;
  const fs::path large = write_weights(dir, 'x');
  const Json before = Inputs({large}).json();
  set_stop_signal(15);
  const Inputs stopped({large});
  EXPECT_EQ(stopped.json().at(large.string()).at("sha256"), nullptr);
  EXPECT_THROW(stopped.check_same(before), Stopped);
  set_stop_signal(0);
}

}  // namespace
}  // namespace rrpo::io
