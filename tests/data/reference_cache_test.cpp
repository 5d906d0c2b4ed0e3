#include "rrpo/data/reference_cache.h"

#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "data/tiny_world.h"
#include "rrpo/io/atomic.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/error.h"

namespace rrpo::data {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;

/// A weight that is held in another form, here as a plain tensor.
class Apart : public model::Held {
 public:
  explicit Apart(at::Tensor values) : values_(std::move(values)), shape_(values_.sizes().vec()) {}
  at::Tensor get(at::ScalarType type) const override { return values_.to(type); }
  const std::vector<int64_t>& shape() const override { return shape_; }
  int64_t bytes() const override { return static_cast<int64_t>(values_.nbytes()); }

 private:
  at::Tensor values_;
  std::vector<int64_t> shape_;
};

model::PackedRows some_rows() {
  model::PackedRows rows;
  const int64_t video = rows.add_clip({{1, 2}}, {model::plain_run(3)}, 0);
  rows.add_segment({5, 6}, rows.add_segment({3, 4}, video));
  rows.read_rows = {5, 6, 7};
  return rows;
}

TEST(ReferenceName, HoldsAllThatGoesIntoAPass) {
  std::vector<std::string> seen = {reference_name({"clip"}, some_rows())};
  EXPECT_EQ(reference_name({"clip"}, some_rows()), seen.front());
  const auto differs = [&](const std::string& name, const char* what) {
    EXPECT_THAT(seen, testing::Not(testing::Contains(name))) << what;
    seen.push_back(name);
  };
  const auto changed = [](const std::function<void(model::PackedRows&)>& change) {
    model::PackedRows rows = some_rows();
    change(rows);
    return reference_name({"clip"}, rows);
  };
  differs(reference_name({"other"}, some_rows()), "clip");
  differs(reference_name({"clip", ""}, some_rows()), "number of clips");
  differs(changed([](auto& rows) { rows.ids.back() = 7; }), "ids");
  differs(changed([](auto& rows) { rows.positions[3].width = 9; }), "positions");
  differs(changed([](auto& rows) { rows.segments.back().parent = 0; }), "segments");
  differs(changed([](auto& rows) { rows.visual.front().first = 1; }), "visual rows");
  differs(changed([](auto& rows) { rows.read_rows.push_back(7); }), "read rows");
  // Company: the same pair beside another one is another pass.
  differs(changed([](auto& rows) { rows.add_segment({9}, -1); }), "rows of another pair");
  EXPECT_NE(reference_name({"ab", "c"}, some_rows()), reference_name({"a", "bc"}, some_rows()));
}

TEST(ReferenceKey, HoldsTheDecoderButNotItsAdapter) {
  const TinyWorld world(1, 1);
  policy::Policy policy = world.open();
  model::Weights& weights = policy.lvlm.weights();
  model::DecoderLayer& layer = weights.decoder.layers.front();
  const std::string plain = reference_key(policy);
  policy::Policy again = world.open();
  EXPECT_EQ(reference_key(again), plain);
  model::add_adapter(policy.lvlm, {.rank = 2, .alpha = 4}, 1);
  EXPECT_EQ(reference_key(policy), plain);
  std::vector<std::string> seen = {plain};
  const auto differs = [&](const char* what) {
    EXPECT_THAT(seen, testing::Not(testing::Contains(reference_key(policy)))) << what;
    seen.push_back(reference_key(policy));
  };
  const at::Tensor up = layer.up.weight.plain;
  up.select(0, 3).select(0, 1).mul_(1.0000002);
  differs("the last bit of a weight");
  up.select(0, 3).narrow(0, 0, 2).neg_();
  differs("two signs in one word");
  up.narrow(0, 5, 2).copy_(up.narrow(0, 5, 2).flip(0));
  differs("two rows that changed places");
  layer.q.bias.add_(1);
  differs("a bias");
  weights.decoder.norm.weight.mul_(2);
  differs("a norm");
  weights.decoder.embedding.select(0, 11).mul_(2);
  differs("the embedding");
  weights.decoder.theta *= 2;
  differs("theta");
  layer.input_norm.eps *= 2;
  differs("an epsilon");
  weights.type = at::kBFloat16;
  differs("compute type");
  weights.device = at::kCUDA;
  differs("kind of device");
}

TEST(ReferenceKey, TakesHeldWeightsAsProductsSeeThem) {
  const TinyWorld world(1, 1);
  policy::Policy policy = world.open();
  model::Frozen& gate = policy.lvlm.weights().decoder.layers.front().gate.weight;
  const at::Tensor values = gate.plain;
  const std::string plain = reference_key(policy);
  gate = {};
  gate.held = std::make_shared<Apart>(values);  // in parts over several processes: the same values
  EXPECT_EQ(reference_key(policy), plain);
  gate.held = std::make_shared<Apart>(values.mul(1.001));  // in four bits: others
  EXPECT_NE(reference_key(policy), plain);
}

TEST(ReferenceCache, ReturnsWhatWasPutInAndKeepsToItsRoom) {
  ReferenceCache cache(2 * 40);
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < 3; ++i) {
    all.push_back(at::randn({5, 2}));
    cache.insert(std::to_string(i), all.back());
  }
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(cache.find(std::to_string(i)).equal(all[i]));
  EXPECT_FALSE(cache.find("2").defined());
  const at::Tensor before = all[0].clone();
  all[0].zero_();
  EXPECT_TRUE(cache.find("0").equal(before));  // it is a copy
}

TEST(ReferenceCache, FolderServesALaterRunWithTheSameKeyOnly) {
  const test::TempDir dir;
  const at::Tensor rows = at::randn({4, 6}).to(at::kBFloat16);
  const auto opened = [&](const char* key, int64_t bytes) {
    auto cache = std::make_unique<ReferenceCache>(bytes);
    cache->open_folder(dir / "cache", key);
    return cache;
  };
  opened("key", 0)->insert("name", rows);
  for (const int64_t bytes : {0, 1 << 20}) {
    const auto cache = opened("key", bytes);
    EXPECT_TRUE(cache->find("name").equal(rows));
    EXPECT_FALSE(cache->find("other").defined());
    EXPECT_FALSE(opened("other", bytes)->find("name").defined());
    EXPECT_EQ(cache->damaged(), 0);
  }
}

TEST(ReferenceCache, ADamagedFileIsNeverUsedAndMadeAnew) {
  const test::TempDir dir;
  const at::Tensor rows = at::randn({4, 6});
  ReferenceCache first(0);
  first.open_folder(dir / "cache", "key");
  first.insert("name", rows);
  const fs::path file = fs::directory_iterator(dir / "cache")->path();
  EXPECT_THAT(file.filename().string(), testing::StartsWith("reference-"));
  const std::string whole = read_file(file, "test");
  for (const size_t at : {size_t{20}, whole.size() / 2, whole.size() - 1}) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    io::write_file(file, flipped);
    ReferenceCache cache(1 << 20);
    cache.open_folder(dir / "cache", "key");
    EXPECT_FALSE(cache.find("name").defined()) << at;
    EXPECT_EQ(cache.damaged(), 1);
    cache.insert("name", rows);
    EXPECT_EQ(read_file(file, "test"), whole);
  }
}

TEST(ReferenceCache, AFolderThatCannotBeMadeIsSaid) {
  const test::TempDir dir;
  dir.write("file", "");
  ReferenceCache cache(0);
  EXPECT_THROW(cache.open_folder(dir / "file" / "cache", "key"), Error);
}

}  // namespace
}  // namespace rrpo::data
