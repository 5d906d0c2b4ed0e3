#include "rrpo/data/visual_cache.h"

#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "data/tiny_world.h"
#include "rrpo/data/dataset.h"
#include "rrpo/model/weights.h"

namespace rrpo::data {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

/// A folder with the visual tokens of one media.
struct Kept {
  TinyWorld world{1, 1};
  policy::Policy policy = world.open();
  rows::Media media = read_dataset({world.pairs()}, world.root(), policy, {}).videos[0];
  at::Tensor tokens = at::randn({5, 24});
  fs::path folder = world / "cache";

  Kept() { opened()->insert(media, tokens); }
  std::unique_ptr<VisualCache> opened() {
    auto cache = std::make_unique<VisualCache>();
    cache->open_folder(folder, policy, {}, world.root());
    return cache;
  }
  fs::path file() const { return files_in(folder).at(0); }
};

TEST(VisualCache, OtherFramesOfTheSameFileAreAnotherClip) {
  Kept kept;
  rows::Media listed = kept.media;
  listed.frame_indices = {2, 1};
  EXPECT_FALSE(kept.opened()->find(listed).defined());
  kept.opened()->insert(listed, kept.tokens);
  EXPECT_TRUE(kept.opened()->find(listed).defined());
  EXPECT_EQ(files_in(kept.folder).size(), 2u);
  listed.frame_indices = {1, 2};
  EXPECT_FALSE(kept.opened()->find(listed).defined());
  EXPECT_TRUE(kept.opened()->find(kept.media).defined());
}

TEST(VisualKey, HoldsAllThatTurnsPixelsIntoTokens) {
  Kept kept;
  policy::Policy& policy = kept.policy;
  model::Weights& weights = policy.lvlm.weights();
  const auto key = [&] { return visual_key(policy, {}); };
  const std::string plain = key();
  EXPECT_EQ(key(), plain);
  std::vector<std::string> seen = {plain};
  const auto differs = [&](const char* what) {
    EXPECT_THAT(seen, testing::Not(testing::Contains(key()))) << what;
    seen.push_back(key());
  };
  policy.pixels.mean[1] = 0.25F;
  differs("pixel rule");
  policy.tiles = policy.pixels;
  differs("tiles");
  policy.tiles->std[0] = 0.25F;
  differs("pixel rule of tiles");
  weights.projector.tiles = model::Tiles{{{32, 32}}, 1, false};
  differs("tiling");
  weights.projector.tiles->offered.push_back({64, 32});
  differs("offered resolutions");
  weights.projector.tiles->most = 4;
  differs("tiles at most");
  weights.projector.tiles->cuts = true;
  differs("rounding of sides");
  weights.projector.pool = model::Pool::average;
  differs("pooling");
  weights.projector.layout = model::Newline::frame;
  differs("newline");
  weights.tower.layers[1].norm2.eps = 1e-3;
  differs("epsilon");
  weights.tower.heads = 4;
  differs("heads");
  weights.type = at::kBFloat16;
  differs("compute type");
  weights.device = at::kCUDA;
  differs("device");
  EXPECT_NE(visual_key(policy, {.frames = 8}), seen.back());
  EXPECT_NE(visual_key(policy, {.sampling = "linspace"}), seen.back());
  // Fields that the rule does not read choose no other frames.
  EXPECT_EQ(visual_key(policy, {.sample_fps = 2, .max_frames = 8, .verify = true}), seen.back());
  const std::string rate = visual_key(policy, {.sampling = "fps"});
  EXPECT_NE(visual_key(policy, {.sampling = "fps", .sample_fps = 2}), rate);
  EXPECT_NE(visual_key(policy, {.sampling = "fps", .max_frames = 8}), rate);
}

TEST(VisualCache, ADamagedFileIsNeverUsedAndMadeAnew) {
  for (const char* damage : {"cut", "grown", "flipped", "a folder"}) {
    SCOPED_TRACE(damage);
    Kept kept;
    const fs::path file = kept.file();
    const std::string bytes = read_file(file, "test"), kind = damage;
    if (kind == "cut") io::write_file(file, bytes.substr(0, bytes.size() / 2));
    if (kind == "grown") io::write_file(file, bytes + "x");
    if (kind == "flipped") {
      std::string flipped = bytes;
      flipped.back() = static_cast<char>(flipped.back() ^ 1);
      io::write_file(file, flipped);
    }
    if (kind == "a folder") {
      fs::remove(file);
      fs::create_directory(file);
    }
    const auto cache = kept.opened();
    EXPECT_FALSE(cache->find(kept.media).defined());
    EXPECT_EQ(cache->damaged(), 1);
    if (kind == "a folder") fs::remove(file);
    cache->insert(kept.media, kept.tokens);
    EXPECT_TRUE(kept.opened()->find(kept.media).equal(kept.tokens));
  }
}

TEST(VisualCache, TokensOfAnotherClipUnderThisNameAreDamage) {
  Kept kept;
  const fs::path own = kept.file();
  std::ofstream(kept.world.root() / "0-0.png", std::ios::app) << "more bytes: another clip";
  kept.opened()->insert(kept.media, kept.tokens.mul(2));
  for (const fs::path& file : files_in(kept.folder)) {
    if (file != own) fs::copy_file(own, file, fs::copy_options::overwrite_existing);
  }
  const auto cache = kept.opened();
  EXPECT_FALSE(cache->find(kept.media).defined());
  EXPECT_EQ(cache->damaged(), 1);
}

TEST(FileHashes, ReadAFileAgainOnlyWhenItChanged) {
  const test::TempDir dir;
  const fs::path file = dir.write("a", "one");
  FileHashes hashes;
  const std::string one = hashes.of(file);
  EXPECT_EQ(hashes.of(file), one);
  const auto time = fs::last_write_time(file);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // clocks of file systems are coarse
  std::ofstream(file) << "two";
  fs::last_write_time(file, time);  // the change of the entry itself tells
  EXPECT_NE(hashes.of(file), one);
}

}  // namespace
}  // namespace rrpo::data
