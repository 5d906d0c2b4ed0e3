#include "rrpo/util/fields.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace rrpo {
namespace {

struct Inner {
  double lr = 5e-6;
  std::optional<double> clip = 1.0;
  template <class V>
  void fields(V& v) {
    v("lr", lr, "rate");
    v("clip", clip, "clipping");
  }
  void check(const std::string& at) const {
    if (lr < 0) bad_field(at + ".lr", "is negative", "lr >= 0");
  }
};

struct Outer {
  Inner optim;
  std::vector<std::filesystem::path> pairs;
  int64_t seed = 42;
  template <class V>
  void fields(V& v) {
    v("optim", optim, "optimiser");
    v("pairs", pairs, "files");
    v("seed", seed, "seed");
  }
};

std::string message(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  return "";
}

TEST(Fields, UnknownKeyNamesFullPathAndNearest) {
  const auto text = message([] { config_from<Outer>(Json::parse(R"({"optim": {"lrr": 1}})")); });
  EXPECT_EQ(text, "config: optim.lrr: unknown key; fix: did you mean lr?");
}

TEST(Fields, NameOfAnotherTrainerIsAHint) {
  const auto text = message([] { config_from<Outer>(Json::parse(R"({"learning_rate": 1})")); });
  EXPECT_EQ(text, "config: learning_rate: unknown key; fix: it is called optim.lr here");
}

TEST(Fields, WrongTypeAndRangeAreUsageErrors) {
  EXPECT_NE(message([] { config_from<Outer>(Json::parse(R"({"seed": 1.5})")); }).find("seed: expected an integer"),
            std::string::npos);
  EXPECT_NE(message([] { config_from<Outer>(Json::parse(R"({"optim": {"lr": -1}})")); }).find("optim.lr: is negative"),
            std::string::npos);
}

TEST(Fields, FilesAreLaidOverEachOtherThenSettings) {
  const test::TempDir dir;
  const auto first = dir.write("a/one.json", R"({"pairs": "x.jsonl", "seed": 1, /* kept */ "optim": {"lr": 1}})");
  const auto second = dir.write("b/two.json", R"({"seed": 2})");
  const auto config = read_config<Outer>({{first, second}, {"optim.clip=null", "seed=3"}});
  EXPECT_EQ(config.seed, 3);
  EXPECT_EQ(config.optim.lr, 1);
  EXPECT_FALSE(config.optim.clip.has_value());
  ASSERT_EQ(config.pairs.size(), 1u);
  EXPECT_EQ(config.pairs[0], dir.path() / "a/x.jsonl") << "a path in a file is relative to that file";
}

TEST(Fields, WrittenConfigReadsBackEqual) {
  Outer config;
  config.pairs = {"p", "q"};
  const Json json = config_json(config);
  EXPECT_EQ(config_json(config_from<Outer>(json)), json);
}

TEST(Fields, DescribeListsNestedFieldsWithDefaults) {
  const auto lines = describe<Outer>();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].path, "optim.lr");
  EXPECT_EQ(lines[1].type, "number or null");
  EXPECT_EQ(lines[3].standard, "42");
}

}  // namespace
}  // namespace rrpo
