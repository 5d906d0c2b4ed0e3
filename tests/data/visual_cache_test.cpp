#include "rrpo/data/visual_cache.h"

#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "../../src/model/vision/rows.h"
#include "data/tiny_world.h"
#include "rrpo/data/dataset.h"
#include "rrpo/io/atomic.h"
#include "rrpo/model/weights.h"

namespace rrpo::data {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;

model::VisualTokens plain_tokens(const at::Tensor& tokens) { return {tokens, {}, {model::plain_run(tokens.size(0))}}; }

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

/// A folder with the visual tokens of one media.
struct Kept {
  TinyWorld world{1, 1};
  policy::Policy policy = world.open();
  rows::Media media = read_dataset({world.pairs()}, world.root(), policy, {}).videos[0].media;
  model::VisualTokens tokens = plain_tokens(at::randn({5, 24}));
  fs::path folder = world / "cache";

  Kept() { opened()->insert({media}, {}, tokens); }
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
  EXPECT_FALSE(kept.opened()->find({listed}).defined());
  kept.opened()->insert({listed}, {}, kept.tokens);
  EXPECT_TRUE(kept.opened()->find({listed}).defined());
  EXPECT_EQ(files_in(kept.folder).size(), 2u);
  listed.frame_indices = {1, 2};
  EXPECT_FALSE(kept.opened()->find({listed}).defined());
  EXPECT_TRUE(kept.opened()->find({kept.media}).defined());
}

/// Views of a media, each with tokens of its own: as it is, two perturbations, and one of them by another seed.
std::vector<rows::View> views_of(const rows::Media& media) {
  std::vector<rows::View> views(4);
  for (rows::View& view : views) view.media = media;
  views[1].perturb = Json::array({"reverse"});
  views[2].perturb = views[3].perturb = Json::array({{{"name", "mask"}, {"fill", "mean"}}});
  views[3].seed = 7;
  return views;
}

TEST(VisualCache, ViewsOfOneMediaNeverShareTokens) {
  Kept kept;
  const std::vector<rows::View> views = views_of(kept.media);
  VisualCache memory;
  memory.insert({kept.media}, {}, kept.tokens);
  for (const bool in_folder : {false, true}) {
    std::vector<std::string> names;
    for (size_t v = 0; v < views.size(); ++v) {
      const auto folder = kept.opened();
      VisualCache& cache = in_folder ? *folder : memory;
      names.push_back(cache.name(views[v], {}));
      EXPECT_EQ(cache.find(views[v]).defined(), v == 0) << v;
      if (v > 0) cache.insert(views[v], {}, plain_tokens(kept.tokens.tokens.add(static_cast<double>(v))));
    }
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), views.size());
    for (size_t v = 0; v < views.size(); ++v) {
      const auto folder = kept.opened();  // of a later run: nothing is in its memory
      const model::VisualTokens found = (in_folder ? *folder : memory).find(views[v]);
      ASSERT_TRUE(found.defined()) << v;
      EXPECT_TRUE(found.tokens.equal(kept.tokens.tokens.add(static_cast<double>(v)))) << v;
    }
  }
  EXPECT_EQ(files_in(kept.folder).size(), views.size());
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
  policy.pixels.front().mean[1] = 0.25F;
  differs("pixel rule");
  policy.pixels.front().fit = video::Fit::crop;
  differs("fit");
  policy.still = policy.pixels.front();
  differs("stills as pictures");
  policy.still->std[0] = 0.25F;
  differs("pixel rule of stills");
  policy.still->offered.push_back({64, 32});
  differs("offered resolutions");
  weights.type = at::kBFloat16;
  differs("compute type");
  weights.device = at::kCUDA;
  differs("device");
  EXPECT_NE(visual_key(policy, {.frames = 8}), seen.back());
  EXPECT_NE(visual_key(policy, {.sampling = "linspace"}), seen.back());
  EXPECT_NE(visual_key(policy, {.max_pixels = 10'000}), seen.back());
  // Fields that the rule does not read choose no other frames.
  EXPECT_EQ(visual_key(policy, {.sample_fps = 2, .max_frames = 8, .verify = true}), seen.back());
  const std::string rate = visual_key(policy, {.sampling = "fps"});
  EXPECT_NE(visual_key(policy, {.sampling = "fps", .sample_fps = 2}), rate);
  EXPECT_NE(visual_key(policy, {.sampling = "fps", .max_frames = 8}), rate);
}

TEST(VisualKey, HoldsWhatTheFamilyReadOfItsConfiguration) {
  const TinyWorld world(1, 1);
  policy::Policy before = world.open();
  Json config = read_json(world.model() / "config.json", "test");
  config["vision_config"]["layer_norm_eps"] = 1e-3;
  io::write_json(world.model() / "config.json", config);
  policy::Policy after = world.open();
  EXPECT_NE(visual_key(before, {}), visual_key(after, {}));
}

/// What an eye of LLaVA's kind says of itself with these changes.
std::string resolved(const Json& changes, const model::LlavaForm& form) {
  Json config = {
      {"hidden_size", 16}, {"intermediate_size", 24}, {"num_attention_heads", 2}, {"image_size", 20}, {"patch_size", 4}};
  config.update(changes);
  const model::Shapes shapes(at::kFloat);
  return model::siglip_llava(model::ConfigReader(config, ""), 2, 32, form, shapes)->resolved().dump();
}

TEST(VisualKey, AnEyeTellsAllThatItsTokensDependOn) {
  const Json same = Json::object();
  std::vector<std::string> seen = {resolved(same, {})};
  const auto differs = [&](const std::string& other, const char* what) {
    EXPECT_THAT(seen, testing::Not(testing::Contains(other))) << what;
    seen.push_back(other);
  };
  differs(resolved(same, {.tiles = model::Tiles{{{20, 20}}, 1, false}}), "tiling");
  differs(resolved(same, {.tiles = model::Tiles{{{20, 20}, {40, 20}}, 1, false}}), "offered resolutions");
  differs(resolved(same, {.tiles = model::Tiles{{{20, 20}}, 4, false}}), "tiles at most");
  differs(resolved(same, {.tiles = model::Tiles{{{20, 20}}, 1, true}}), "rounding of sides");
  differs(resolved(same, {.pool = model::Pool::average}), "pooling");
  differs(resolved(same, {.newline = model::Newline::frame}), "newline");
  differs(resolved({{"layer_norm_eps", 1e-3}}, {}), "epsilon");
  differs(resolved({{"num_attention_heads", 4}}, {}), "heads");
}

TEST(VisualCache, GivesBackEverythingOfAClip) {
  Kept kept;
  model::VisualTokens clip = kept.tokens;
  clip.deep = {at::randn({5, 24}), at::randn({5, 24})};
  clip.runs = {{.count = 2, .positions = {{0, 0, 0}, {0, 1, 0}}, .extent = 2, .time_s = 0.1},
               {.count = 3, .positions = {{0, 0, 0}, {0, 0, 1}, {0, 1, 1}}, .extent = 2, .time_s = 1.25}};
  kept.opened()->insert({kept.media}, {7, 8}, clip);
  EXPECT_TRUE(kept.opened()->find({kept.media}).tokens.equal(kept.tokens.tokens));  // of an eye that reads nothing
  EXPECT_FALSE(kept.opened()->find({kept.media}, {7}).defined());
  const model::VisualTokens found = kept.opened()->find({kept.media}, {7, 8});
  EXPECT_TRUE(found.tokens.equal(clip.tokens));
  ASSERT_EQ(found.deep.size(), 2u);
  EXPECT_TRUE(found.deep[1].equal(clip.deep[1]));
  EXPECT_EQ(found.runs, clip.runs);
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
    EXPECT_FALSE(cache->find({kept.media}).defined());
    EXPECT_EQ(cache->damaged(), 1);
    if (kind == "a folder") fs::remove(file);
    cache->insert({kept.media}, {}, kept.tokens);
    EXPECT_TRUE(kept.opened()->find({kept.media}).tokens.equal(kept.tokens.tokens));
  }
}

TEST(VisualCache, TokensOfAnotherClipUnderThisNameAreDamage) {
  Kept kept;
  const fs::path own = kept.file();
  std::ofstream(kept.world.root() / "0-0.png", std::ios::app) << "more bytes: another clip";
  kept.opened()->insert({kept.media}, {}, plain_tokens(kept.tokens.tokens.mul(2)));
  for (const fs::path& file : files_in(kept.folder)) {
    if (file != own) fs::copy_file(own, file, fs::copy_options::overwrite_existing);
  }
  const auto cache = kept.opened();
  EXPECT_FALSE(cache->find({kept.media}).defined());
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
