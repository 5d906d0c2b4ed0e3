// Entries of like size as one block: what it takes of the rows, as a range where it is one, and its mask.
#include <ATen/ops/full.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "../layers.h"
#include "tree.h"

namespace rrpo::model {

namespace {

/// What an entry takes of one side.
std::vector<Range> ranges_of(const Tree& tree, const std::vector<int64_t>& nodes, Range Node::*side) {
  std::vector<Range> ranges;
  for (const int64_t n : nodes) ranges.push_back(tree[static_cast<size_t>(n)].*side);
  return ranges;
}

int64_t count_rows(const std::vector<Range>& ranges) {
  return std::accumulate(ranges.begin(), ranges.end(), int64_t{0},
                         [](int64_t n, const Range& own) { return n + own.length; });
}

/// True where `parts`, `length` rows each, stand one after the other.
bool in_a_row(const std::vector<std::vector<Range>>& parts, int64_t length) {
  int64_t next = parts.front().front().begin;
  for (const std::vector<Range>& ranges : parts) {
    if (count_rows(ranges) != length) return false;
    for (const Range& own : ranges) {
      if (own.begin != next) return false;
      next = own.end();
    }
  }
  return true;
}

/// `parts` are the ranges of each entry, `length` rows the longest.
Side make_side(const std::vector<std::vector<Range>>& parts, int64_t length, at::Device device) {
  Side side;
  side.begin = parts.front().front().begin;
  side.length = length;
  if (in_a_row(parts, length)) return side;
  std::vector<int64_t> index, real;
  for (const std::vector<Range>& ranges : parts) {
    const size_t end = index.size() + static_cast<size_t>(length);
    for (const Range& own : ranges) {
      for (int64_t row = own.begin; row < own.end(); ++row) {
        real.push_back(static_cast<int64_t>(index.size()));
        index.push_back(row);
      }
    }
    index.resize(end, index.back());
  }
  side.index = side.row = index_tensor(index, device);
  if (real.size() == index.size()) return side;
  side.real = index_tensor(real, device);
  side.row = side.index.index_select(0, side.real);
  return side;
}

/// True where each query of the entry looks at all its keys.
bool sees_all(const Tree& tree, const Entry& entry, const std::vector<int64_t>& queries) {
  for (const int64_t asker : entry.askers) {
    const Node& own = tree[static_cast<size_t>(asker)];
    size_t seen = 0;
    for (int64_t s = asker; s >= 0; s = tree[static_cast<size_t>(s)].parent) {
      if (!std::binary_search(entry.asked.begin(), entry.asked.end(), s)) continue;
      if (s == asker && queries[static_cast<size_t>(own.queries.begin)] + 1 < own.rows.end()) return false;
      ++seen;
    }
    if (seen < entry.asked.size()) return false;
  }
  return true;
}

/// Writes 0 where a query of the entry may look: `mask` is [queries, width], filled with -inf before.
template <class T>
void open_mask(const Tree& tree, const Entry& entry, const std::vector<int64_t>& queries, int64_t width, T* mask) {
  std::vector<int64_t> offset(tree.size(), -1);  // of a node among the keys
  int64_t end = 0;
  for (const int64_t n : entry.asked) {
    offset[static_cast<size_t>(n)] = end;
    end += tree[static_cast<size_t>(n)].rows.length;
  }
  for (const int64_t asker : entry.askers) {
    const Range& own = tree[static_cast<size_t>(asker)].queries;
    for (int64_t query = own.begin; query < own.end(); ++query, mask += width) {
      for (int64_t s = asker; s >= 0; s = tree[static_cast<size_t>(s)].parent) {
        if (offset[static_cast<size_t>(s)] < 0) continue;
        const Range& seen = tree[static_cast<size_t>(s)].rows;
        const int64_t count = s == asker ? queries[static_cast<size_t>(query)] - seen.begin + 1 : seen.length;
        std::fill_n(mask + offset[static_cast<size_t>(s)], count, T(0));
      }
    }
  }
}

template <class T>
at::Tensor make_mask(const Tree& tree, const std::vector<Entry>& batch, const std::vector<int64_t>& queries,
                     const Block& block, at::ScalarType type) {
  const int64_t height = block.queries.length, width = block.keys.length;
  check_mask(block.count, height, width, sizeof(T));
  at::Tensor mask = at::full({block.count, 1, height, width}, -std::numeric_limits<double>::infinity(), type);
  T* own = mask.mutable_data_ptr<T>();
  for (const Entry& entry : batch) {
    open_mask(tree, entry, queries, width, own);
    const T* last = own + (entry.queries - 1) * width;
    for (int64_t i = entry.queries; i < height; ++i) std::copy_n(last, width, own + i * width);
    own += height * width;
  }
  return mask;
}

}  // namespace

std::vector<std::vector<Entry>> batch_entries(std::vector<Entry> entries, bool padding) {
  constexpr int64_t kSlack = 16384;  // scores that cost less than one more call
  const auto key = [](const Entry& entry) { return std::tuple(entry.depth, entry.causal, entry.keys, entry.queries); };
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& x, const Entry& y) { return key(x) < key(y); });
  std::vector<std::vector<Entry>> batches;
  int64_t real = 0, keys = 0, queries = 0;  // of the last batch: scores, and the longest sides
  for (Entry& entry : entries) {
    const bool joins =
        !batches.empty() && batches.back().front().depth == entry.depth && batches.back().front().causal == entry.causal;
    const int64_t wide = std::max(keys, entry.keys), tall = std::max(queries, entry.queries);
    const int64_t sum = real + entry.keys * entry.queries;
    const int64_t wasted = joins ? wide * tall * static_cast<int64_t>(batches.back().size() + 1) - sum : 0;
    if (joins && wasted <= (padding && !entry.causal ? sum / 3 + kSlack : 0)) {
      std::tie(real, keys, queries) = std::tuple(sum, wide, tall);
    } else {
      batches.emplace_back();
      std::tie(real, keys, queries) = std::tuple(entry.keys * entry.queries, entry.keys, entry.queries);
    }
    batches.back().push_back(std::move(entry));
  }
  return batches;
}

Block make_block(const Tree& tree, const std::vector<Entry>& batch, const std::vector<int64_t>& queries,
                 const at::TensorOptions& options) {
  const at::Device device = options.device();
  std::vector<std::vector<Range>> asking, asked;
  int64_t height = 0, width = 0;
  for (const Entry& entry : batch) {
    asking.push_back(ranges_of(tree, entry.askers, &Node::queries));
    asked.push_back(ranges_of(tree, entry.asked, &Node::rows));
    height = std::max(height, entry.queries);
    width = std::max(width, entry.keys);
  }
  Block block;
  block.count = static_cast<int64_t>(batch.size());
  block.queries = make_side(asking, height, device);
  block.keys = make_side(asked, width, device);
  block.causal = batch.front().causal;
  block.first = batch.front().depth == 0;
  const bool open = std::all_of(batch.begin(), batch.end(),
                                [&](const Entry& entry) { return entry.keys == width && sees_all(tree, entry, queries); });
  if (block.causal || open) return block;
  const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
  const at::Tensor mask = type == at::kDouble ? make_mask<double>(tree, batch, queries, block, at::kDouble)
                                              : make_mask<float>(tree, batch, queries, block, at::kFloat);
  block.mask = device.is_cpu() ? mask : mask.to(options);
  return block;
}

}  // namespace rrpo::model
