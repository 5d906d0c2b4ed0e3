#include "rrpo/util/pattern.h"

#include <functional>
#include <limits>

namespace rrpo {

namespace {

using Bytes = std::bitset<256>;
using NodePtr = std::shared_ptr<const Pattern::Node>;

constexpr int kMaxDepth = 50;       ///< of nested groups
constexpr int kMaxSteps = 200'000;  ///< of one match
constexpr int kMaxFrames = 2'000;   ///< of the matcher's recursion
constexpr int kMaxRepeat = 1'000;   ///< in braces
constexpr size_t kMaxText = 2'000;  ///< bytes of an expression

}  // namespace

struct Pattern::Node {
  enum class Kind { bytes, sequence, choice, repeat, begin, end, ahead, not_ahead };
  Kind kind = Kind::sequence;
  Bytes bytes;
  std::vector<NodePtr> parts;  ///< one for repeat and lookaheads
  int least = 0, most = 0;
};

namespace {

using Node = Pattern::Node;
using Kind = Node::Kind;

struct Unusable {
  std::string problem;
};

Bytes class_of(char letter) {
  Bytes bytes;
  for (int c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9', space = c == ' ' || (c >= '\t' && c <= '\r');
    const bool word = digit || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const char lower = static_cast<char>(letter | 0x20);
    const bool in = lower == 'd' ? digit : lower == 'w' ? word : space;
    bytes.set(static_cast<size_t>(c), in != (lower != letter));
  }
  return bytes;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NodePtr whole() {
    NodePtr node = choice(0);
    if (at_ < text_.size()) throw Unusable{"a ) too many"};
    return node;
  }

 private:
  bool more() const { return at_ < text_.size(); }
  bool take(std::string_view what) {
    if (text_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }
  char next() {
    if (!more()) throw Unusable{"it ends too early"};
    return text_[at_++];
  }

  NodePtr choice(int depth) {
    if (depth > kMaxDepth) throw Unusable{"groups nested too deep"};
    auto node = std::make_shared<Node>();
    node->kind = Kind::choice;
    do node->parts.push_back(sequence(depth));
    while (take("|"));
    return node->parts.size() == 1 ? node->parts.front() : node;
  }

  NodePtr sequence(int depth) {
    auto node = std::make_shared<Node>();
    while (more() && text_[at_] != '|' && text_[at_] != ')') node->parts.push_back(repeated(atom(depth)));
    return node;
  }

  /// `atom` under the quantifier that follows it. Lazy ones match the same names.
  NodePtr repeated(NodePtr atom) {
    int least = 1, most = 1;
    if (!quantifier(least, most)) return atom;
    if (take("+")) throw Unusable{"possessive quantifiers are not supported"};
    take("?");
    if (more() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')) throw Unusable{"two quantifiers in a row"};
    auto node = std::make_shared<Node>();
    node->kind = Kind::repeat;
    node->parts = {std::move(atom)};
    node->least = least;
    node->most = most;
    return node;
  }

  bool quantifier(int& least, int& most) {
    const int endless = std::numeric_limits<int>::max();
    if (take("*")) return least = 0, most = endless, true;
    if (take("+")) return least = 1, most = endless, true;
    if (take("?")) return least = 0, most = 1, true;
    const size_t before = at_;
    if (!take("{")) return false;
    const std::optional<int> low = number();
    const bool comma = take(",");
    const std::optional<int> high = comma ? number() : low;
    if (!take("}") || (!low && !high)) return at_ = before, false;  // a brace that is a letter
    least = low.value_or(0);
    most = high.value_or(endless);
    if (most < least) throw Unusable{"a repetition runs backwards"};
    return true;
  }

  std::optional<int> number() {
    std::optional<int> value;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value.value_or(0) * 10 + (text_[at_++] - '0');
      if (*value > kMaxRepeat) throw Unusable{"a repetition over " + std::to_string(kMaxRepeat)};
    }
    return value;
  }

  NodePtr atom(int depth) {
    if (take("(")) return group(depth);
    auto node = std::make_shared<Node>();
    node->kind = Kind::bytes;
    const char c = next();
    if (c == '^') {
      node->kind = Kind::begin;
    } else if (c == '$') {
      node->kind = Kind::end;
    } else if (c == '.') {
      node->bytes.set().reset('\n');
    } else if (c == '[') {
      node->bytes = set();
    } else if (c == '\\') {
      node->bytes = escape();
    } else if (c == '*' || c == '+' || c == '?') {
      throw Unusable{std::string("nothing stands before a ") + c};
    } else {
      node->bytes.set(static_cast<unsigned char>(c));
    }
    return node;
  }

  NodePtr group(int depth) {
    Kind kind = Kind::sequence;
    if (take("?")) {
      if (take("=")) {
        kind = Kind::ahead;
      } else if (take("!")) {
        kind = Kind::not_ahead;
      } else if (take("P<")) {
        while (next() != '>') continue;
      } else if (!take(":")) {
        throw Unusable{"a group (?" + std::string(more() ? 1 : 0, more() ? text_[at_] : ' ') + "… is not supported"};
      }
    }
    NodePtr inner = choice(depth + 1);
    if (!take(")")) throw Unusable{"a ) is missing"};
    if (kind == Kind::sequence) return inner;
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->parts = {std::move(inner)};
    return node;
  }

  /// After a backslash. Letters and digits other than the classes mean things that names do not need (\b, \1).
  Bytes escape() {
    const char c = next();
    if (c == 'd' || c == 'w' || c == 's' || c == 'D' || c == 'W' || c == 'S') return class_of(c);
    if (class_of('w').test(static_cast<unsigned char>(c)) && c != '_')
      throw Unusable{std::string("\\") + c + " is not supported"};
    Bytes bytes;
    bytes.set(static_cast<unsigned char>(c));
    return bytes;
  }

  /// One member of a class: a byte (returned), or a class of its own (added to `bytes`, nothing returned).
  std::optional<unsigned char> member(Bytes& bytes) {
    const char c = next();
    if (c != '\\') return static_cast<unsigned char>(c);
    const Bytes escaped = escape();
    bytes |= escaped;
    if (escaped.count() != 1) return std::nullopt;
    return static_cast<unsigned char>(text_[at_ - 1]);
  }

  /// After a [.
  Bytes set() {
    Bytes bytes;
    const bool negated = take("^");
    for (bool first = true; first || !take("]"); first = false) {
      const std::optional<unsigned char> low = member(bytes);
      if (!low) continue;
      unsigned high = *low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        const std::optional<unsigned char> end = member(bytes);
        if (!end || *end < *low) throw Unusable{"a range of a class runs backwards"};
        high = *end;
      }
      for (unsigned c = *low; c <= high; ++c) bytes.set(c);
    }
    return negated ? ~bytes : bytes;
  }

  std::string_view text_;
  size_t at_ = 0;
};

struct TooMany {};

/// Backtracking with continuations: `then(i)` is asked whether the rest matches from byte i.
class Matcher {
 public:
  using Then = std::function<bool(size_t)>;
  explicit Matcher(std::string_view name) : name_(name) {}

  bool match(const Node& node, size_t at, const Then& then) {
    if (++steps_ > kMaxSteps || ++frames_ > kMaxFrames) throw TooMany{};
    const bool found = kinds(node, at, then);
    --frames_;
    return found;
  }

 private:
  bool kinds(const Node& node, size_t at, const Then& then) {
    const Then nothing = [](size_t) { return true; };
    switch (node.kind) {
      case Kind::bytes:
        return at < name_.size() && node.bytes.test(static_cast<unsigned char>(name_[at])) && then(at + 1);
      case Kind::sequence:
        return sequence(node, 0, at, then);
      case Kind::choice:
        for (const NodePtr& part : node.parts) {
          if (match(*part, at, then)) return true;
        }
        return false;
      case Kind::repeat:
        return repeat(node, 0, at, then);
      case Kind::begin:
        return at == 0 && then(at);
      case Kind::end:  // Python's $ also stands before a last newline
        return (at == name_.size() || (at + 1 == name_.size() && name_[at] == '\n')) && then(at);
      case Kind::ahead:
        return match(*node.parts[0], at, nothing) && then(at);
      case Kind::not_ahead:
        return !match(*node.parts[0], at, nothing) && then(at);
    }
    return false;
  }

  bool sequence(const Node& node, size_t part, size_t at, const Then& then) {
    if (part == node.parts.size()) return then(at);
    return match(*node.parts[part], at, [&, part](size_t next) { return sequence(node, part + 1, next, then); });
  }

  bool repeat(const Node& node, int count, size_t at, const Then& then) {
    if (count < node.most) {
      const auto again = [&, count, at](size_t next) {
        if (next == at && count >= node.least) return false;  // an empty turn leads nowhere new
        return repeat(node, count + 1, next, then);
      };
      if (match(*node.parts[0], at, again)) return true;
    }
    return count >= node.least && then(at);
  }

  std::string_view name_;
  int steps_ = 0, frames_ = 0;
};

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text, std::string& problem) {
  if (text.size() > kMaxText) return problem = "over " + std::to_string(kMaxText) + " bytes", std::nullopt;
  try {
    Pattern pattern;
    pattern.root_ = Parser(text).whole();
    return pattern;
  } catch (const Unusable& fault) {
    problem = fault.problem;
    return std::nullopt;
  }
}

std::optional<bool> Pattern::fullmatch(std::string_view name) const {
  try {
    return Matcher(name).match(*root_, 0, [&name](size_t at) { return at == name.size(); });
  } catch (const TooMany&) {
    return std::nullopt;
  }
}

}  // namespace rrpo
