#include "rrpo/text/byte_bpe.h"

#include <optional>
#include <queue>

#include "rrpo/text/nfc.h"
#include "rrpo/text/split.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::text {
namespace {

/// Ids above this are taken for damage: the largest vocabularies in use have 262144 entries.
constexpr int64_t kLargestId = int64_t{1} << 22;

[[noreturn]] void fail(std::string_view place, const std::string& problem) {
  throw Error(Fault::input, "tokenizer", std::string(place) + ": " + problem, "take the tokenizer files of the checkpoint");
}

/// GPT-2's table: printable Latin-1 bytes stand for themselves, the others for U+0100 and up in order.
std::array<std::string, 256> byte_symbols() {
  std::array<std::string, 256> symbols;
  int32_t other = 0x100;
  for (int32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    append_code_point(symbols[static_cast<size_t>(byte)], printable ? byte : other++);
  }
  return symbols;
}

/// Bytes that a token's spelling stands for; nothing when a character is outside the table.
std::optional<std::string> spelled_bytes(std::string_view token) {
  static const std::unordered_map<std::string, char> bytes = [] {
    std::unordered_map<std::string, char> table;
    for (int i = 0; i < 256; ++i) table.emplace(byte_symbol(static_cast<unsigned char>(i)), static_cast<char>(i));
    return table;
  }();
  std::string out;
  for (int64_t at = 0; at < static_cast<int64_t>(token.size());) {
    const int64_t size = code_point_at(token, at).size;
    const auto byte = bytes.find(std::string(token.substr(static_cast<size_t>(at), static_cast<size_t>(size))));
    if (byte == bytes.end()) return std::nullopt;
    out += byte->second;
    at += size;
  }
  return out;
}

}  // namespace

const std::string& byte_symbol(unsigned char byte) {
  static const std::array<std::string, 256> symbols = byte_symbols();
  return symbols[byte];
}

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

ByteBpe::ByteBpe(const BpeFiles& files, std::string_view place) : merges_(files.merges.size()), nfc_(files.nfc) {
  read_vocabulary(files, place);
  read_merges(files, place);
  read_added(files, place);
}

ByteBpe::Entry& ByteBpe::claim(int64_t id, std::string_view token, std::string_view place) {
  const std::string named = "token '" + std::string(token) + "' has id " + std::to_string(id);
  if (id < 0 || id > kLargestId) fail(place, named + ", outside 0.." + std::to_string(kLargestId));
  if (id >= size()) entries_.resize(static_cast<size_t>(id) + 1);
  Entry& entry = entries_[static_cast<size_t>(id)];
  if (entry.used) fail(place, named + ", which another token has too");
  entry.used = true;
  return entry;
}

void ByteBpe::read_vocabulary(const BpeFiles& files, std::string_view place) {
  ids_.reserve(files.vocabulary.size() + files.added.size());
  for (const auto& [token, id] : files.vocabulary) {
    Entry& entry = claim(id, token, place);
    if (!ids_.emplace(token, id).second) fail(place, "token '" + token + "' is listed twice");
    // A token that no byte spells (a special one kept in the vocabulary) stands for its own text.
    entry.bytes = spelled_bytes(token).value_or(token);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids_.find(byte_symbol(static_cast<unsigned char>(byte)));
    if (found == ids_.end()) fail(place, "byte " + std::to_string(byte) + " has no token: not a byte-level vocabulary");
    byte_ids_[static_cast<size_t>(byte)] = static_cast<int32_t>(found->second);
  }
}

void ByteBpe::read_merges(const BpeFiles& files, std::string_view place) {
  int32_t rank = 0;
  for (const auto& [left, right] : files.merges) {
    const int64_t left_id = id_of(left), right_id = id_of(right), id = id_of(left + right);
    if (left_id < 0 || right_id < 0 || id < 0) {
      fail(place, "merge " + std::to_string(rank) + " ('" + left + "' + '" + right +
                      "') names a token that is not in the vocabulary");
    }
    merges_.insert(static_cast<int32_t>(left_id), static_cast<int32_t>(right_id), {rank++, static_cast<int32_t>(id)});
  }
}

void ByteBpe::read_added(const BpeFiles& files, std::string_view place) {
  for (const AddedToken& token : files.added) {
    if (token.text.empty()) fail(place, "an added token is empty");
    const int64_t known = id_of(token.text);
    if (known >= 0 && known != token.id) {
      fail(place, "token '" + token.text + "' has two ids, " + std::to_string(known) + " and " + std::to_string(token.id));
    }
    Entry& entry = known >= 0 ? entries_[static_cast<size_t>(known)] : claim(token.id, token.text, place);
    if (entry.added) fail(place, "added token '" + token.text + "' is listed twice");
    entry.added = true;
    entry.special = token.special;
    entry.bytes = token.text;
    ids_.emplace(token.text, token.id);
    (token.normalized ? normalized_ : literal_).insert(token);
  }
  literal_.sort();
  normalized_.sort();
}

int64_t ByteBpe::id_of(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? -1 : found->second;
}

Pieces ByteBpe::merge_bytes(std::string_view word) const {
  struct Node {
    int32_t id, size, previous, next;  // size 0: merged away
  };
  struct Candidate {
    int32_t rank, at, id, left, right;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  const int32_t count = static_cast<int32_t>(word.size());
  std::vector<Node> nodes(word.size());
  for (int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<unsigned char>(word[static_cast<size_t>(i)]);
    nodes[static_cast<size_t>(i)] = {byte_ids_[byte], 1, i - 1, i + 1 < count ? i + 1 : -1};
  }
  const auto node = [&](int32_t at) -> Node& { return nodes[static_cast<size_t>(at)]; };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int32_t at) {
    if (at < 0 || node(at).next < 0) return;
    const int32_t left = node(at).id, right = node(node(at).next).id;
    const MergeTable::Merge merge = merges_.find(left, right);
    if (merge.rank >= 0) queue.push({merge.rank, at, merge.id, left, right});
  };
  for (int32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Node& left = node(best.at);
    if (left.size == 0 || left.id != best.left || left.next < 0 || node(left.next).id != best.right) continue;  // outdated
    Node& right = node(left.next);
    left.id = best.id;
    left.size += right.size;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) node(left.next).previous = best.at;
    offer(left.previous);
    offer(best.at);
  }
  Pieces pieces;
  for (int32_t at = 0; at >= 0 && at < count; at = node(at).next) pieces.push_back({node(at).id, node(at).size});
  return pieces;
}

/// Encodes text between added tokens; `offset` is where it begins in the whole text.
void ByteBpe::encode_stretch(std::string_view text, int64_t offset, std::vector<Token>& out) const {
  const NfcText normal = nfc_ ? to_nfc(text) : NfcText{std::string(text), {}};
  const std::string_view whole = normal.text;
  Pieces scratch;
  const auto push = [&](int64_t id, int64_t begin, int64_t end) {
    const ByteRange range = normal.original(begin, end);
    out.push_back({id, {range.begin + offset, range.end + offset}});
  };
  const auto push_words = [&](int64_t begin, int64_t end) {
    const std::string_view stretch = whole.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    for (const ByteRange& range : split_qwen2(stretch)) {
      const std::string_view word =
          stretch.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
      int64_t at = begin + range.begin;
      for (const Piece& piece : words_.pieces(word, scratch, [&](std::string_view it) { return merge_bytes(it); })) {
        push(piece.id, at, at + piece.size);
        at += piece.size;
      }
    }
  };
  normalized_.split(whole, push_words, [&](const AddedToken& token, int64_t at) {
    push(token.id, at, at + static_cast<int64_t>(token.text.size()));
  });
}

std::vector<Token> ByteBpe::encode(std::string_view text) const {
  expect(text.size() < size_t{1} << 31, "a text of 2 GiB is not tokenised at once");
  std::vector<Token> out;
  literal_.split(
      text,
      [&](int64_t begin, int64_t end) {
        encode_stretch(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), begin, out);
      },
      [&](const AddedToken& token, int64_t at) {
        out.push_back({token.id, {at, at + static_cast<int64_t>(token.text.size())}});
      });
  return out;
}

std::string ByteBpe::decode(const std::vector<int64_t>& ids, bool skip_special) const {
  std::string bytes;
  for (const int64_t id : ids) {
    if (id < 0 || id >= size()) continue;  // rows of the embedding beyond the vocabulary have no text
    const Entry& entry = entries_[static_cast<size_t>(id)];
    if (!(entry.special && skip_special)) bytes += entry.bytes;
  }
  return valid_utf8(bytes);
}

std::vector<int64_t> encode_ids(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int64_t> ids;
  for (const Token& token : tokenizer.encode(text)) ids.push_back(token.id);
  return ids;
}

}  // namespace rrpo::text
