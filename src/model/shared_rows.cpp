#include "shared_rows.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

constexpr const char* kVariable = "RRPO_SHARED_ROWS";
constexpr int64_t kNone = -1;

/// What makes two rows behind the same ones equal.
struct Content {
  int64_t id = 0;
  Position at = {};
  int64_t video = kNone, token = kNone;  ///< of a visual row
  bool operator==(const Content&) const = default;
};

std::vector<Content> contents(const PackedRows& rows) {
  std::vector<Content> all(rows.ids.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = {rows.ids[i], rows.positions[i]};
  for (const VisualRows& part : rows.visual) {
    expect(part.begin >= 0 && part.begin + part.count <= static_cast<int64_t>(all.size()),
           "a video with another number of visual tokens than its rows");
    for (int64_t i = 0; i < part.count; ++i) {
      Content& own = all[static_cast<size_t>(part.begin + i)];
      own.video = part.video;
      own.token = part.first + i;
    }
  }
  return all;
}

/// A row that stands once, among those that follow the same one.
struct Node {
  Content content;
  int64_t next_position = 0;
  int64_t first_child = kNone, last_child = kNone, next_sibling = kNone;
};

/// All rows by what stands before them.
class Trie {
 public:
  /// The row with this content behind row `before`; kNone: a new tree.
  int64_t follow(int64_t before, const Content& content, int64_t next_position) {
    if (before == kNone) {
      roots.push_back(add(content, next_position));
      return roots.back();
    }
    for (int64_t child = at(before).first_child; child != kNone; child = at(child).next_sibling) {
      if (at(child).content == content) return child;
    }
    const int64_t child = add(content, next_position);
    Node& parent = at(before);
    (parent.first_child == kNone ? parent.first_child : at(parent.last_child).next_sibling) = child;
    parent.last_child = child;
    return child;
  }
  Node& at(int64_t node) { return nodes_[static_cast<size_t>(node)]; }
  size_t size() const { return nodes_.size(); }

  std::vector<int64_t> roots;

 private:
  int64_t add(const Content& content, int64_t next_position) {
    nodes_.push_back({content, next_position});
    return static_cast<int64_t>(nodes_.size()) - 1;
  }
  std::vector<Node> nodes_;
};

/// Puts the rows of `rows` into the trie; returns the node of each.
std::vector<int64_t> fill(Trie& trie, const PackedRows& rows) {
  const std::vector<Content> all = contents(rows);
  std::vector<int64_t> node(all.size()), ends;  // of each segment: its last row's node, or that of the one above
  int64_t begin = 0;
  for (const Segment& own : rows.segments) {
    expect(own.parent >= -1 && own.parent < static_cast<int64_t>(ends.size()), "a segment's parent comes after it");
    expect(own.begin == begin && own.length >= 0, "a segment that does not begin where the one before it ends");
    begin += own.length;
    int64_t last = own.parent < 0 ? kNone : ends[static_cast<size_t>(own.parent)];
    for (int64_t row = own.begin; row < own.begin + own.length; ++row) {
      const auto i = static_cast<size_t>(row);
      const bool ends_segment = row + 1 == own.begin + own.length;
      last = trie.follow(last, all[i], ends_segment ? own.next_position : rows.positions[i + 1].time);
      node[i] = last;
    }
    ends.push_back(last);
  }
  return node;
}

void add_row(PackedRows& rows, const Content& content) {
  const auto row = static_cast<int64_t>(rows.ids.size());
  rows.ids.push_back(content.id);
  rows.positions.push_back(content.at);
  if (content.video == kNone) return;
  if (!rows.visual.empty()) {
    VisualRows& before = rows.visual.back();
    if (before.video == content.video && before.begin + before.count == row &&
        before.first + before.count == content.token) {
      ++before.count;
      return;
    }
  }
  rows.visual.push_back({row, content.video, content.token, 1});
}

/// The trie as segments, those of a branch before the next branch; `place` of each node is where its row stands.
PackedRows unfold(Trie& trie, std::vector<int64_t>& place) {
  PackedRows rows;
  std::vector<std::pair<int64_t, int64_t>> open;  // first node of a segment, and its parent
  for (size_t i = trie.roots.size(); i-- > 0;) open.emplace_back(trie.roots[i], kNone);
  while (!open.empty()) {
    auto [node, parent] = open.back();
    open.pop_back();
    const auto number = static_cast<int64_t>(rows.segments.size());
    Segment own{static_cast<int64_t>(rows.ids.size()), 0, parent, 0};
    for (;; node = trie.at(node).first_child) {
      place[static_cast<size_t>(node)] = static_cast<int64_t>(rows.ids.size());
      add_row(rows, trie.at(node).content);
      ++own.length;
      own.next_position = trie.at(node).next_position;
      if (trie.at(node).first_child == kNone || trie.at(node).first_child != trie.at(node).last_child) break;
    }
    rows.segments.push_back(own);
    const size_t first = open.size();
    for (int64_t child = trie.at(node).first_child; child != kNone; child = trie.at(child).next_sibling)
      open.insert(open.begin() + static_cast<std::ptrdiff_t>(first), {child, number});
  }
  return rows;
}

}  // namespace

SharedRows share_rows(const PackedRows& rows) {
  Trie trie;
  const std::vector<int64_t> node = fill(trie, rows);
  std::vector<int64_t> place_of(trie.size());
  SharedRows shared{unfold(trie, place_of), {}};
  for (const int64_t own : node) shared.place.push_back(place_of[static_cast<size_t>(own)]);
  for (const int64_t row : rows.read_rows) shared.rows.read_rows.push_back(shared.place.at(static_cast<size_t>(row)));
  return shared;
}

bool rows_are_shared() {
  static const bool shared = [] {
    const char* said = std::getenv(kVariable);
    const std::string name = said == nullptr ? "" : said;
    if (name.empty() || name == "on" || name == "off") return name != "off";
    throw Error(Fault::usage, "model", std::string(kVariable) + "=" + printable(name) + " is neither on nor off",
                "leave it unset: rows that are alike are computed once");
  }();
  return shared;
}

}  // namespace rrpo::model
