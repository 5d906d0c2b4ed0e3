// A model in parts: two processes are two values here, and what one gives the other is a table of their parts.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "../../src/model/lora.h"
#include "../../src/model/sharded.h"
#include "../../src/model/tensor_io.h"
#include "rrpo/model/shards.h"
#include "rrpo/util/error.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What ranks give each other: the n-th gathering of each belongs to the n-th of the others.
class Exchange {
 public:
  explicit Exchange(int64_t ranks) : given_(static_cast<size_t>(ranks)) {}

  Peers peers(int64_t rank) {
    return {rank, static_cast<int64_t>(given_.size()), [this, rank](const at::Tensor& whole, const at::Tensor& part) {
              const std::lock_guard lock(mutex_);
              std::vector<at::Tensor>& own = given_[static_cast<size_t>(rank)];
              own.push_back(part);
              changed_.notify_all();
              const size_t number = own.size() - 1;
              EXPECT_EQ(whole.numel(), part.numel() * static_cast<int64_t>(given_.size()));
              return std::function<void()>([this, whole, number] { take(whole, number); });
            }};
  }
  size_t gathered(int64_t rank) const { return given_[static_cast<size_t>(rank)].size(); }

 private:
  void take(at::Tensor whole, size_t number) {
    std::unique_lock lock(mutex_);
    for (size_t rank = 0; rank < given_.size(); ++rank) {
      const std::vector<at::Tensor>& other = given_[rank];
      if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return other.size() > number; }))
        throw std::runtime_error("rank " + std::to_string(rank) + " does not come");
      EXPECT_EQ(other[number].numel() * static_cast<int64_t>(given_.size()), whole.numel()) << "another layer";
      whole.narrow(0, static_cast<int64_t>(rank) * other[number].numel(), other[number].numel()).copy_(other[number]);
    }
  }

  std::vector<std::vector<at::Tensor>> given_;  ///< by rank
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Three layers of 130, 64 and 300 bytes on two ranks; the bytes of layer l are l * 50 + their place.
class TwoShards {
 public:
  TwoShards() {
    for (Shards* shards : {&first, &second}) {
      for (int64_t layer = 0; layer < 3; ++layer) {
        const int64_t count = shards->part(layer).numel(), begin = shards->begin_of_part(layer);
        at::Tensor part = shards->part(layer);
        part.copy_(at::arange(begin, begin + count).add(50 * layer));
      }
    }
  }
  static std::vector<int64_t> bytes() { return {130, 64, 300}; }
  static bool is(const at::Tensor& bytes, int64_t layer) {
    return bytes.equal(at::arange(0, bytes.numel()).add(50 * layer).to(at::kByte));
  }
  void begin(const std::vector<int64_t>& order) {
    first.begin(order);
    second.begin(order);
  }
  bool both(int64_t layer) { return is(first.layer(layer), layer) && is(second.layer(layer), layer); }

  Exchange exchange{2};
  Shards first{exchange.peers(0), bytes(), at::kCPU}, second{exchange.peers(1), bytes(), at::kCPU};
};

TEST(Shards, AreEqualPartsAndRoomForTwoLayers) {
  TwoShards two;
  const std::vector<int64_t> expected = {128, 64, 192};  // whole 64s: half of 130, 64 and 300 and what fills them up
  for (const Shards* shards : {&two.first, &two.second}) {
    EXPECT_EQ(shards->layers(), 3);
    for (int64_t layer = 0; layer < 3; ++layer) EXPECT_EQ(shards->part(layer).numel(), expected[static_cast<size_t>(layer)]);
    EXPECT_EQ(shards->bytes(), 128 + 64 + 192 + 2 * 384);
  }
  EXPECT_EQ(two.first.begin_of_part(2), 0);
  EXPECT_EQ(two.second.begin_of_part(2), 192);
}

TEST(Shards, AreWholeInTheOrderThatWasSaid) {
  TwoShards two;
  for (int repeat = 0; repeat < 2; ++repeat) {
    two.begin({0, 1, 2, 2, 1, 0});
    for (const int64_t layer : {0, 0, 1, 2, 2, 1, 0}) EXPECT_TRUE(two.both(layer)) << layer;
    two.first.finish();
    two.second.finish();
    EXPECT_EQ(two.exchange.gathered(0), static_cast<size_t>(5 * (repeat + 1)));  // 2 after 2 is there already
  }
}

// The next layer is on its way while one is in use, and no more than that one.
TEST(Shards, ComeOneAhead) {
  TwoShards two;
  two.begin({0, 1, 2});
  EXPECT_EQ(two.exchange.gathered(0), 1U);
  two.first.layer(0);
  EXPECT_EQ(two.exchange.gathered(0), 2U);
  two.second.layer(0);
  two.first.layer(1);
  EXPECT_EQ(two.exchange.gathered(0), 3U);
}

/// Work of one rank beside the other's.
void together(const std::function<void()>& one, const std::function<void()>& other) {
  std::thread thread(one);
  other();
  thread.join();
}

// One uses every layer, the other leaves some out, and at the end all of the rest: as many gatherings, and nobody waits.
TEST(Shards, AreGatheredForTheOthersToo) {
  TwoShards two;
  const std::vector<int64_t> order = {0, 1, 2, 2, 1, 0, 0, 1, 2};
  const auto use = [&](Shards& shards, const std::vector<int64_t>& layers) {
    shards.begin(order);
    for (const int64_t layer : layers) EXPECT_TRUE(TwoShards::is(shards.layer(layer), layer)) << layer;
    shards.finish();
  };
  together([&] { use(two.first, {0, 1, 2, 1, 0, 1, 2}); }, [&] { use(two.second, {0, 2, 0}); });
  together([&] { use(two.first, {}); }, [&] { use(two.second, {0, 1, 2, 2, 1, 0, 0, 1, 2}); });
  EXPECT_EQ(two.exchange.gathered(0), 2 * 7U);
  EXPECT_EQ(two.exchange.gathered(1), 2 * 7U);
}

TEST(Shards, RefuseWhatWasNotSaid) {
  TwoShards two;
  EXPECT_THROW(two.first.layer(0), Error);
  two.begin({0, 1});
  two.second.layer(0);
  EXPECT_THROW(two.first.begin({0}), Error);
  EXPECT_THROW(two.first.layer(2), Error);
}

// A lost rank: whoever notices says so at once, and asks the others for nothing more.
TEST(Shards, EndWithAGatheringThatFails) {
  int64_t begun = 0;
  const Peers peers{0, 2, [&begun](const at::Tensor&, const at::Tensor&) {
                      ++begun;
                      return [] { throw Error(Fault::peer, "ranks", "rank 1 is gone", "start again"); };
                    }};
  Shards shards(peers, TwoShards::bytes(), at::kCPU);
  shards.begin({0, 1, 2});
  EXPECT_THROW(shards.layer(0), Error);
  shards.finish();
  EXPECT_EQ(begun, 1);
}

/// The weights of tiny_model() as a folder, opened by two ranks.
class Folder {
 public:
  explicit Folder(const std::function<void(Lvlm&)>& change = [](Lvlm&) {}) {
    Lvlm lvlm = tiny_model(1, Dtype::float32);
    change(lvlm);
    folder_.write("config.json", tiny_config().dump());
    save_weights(lvlm, folder_.path(), Dtype::float32);
  }
  Lvlm open(const std::string& frozen, const Peers* peers = nullptr, Dtype dtype = Dtype::float32,
            const std::string& device = "cpu") const {
    LoadOptions options;
    options.dtype = dtype;
    options.device = device;
    options.frozen = frozen;
    return peers != nullptr ? load(folder_.path(), options, *peers) : load(folder_.path(), options);
  }

 private:
  test::TempDir folder_;
};

/// The layers' numbers of each matrix: 32 -> 32, 16 (twice), 32; 32 -> 40 (twice), 40 -> 32.
constexpr int64_t kLayer = 32 * (32 + 16 + 16 + 32) + 3 * 32 * 40;

TEST(ShardedModel, HoldsTheSameNumbersInHalfAndTwoLayers) {
  const Folder folder;
  for (const Dtype dtype : {Dtype::float32, Dtype::bfloat16, Dtype::float64}) {
    for (const bool nf4 : {false, true}) {
      const std::string whole_name = nf4 ? "nf4" : "plain", name = nf4 ? "nf4+sharded" : "sharded";
      SCOPED_TRACE(name + " " + std::to_string(static_cast<int>(dtype)));
      Exchange exchange(2);
      const Peers peers[] = {exchange.peers(0), exchange.peers(1)};
      Lvlm whole = folder.open(whole_name, nullptr, dtype);
      Lvlm parts[] = {folder.open(name, &peers[0], dtype), folder.open(name, &peers[1], dtype)};
      for (Lvlm& part : parts) shards_of(part)->begin({0, 1, 2});
      const auto expected = decoder_matrices(whole.weights());
      const int64_t width = nf4 ? 0 : static_cast<int64_t>(c10::elementSize(whole.weights().type));
      const int64_t layer = nf4 ? kLayer / 2 + kLayer / 16 : width * kLayer;
      for (size_t i = 0; i < 3; ++i) {
        for (Lvlm& part : parts) {
          for (const auto& [matrix, held] : decoder_matrices(part.weights())) {
            if (matrix.find(".layers." + std::to_string(i) + ".") == std::string::npos) continue;
            const at::Tensor own = held->get(at::kFloat);
            EXPECT_TRUE(own.equal(expected.at(matrix)->get(at::kFloat))) << matrix;
            EXPECT_EQ(held->shape(), expected.at(matrix)->shape());
            EXPECT_FALSE(held->plain.defined());
          }
        }
      }
      for (Lvlm& part : parts) {
        const auto rest = tensors(part), all = tensors(whole);
        ASSERT_EQ(rest.size(), all.size());
        for (size_t i = 0; i < all.size(); ++i) {
          if (!expected.contains(all[i].name)) EXPECT_TRUE(rest[i].tensor->equal(*all[i].tensor)) << all[i].name;
        }
        // Each of up to 14 stretches of a layer may be filled up by 63 bytes.
        const int64_t bytes = shards_of(part)->bytes();
        EXPECT_GE(bytes, 3 * layer / 2 + 2 * layer);
        EXPECT_LE(bytes, 3 * layer / 2 + 2 * layer + 4 * 15 * 64);
      }
    }
  }
}

// One process alone has all of it, and a plan has shapes.
TEST(ShardedModel, IsWholeWhereNobodyHasTheRest) {
  const Folder folder;
  Exchange alone(1);
  const Peers one = alone.peers(0);
  Lvlm lvlm = folder.open("sharded", &one);
  EXPECT_EQ(shards_of(lvlm), nullptr);
  EXPECT_TRUE(lvlm.weights().decoder.layers[0].q.weight.plain.defined());
  EXPECT_NE(folder.open("nf4+sharded", &one).weights().decoder.layers[0].q.weight.held, nullptr);
  const Peers two{0, 2, nullptr};
  Lvlm shapes = folder.open("sharded", &two, Dtype::bfloat16, "meta");
  EXPECT_EQ(shapes.weights().decoder.layers[2].down.weight.shape(), (std::vector<int64_t>{32, 40}));
}

// Each reads what it keeps: the other half of the file may hold anything, and the one whose it is names the number.
TEST(ShardedModel, IsReadInParts) {
  const Folder folder([](Lvlm& lvlm) {
    lvlm.weights().decoder.layers[1].down.weight.plain.select(0, 31).select(0, 5).fill_(
        std::numeric_limits<double>::quiet_NaN());
  });
  Exchange exchange(2);
  const Peers first = exchange.peers(0), second = exchange.peers(1);
  EXPECT_NO_THROW(folder.open("sharded", &first));  // down_proj is the last of a layer
  try {
    folder.open("sharded", &second);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("layers.1.mlp.down_proj.weight"), HasSubstr("element 1245 ")));  // 31 * 40 + 5
  }
}

PackedRows some_rows() {
  PackedRows rows;
  rows.add_segment(tokens(9, 3), -1);
  for (int64_t i = 4; i < 9; ++i) rows.read_rows.push_back(i);
  return rows;
}

/// What the policy and its reference make of some rows, and the adapter's gradients.
std::vector<at::Tensor> pass_of(Lvlm& lvlm, const PassRules& rules, bool reference) {
  const PackedRows rows = some_rows();
  const auto plan = plan_rows(lvlm, rows);
  for (const NamedTensor& one : adapter_tensors(lvlm)) *one.tensor = one.tensor->detach().requires_grad_(true);
  const at::Tensor own = hidden(lvlm, *plan, {}, rules);
  std::vector<at::Tensor> all = {own.detach()};
  if (reference) {
    const at::NoGradGuard frozen;
    all.push_back(hidden(lvlm, *plan, {}, {.adapter = Adapter::off}));
  }
  own.square().sum().backward();
  for (const NamedTensor& one : adapter_tensors(lvlm)) all.push_back(one.tensor->grad());
  return all;
}

void adapt(Lvlm& lvlm, const std::vector<std::string>& targets) {
  add_adapter(lvlm, {4, 8, targets}, 11);
  fill_adapter(lvlm);
}

// One rank computes, in all ways to run through a layer and without its reference too; the other has no pass.
TEST(ShardedModel, ComputesWhatTheWholeOneDoes) {
  const Folder folder;
  const std::vector<int64_t> order = {0, 1, 2, 0, 1, 2, 2, 1, 0};
  const LoraConfig all;
  for (const char* name : {"plain", "nf4"}) {
    for (const PassRules& rules : {PassRules{},
                                   {.recompute = Recompute::mlp},
                                   {.recompute = Recompute::layer},
                                   {.recompute = Recompute::layer, .recompute_layers = 2}}) {
      for (const std::vector<std::string>& targets : {all.targets, {"down_proj"}}) {
        Exchange exchange(2);
        const Peers peers[] = {exchange.peers(0), exchange.peers(1)};
        const std::string sharded = std::string(name) == "nf4" ? "nf4+sharded" : "sharded";
        Lvlm whole = folder.open(name), first = folder.open(sharded, &peers[0]), second = folder.open(sharded, &peers[1]);
        for (Lvlm* lvlm : {&whole, &first}) adapt(*lvlm, targets);
        for (const bool reference : {true, false}) {
          const std::vector<at::Tensor> expected = pass_of(whole, rules, reference);
          std::vector<at::Tensor> got;
          together(
              [&] {
                shards_of(second)->begin(order);
                shards_of(second)->finish();
              },
              [&] {
                shards_of(first)->begin(order);
                got = pass_of(first, rules, reference);
                shards_of(first)->finish();
              });
          ASSERT_EQ(got.size(), expected.size());
          for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(got[i].equal(expected[i])) << sharded << ", tensor " << i;
        }
        EXPECT_EQ(exchange.gathered(0), 2 * 8U);
        EXPECT_EQ(exchange.gathered(1), 2 * 8U);
      }
    }
  }
}

/// An adapter's file may hold a copy of the base's weights: whoever keeps what differs refuses it.
TEST(ShardedModel, ReadsAdaptersThatHoldACopyOfABaseWeight) {
  const Folder folder;
  const std::string module = "model.language_model.layers.1.mlp.up_proj";  // in the second half of its layer
  for (const bool equal : {true, false}) {
    Lvlm plain = folder.open("plain");
    adapt(plain, LoraConfig().targets);
    const test::TempDir adapter;
    save_adapter(plain, adapter.path(), "base");
    std::vector<std::pair<std::string, at::Tensor>> named;
    for (const NamedTensor& tensor : adapter_tensors(plain)) named.emplace_back(tensor.name, *tensor.tensor);
    at::Tensor copy = decoder_matrices(plain.weights()).at(module + ".weight")->plain.clone();
    if (!equal) copy.select(0, 3).fill_(2);
    named.emplace_back("base_model.model." + module + ".weight", copy);
    write_tensors(adapter.path() / "adapter_model.safetensors", named, at::kFloat);
    for (const char* name : {"sharded", "nf4+sharded"}) {
      Exchange exchange(2);
      const Peers first = exchange.peers(0), second = exchange.peers(1);
      Lvlm one = folder.open(name, &first), other = folder.open(name, &second);
      EXPECT_NO_THROW(load_adapter(one, adapter.path()));
      if (equal)
        EXPECT_NO_THROW(load_adapter(other, adapter.path()));
      else
        EXPECT_THROW(load_adapter(other, adapter.path()), Error);
    }
  }
}

}  // namespace
}  // namespace rrpo::model
