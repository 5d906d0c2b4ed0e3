#include "rrpo/video/perturbation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rrpo::video {
namespace {

using testing::HasSubstr;

// Frames of random bytes: every frame differs from every other.
Frames noise(int64_t count, int64_t height = 24, int64_t width = 32) {
  Frames frames;
  frames.count = count;
  frames.height = height;
  frames.width = width;
  Random random(7, "test", 0);
  for (int64_t i = 0; i < count * frames.frame_bytes(); ++i) frames.rgb.push_back(static_cast<uint8_t>(random.below(256)));
  for (int64_t i = 0; i < count; ++i) {
    frames.time_s.push_back(static_cast<double>(i) / 8);
    frames.index.push_back(10 + i);
  }
  return frames;
}

std::string fault_of(const Json& list) {
  try {
    parse_perturbations(list, "gen.perturb");
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  ADD_FAILURE() << "no error for " << list.dump();
  return "";
}

Frames after(const std::string& list, const Frames& frames, uint64_t seed = 1, const std::string& id = "a") {
  return perturb(frames, parse_perturbations(Json::parse(list), "gen.perturb"), seed, id);
}

// The contract of the table, over every row.
TEST(Perturbations, EveryRowKeepsTheContract) {
  std::set<std::string> names;
  for (const Perturbation& row : perturbations()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_FALSE(row.help.empty());
    const auto steps = parse_perturbations(Json::array({row.name}), "gen.perturb");
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(steps[0].settings.at("name"), row.name);
    EXPECT_EQ(steps[0].settings.size(), row.parameters.size());
    EXPECT_EQ(parse_perturbations(Json::array({steps[0].settings}), "gen.perturb")[0].settings, steps[0].settings);
    for (const int64_t count : {2, 5, 8, 16}) {
      const Frames input = noise(count);
      const Frames kept = input;
      const Frames out = perturb(input, steps, 42, "sample");
      EXPECT_EQ(input.rgb, kept.rgb);
      EXPECT_EQ(out.rgb, perturb(input, steps, 42, "sample").rgb);
      EXPECT_NE(out.rgb, input.rgb);
      EXPECT_EQ((std::vector<int64_t>{out.count, out.height, out.width}), (std::vector<int64_t>{count, 24, 32}));
      EXPECT_EQ(out.rgb.size(), input.rgb.size());
      EXPECT_EQ(out.time_s, input.time_s);
      EXPECT_EQ(out.index.size(), input.index.size());
    }
    const Frames frames = noise(16);
    EXPECT_EQ(row.random, perturb(frames, steps, 42, "sample").rgb != perturb(frames, steps, 42, "another").rgb);
    EXPECT_EQ(row.random, perturb(frames, steps, 42, "sample").rgb != perturb(frames, steps, 43, "sample").rgb);
  }
}

TEST(Perturbations, MaskIsATubeOfTheClipsMean) {
  const Frames input = noise(3, 96, 96);
  for (int sample = 0; sample < 50; ++sample) {
    const Frames out = after(R"([{"name": "mask", "fill": 7}])", input, 1, std::to_string(sample));
    int64_t covered = 0, rows = 0;
    for (int64_t y = 0; y < 96; ++y) {
      int64_t in_row = 0;
      for (int64_t x = 0; x < 96; ++x) {
        const auto masked = [&](int64_t frame) {
          const uint8_t* p = out.frame(frame) + (y * 96 + x) * 3;
          return p[0] == 7 && p[1] == 7 && p[2] == 7;
        };
        ASSERT_EQ(masked(0), masked(1));
        ASSERT_EQ(masked(0), masked(2));
        in_row += masked(0) ? 1 : 0;
      }
      covered += in_row;
      rows += in_row > 0 ? 1 : 0;
    }
    const double area = static_cast<double>(covered) / (96 * 96), side = static_cast<double>(rows);
    EXPECT_GT(area, 0.24);
    EXPECT_LT(area, 0.51);
    EXPECT_GT(side * side / static_cast<double>(covered), 0.57);  // height : width
    EXPECT_LT(side * side / static_cast<double>(covered), 1.69);
  }
}

/// Which bytes of a frame were changed.
std::vector<bool> changed(const Frames& before, const Frames& after, int64_t frame) {
  std::vector<bool> out;
  for (int64_t i = 0; i < before.frame_bytes(); ++i) out.push_back(before.frame(frame)[i] != after.frame(frame)[i]);
  return out;
}

TEST(Perturbations, AMaskPerFrameIsAnotherRectangleInEachFrame) {
  Frames input = noise(6, 64, 64);
  std::replace(input.rgb.begin(), input.rgb.end(), uint8_t{7}, uint8_t{8});
  const Frames tube = after(R"([{"name": "mask", "fill": 7}])", input);
  const Frames own = after(R"([{"name": "mask", "fill": 7, "shape": "frame"}])", input);
  std::set<std::vector<bool>> places;
  for (int64_t i = 0; i < 6; ++i) {
    const std::vector<bool> covered = changed(input, own, i);
    const double area =
        static_cast<double>(std::count(covered.begin(), covered.end(), true)) / static_cast<double>(covered.size());
    EXPECT_GT(area, 0.23);
    EXPECT_LT(area, 0.52);
    places.insert(covered);
    EXPECT_EQ(changed(input, tube, i), changed(input, tube, 0));
  }
  EXPECT_EQ(places.size(), 6u);
}

TEST(Perturbations, PatchesAreCellsOfAGridTheSameInEveryFrame) {
  Frames input = noise(3, 50, 70);  // no multiple of the grid: cells of 12 or 13 by 17 or 18
  std::replace(input.rgb.begin(), input.rgb.end(), uint8_t{7}, uint8_t{8});
  const auto out = after(R"([{"name": "mask", "fill": 7, "shape": "patches", "grid": 4, "area": [0.5, 0.5]}])", input);
  int64_t cells = 0;
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t column = 0; column < 4; ++column) {
      int64_t covered = 0, pixels = 0;
      for (int64_t y = row * 50 / 4; y < (row + 1) * 50 / 4; ++y) {
        for (int64_t x = column * 70 / 4; x < (column + 1) * 70 / 4; ++x, ++pixels) {
          covered += out.frame(0)[(y * 70 + x) * 3] == 7;
        }
      }
      EXPECT_TRUE(covered == 0 || covered == pixels) << row << "," << column;
      cells += covered == pixels;
    }
  }
  EXPECT_EQ(cells, 8);
  EXPECT_EQ(changed(input, out, 0), changed(input, out, 2));
}

TEST(Perturbations, ReverseIsItsOwnInverse) {
  const Frames input = noise(5);
  EXPECT_EQ(after(R"(["reverse"])", input).index, (std::vector<int64_t>{14, 13, 12, 11, 10}));
  EXPECT_EQ(after(R"(["reverse", "reverse"])", input).rgb, input.rgb);
}

TEST(Perturbations, ALostFrameShowsTheOneBefore) {
  const Frames input = noise(8);
  std::set<std::vector<int64_t>> orders;
  for (int sample = 0; sample < 30; ++sample) {
    const auto out = after(R"([{"name": "drop", "share": [0.5, 0.5]}])", input, 1, std::to_string(sample));
    std::set<int64_t> shown(out.index.begin(), out.index.end());
    EXPECT_EQ(shown.size(), 4u);
    EXPECT_TRUE(std::is_sorted(out.index.begin(), out.index.end()));
    for (int64_t i = 0; i < 8; ++i) {
      const int64_t from = out.index[static_cast<size_t>(i)] - 10;
      EXPECT_TRUE(std::equal(out.frame(i), out.frame(i) + out.frame_bytes(), input.frame(from)));
      if (shown.contains(10 + i)) {
        EXPECT_EQ(from, i);
      }
    }
    orders.insert(out.index);
  }
  EXPECT_GT(orders.size(), 10u);
  EXPECT_EQ(after(R"([{"name": "drop", "share": [1, 1]}])", noise(3)).rgb.size(), noise(3).rgb.size());
}

TEST(Perturbations, BlankCoversWholeFrames) {
  const Frames input = noise(8);
  const auto out = after(R"([{"name": "blank", "share": [0.25, 0.25], "fill": "black"}])", input);
  int64_t covered = 0;
  for (int64_t i = 0; i < 8; ++i) {
    const bool black = std::all_of(out.frame(i), out.frame(i) + out.frame_bytes(), [](uint8_t v) { return v == 0; });
    covered += black;
    if (!black) {
      EXPECT_TRUE(std::equal(out.frame(i), out.frame(i) + out.frame_bytes(), input.frame(i)));
    }
  }
  EXPECT_EQ(covered, 2);
  EXPECT_EQ(out.index, input.index);
}

TEST(Perturbations, MaskFills) {
  Frames flat = noise(1, 8, 8);
  for (size_t i = 0; i < flat.rgb.size(); ++i) flat.rgb[i] = static_cast<uint8_t>(i < 96 ? 100 : 50);
  const auto has = [&](const std::string& fill, uint8_t level) {
    const auto out = after(R"([{"name": "mask", "area": [1, 1], "fill": )" + fill + "}]", flat);
    return std::count(out.rgb.begin(), out.rgb.end(), level) >= 96;
  };
  EXPECT_TRUE(has("\"mean\"", 75));
  EXPECT_TRUE(has("\"black\"", 0));
  EXPECT_TRUE(has("\"white\"", 245));
  EXPECT_TRUE(has("17", 17));
}

TEST(Perturbations, ShufflesMoveWholeFrames) {
  const Frames input = noise(10);
  for (int sample = 0; sample < 40; ++sample) {
    const std::string id = std::to_string(sample);
    const auto local = after(R"(["shuffle_local"])", input, 1, id);
    const auto global = after(R"(["shuffle_global"])", input, 1, id);
    for (const Frames* out : {&local, &global}) {
      for (int64_t i = 0; i < 10; ++i) {
        const int64_t from = out->index[static_cast<size_t>(i)] - 10;
        ASSERT_TRUE(std::equal(out->frame(i), out->frame(i) + out->frame_bytes(), input.frame(from)));
      }
      auto sorted = out->index;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(sorted, input.index);
    }
    for (size_t begin = 0; begin < 10; begin += 4) {  // windows of 4, 4 and 2
      const size_t end = std::min<size_t>(begin + 4, 10);
      const std::vector<int64_t> window(local.index.begin() + static_cast<long>(begin),
                                        local.index.begin() + static_cast<long>(end));
      EXPECT_FALSE(std::is_sorted(window.begin(), window.end()));
      for (const int64_t index : window)
        EXPECT_TRUE(index >= 10 + static_cast<int64_t>(begin) && index < 10 + static_cast<int64_t>(end));
    }
    EXPECT_NE(global.index, input.index);
  }
}

TEST(Perturbations, OneFrameStaysWhereItIs) {
  const Frames one = noise(1), five = noise(5);
  EXPECT_EQ(after(R"(["shuffle_local"])", one).rgb, one.rgb);
  EXPECT_EQ(after(R"(["shuffle_global"])", one).rgb, one.rgb);
  EXPECT_EQ(after(R"([{"name": "shuffle_local", "window": 4}])", five).index[4], 14);
}

TEST(Perturbations, StepsFollowEachOther) {
  const Frames input = noise(8);
  const auto both = after(R"([{"name": "mask", "fill": "black"}, "shuffle_local"])", input);
  EXPECT_NE(both.index, input.index);
  EXPECT_GT(std::count(both.rgb.begin(), both.rgb.end(), 0), static_cast<long>(input.rgb.size() / 5));
  EXPECT_EQ(after("[]", input).rgb, input.rgb);
}

TEST(Perturbations, FaultsNameTheFullPath) {
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "shuffle_local", "windw": 4}])")), HasSubstr("gen.perturb[0].windw"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "shuffle_local", "windw": 4}])")), HasSubstr("window"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "mask"}, {"name": "musk"}])")), HasSubstr("gen.perturb[1].name"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"area": [0.2, 0.3]}])")), HasSubstr("gen.perturb[0].name"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "mask", "area": [0.5, 0.2]}])")), HasSubstr("gen.perturb[0].area"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "mask", "fill": "pink"}])")), HasSubstr("gen.perturb[0].fill"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "shuffle_local", "window": 1}])")), HasSubstr("gen.perturb[0].window"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "mask", "shape": "disc"}])")), HasSubstr("gen.perturb[0].shape"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "drop", "share": [0, 0.5]}])")), HasSubstr("gen.perturb[0].share"));
  EXPECT_THAT(fault_of(Json::parse(R"([{"name": "blank", "fill": 300}])")), HasSubstr("gen.perturb[0].fill"));
  EXPECT_THAT(fault_of(Json::parse(R"({"name": "mask"})")), HasSubstr("gen.perturb"));
}

// What a pair row keeps of its steps makes the same frames again.
TEST(Perturbations, WhatAStepKeepsIsReadAsTheSameStep) {
  const Frames input = noise(8);
  for (const Perturbation& row : perturbations()) {
    const PerturbStep step = parse_perturbations(Json::array({row.name}), "x").front();
    const PerturbStep again = row_perturbations(Json::array({step.settings}), "x").front();
    EXPECT_EQ(again.settings, step.settings) << row.name;
    EXPECT_EQ(perturb(input, {again}, 5, "a").rgb, perturb(input, {step}, 5, "a").rgb) << row.name;
  }
}

TEST(Perturbations, AFaultOfARowIsOneOfTheData) {
  try {
    row_perturbations(Json::parse(R"([{"name": "mask"}, {"name": "musk"}])"), "other.perturb");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), testing::StartsWith("data: other.perturb[1].name: \"musk\" is none of "));
    EXPECT_THAT(error.what(), testing::EndsWith("; fix: other.perturb[1].name=mask"));
  }
}

}  // namespace
}  // namespace rrpo::video
