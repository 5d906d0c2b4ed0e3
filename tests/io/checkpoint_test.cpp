#include "rrpo/io/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::io {
namespace {

using testing::HasSubstr;

std::string error_of(const std::filesystem::path& folder) {
  try {
    open_checkpoint(folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    return error.what();
  }
  return "";
}

/// A folder of two shards with the tensors a, c and b; `map` is the index's weight_map.
class Shards : public testing::Test {
 protected:
  Shards() {
    const float value = 1;
    write_safetensors(dir_ / "1.safetensors", {{"a", "F32", {1}, &value}, {"c", "F32", {1}, &value}});
    write_safetensors(dir_ / "2.safetensors", {{"b", "F32", {1}, &value}});
  }
  std::string with_map(const std::string& map) {
    dir_.write("model.safetensors.index.json", R"({"metadata":{"total_size":12},"weight_map":)" + map + "}");
    return error_of(dir_.path());
  }
  test::TempDir dir_;
};

TEST_F(Shards, AreOneListSortedByName) {
  EXPECT_EQ(with_map(R"({"c":"1.safetensors","a":"1.safetensors","b":"2.safetensors"})"), "");
  const auto entries = open_checkpoint(dir_.path());
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[1].name, "b");
  EXPECT_EQ(entries[1].file, dir_ / "2.safetensors");
  EXPECT_EQ(entries[2].name, "c");
}

TEST_F(Shards, MustAgreeWithTheIndex) {
  EXPECT_THAT(with_map(R"({"a":"1.safetensors","c":"1.safetensors","b":"3.safetensors"})"), HasSubstr("missing"));
  EXPECT_THAT(with_map(R"({"a":"1.safetensors","c":"2.safetensors","b":"2.safetensors"})"),
              HasSubstr("#c: the index places this tensor in 2"));
  EXPECT_THAT(with_map(R"({"a":"1.safetensors","b":"2.safetensors"})"), HasSubstr("#c: the index does not list"));
  EXPECT_THAT(with_map(R"({"a":"1.safetensors","c":"1.safetensors","b":"2.safetensors","d":"2.safetensors"})"),
              HasSubstr("#d"));
}

TEST_F(Shards, ATensorInTwoShardsIsAnError) {
  const float value = 1;
  write_safetensors(dir_ / "2.safetensors", {{"a", "F32", {1}, &value}, {"b", "F32", {1}, &value}});
  EXPECT_THAT(with_map(R"({"a":"1.safetensors","c":"1.safetensors","b":"2.safetensors"})"), HasSubstr("2.safetensors#a"));
}

TEST_F(Shards, NeverLeaveTheFolder) {
  for (const char* shard :
       {"../1.safetensors", "/etc/passwd", "..", ".", "", "sub/1.safetensors", "1.safetensors\\u0000x"}) {
    EXPECT_THAT(with_map(std::string(R"({"a":")") + shard + "\"}"), HasSubstr("not a plain file name")) << shard;
  }
}

TEST_F(Shards, ABrokenIndexIsAnError) {
  for (const char* map : {"[]", "null", "1", "{}", R"({"a":1})", R"({"a":null})", R"({"a":["1.safetensors"]})", "{", ""}) {
    EXPECT_NE(with_map(map), "") << map;
  }
}

TEST(Checkpoint, OneFile) {
  const test::TempDir dir;
  const float value = 1;
  write_safetensors(dir / "model.safetensors", {{"z", "F32", {1}, &value}, {"a", "F32", {}, &value}});
  const auto entries = open_checkpoint(dir.path());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a");
}

TEST(Checkpoint, SaysWhatIsThereInstead) {
  const test::TempDir dir;
  EXPECT_THAT(error_of(dir / "absent"), HasSubstr("is not a checkpoint folder"));
  EXPECT_THAT(error_of(dir.path()), HasSubstr("neither model.safetensors nor"));
  dir.write("adapter_model.safetensors", "x");
  EXPECT_THAT(error_of(dir.path()), HasSubstr("holds an adapter"));
  dir.write("pytorch_model.bin", "x");
  EXPECT_THAT(error_of(dir.path()), HasSubstr("pytorch_model.bin: is a pickle, which is never loaded; fix: convert it to "
                                              "safetensors with scripts/convert_checkpoint.py"));
}

}  // namespace
}  // namespace rrpo::io
