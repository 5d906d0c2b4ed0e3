// Matrices that are held in parts over several processes (rrpo/model/shards.h), plain or in four bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rrpo/io/safetensors.h"
#include "rrpo/model/frozen.h"
#include "rrpo/model/shards.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// What becomes of a matrix after it was read; none: nothing.
using Change = std::function<at::Tensor(const at::Tensor&)>;

/// Some bytes of a layer, and where in it they stand.
struct PlacedBytes {
  int64_t begin = 0;
  at::Tensor bytes;
};

/// A matrix whose bytes stand somewhere in a layer of Shards.
class Sharded : public Held {
 public:
  Sharded(std::shared_ptr<Shards> shards, int64_t layer, std::vector<int64_t> shape);
  const std::vector<int64_t>& shape() const override { return shape_; }
  int64_t bytes() const override;
  /// Reads what of it this process keeps. Of a matrix without a change nothing else is read, unless it is for four bits.
  void read(const io::TensorEntry& entry, const Change& change) const;
  /// True where reading the entry would give what this process keeps already.
  bool equals(const io::TensorEntry& entry) const;
  const std::shared_ptr<Shards>& all() const { return shards_; }

 protected:
  virtual int64_t whole_bytes() const = 0;
  /// What of the entry this process keeps, on any device.
  virtual std::vector<PlacedBytes> own(const io::TensorEntry& entry, const Change& change) const = 0;
  /// The bytes [begin, begin + count) of the layer, which is gathered for it.
  at::Tensor gathered(int64_t begin, int64_t count) const { return shards_->layer(layer_).narrow(0, begin, count); }
  /// The range [first, second) of the bytes [begin, begin + count) of the layer that this process keeps.
  std::pair<int64_t, int64_t> own_range(int64_t begin, int64_t count) const;
  /// What of `bytes`, which stand at `begin`, this process keeps.
  PlacedBytes own_bytes(const at::Tensor& bytes, int64_t begin) const;
  const Shards& shards() const { return *shards_; }

 private:
  at::Tensor place_of(const PlacedBytes& own) const;

  std::shared_ptr<Shards> shards_;
  int64_t layer_;
  std::vector<int64_t> shape_;
};

/// Divides the matrices of the decoder's layers, which are shapes so far, among `peers`: in the type of the model, or in
/// four bits. They are held then, and have values when each was read. Returns them by their tensors' names.
std::map<std::string, std::shared_ptr<const Sharded>> divide(Weights& weights, const Peers& peers, bool nf4);

}  // namespace rrpo::model
