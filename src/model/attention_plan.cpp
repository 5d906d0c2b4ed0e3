#include "attention_plan.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Queries that look at the keys of the same segments: one block before padding.
struct Item {
  std::vector<int64_t> segments;
  std::vector<int64_t> queries;  ///< numbers of query rows
  int64_t keys = 0;
  int64_t depth = 0;
  bool causal = false;  ///< the queries are the rows of the keys
};

at::Tensor tensor_of(const std::vector<int64_t>& values, const at::Device& device) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor.to(device);
}

bool counts_up(const std::vector<int64_t>& values, int64_t size) {
  if (static_cast<int64_t>(values.size()) != size) return false;
  for (int64_t i = 0; i < size; ++i) {
    if (values[static_cast<size_t>(i)] != i) return false;
  }
  return true;
}

/// The tree of segments with what the planner asks of it.
class Tree {
 public:
  explicit Tree(const PackedRows& rows)
      : segments_(rows.segments), segment_of_(rows.ids.size()), offset_(segments_.size(), -1) {
    for (size_t s = 0; s < segments_.size(); ++s) {
      const Segment& own = segments_[s];
      expect(own.parent < static_cast<int64_t>(s), "a segment's parent comes after it");
      depth_.push_back(own.parent < 0 ? 0 : depth_[static_cast<size_t>(own.parent)] + 1);
      root_.push_back(own.parent < 0 ? static_cast<int64_t>(s) : root_[static_cast<size_t>(own.parent)]);
      std::fill_n(segment_of_.begin() + own.begin, own.length, static_cast<int64_t>(s));
    }
  }

  /// Blocks before padding: one per tree (dense), or one or two per segment (merged, split), with the queries that see it.
  std::vector<Item> items(const std::vector<int64_t>& queries, Attention kind) const {
    if (kind == Attention::split) return split_items(queries);
    std::vector<Item> all(segments_.size());
    for (size_t s = 0; s < segments_.size(); ++s) {
      if (segments_[s].length == 0) continue;
      const size_t home = kind == Attention::dense ? static_cast<size_t>(root_[s]) : s;
      all[home].segments.push_back(static_cast<int64_t>(s));
      all[home].keys += segments_[s].length;
      all[home].depth = kind == Attention::dense ? 0 : depth_[s];
    }
    for (size_t i = 0; i < queries.size(); ++i) {
      const int64_t own = segment_of_[static_cast<size_t>(queries[i])];
      if (kind == Attention::dense) {
        all[static_cast<size_t>(root_[static_cast<size_t>(own)])].queries.push_back(static_cast<int64_t>(i));
        continue;
      }
      for (int64_t s = own; s >= 0; s = segments_[static_cast<size_t>(s)].parent) {
        all[static_cast<size_t>(s)].queries.push_back(static_cast<int64_t>(i));
      }
    }
    std::erase_if(all, [](const Item& item) { return item.queries.empty() || item.keys == 0; });
    return all;
  }

  std::vector<Item> split_items(const std::vector<int64_t>& queries) const {
    std::vector<Item> all(2 * segments_.size());  // of segment s: its own rows at 2 s, those below it at 2 s + 1
    for (size_t s = 0; s < segments_.size(); ++s) {
      const Item item{{static_cast<int64_t>(s)}, {}, segments_[s].length, depth_[s], false};
      all[2 * s] = all[2 * s + 1] = item;
      all[2 * s].causal = true;
    }
    for (size_t i = 0; i < queries.size(); ++i) {
      const int64_t own = segment_of_[static_cast<size_t>(queries[i])];
      for (int64_t s = own; s >= 0; s = segments_[static_cast<size_t>(s)].parent) {
        all[static_cast<size_t>(2 * s + (s == own ? 0 : 1))].queries.push_back(static_cast<int64_t>(i));
      }
    }
    std::erase_if(all, [](const Item& item) { return item.queries.empty() || item.keys == 0; });
    for (const Item& item : all) {
      expect(!item.causal || static_cast<int64_t>(item.queries.size()) == item.keys, "split attention of half a segment");
    }
    return all;
  }

  /// Rows of the item's keys, in order.
  std::vector<int64_t> key_rows(const Item& item) const {
    std::vector<int64_t> rows;
    for (const int64_t s : item.segments) {
      const Segment& own = segments_[static_cast<size_t>(s)];
      for (int64_t i = 0; i < own.length; ++i) rows.push_back(own.begin + i);
    }
    return rows;
  }

  /// Writes 0 where a query of the item may look: `mask` is [queries, width], filled with -inf before.
  template <class T>
  void open_mask(const Item& item, const std::vector<int64_t>& queries, int64_t width, T* mask) {
    int64_t offset = 0;
    for (const int64_t s : item.segments) {
      offset_[static_cast<size_t>(s)] = offset;
      offset += segments_[static_cast<size_t>(s)].length;
    }
    for (size_t i = 0; i < item.queries.size(); ++i) {
      const int64_t row = queries[static_cast<size_t>(item.queries[i])];
      const int64_t own = segment_of_[static_cast<size_t>(row)];
      for (int64_t s = own; s >= 0; s = segments_[static_cast<size_t>(s)].parent) {
        const Segment& seen = segments_[static_cast<size_t>(s)];
        if (offset_[static_cast<size_t>(s)] < 0) continue;
        std::fill_n(mask + static_cast<int64_t>(i) * width + offset_[static_cast<size_t>(s)],
                    s == own ? row - seen.begin + 1 : seen.length, T(0));
      }
    }
    for (const int64_t s : item.segments) offset_[static_cast<size_t>(s)] = -1;
  }

 private:
  const std::vector<Segment>& segments_;
  std::vector<int64_t> segment_of_;
  std::vector<int64_t> offset_;  ///< of a segment among the keys of the item at hand, else -1
  std::vector<int64_t> depth_, root_;
};

int64_t query_count(const Item& item) { return static_cast<int64_t>(item.queries.size()); }

/// Groups items of one depth and equal shape.
std::vector<std::vector<Item>> batch_equal_items(std::vector<Item> items) {
  const auto key = [](const Item& item) { return std::tuple(item.depth, item.causal, item.keys, item.queries.size()); };
  std::stable_sort(items.begin(), items.end(), [&](const Item& x, const Item& y) { return key(x) < key(y); });
  std::vector<std::vector<Item>> groups;
  for (Item& item : items) {
    if (groups.empty() || key(groups.back().front()) != key(item)) groups.emplace_back();
    groups.back().push_back(std::move(item));
  }
  return groups;
}

/// Groups items of one depth and like size, so that padding adds at most about a third.
std::vector<std::vector<Item>> batch_items(std::vector<Item> items) {
  constexpr int64_t kSlack = 16384;  // scores that cost less than one more call
  std::stable_sort(items.begin(), items.end(), [](const Item& x, const Item& y) {
    if (x.depth != y.depth) return x.depth < y.depth;
    return x.keys != y.keys ? x.keys < y.keys : x.queries.size() < y.queries.size();
  });
  std::vector<std::vector<Item>> groups;
  int64_t real = 0, widest = 0, tallest = 0;
  for (Item& item : items) {
    const int64_t area = item.keys * query_count(item);
    const bool fresh = groups.empty() || groups.back().front().depth != item.depth;
    const int64_t width = fresh ? item.keys : std::max(widest, item.keys);
    const int64_t height = fresh ? query_count(item) : std::max(tallest, query_count(item));
    const int64_t padded = fresh ? area : width * height * static_cast<int64_t>(groups.back().size() + 1);
    if (fresh || padded - real - area > (real + area) / 3 + kSlack) {
      groups.emplace_back();
      real = 0;
      widest = item.keys;
      tallest = query_count(item);
    } else {
      widest = width;
      tallest = height;
    }
    real += area;
    groups.back().push_back(std::move(item));
  }
  return groups;
}

template <class T>
at::Tensor make_mask(Tree& tree, const std::vector<Item>& items, const std::vector<int64_t>& queries, const Block& block,
                     at::ScalarType type) {
  check_mask(block.count, block.queries, block.keys, sizeof(T));
  at::Tensor mask = at::full({block.count, 1, block.queries, block.keys}, -std::numeric_limits<double>::infinity(), type);
  T* values = mask.mutable_data_ptr<T>();
  const int64_t area = block.queries * block.keys;
  for (size_t b = 0; b < items.size(); ++b) {
    T* own = values + static_cast<int64_t>(b) * area;
    tree.open_mask(items[b], queries, block.keys, own);
    const int64_t last = query_count(items[b]) - 1;
    for (int64_t i = last + 1; i < block.queries; ++i) {
      std::copy_n(own + last * block.keys, block.keys, own + i * block.keys);
    }
  }
  return mask;
}

/// Padded and real places of one side (queries or keys) of a block.
struct Places {
  std::vector<int64_t> index, slot, row;
  std::vector<int64_t> padded;  ///< 1 at padding
  void add(const std::vector<int64_t>& rows, int64_t length) {
    const auto begin = static_cast<int64_t>(index.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      slot.push_back(begin + static_cast<int64_t>(i));
      row.push_back(rows[i]);
    }
    index.insert(index.end(), rows.begin(), rows.end());
    index.resize(static_cast<size_t>(begin + length), rows.back());
    padded.resize(index.size() - static_cast<size_t>(length) + rows.size(), 0);
    padded.resize(index.size(), 1);
  }
};

Block make_block(Tree& tree, const std::vector<Item>& items, const std::vector<int64_t>& queries, int64_t rows,
                 Attention kind, const at::TensorOptions& options) {
  const at::Device device = options.device();
  Block block;
  block.count = static_cast<int64_t>(items.size());
  for (const Item& item : items) {
    block.queries = std::max(block.queries, query_count(item));
    block.keys = std::max(block.keys, item.keys);
  }
  Places asking, asked;
  for (const Item& item : items) {
    asking.add(item.queries, block.queries);
    asked.add(tree.key_rows(item), block.keys);
  }
  const auto all_queries = static_cast<int64_t>(queries.size());
  if (!counts_up(asking.index, all_queries)) block.query_index = tensor_of(asking.index, device);
  if (!counts_up(asked.index, rows)) block.key_index = tensor_of(asked.index, device);
  if (asking.slot.size() != asking.index.size()) {
    block.query_slot = tensor_of(asking.slot, device);
    block.pad = tensor_of(asking.padded, device).to(at::kBool).view({block.count, block.queries, 1, 1});
  }
  if (!counts_up(asking.row, all_queries)) block.query_row = tensor_of(asking.row, device);
  if (asked.slot.size() != asked.index.size()) block.key_slot = tensor_of(asked.slot, device);
  if (!counts_up(asked.row, rows)) block.key_row = tensor_of(asked.row, device);
  block.first = items.front().depth == 0;
  block.causal = items.front().causal;
  if (kind == Attention::split) return block;
  const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
  const at::Tensor mask = type == at::kDouble ? make_mask<double>(tree, items, queries, block, at::kDouble)
                                              : make_mask<float>(tree, items, queries, block, at::kFloat);
  block.mask = device.is_cpu() ? mask : mask.to(options);
  return block;
}

}  // namespace

void check_mask(int64_t count, int64_t queries, int64_t keys, int64_t element_bytes) {
  constexpr double kMost = 4.0 * (int64_t{1} << 30);
  const double bytes = static_cast<double>(count) * static_cast<double>(queries) * static_cast<double>(keys) *
                       static_cast<double>(element_bytes);
  if (bytes <= kMost) return;
  throw Error(Fault::environment, "memory",
              "attention of " + std::to_string(queries) + " rows over " + std::to_string(keys) + ", " +
                  std::to_string(count) + " times, takes a mask of " + std::to_string(static_cast<int64_t>(bytes / 1e9)) +
                  " GB",
              "shorten the longest question or answer, or lower video.frames or the rows of a pass");
}

std::shared_ptr<const AttentionPlan> plan_attention(const PackedRows& rows, const std::vector<int64_t>& queries,
                                                    Attention kind, const at::TensorOptions& options) {
  auto plan = std::make_shared<AttentionPlan>();
  plan->query_rows = static_cast<int64_t>(queries.size());
  plan->rows = static_cast<int64_t>(rows.ids.size());
  plan->merged = kind != Attention::dense;
  Tree tree(rows);
  std::vector<Item> items = tree.items(queries, kind);
  const auto groups = kind == Attention::split ? batch_equal_items(std::move(items)) : batch_items(std::move(items));
  for (const std::vector<Item>& group : groups) {
    plan->blocks.push_back(make_block(tree, group, queries, plan->rows, kind, options));
  }
  return plan;
}

}  // namespace rrpo::model
