// The matrices of a decoder's layers, divided among processes: each keeps a part of every layer, and a layer is whole
// while it is used.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rrpo/model/family.h"

namespace rrpo::model {

/// How `model.frozen` has the matrices of the decoder's layers held: plain, nf4, sharded, nf4+sharded.
struct Holding {
  bool nf4 = false, sharded = false;
};
Holding holding_of(const std::string& frozen);
std::string frozen_name(const Holding& holding);

/// The processes among which a model is divided, as it sees them.
struct Peers {
  int64_t rank = 0, size = 1;
  /// Begins to put the parts of all ranks, of equal lengths, one after the other into `whole`; both are contiguous bytes and
  /// left alone until the function that it returns has come back, which waits for the end. Every rank begins the same in the
  /// same order.
  std::function<std::function<void()>(const at::Tensor& whole, const at::Tensor& part)> gather;
};

/// The bytes of each layer stand one after the other; rank r keeps the r-th of as many equal parts as there are ranks. Two
/// layers have room to be whole: the one in use and the next, which comes while that is computed with. Ranks must gather
/// alike, so the order in which layers are used is said beforehand; who does not compute along takes part all the same.
class Shards {
 public:
  /// Parts begin and end at a multiple of so many bytes: a number of any type is in one of them.
  static constexpr int64_t kAligned = 64;

  /// `layer_bytes`: of each layer; what its parts cannot be divided by is filled up.
  Shards(Peers peers, const std::vector<int64_t>& layer_bytes, at::Device device);

  /// Begins a stretch of work that uses layers in this order, the same on every rank.
  void begin(const std::vector<int64_t>& order);
  /// Gathers what is left of the order, for the others. After a gathering that failed it does nothing: there are no others.
  void finish();
  /// The bytes of a layer: the one in use, or one that comes later in the order; those between are passed over. Valid until
  /// the next layer is asked for.
  const at::Tensor& layer(int64_t number);

  /// This rank's part of a layer, and where in the layer it begins.
  const at::Tensor& part(int64_t layer) const { return parts_.at(static_cast<size_t>(layer)); }
  int64_t begin_of_part(int64_t layer) const { return peers_.rank * part(layer).numel(); }

  int64_t layers() const { return static_cast<int64_t>(parts_.size()); }
  int64_t ranks() const { return peers_.size; }
  at::Device device() const { return rooms_[0].device(); }
  /// That this process holds: its parts, and the room for two layers.
  int64_t bytes() const;

 private:
  at::Tensor room(size_t place) const;
  void start(size_t place);
  void advance();

  Peers peers_;
  std::vector<at::Tensor> parts_;
  std::array<at::Tensor, 2> rooms_;
  std::vector<int64_t> order_;
  size_t next_ = 0;                ///< place in the order behind the layer in use
  std::function<void()> pending_;  ///< waits for that of `next_`
  bool open_ = false, failed_ = false;
  at::Tensor current_;
};

/// load() of a model that `peers` divide among them where `options.frozen` says so; one of them alone has all of it. Each
/// reads its parts, or all where four bits or a change are made of whole matrices, one at a time. Shapes alone are whole.
Lvlm load(const std::filesystem::path& folder, const LoadOptions& options, const Peers& peers);

/// What the layers of a model are parts of; null where this process has all of it.
Shards* shards_of(Lvlm& lvlm);

}  // namespace rrpo::model
