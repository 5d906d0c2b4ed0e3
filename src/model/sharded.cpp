#include "sharded.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "nf4.h"
#include "rrpo/util/error.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace {

int64_t count_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

at::Tensor bytes_of(const at::Tensor& values) { return values.contiguous().view({-1}).view(at::kByte); }

/// The next place at which something may begin.
int64_t aligned(int64_t bytes) { return (bytes + Shards::kAligned - 1) / Shards::kAligned * Shards::kAligned; }

/// Where the bytes of a matrix stand: its numbers, or in four bits these and their scales.
struct Room {
  int64_t begin = 0, numbers = 0, scales_begin = 0, scales = 0;
  int64_t end() const { return scales > 0 ? scales_begin + scales : begin + numbers; }
};

Room plain_room(int64_t begin, int64_t count, at::ScalarType type) {
  return {begin, count * static_cast<int64_t>(c10::elementSize(type))};
}

Room nf4_room(int64_t begin, int64_t count) {
  const int64_t packed = (count + 1) / 2, blocks = (count + kNf4Block - 1) / kNf4Block;
  return {begin, packed, begin + aligned(packed), blocks * static_cast<int64_t>(sizeof(float))};
}

/// In the type of the model.
class ShardedPlain final : public Sharded {
 public:
  ShardedPlain(std::shared_ptr<Shards> shards, int64_t layer, std::vector<int64_t> shape, Room room, at::ScalarType type)
      : Sharded(std::move(shards), layer, std::move(shape)), room_(room), type_(type) {}

  at::Tensor get(at::ScalarType type) const override {
    return gathered(room_.begin, room_.numbers).view(type_).view(shape()).to(type);
  }

 private:
  int64_t whole_bytes() const override { return room_.numbers; }
  std::vector<PlacedBytes> own(const io::TensorEntry& entry, const Change& change) const override {
    const auto [begin, end] = own_range(room_.begin, room_.numbers);
    if (begin >= end) return {};
    const auto width = static_cast<int64_t>(c10::elementSize(type_));
    if (!change) {
      const at::Tensor part =
          read_numbers(entry, (begin - room_.begin) / width, (end - begin) / width, type_, shards().device());
      return {{begin, bytes_of(part)}};
    }
    return {own_bytes(bytes_of(change(read_tensor(entry, type_, shards().device()))), room_.begin)};
  }

  Room room_;
  at::ScalarType type_;
};

class ShardedNf4 final : public Sharded {
 public:
  ShardedNf4(std::shared_ptr<Shards> shards, int64_t layer, std::vector<int64_t> shape, Room room, at::Tensor pairs)
      : Sharded(std::move(shards), layer, std::move(shape)), room_(room), pairs_(std::move(pairs)) {}

  at::Tensor get(at::ScalarType type) const override {
    return Nf4(gathered(room_.begin, room_.numbers), gathered(room_.scales_begin, room_.scales).view(at::kFloat), shape(),
               pairs_)
        .get(type);
  }

 private:
  int64_t whole_bytes() const override { return room_.numbers + room_.scales; }
  std::vector<PlacedBytes> own(const io::TensorEntry& entry, const Change& change) const override {
    const auto [begin, end] = own_range(room_.begin, room_.end() - room_.begin);
    if (begin >= end) return {};
    const at::Tensor plain = read_as_stored(entry, at::kCPU);
    const auto whole = quantise_nf4(change ? change(plain) : plain, at::kCPU);
    return {own_bytes(whole->packed(), room_.begin), own_bytes(bytes_of(whole->absmax()), room_.scales_begin)};
  }

  Room room_;
  at::Tensor pairs_;
};

struct Place {
  std::string name;
  Frozen* matrix = nullptr;
  int64_t layer = 0;
  Room room;
};

/// Where each matrix of the layers will stand; `bytes` becomes the length of each layer.
std::vector<Place> places_of(Weights& weights, bool nf4, std::vector<int64_t>& bytes) {
  std::vector<Place> places;
  each_decoder_linear(weights, [&](const std::string& module, Linear& linear) {
    places.push_back({module + ".weight", &linear.weight, 0, {}});
  });
  const size_t of_a_layer = places.size() / weights.decoder.layers.size();
  for (size_t i = 0; i < places.size(); ++i) {
    if (i % of_a_layer == 0) bytes.push_back(0);
    const int64_t begin = aligned(bytes.back()), count = count_of(places[i].matrix->shape());
    places[i].layer = static_cast<int64_t>(i / of_a_layer);
    places[i].room = nf4 ? nf4_room(begin, count) : plain_room(begin, count, weights.type);
    bytes.back() = places[i].room.end();
  }
  return places;
}

}  // namespace

Sharded::Sharded(std::shared_ptr<Shards> shards, int64_t layer, std::vector<int64_t> shape)
    : shards_(std::move(shards)), layer_(layer), shape_(std::move(shape)) {}

int64_t Sharded::bytes() const { return whole_bytes() / shards_->ranks(); }

std::pair<int64_t, int64_t> Sharded::own_range(int64_t begin, int64_t count) const {
  const int64_t first = shards_->begin_of_part(layer_), last = first + shards_->part(layer_).numel();
  return {std::max(begin, first), std::min(begin + count, last)};
}

PlacedBytes Sharded::own_bytes(const at::Tensor& bytes, int64_t begin) const {
  const auto [first, last] = own_range(begin, bytes.numel());
  return {first, first < last ? bytes.narrow(0, first - begin, last - first) : bytes.narrow(0, 0, 0)};
}

at::Tensor Sharded::place_of(const PlacedBytes& own) const {
  if (own.bytes.numel() == 0) return own.bytes;
  return shards_->part(layer_).narrow(0, own.begin - shards_->begin_of_part(layer_), own.bytes.numel());
}

void Sharded::read(const io::TensorEntry& entry, const Change& change) const {
  for (const PlacedBytes& one : own(entry, change)) place_of(one).copy_(one.bytes);
}

bool Sharded::equals(const io::TensorEntry& entry) const {
  const std::vector<PlacedBytes> all = own(entry, {});
  return std::all_of(all.begin(), all.end(),
                     [this](const PlacedBytes& one) { return place_of(one).equal(one.bytes.to(shards_->device())); });
}

Shards* shards_of(Lvlm& lvlm) {
  const auto* first = dynamic_cast<const Sharded*>(lvlm.weights().decoder.layers.at(0).q.weight.held.get());
  return first == nullptr ? nullptr : first->all().get();
}

std::map<std::string, std::shared_ptr<const Sharded>> divide(Weights& weights, const Peers& peers, bool nf4) {
  std::vector<int64_t> bytes;
  const std::vector<Place> places = places_of(weights, nf4, bytes);
  const auto shards = std::make_shared<Shards>(peers, bytes, weights.device);
  const at::Tensor pairs = weights.device.is_cuda() && nf4 ? nf4_pairs(weights.device) : at::Tensor();
  std::map<std::string, std::shared_ptr<const Sharded>> all;
  for (const Place& place : places) {
    std::shared_ptr<const Sharded> held;
    const std::vector<int64_t> shape = place.matrix->shape();
    if (nf4)
      held = std::make_shared<ShardedNf4>(shards, place.layer, shape, place.room, pairs);
    else
      held = std::make_shared<ShardedPlain>(shards, place.layer, shape, place.room, weights.type);
    place.matrix->held = held;
    place.matrix->plain.reset();
    all.emplace(place.name, held);
  }
  return all;
}

}  // namespace rrpo::model
