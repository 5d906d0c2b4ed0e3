#include "rrpo/video/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "../support/parity.h"
#include "golden.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"

namespace rrpo::video {
namespace {

using testing::ElementsAre;

std::vector<int64_t> pick(const std::string& rule, const Sequence& all, const SamplingFields& fields) {
  return sampler(rule).pick(all, fields);
}

// Python and numpy wrote the indices of every total up to 700, the ones where doubles differ from integers among them.
TEST(Sampling, EqualsPythonAndNumpy) {
  for (const Json& row : test::golden().at("sampling")) {
    std::vector<int32_t> all;
    const auto rule = row.at("rule").get<std::string>();
    const auto wanted = row.at("wanted").get<int64_t>();
    for (int64_t total = 1; total <= row.at("largest_total").get<int64_t>(); ++total) {
      for (const int64_t index : sample_indices(rule, total, wanted)) all.push_back(static_cast<int32_t>(index));
    }
    EXPECT_EQ(sample_indices(rule, 37, wanted), row.at("of_37").get<std::vector<int64_t>>()) << rule << " " << wanted;
    EXPECT_EQ(test::crc32(all.data(), all.size() * 4), row.at("crc32").get<uint32_t>()) << rule << " " << wanted;
  }
}

/// Numbers as the golden file shortens them.
Json shortened(const std::vector<int64_t>& indices) {
  if (indices.size() <= 20) return indices;
  const std::vector<int32_t> small(indices.begin(), indices.end());
  return {{"count", indices.size()},
          {"first", indices.front()},
          {"last", indices.back()},
          {"crc32", test::crc32(small.data(), small.size() * 4)}};
}

/// Whose rule it is, by the names of the golden file.
std::string source_of(const std::string& rule) {
  if (rule == "lmms") return "lmms-eval";
  if (rule == "videomme_v2") return "MME-Benchmarks/Video-MME-v2";
  if (rule == "qwen_vl_utils") return "qwen-vl-utils";
  if (rule == "internvl" || rule == "qwen2_5_vl" || rule == "qwen3_vl") return "transformers";
  return "pritamqu/RRPO";
}

// scripts/oracles/samplers.py ran the readers of the original evaluations, and the processors of transformers.
TEST(Sampling, EveryRuleChoosesWhatItsOriginalReads) {
  const Json golden = read_json(rrpo::test::source_file("tests/golden/samplers.json"), "test");
  int64_t compared = 0;
  for (const auto& [name, cases] : golden.at("rules").items()) {
    const bool folder = name.ends_with(" folder");
    const std::string rule = name.substr(0, name.find(' '));
    for (const Json& row : cases) {
      Sequence all{.count = row[0], .fps = row[1], .first = folder ? 1 : 0, .is_folder = folder};
      if (!row[2].is_null()) all.start_s = row[2].get<double>();
      if (!row[3].is_null()) all.end_s = row[3].get<double>();
      const Json picked = shortened(pick(rule, all, {.frames = row[4], .sample_fps = row[5], .max_frames = row[6]}));
      rrpo::test::expect_same({"frames of a clip", rrpo::test::original(golden, source_of(rule)), "numbers by " + name},
                              picked == row[7], name + " " + row.dump() + " " + picked.dump());
      ++compared;
    }
  }
  EXPECT_GT(compared, 1100);
}

// The published figures, among them the one whose defect has its own name.
TEST(Sampling, FiguresOfThePublishedReaders) {
  EXPECT_THAT(pick("segment_centre", {.count = 300, .fps = 30}, {.frames = 8}),
              ElementsAre(18, 55, 93, 130, 168, 205, 242, 280));
  EXPECT_THAT(pick("segment_centre", {.count = 300, .fps = 29.97, .start_s = 2.5, .end_s = 7.5}, {.frames = 8}),
              ElementsAre(84, 103, 122, 140, 159, 178, 196, 215));
  EXPECT_THAT(pick("segment_centre", {.count = 40, .fps = 3, .first = 1, .start_s = 3.2, .end_s = 9.9, .is_folder = true},
                   {.frames = 8}),
              ElementsAre(11, 13, 16, 19, 21, 23, 26, 29));
  EXPECT_THAT(pick("videochat2", {.count = 5}, {.frames = 16}), ElementsAre(0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4));
  EXPECT_THAT(pick("fps_capped_official", {.count = 300, .fps = 30}, {.max_frames = 4}), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(pick("fps", {.count = 300, .fps = 30}, {.max_frames = 4}), ElementsAre(0, 60, 150, 210));
  EXPECT_THAT(pick("lmms", {.count = 300, .fps = 30}, {.max_frames = 8}), ElementsAre(0, 42, 85, 128, 170, 213, 256, 299));
  EXPECT_EQ(pick("longvu_mlvu", {.count = 3000, .fps = 25}, {.sample_fps = 0.5, .max_frames = 40}).size(), 60);
  EXPECT_EQ(pick("longvu_mlvu", {.count = 3000, .fps = 25}, {.sample_fps = 0.5, .max_frames = 25}).size(), 30);
}

TEST(Sampling, MoreFramesASecondThanThereAreTakesAll) {
  for (const Sampler& rule : samplers()) {
    if (!rule.by_rate) continue;
    const bool even = rule.name == "qwen2_5_vl" || rule.name == "qwen_vl_utils";
    EXPECT_EQ(rule.pick({.count = 7, .fps = 10}, {.sample_fps = 60}).size(), even ? 6 : 7) << rule.name;
    EXPECT_TRUE(rule.needs_rate({.count = 7}));
  }
  EXPECT_FALSE(sampler("segment_centre").needs_rate({.count = 7}));
  EXPECT_TRUE(sampler("segment_centre").needs_rate({.count = 7, .start_s = 1}));
  EXPECT_FALSE(sampler("authors").needs_rate({.count = 7, .start_s = 1}));
}

// transformers 5.23 and qwen-vl-utils; a single frame and a range that ends one behind the last are faults there.
TEST(Sampling, FiguresOfTheQwenProcessors) {
  EXPECT_THAT(pick("qwen2_5_vl", {.count = 50, .fps = 25}, {}), ElementsAre(0, 12, 25, 37));
  EXPECT_THAT(pick("qwen_vl_utils", {.count = 50, .fps = 25}, {}), ElementsAre(0, 16, 33, 49));
  EXPECT_THAT(pick("qwen3_vl", {.count = 50, .fps = 25}, {}), ElementsAre(0, 16, 33, 49));
  EXPECT_EQ(pick("qwen3_vl", {.count = 1000, .fps = 24000.0 / 1001}, {}).size(), 83);
  EXPECT_EQ(pick("qwen2_5_vl", {.count = 1000, .fps = 24000.0 / 1001}, {}).size(), 82);
  EXPECT_EQ(pick("qwen2_5_vl", {.count = 100000, .fps = 25}, {}).size(), 768);
  EXPECT_EQ(pick("qwen2_5_vl", {.count = 100000, .fps = 25}, {.max_frames = 33}).size(), 32);
  const std::vector<int64_t> ends = pick("qwen2_5_vl", {.count = 1100, .fps = 1100.0 / 120}, {.sample_fps = 1});
  EXPECT_EQ(std::pair(ends.size(), ends.back()), std::pair(size_t{120}, int64_t{1090}));
  for (const char* rule : {"qwen2_5_vl", "qwen_vl_utils", "qwen3_vl"}) {
    EXPECT_THAT(pick(rule, {.count = 1, .fps = 25}, {}), ElementsAre(0)) << rule;
    EXPECT_EQ(pick(rule, {.count = 3, .fps = 25}, {}).size(), rule == std::string("qwen3_vl") ? 3 : 2) << rule;
    EXPECT_TRUE(sampler(rule).needs_rate({.count = 7}));
  }
}

TEST(Sampling, SpansHaveAMiddleWhereTheyAreShort) {
  EXPECT_THAT(pick("internvl", {.count = 3}, {.frames = 6}), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(pick("internvl", {.count = 80}, {.frames = 4}), ElementsAre(10, 30, 50, 70));
  EXPECT_THAT(pick("videomme_v2", {.count = 10}, {.frames = 4}), ElementsAre(2, 4, 6, 8));
}

TEST(Sampling, ARateThatIsLeftOpenIsTheRulesOwn) {
  for (const Sampler& rule : samplers()) {
    if (!rule.by_rate) continue;
    const double own = rule.name.starts_with("qwen") ? 2 : 1;
    EXPECT_EQ(rule.pick({.count = 500, .fps = 25}, {}), rule.pick({.count = 500, .fps = 25}, {.sample_fps = own}))
        << rule.name;
  }
}

TEST(Sampling, APartBehindTheEndIsNotInside) {
  const std::vector<int64_t> centre = pick("segment_centre", {.count = 100, .fps = 10, .start_s = 20, .end_s = 22}, {});
  EXPECT_GT(*std::max_element(centre.begin(), centre.end()), 99);
  EXPECT_THAT(pick("longvu_segment", {.count = 100, .fps = 10, .start_s = 20, .end_s = 22}, {}), ElementsAre());
  const std::vector<int64_t> far = pick("segment_centre", {.count = 100, .fps = 10, .start_s = 1e300}, {.frames = 1});
  EXPECT_GT(far.front(), 99);
}

TEST(Sampling, EveryRuleStaysInsideAndNeverFalls) {
  for (const Sampler& rule : samplers()) {
    for (int64_t total = 1; total < 50; ++total) {
      for (int64_t wanted = 1; wanted < 40; ++wanted) {
        const auto indices = rule.pick({.count = total, .fps = 5}, {.frames = wanted, .max_frames = wanted});
        if (!rule.by_rate) {
          ASSERT_EQ(indices.size(), static_cast<size_t>(wanted)) << rule.name;
        }
        ASSERT_FALSE(indices.empty());
        EXPECT_GE(indices.front(), 0);
        EXPECT_LT(indices.back(), total);
        EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end())) << rule.name << " " << total << " " << wanted;
      }
    }
  }
}

TEST(Sampling, RefusesAnotherRuleAndNoFrames) {
  try {
    sample_indices("middle", 8, 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_NE(std::string(error.what()).find("authors, linspace, segment_centre"), std::string::npos) << error.what();
  }
  EXPECT_THROW(sample_indices("authors", 8, 0), Error);
}

}  // namespace
}  // namespace rrpo::video
