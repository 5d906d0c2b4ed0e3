// What LongVU leaves out of a clip, by the golden files of scripts/oracles/longvu.py and by hand.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <map>

#include "../../src/model/vision/longvu_reduction.h"
#include "rrpo/io/safetensors.h"
#include "rrpo/util/json_file.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::model {
namespace {

using Ids = std::vector<int64_t>;

class LongVuReduction : public testing::Test {
 protected:
  LongVuReduction() {
    for (const io::TensorEntry& entry : io::read_safetensors_header(folder_ / "golden.safetensors")) {
      if (!entry.name.starts_with("features.")) continue;
      at::Tensor tensor = at::empty(entry.shape, at::kFloat);
      io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
      features_.emplace(entry.name, tensor.to(at::kDouble));
    }
  }
  rrpo::test::Comparison compared(const std::string& what) const {
    return {"longvu", "the authors' longvu " + json_.at("commit").get<std::string>().substr(0, 7), what, 0};
  }

  const std::filesystem::path folder_ = rrpo::test::source_file("tests/golden/longvu");
  const Json json_ = read_json(folder_ / "golden.json", "test");
  const Json& functions_ = json_.at("functions");
  std::map<std::string, at::Tensor> features_;
  const at::NoGradGuard no_grad_;
};

TEST_F(LongVuReduction, FramesThatStay) {
  for (size_t i = 0; i < functions_.at("selected").size(); ++i) {
    const Json& one = functions_.at("selected")[i];
    const int64_t room = one.at("length").get<int64_t>() - one.at("row").get<int64_t>() - 16;
    const Ids kept =
        unlike_frames(features_.at("features." + std::to_string(i)), maps_that_fit(room, 64), one.at("threshold"));
    rrpo::test::expect_same(compared("frames that stay, by their features"), kept == one.at("frames").get<Ids>(),
                            one.dump().substr(0, 80));
  }
}

TEST_F(LongVuReduction, PartsThatShowThePicture) {
  for (const Json& one : functions_.at("unpadded")) {
    const int64_t side = one.at("side");
    const MapPart part = picture_part(side, one.at("size")[0], one.at("size")[1]);
    const auto shape = one.at("shape").get<Ids>();
    if (shape[0] * shape[1] == 0) {
      EXPECT_EQ(part, (MapPart{0, 0, side, side})) << one;  // nothing would be left
      EXPECT_EQ(one.at("masked"), 0) << one;
      continue;
    }
    const bool same = Ids{part.height, part.width} == shape && part.top * side + part.left == one.at("first").get<int64_t>();
    rrpo::test::expect_same(compared("parts of maps that show the picture"), same, one.dump());
    EXPECT_EQ(part.height * part.width, one.at("masked").get<int64_t>()) << one;
    EXPECT_EQ(part.top * side + part.left, one.at("mask_first").get<int64_t>()) << one;
  }
}

TEST_F(LongVuReduction, MapsThatFitRoundDownAndAreOneAtLeast) {
  EXPECT_EQ(maps_that_fit(1296, 144), 9);
  EXPECT_EQ(maps_that_fit(1295, 144), 8);
  EXPECT_EQ(maps_that_fit(143, 144), 1);
  EXPECT_EQ(maps_that_fit(-500, 144), 1);
}

TEST_F(LongVuReduction, DetailIsMixedFromAsManyFramesAsFitFinely) {
  EXPECT_FALSE(mixes_detail(8, 1296, 144, 64));
  EXPECT_TRUE(mixes_detail(9, 1296, 144, 64));   // 9 fit
  EXPECT_TRUE(mixes_detail(20, 1296, 144, 64));  // 20 fit coarsely
  EXPECT_FALSE(mixes_detail(21, 1296, 144, 64));
}

TEST_F(LongVuReduction, ALikenessAtTheThresholdGoes) {
  // Two frames at a right angle: each is alike to both by half.
  const at::Tensor frames = at::cat({at::tensor({3.0, 0.0}), at::tensor({0.0, 7.0})}).view({2, 1, 2});
  EXPECT_EQ(unlike_frames(frames, 2, 0.5), (Ids{1}));  // the middle one stays whatever it is like
  EXPECT_EQ(unlike_frames(frames, 2, 0.5001), (Ids{0, 1}));
  EXPECT_EQ(unlike_frames(frames, 3, 0.5), (Ids{0, 1}));  // fewer than fit: nothing is asked
}

TEST_F(LongVuReduction, TheMiddleOfEveryWindowStays) {
  const at::Tensor same = at::ones({37, 2, 3}, at::kDouble);
  EXPECT_EQ(unlike_frames(same, 1, 0.83), (Ids{8, 24, 34}));  // 16, 16 and 5
}

TEST_F(LongVuReduction, NewlinesStandBehindRows) {
  const at::Tensor maps = at::arange(2 * 9, at::kDouble).view({2, 9, 1});
  const at::Tensor rows = lay_part(maps, 3, {0, 1, 3, 2}, at::full({1}, -1.0));
  ASSERT_EQ(rows.sizes().vec(), (Ids{2, 9, 1}));
  const Ids first = {1, 2, -1, 4, 5, -1, 7, 8, -1};
  for (int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(rows[0][i].item<double>(), static_cast<double>(first[static_cast<size_t>(i)]));
    EXPECT_EQ(rows[1][i].item<double>(), first[static_cast<size_t>(i)] < 0 ? -1 : first[static_cast<size_t>(i)] + 9.0);
  }
}

TEST_F(LongVuReduction, AskedFramesAreFineAsFarAsThereIsRoom) {
  const at::Tensor coarse = at::tensor({1.0, 5.0, 3.0, 4.0}).view({4, 1, 1}), fine = coarse.repeat({1, 3, 1}).add(10);
  const at::Tensor text = at::tensor({0.5, 1.5}).view({2, 1});
  EXPECT_EQ(asked_frames(coarse, text, 2), (Ids{1, 3}));
  EXPECT_EQ(asked_frames(coarse, text, 9).size(), 4U);
  EXPECT_FALSE(sharpen(coarse, fine, text, 4).defined());  // exactly full
  EXPECT_FALSE(sharpen(coarse, fine, text, 5).defined());  // one more takes two
  EXPECT_TRUE(sharpen(coarse, fine, text, 6).equal(at::tensor({1.0, 15.0, 15.0, 15.0, 3.0, 4.0}).view({6, 1})));
  EXPECT_EQ(sharpen(coarse, fine, text, 9).size(0), 8);
  EXPECT_EQ(sharpen(coarse, fine, text, 99).size(0), 12);
}

TEST_F(LongVuReduction, RepeatedTokensGo) {
  // Frame 1 repeats the first token of frame 0 and turns the second by a right angle.
  const at::Tensor frames = at::tensor({1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 4.0}).view({2, 2, 2});
  EXPECT_TRUE(compress(frames, 0.5, 9).equal(at::tensor({1.0, 0.0, 1.0, 0.0, 0.0, 4.0}).view({3, 2})));
  EXPECT_EQ(compress(frames, 0.0, 9).size(0), 2);  // a cosine of 0 is not below 0
  EXPECT_EQ(compress(frames, 1.1, 9).size(0), 4);
}

TEST_F(LongVuReduction, WhatIsStillTooMuchIsCutOffEveryEight) {
  const at::Tensor frames = at::arange(9 * 2 * 2, at::kDouble).view({9, 2, 2}).add(1);  // nothing is alike to 1.1
  const at::Tensor kept = compress(frames, 1.1, 15);  // 16 and 2 tokens; 3 too many: 2 off either, which leaves one more out
  EXPECT_EQ(kept.size(0), 14);
  EXPECT_TRUE(kept.equal(frames.flatten(0, 1).narrow(0, 0, 14)));
  EXPECT_EQ(compress(frames, 1.1, 18).size(0), 18);
  EXPECT_EQ(compress(frames, 1.1, 17).size(0), 16);
  EXPECT_TRUE(compress(frames, 1.1, 17).narrow(0, 15, 1).equal(frames.flatten(0, 1).narrow(0, 16, 1)));
}

}  // namespace
}  // namespace rrpo::model
