// `rrpo-train selftest` and `rrpo-train doctor`.
#include "rrpo/train/selftest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/train/doctor.h"
#include "support/temp_dir.h"

namespace rrpo::train {
namespace {

using testing::HasSubstr;

SelftestConfig on_cpu() {
  SelftestConfig config;
  config.device = "cpu";
  return config;
}

TEST(Selftest, ThisMachineAgreesWithPython) {
  const Result result = selftest(on_cpu(), {});
  EXPECT_EQ(result.exit_code, 0) << result.text;
  EXPECT_FALSE(result.error) << result.error->what();
  EXPECT_EQ(result.summary.at("checks"), 21);
  EXPECT_EQ(result.summary.at("failed"), 0);
  for (const char* part : {"tower", "decoder", "gradient", "rrpo", "kl", "dpo", "sft", "float32", "bfloat16"}) {
    EXPECT_THAT(result.text, HasSubstr(part));
  }
  EXPECT_THAT(result.text, testing::Not(HasSubstr("FAIL")));
}

/// A value that is a hundred-thousandth off is seen in float32, one that is a tenth off in bfloat16 too.
TEST(Selftest, SeesEachWrongValue) {
  const test::TempDir folder;
  const Json good = read_json(test::source_file("tests/golden/selftest/golden.json"), "test");
  for (const auto& [part, value] : good.at("expected").items()) {
    for (const double off : {3e-5, 0.5}) {
      Json bad = good;
      Json& changed = bad["expected"][part];
      if (changed.is_array()) {
        for (Json& number : changed) number = number.get<double>() * (1 + off);
      } else {
        changed = changed.get<double>() * (1 + off);
      }
      SelftestConfig config = on_cpu();
      config.golden = folder.write("golden.json", bad.dump());
      const Result result = selftest(config, {});
      EXPECT_EQ(result.exit_code, 5) << part;
      EXPECT_EQ(result.summary.at("failed"), off < 0.1 ? 2 : 3) << part << "\n" << result.text;
      ASSERT_TRUE(result.error);
      EXPECT_THAT(result.error->what(), HasSubstr("first: " + part + " on cpu in float64"));
    }
  }
}

TEST(Selftest, LeavesARecordWhereAsked) {
  const test::TempDir folder;
  selftest(on_cpu(), {folder / "out"});
  const Json run = read_json(folder / "out/run.json", "test");
  EXPECT_EQ(run.at("command"), "selftest");
  EXPECT_EQ(run.at("result").at("checks").size(), 21U);
  EXPECT_EQ(selftest(on_cpu(), {folder / "dry", io::Existing::refuse, true}).summary.at("plan"), "selftest");
  EXPECT_FALSE(std::filesystem::exists(folder / "dry"));
}

TEST(Doctor, LooksAtThisMachine) {
  DoctorConfig config;
  config.device = "cpu";
  const test::TempDir folder;
  const Result result = doctor(config, {folder / "not/yet/there"});
  EXPECT_EQ(result.exit_code, 0) << result.text;
  EXPECT_EQ(result.summary.at("versions").at("torch"), "2.11.0");
  EXPECT_GT(result.summary.at("cores"), 0);
  EXPECT_GT(result.summary.at("memory_bytes"), int64_t{1} << 20);
  EXPECT_EQ(result.summary.at("disk").at("folder"), std::filesystem::absolute(folder.path()).string());
  EXPECT_THAT(result.text, HasSubstr("FFmpeg"));
  EXPECT_THAT(result.text, HasSubstr("OpenCV"));
  EXPECT_FALSE(std::filesystem::exists(folder / "not"));
}

TEST(Doctor, WhatIsNeededAndMissingIsAFault) {
  DoctorConfig config;
  config.device = "cuda:99";
  const Result result = doctor(config, {});
  EXPECT_EQ(result.exit_code, 4);
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->what(), HasSubstr("fix: "));
  EXPECT_EQ(result.summary.at("missing").size(), 1U);
  config.device = "abacus";
  EXPECT_THROW(doctor(config, {}), Error);
}

}  // namespace
}  // namespace rrpo::train
