#include "rrpo/text/merge.h"

#include <queue>

namespace rrpo::text {
namespace {

struct Node {
  Piece piece;  // size 0: merged away
  int32_t previous, next;
};

struct Candidate {
  int32_t rank, at, id, left, right;
  bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
};

/// A word's pieces as a linked list, and the merges that its neighbours offer.
class Word {
 public:
  Word(const Pieces& pieces, const MergeTable& merges) : merges_(merges) {
    const int32_t count = static_cast<int32_t>(pieces.size());
    nodes_.reserve(pieces.size());
    for (int32_t i = 0; i < count; ++i)
      nodes_.push_back({pieces[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
    for (int32_t i = 0; i < count; ++i) offer(i);
  }

  void merge_all() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      Node& left = node(best.at);
      const bool current =
          left.piece.size != 0 && left.piece.id == best.left && left.next >= 0 && node(left.next).piece.id == best.right;
      if (current) join(best.at, best.id);
    }
  }

  Pieces pieces() const {
    Pieces out;
    for (int32_t at = nodes_.empty() ? -1 : 0; at >= 0; at = nodes_[static_cast<size_t>(at)].next)
      out.push_back(nodes_[static_cast<size_t>(at)].piece);
    return out;
  }

 private:
  Node& node(int32_t at) { return nodes_[static_cast<size_t>(at)]; }
  void offer(int32_t at) {
    if (at < 0 || node(at).next < 0) return;
    const int32_t left = node(at).piece.id, right = node(node(at).next).piece.id;
    const MergeTable::Merge merge = merges_.find(left, right);
    if (merge.rank >= 0) queue_.push({merge.rank, at, merge.id, left, right});
  }
  void join(int32_t at, int32_t id) {
    Node& left = node(at);
    Node& right = node(left.next);
    left.piece = {id, left.piece.size + right.piece.size};
    left.next = right.next;
    right.piece.size = 0;
    if (left.next >= 0) node(left.next).previous = at;
    offer(left.previous);
    offer(at);
  }

  const MergeTable& merges_;
  std::vector<Node> nodes_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

MergeTable::MergeTable(size_t count) {
  size_t capacity = 16;
  while (capacity < 2 * count) capacity *= 2;
  slots_.resize(capacity);
}

size_t MergeTable::place(uint64_t key) const {
  uint64_t hash = key * 0x9e3779b97f4a7c15ull;
  hash ^= hash >> 32;
  size_t at = static_cast<size_t>(hash) & (slots_.size() - 1);
  while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void MergeTable::insert(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  slots_[place(key)] = {key, merge};
}

MergeTable::Merge MergeTable::find(int32_t left, int32_t right) const {
  const uint64_t key = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  return slots_[place(key)].merge;
}

Pieces merge(const Pieces& pieces, const MergeTable& merges) {
  Word word(pieces, merges);
  word.merge_all();
  return word.pieces();
}

}  // namespace rrpo::text
