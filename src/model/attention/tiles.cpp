// The queries of a tree as tiles: a few of them at a time, and the rows that they look at as few ranges.
#include <algorithm>

#include "tree.h"

namespace rrpo::model {

namespace {

/// How many queries share their products: of more the rows that only some of them look at cost more than calls do.
constexpr int64_t kTileQueries = 64;

/// Appends `own`, or extends the last range where it goes on.
void append(std::vector<Range>& ranges, size_t first, Range own) {
  if (ranges.size() > first && ranges.back().end() == own.begin) {
    ranges.back().length += own.length;
  } else {
    ranges.push_back(own);
  }
}

/// Rows of the tree that a tile needs, by node.
struct Need {
  int64_t node = 0;
  int64_t rows = 0;    ///< how many of its first rows
  int64_t column = 0;  ///< where they begin among the tile's columns
};

/// The node of each query.
std::vector<int64_t> nodes_of_queries(const Tree& tree, size_t queries) {
  std::vector<int64_t> node(queries);
  for (size_t n = 0; n < tree.size(); ++n) {
    std::fill_n(node.begin() + tree[n].queries.begin, tree[n].queries.length, static_cast<int64_t>(n));
  }
  return node;
}

class Tiler {
 public:
  Tiler(const Tree& tree, const std::vector<int64_t>& queries)
      : tree_(tree), queries_(queries), node_(nodes_of_queries(tree, queries.size())), rows_(tree.size(), 0) {}

  /// The end of the tile that begins with this query: it stays below one root, whose rows nobody else looks at.
  int64_t end_of(int64_t begin) const {
    const int64_t most = std::min(begin + kTileQueries, static_cast<int64_t>(queries_.size()));
    int64_t end = begin + 1;
    while (end < most && root(end) == root(begin)) ++end;
    return end;
  }

  Tile make(int64_t begin, int64_t end) {
    Tile tile;
    tile.queries = {begin, end - begin};
    const std::vector<Need> needs = collect(begin, end);
    for (const Need& need : needs) {
      append(tile.keys, 0, {tree_[static_cast<size_t>(need.node)].rows.begin, need.rows});
      tile.columns += need.rows;
    }
    for (int64_t query = begin; query < end; ++query) {
      tile.first.push_back(static_cast<int64_t>(tile.seen.size()));
      add_seen(tile, needs, query);
    }
    tile.first.push_back(static_cast<int64_t>(tile.seen.size()));
    return tile;
  }

 private:
  int64_t root(int64_t query) const {
    int64_t node = node_[static_cast<size_t>(query)];
    while (tree_[static_cast<size_t>(node)].parent >= 0) node = tree_[static_cast<size_t>(node)].parent;
    return node;
  }

  /// How many rows of its own node a query looks at.
  int64_t own_rows(int64_t query) const {
    const Node& own = tree_[static_cast<size_t>(node_[static_cast<size_t>(query)])];
    return queries_[static_cast<size_t>(query)] - own.rows.begin + 1;
  }

  std::vector<Need> collect(int64_t begin, int64_t end) {
    std::vector<int64_t> met;
    const auto need = [&](int64_t node, int64_t rows) {
      int64_t& most = rows_[static_cast<size_t>(node)];
      if (most == 0) met.push_back(node);
      most = std::max(most, rows);
    };
    for (int64_t query = begin; query < end; ++query) {
      const int64_t own = node_[static_cast<size_t>(query)];
      need(own, own_rows(query));
      for (int64_t above = tree_[static_cast<size_t>(own)].parent; above >= 0;
           above = tree_[static_cast<size_t>(above)].parent)
        need(above, tree_[static_cast<size_t>(above)].rows.length);
    }
    std::sort(met.begin(), met.end());
    std::vector<Need> needs;
    int64_t column = 0;
    for (const int64_t node : met) {
      int64_t& rows = rows_[static_cast<size_t>(node)];
      needs.push_back({node, rows, column});
      column += rows;
      rows = 0;
    }
    return needs;
  }

  void add_seen(Tile& tile, const std::vector<Need>& needs, int64_t query) const {
    const auto first = static_cast<size_t>(tile.first.back());
    std::vector<int64_t> path;
    const int64_t own = node_[static_cast<size_t>(query)];
    for (int64_t node = own; node >= 0; node = tree_[static_cast<size_t>(node)].parent) path.push_back(node);
    auto need = needs.begin();
    for (size_t i = path.size(); i-- > 0;) {
      need = std::find_if(need, needs.end(), [&](const Need& one) { return one.node == path[i]; });
      append(tile.seen, first, {need->column, path[i] == own ? own_rows(query) : need->rows});
    }
  }

  const Tree& tree_;
  const std::vector<int64_t>& queries_;
  std::vector<int64_t> node_;  ///< of each query
  std::vector<int64_t> rows_;  ///< scratch, by node
};

/// Queries [begin, begin + count) that look at the rows of `keys`, all of them.
Tile whole_tile(int64_t begin, int64_t count, Range keys) {
  Tile tile;
  tile.queries = {begin, count};
  tile.keys = {keys};
  tile.columns = keys.length;
  for (int64_t i = 0; i <= count; ++i) tile.first.push_back(i);
  tile.seen.assign(static_cast<size_t>(count), {0, keys.length});
  return tile;
}

}  // namespace

std::shared_ptr<const AttentionPlan> plan_pictures(int64_t pictures, int64_t rows) {
  auto plan = std::make_shared<AttentionPlan>();
  plan->query_rows = plan->rows = pictures * rows;
  for (int64_t begin = 0; begin < plan->rows; begin += rows) {
    for (int64_t row = 0; row < rows; row += kTileQueries)
      plan->tiles.push_back(whole_tile(begin + row, std::min(kTileQueries, rows - row), {begin, rows}));
  }
  return plan;
}

std::vector<Tile> make_tiles(const Tree& tree, const std::vector<int64_t>& queries) {
  std::vector<Tile> tiles;
  Tiler tiler(tree, queries);
  for (int64_t begin = 0; begin < static_cast<int64_t>(queries.size()); begin = tiles.back().queries.end())
    tiles.push_back(tiler.make(begin, tiler.end_of(begin)));
  return tiles;
}

}  // namespace rrpo::model
