#include "pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

constexpr size_t kMaxText = 65'536;  ///< bytes of an expression
constexpr uint32_t kMaxSteps = 1'000'000, kMaxDepth = 10'000, kMaxHeapKib = 16'384;

struct Unusable {
  std::string problem;
};

/// Writes an expression of Python's as one of PCRE2's that means the same, and refuses what PCRE2 alone understands: verbs,
/// recursion, its own escapes.
class Translator {
 public:
  explicit Translator(std::string_view text) : text_(text) {}

  std::string whole() {
    while (at_ < text_.size()) {
      const size_t before = at_;
      const char c = text_[at_];
      if (quantifier()) {
        if (repeated_) throw Unusable{"multiple repeat"};
        repeated_ = true;
        continue;
      }
      repeated_ = false;
      if (c == '\\') {
        escape(/*in_class=*/false);
      } else if (c == '[') {
        set();
      } else if (c == '(') {
        group();
      } else {
        copy(1);
      }
      expect(at_ > before, "a translation that stands still");
    }
    return std::move(out_);
  }

 private:
  bool ahead(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void copy(size_t count) {
    out_ += text_.substr(at_, count);
    at_ += count;
  }
  void replace(size_t count, std::string_view by) {
    out_ += by;
    at_ += count;
  }

  /// * + ? {m,n}, with the mark that makes it lazy or possessive. Python's {,n} is PCRE2's {0,n}.
  bool quantifier() {
    const size_t length = quantifier_length();
    if (length == 0) return false;
    if (ahead("{,")) {
      replace(2, "{0,");
      copy(length - 2);
    } else {
      copy(length);
    }
    if (ahead("?") || ahead("+")) copy(1);
    return true;
  }

  size_t quantifier_length() const {
    if (ahead("*") || ahead("+") || ahead("?")) return 1;
    if (!ahead("{")) return 0;
    const size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return 0;
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    const bool plain = inside.find_first_not_of("0123456789,") == std::string_view::npos;
    const size_t comma = inside.find(',');
    if (!plain || inside.empty() ||
        (comma != std::string_view::npos && inside.find(',', comma + 1) != std::string_view::npos))
      return 0;  // a brace that is a letter
    return end + 1 - at_;
  }

  /// Letters after a backslash are those that Python gives a meaning.
  void escape(bool in_class) {
    if (at_ + 1 >= text_.size()) throw Unusable{"it ends in a backslash"};
    const char c = text_[at_ + 1];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == 'v') return replace(2, "\\x{0b}");
    if (c == 'Z' && !in_class) return replace(2, "\\z");
    if (c == 'u' || c == 'U') {
      const size_t digits = c == 'u' ? 4 : 8;
      const std::string_view hex = text_.substr(at_ + 2, digits);
      if (hex.size() < digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
        throw Unusable{"an incomplete \\" + std::string(1, c)};
      return replace(2 + digits, "\\x{" + std::string(hex) + "}");
    }
    const std::string_view known = in_class ? "abdDfnrsStwWx" : "aAbBdDfnrsStwWx";
    if (letter && known.find(c) == std::string_view::npos) throw Unusable{"bad escape \\" + std::string(1, c)};
    copy(2);
  }

  /// A class: in Python a [ inside is itself.
  void set() {
    copy(1);
    if (ahead("^")) copy(1);
    if (ahead("]")) replace(1, "\\]");
    while (at_ < text_.size() && !ahead("]")) {
      if (ahead("\\")) {
        escape(/*in_class=*/true);
      } else if (ahead("[")) {
        replace(1, "\\[");
      } else {
        copy(1);
      }
    }
    if (at_ >= text_.size()) throw Unusable{"a ] is missing"};
    copy(1);
  }

  void group() {
    if (ahead("(*")) throw Unusable{"nothing to repeat after a ("};
    if (!ahead("(?")) return copy(1);
    for (const char* start : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P<", "(?P="}) {
      if (ahead(start)) return copy(std::string_view(start).size());
    }
    const size_t flags = text_.find_first_not_of("imsx-", at_ + 2);
    const bool closed = flags != std::string_view::npos && flags > at_ + 2 && (text_[flags] == ')' || text_[flags] == ':');
    const bool start_only = closed && text_[flags] == ')' && at_ != 0;
    if (!closed || start_only) throw Unusable{"a group that Python does not know"};
    copy(flags + 1 - at_);
  }

  std::string_view text_;
  std::string out_;
  size_t at_ = 0;
  bool repeated_ = false;
};

std::shared_ptr<const void> compile(std::string_view text) {
  const std::string expression = Translator(text).whole();
  int fault = 0;
  PCRE2_SIZE place = 0;
  const std::shared_ptr<pcre2_code> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &fault, &place, nullptr),
      pcre2_code_free);
  if (code) return code;
  std::array<PCRE2_UCHAR, 200> message{};
  pcre2_get_error_message(fault, message.data(), message.size());
  throw Unusable{reinterpret_cast<const char*>(message.data())};
}

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text, std::string& problem) {
  if (text.size() > kMaxText) return problem = "over " + std::to_string(kMaxText) + " bytes", std::nullopt;
  try {
    Pattern pattern;
    pattern.code_ = compile(text);
    return pattern;
  } catch (const Unusable& fault) {
    problem = fault.problem;
    return std::nullopt;
  }
}

std::optional<bool> Pattern::fullmatch(std::string_view name) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(pcre2_match_data_create(1, nullptr),
                                                                                 pcre2_match_data_free);
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(pcre2_match_context_create(nullptr),
                                                                                         pcre2_match_context_free);
  if (!data || !limits) throw std::bad_alloc();
  pcre2_set_match_limit(limits.get(), kMaxSteps);
  pcre2_set_depth_limit(limits.get(), kMaxDepth);
  pcre2_set_heap_limit(limits.get(), kMaxHeapKib);
  const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0,
                                PCRE2_ANCHORED | PCRE2_ENDANCHORED, data.get(), limits.get());
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  return std::nullopt;
}

}  // namespace rrpo::model
