#include "rrpo/model/shards.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "rrpo/util/error.h"

namespace rrpo::model {

Holding holding_of(const std::string& frozen) { return {frozen.starts_with("nf4"), frozen.ends_with("sharded")}; }

std::string frozen_name(const Holding& holding) {
  if (!holding.sharded) return holding.nf4 ? "nf4" : "plain";
  return holding.nf4 ? "nf4+sharded" : "sharded";
}

Shards::Shards(Peers peers, const std::vector<int64_t>& layer_bytes, at::Device device) : peers_(std::move(peers)) {
  expect(peers_.size > 0 && peers_.rank >= 0 && peers_.rank < peers_.size && !layer_bytes.empty(), "a model in no parts");
  const auto bytes = at::TensorOptions(device).dtype(at::kByte);
  const int64_t unit = kAligned * peers_.size;
  int64_t longest = 0;
  for (const int64_t own : layer_bytes) {
    const int64_t part = (own + unit - 1) / unit * kAligned;
    parts_.push_back(at::empty({part}, bytes));
    longest = std::max(longest, part * peers_.size);
  }
  for (at::Tensor& room : rooms_) room = at::empty({longest}, bytes);
}

int64_t Shards::bytes() const {
  auto all = static_cast<int64_t>(rooms_[0].nbytes() + rooms_[1].nbytes());
  for (const at::Tensor& part : parts_) all += static_cast<int64_t>(part.nbytes());
  return all;
}

/// Neighbours in the order have different rooms.
at::Tensor Shards::room(size_t place) const {
  return rooms_.at(place % 2).narrow(0, 0, part(order_[place]).numel() * peers_.size);
}

void Shards::start(size_t place) {
  failed_ = true;  // unless it comes back
  pending_ = peers_.gather(room(place), part(order_[place]));
  failed_ = false;
}

/// What was in use is used no more: its room takes the layer behind the one that is used now.
void Shards::advance() {
  expect(next_ < order_.size(), "a layer is asked for that is not among those to come");
  failed_ = true;
  std::exchange(pending_, nullptr)();
  failed_ = false;
  current_ = room(next_++);
  if (next_ < order_.size()) start(next_);
}

void Shards::begin(const std::vector<int64_t>& order) {
  expect(!open_, "a stretch of layers inside another");
  order_ = order;
  order_.erase(std::unique(order_.begin(), order_.end()), order_.end());  // a layer in use need not come again
  next_ = 0;
  open_ = true;
  if (!order_.empty()) start(0);
}

const at::Tensor& Shards::layer(int64_t number) {
  expect(open_, "a layer in parts is asked for where no rank gathers it");
  while (next_ == 0 || order_[next_ - 1] != number) advance();
  return current_;
}

void Shards::finish() {
  while (!failed_ && next_ < order_.size()) advance();
  open_ = false;
  current_.reset();
  order_.clear();
  next_ = 0;
}

}  // namespace rrpo::model
