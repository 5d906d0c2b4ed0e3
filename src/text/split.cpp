#include "rrpo/text/split.h"

#include "rrpo/text/unicode.h"

namespace rrpo::text {
namespace {

/// A text and questions about the character at a byte; past the end every answer is no.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), size_(static_cast<int64_t>(text.size())) {}

  int64_t size() const { return size_; }

  /// End of the match that begins at `at` < size(): the alternatives in the pattern's order, each greedy.
  int64_t match(int64_t at) const {
    int64_t end = contraction(at);
    if (end == at) end = word(at);
    if (end == at) end = is(at, CharClass::number) ? next(at) : at;
    if (end == at) end = punctuation(at);
    if (end == at) end = spaces(at);
    return end == at ? next(at) : end;
  }

 private:
  int64_t next(int64_t at) const { return at + code_point_at(text_, at).size; }
  bool is(int64_t at, CharClass wanted) const { return at < size_ && char_class(code_point_at(text_, at).value) == wanted; }
  bool is_newline(int64_t at) const {
    return at < size_ && (text_[static_cast<size_t>(at)] == '\n' || text_[static_cast<size_t>(at)] == '\r');
  }
  int64_t run(int64_t at, CharClass wanted) const {
    while (is(at, wanted)) at = next(at);
    return at;
  }
  int64_t newlines(int64_t at) const {
    while (is_newline(at)) ++at;
    return at;
  }
  /// The letter at `at` without case, 0 for anything but a-z and U+017F, which folds to s.
  char folded(int64_t at) const {
    if (at >= size_) return 0;
    const int32_t c = code_point_at(text_, at).value;
    if (c == 0x17f) return 's';
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c + ('a' - 'A'));
    return c >= 'a' && c <= 'z' ? static_cast<char>(c) : '\0';
  }

  /// (?i:'s|'t|'re|'ve|'m|'ll|'d)
  int64_t contraction(int64_t at) const {
    if (text_[static_cast<size_t>(at)] != '\'') return at;
    const char first = folded(at + 1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return next(at + 1);
    const char second = first == 0 ? '\0' : folded(at + 2);
    const bool pair = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
    return pair ? at + 3 : at;
  }
  /// [^\r\n\p{L}\p{N}]?\p{L}+
  int64_t word(int64_t at) const {
    const bool leads = !is_newline(at) && !is(at, CharClass::letter) && !is(at, CharClass::number);
    const int64_t begin = leads ? next(at) : at;
    const int64_t end = run(begin, CharClass::letter);
    return end == begin ? at : end;
  }
  ///  ?[^\s\p{L}\p{N}]+[\r\n]*
  int64_t punctuation(int64_t at) const {
    const int64_t begin = text_[static_cast<size_t>(at)] == ' ' ? at + 1 : at;
    const int64_t end = run(begin, CharClass::other);
    return end == begin ? at : newlines(end);
  }
  /// \s*[\r\n]+|\s+(?!\S)|\s+
  int64_t spaces(int64_t at) const {
    int64_t end = at, last = at, after_newline = at;
    while (is(end, CharClass::space)) {
      last = end;
      end = next(end);
      if (is_newline(last)) after_newline = end;
    }
    if (after_newline > at) return after_newline;
    return end == size_ || last == at ? end : last;
  }

  std::string_view text_;
  int64_t size_;
};

}  // namespace

std::vector<ByteRange> split_qwen2(std::string_view text) {
  const Scanner scanner(text);
  std::vector<ByteRange> words;
  for (int64_t at = 0; at < scanner.size();) {
    const int64_t end = scanner.match(at);
    words.push_back({at, end});
    at = end;
  }
  return words;
}

}  // namespace rrpo::text
