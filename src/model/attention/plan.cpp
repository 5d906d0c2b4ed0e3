// The tree, the three ways to list who looks at whom, and the plan made of a list.
#include "plan.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>

#include "../layers.h"
#include "rrpo/util/error.h"
#include "tree.h"

namespace rrpo::model {

namespace {

/// Segments without rows are left out here, so that nothing below knows of them.
Tree make_tree(const PackedRows& rows, const std::vector<int64_t>& queries) {
  expect(std::adjacent_find(queries.begin(), queries.end(), std::greater_equal<>()) == queries.end(),
         "queries out of order");
  expect(queries.empty() || queries.front() >= 0, "a query before the first row");
  Tree tree;
  std::vector<int64_t> node_of;  // of each segment: its own node, else the nearest above, else -1
  int64_t row = 0, query = 0;
  for (const Segment& own : rows.segments) {
    expect(own.parent >= -1 && own.parent < static_cast<int64_t>(node_of.size()), "a segment's parent comes after it");
    expect(own.begin == row && own.length >= 0, "a segment that does not begin where the one before it ends");
    const int64_t above = own.parent < 0 ? -1 : node_of[static_cast<size_t>(own.parent)];
    node_of.push_back(own.length == 0 ? above : static_cast<int64_t>(tree.size()));
    if (own.length == 0) continue;
    row += own.length;
    const int64_t end = std::lower_bound(queries.begin() + query, queries.end(), row) - queries.begin();
    const int64_t depth = above < 0 ? 0 : tree[static_cast<size_t>(above)].depth + 1;
    tree.push_back({{own.begin, own.length}, {query, end - query}, above, depth});
    query = end;
  }
  expect(row == static_cast<int64_t>(rows.ids.size()), "rows beyond the last segment, or a segment beyond the rows");
  expect(query == static_cast<int64_t>(queries.size()), "a query beyond the last row");
  return tree;
}

void add_queries(Entry& entry, const Tree& tree, size_t node) {
  if (tree[node].queries.length == 0) return;
  entry.askers.push_back(static_cast<int64_t>(node));
  entry.queries += tree[node].queries.length;
}

void add_keys(Entry& entry, const Tree& tree, size_t node) {
  entry.asked.push_back(static_cast<int64_t>(node));
  entry.keys += tree[node].rows.length;
}

/// One entry per root: all queries below it over all rows below it.
std::vector<Entry> list_dense(const Tree& tree) {
  std::vector<Entry> entries(tree.size());
  std::vector<size_t> root(tree.size());
  for (size_t n = 0; n < tree.size(); ++n) {
    root[n] = tree[n].parent < 0 ? n : root[static_cast<size_t>(tree[n].parent)];
    add_queries(entries[root[n]], tree, n);
    add_keys(entries[root[n]], tree, n);
  }
  return entries;
}

/// True for a segment whose rows look at each other better by themselves, causal and without a mask: the half that a mask
/// would hide costs more than another call. Measured on a CPU: 4 % of a step at 400 rows, 13 % at 800.
bool is_long(const Node& node) {
  constexpr int64_t kLong = 512;
  return node.rows.length > kLong && node.queries.length == node.rows.length;
}

/// Over the rows of each node, one entry: its own queries and those below it. Or two, its own queries (causal) at 2 n and
/// those below it at 2 n + 1, where the node is long, or `everywhere`.
std::vector<Entry> list_by_ancestor(const Tree& tree, bool everywhere) {
  std::vector<Entry> entries(2 * tree.size());
  for (size_t n = 0; n < tree.size(); ++n) {
    Entry &own = entries[2 * n], &below = entries[2 * n + 1];
    own.depth = below.depth = tree[n].depth;
    own.causal = everywhere || is_long(tree[n]);
    add_keys(own, tree, n);
    add_keys(below, tree, n);
    expect(!everywhere || tree[n].queries.length == 0 || tree[n].queries.length == tree[n].rows.length,
           "split attention of half a segment");
    add_queries(own, tree, n);
    for (int64_t s = tree[n].parent; s >= 0; s = tree[static_cast<size_t>(s)].parent) {
      const size_t first = 2 * static_cast<size_t>(s);
      add_queries(entries[entries[first].causal ? first + 1 : first], tree, n);
    }
  }
  return entries;
}

std::vector<Entry> list_entries(const Tree& tree, Attention kind) {
  std::vector<Entry> entries =
      kind == Attention::dense ? list_dense(tree) : list_by_ancestor(tree, /*everywhere=*/kind == Attention::split);
  std::erase_if(entries, [](const Entry& entry) { return entry.queries == 0; });
  return entries;
}

/// AttentionPlan::place.
at::Tensor find_places(const Tree& tree, const std::vector<std::vector<Entry>>& batches, const AttentionPlan& plan,
                       at::Device device) {
  std::vector<int64_t> place(static_cast<size_t>(plan.query_rows));
  int64_t begin = 0;
  for (size_t b = 0; b < batches.size(); ++b) {
    for (const Entry& entry : batches[b]) {
      int64_t at = begin;
      for (const int64_t n : entry.askers) {
        const Range& own = tree[static_cast<size_t>(n)].queries;
        std::iota(place.begin() + own.begin, place.begin() + own.end(), at);
        at += own.length;
      }
      begin += plan.blocks[b].queries.length;
    }
  }
  const bool in_order = begin == plan.query_rows && std::is_sorted(place.begin(), place.end());
  return in_order ? at::Tensor() : index_tensor(place, device);
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
  const Tree tree = make_tree(rows, queries);
  if (kind == Attention::tiled) {
    plan->tiles = make_tiles(tree, queries);
    return plan;
  }
  const auto batches = batch_entries(list_entries(tree, kind), /*padding=*/kind != Attention::split);
  for (const std::vector<Entry>& batch : batches) plan->blocks.push_back(make_block(tree, batch, queries, options));
  if (!plan->merged) plan->place = find_places(tree, batches, *plan, options.device());
  return plan;
}

}  // namespace rrpo::model
