#include "jinja_values.h"

#include <cctype>
#include <string>

#include "rrpo/util/error.h"

namespace rrpo::text {
namespace {

constexpr int kMaxDepth = 100;  // of expressions in expressions
constexpr std::string_view kBlank = " \t\n\r";

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Reads an expression from left to right and has its value at the end.
class Reader {
 public:
  Reader(std::string_view text, const Scopes& scopes) : text_(text), scopes_(scopes) {}

  Value whole() {
    Value value = conditional();
    if (blank(); at_ != text_.size()) refuse();
    return value;
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(Fault::input, "text", "'" + printable(std::string(text_)) + "': no expression", "mend the chat template");
  }
  void blank() {
    while (at_ < text_.size() && kBlank.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool symbol(std::string_view mark) {
    blank();
    if (!text_.substr(at_).starts_with(mark)) return false;
    at_ += mark.size();
    return true;
  }
  bool word(std::string_view name) {
    blank();
    if (!text_.substr(at_).starts_with(name)) return false;
    const size_t end = at_ + name.size();
    if (end < text_.size() && is_name(text_[end])) return false;
    at_ = end;
    return true;
  }
  std::string name() {
    blank();
    const size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    if (at_ == begin) refuse();
    return std::string(text_.substr(begin, at_ - begin));
  }

  Value conditional() {  // a if condition else b
    const Depth deeper(*this);
    Value value = either();
    if (!word("if")) return value;
    const Value condition = either();
    const Value other = word("else") ? conditional() : Value(Json());
    if (!condition) return std::nullopt;
    return truth(*condition) ? value : other;
  }
  Value either() {
    Value value = both();
    while (word("or")) {
      const Value other = both();
      if (value && !truth(*value)) value = other;
    }
    return value;
  }
  Value both() {
    Value value = negated();
    while (word("and")) {
      const Value other = negated();
      if (value && truth(*value)) value = other;
    }
    return value;
  }
  Value negated() {
    const Depth deeper(*this);
    if (!word("not")) return compared();
    const Value value = negated();
    return value ? Value(Json(!truth(*value))) : std::nullopt;
  }
  static Value negate(const Value& value, bool really) {
    if (!value || !really) return value;
    return Json(!truth(*value));
  }
  Value compared() {
    Value value = added();
    for (;;) {
      if (symbol("==")) {
        value = equal(value, added());
      } else if (symbol("!=")) {
        value = negate(equal(value, added()), true);
      } else if (word("in")) {
        value = contains(value, added());
      } else if (word("is")) {
        const bool inverse = word("not");
        value = negate(test(value, name()), inverse);
      } else if (const size_t before = at_; word("not")) {
        if (!word("in")) {
          at_ = before;
          return value;
        }
        value = negate(contains(value, added()), true);
      } else {
        return value;
      }
    }
  }
  static Value equal(const Value& a, const Value& b) {
    if (!a || !b) return std::nullopt;
    return Json(*a == *b);
  }
  Value added() {
    Value value = multiplied();
    while (symbol("+") || symbol("~")) value = sum(value, multiplied());
    return value;
  }
  Value multiplied() {  // only the rest of a division: turns that alternate are told by it
    Value value = followed();
    while (symbol("%")) {
      const Value by = followed();
      const bool able = value && by && value->is_number_integer() && by->is_number_integer() && by->get<int64_t>() > 0;
      value = able ? Value(Json(value->get<int64_t>() % by->get<int64_t>())) : std::nullopt;
    }
    return value;
  }
  Value followed() {
    std::string called;
    Value value = first(called);
    for (;;) {
      if (symbol(".")) {
        called.clear();
        value = element(value, Json(name()));
      } else if (symbol("[")) {
        called.clear();
        value = indexed(value);
      } else if (symbol("(")) {
        value = call(called);
      } else if (symbol("|")) {
        const std::string by = name();
        Json named;
        value = filter(value, by, symbol("(") ? arguments(named) : std::vector<Value>());
      } else {
        return value;
      }
    }
  }
  Value indexed(const Value& value) {
    const Value key = symbol(":") ? std::nullopt : conditional();
    bool slice = false;
    while (!symbol("]")) {  // a slice is read, and not understood
      slice = true;
      if (!symbol(":")) conditional();
    }
    return slice ? std::nullopt : element(value, key);
  }
  /// Of functions only namespace(); methods of values are not understood.
  Value call(const std::string& function) {
    Json named = Json::object();
    arguments(named);
    return function == "namespace" ? Value(named) : std::nullopt;
  }
  std::vector<Value> arguments(Json& named) {
    std::vector<Value> given;
    while (!symbol(")")) {
      const size_t begin = at_;
      blank();
      if (at_ < text_.size() && is_name(text_[at_])) {
        const std::string key = name();
        if (symbol("=") && !symbol("=")) {
          if (const Value value = conditional()) named[key] = *value;
          symbol(",");
          continue;
        }
        at_ = begin;
      }
      given.push_back(conditional());
      if (!symbol(",") && !text_.substr(at_).starts_with(")")) refuse();
    }
    return given;
  }
  Value first(std::string& called) {
    const Depth deeper(*this);
    blank();
    if (at_ == text_.size()) refuse();
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted();
    if (symbol("(")) {
      Value value = conditional();
      if (!symbol(")")) refuse();
      return value;
    }
    if (symbol("[")) return list();
    if (symbol("-")) {
      const Value value = followed();
      return value && value->is_number_integer() ? Value(Json(-value->get<int64_t>())) : std::nullopt;
    }
    const std::string given = name();
    if (std::isdigit(static_cast<unsigned char>(given[0])) != 0) {
      if (given.size() > 9 || given.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
      return Json(std::stoll(given));
    }
    if (given == "true" || given == "True") return Json(true);
    if (given == "false" || given == "False") return Json(false);
    called = given;
    return look_up(scopes_, given);
  }
  Value list() {
    Json items = Json::array();
    bool able = true;
    while (!symbol("]")) {
      const Value one = conditional();
      able = able && one.has_value();
      if (one) items.push_back(*one);
      if (!symbol(",") && !text_.substr(at_).starts_with("]")) refuse();
    }
    return able ? Value(items) : std::nullopt;
  }
  Value quoted() {  // literals that follow each other are one
    std::string value;
    for (blank(); at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'); blank()) value += one_quoted();
    return Json(std::move(value));
  }
  std::string one_quoted() {
    const char quote = text_[at_++];
    std::string value;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return value;
      }
      if (c == '\\' && at_ + 1 < text_.size()) {
        c = text_[++at_];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
      }
      value += c;
    }
    refuse();
  }

  /// A fault beyond kMaxDepth.
  struct Depth {
    explicit Depth(Reader& of) : reader(of) {
      if (++reader.depth_ > kMaxDepth) reader.refuse();
    }
    ~Depth() { --reader.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    Reader& reader;
  };

  std::string_view text_;
  const Scopes& scopes_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<Json> evaluate(std::string_view expression, const Scopes& scopes) {
  return Reader(expression, scopes).whole();
}

}  // namespace rrpo::text
