#include "rrpo/text/jinja.h"

#include <algorithm>
#include <vector>

#include "jinja_values.h"

namespace rrpo::text {
namespace {

constexpr std::string_view kBlank = " \t\n\r";
constexpr int kMaxNesting = 64;
constexpr int kMaxSteps = 20000;  // a loop in a loop in a loop grows fast

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The first word of a statement, which it is cut from.
std::string_view cut_word(std::string_view& text) {
  const size_t end = std::min(text.find_first_of(" \t\n\r("), text.size());
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Fault::input, "text", "chat template: " + printable(what), "give a template that is whole");
}

/// A piece of a template: literal text, `{{ expression }}` or `{% statement %}`.
struct Piece {
  enum class Kind { text, output, statement } kind = Kind::text;
  std::string_view body;
};

/// The tags of a template and the text between them.
class Cutter {
 public:
  explicit Cutter(std::string_view jinja) : rest_(jinja) {}

  std::vector<Piece> run() {
    std::vector<Piece> pieces;
    for (;;) {
      const size_t open = next_tag();
      std::string_view raw = rest_.substr(0, open);
      if (open == std::string_view::npos) {
        pieces.push_back({Piece::Kind::text, raw});
        return pieces;
      }
      const char kind = rest_[open + 1];
      const size_t end = closing(open + 2, kind);
      std::string_view body = rest_.substr(open + 2, end - open - 2);
      rest_.remove_prefix(end + 2);
      const bool trim_left = body.starts_with('-');
      if (trim_left || body.starts_with('+')) body.remove_prefix(1);
      const bool trim_right = body.ends_with('-');
      if (trim_right) body.remove_suffix(1);
      pieces.push_back({Piece::Kind::text, trim_left     ? without_trailing(raw, kBlank)
                                           : kind == '{' ? raw
                                                         : without_indent(raw)});
      if (trim_right) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
      } else if (kind != '{' && rest_.starts_with('\n')) {
        rest_.remove_prefix(1);
      }
      if (kind != '#') pieces.push_back({kind == '{' ? Piece::Kind::output : Piece::Kind::statement, trimmed(body)});
    }
  }

 private:
  size_t next_tag() const {
    for (size_t at = rest_.find('{'); at != std::string_view::npos && at + 1 < rest_.size(); at = rest_.find('{', at + 1)) {
      if (std::string_view("{%#").find(rest_[at + 1]) != std::string_view::npos) return at;
    }
    return std::string_view::npos;
  }
  /// Where the tag ends that begins at `from`; what is quoted does not end it.
  size_t closing(size_t from, char kind) const {
    const std::string_view close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    char quote = 0;
    for (size_t at = from; at + 1 < rest_.size(); ++at) {
      const char c = rest_[at];
      if (quote == 0 && rest_.substr(at, 2) == close) return at;
      if (kind == '#') continue;
      if (quote != 0 && c == '\\') ++at;
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
    }
    refuse("a tag is not closed");
  }
  static std::string_view without_trailing(std::string_view text, std::string_view characters) {
    const size_t last = text.find_last_not_of(characters);
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }
  /// Blanks between the beginning of a line and a block go with the block.
  static std::string_view without_indent(std::string_view raw) {
    const std::string_view shorter = without_trailing(raw, " \t");
    return shorter.empty() || shorter.back() == '\n' ? shorter : raw;
  }

  std::string_view rest_;
};

/// Writes pieces for given variables. What is not understood throws as what is broken does.
class Writer {
 public:
  Writer(const std::vector<Piece>& pieces, const Json& variables) : pieces_(pieces), scopes_{variables, Json::object()} {}

  std::string run() {
    if (write_block(0, true) != pieces_.size()) refuse("a block ends that did not begin");
    return std::move(out_);
  }

 private:
  /// Writes from piece `at` to the statement that ends or divides the block, and returns where that stands (or the number of
  /// pieces). What is not `live` is passed over.
  size_t write_block(size_t at, bool live) {
    if (++nesting_ > kMaxNesting) refuse("too many blocks within blocks");
    while (at < pieces_.size()) {
      if (++steps_ > kMaxSteps) refuse("too long");
      const Piece& piece = pieces_[at];
      if (piece.kind == Piece::Kind::statement) {
        const std::string_view word = word_of(at);
        if (word.starts_with("end") || word == "else" || word == "elif") break;
        at = write_statement(at, live);
        continue;
      }
      if (live && piece.kind == Piece::Kind::text) out_ += piece.body;
      if (live && piece.kind == Piece::Kind::output) write_value(value_of(piece.body));
      ++at;
    }
    --nesting_;
    return at;
  }
  size_t write_statement(size_t at, bool live) {
    std::string_view rest = pieces_[at].body;
    const std::string_view word = cut_word(rest);
    if (word == "if") return write_if(at, live);
    if (word == "for") return write_for(at, rest, live);
    if (word == "set") {
      if (rest.find('=') == std::string_view::npos) return passed_over(at, "endset", live);
      if (live) set(rest);
      return at + 1;
    }
    if (word == "macro") return passed_over(at, "endmacro", false);
    if (word == "generation") return ended(write_block(at + 1, live), "endgeneration");
    if (live) refuse("a statement that is not known");
    return at + 1;
  }
  size_t write_if(size_t at, bool live) {
    bool taken = false;
    for (;;) {  // at stands on if, elif or else
      std::string_view rest = pieces_[at].body;
      const bool is_else = cut_word(rest) == "else";
      const bool here = live && !taken && (is_else || truth(value_of(rest)));
      taken = taken || here;
      at = write_block(at + 1, here);
      if (at == pieces_.size() || word_of(at) == "endif") return ended(at, "endif");
      if (is_else) refuse("a branch behind else");
    }
  }
  size_t write_for(size_t at, std::string_view rest, bool live) {
    const std::string name(cut_word(rest));
    if (cut_word(rest) != "in") {
      if (live) refuse("a loop over several names");
      rest = "[]";
    }
    const size_t condition = rest.find(" if ");
    Json items = live ? value_of(rest.substr(0, condition)) : Json::array();
    if (items.is_null()) items = Json::array();
    if (!items.is_array()) refuse("a loop over what is no list");
    if (condition != std::string_view::npos) items = chosen(items, name, rest.substr(condition + 4));
    for (size_t i = 0; i < items.size(); ++i) {
      scopes_.push_back({{name, items[i]},
                         {"loop",
                          {{"first", i == 0},
                           {"last", i + 1 == items.size()},
                           {"index", i + 1},
                           {"index0", i},
                           {"length", items.size()}}}});
      write_block(at + 1, true);
      scopes_.pop_back();
    }
    return ended(write_block(at + 1, false), "endfor");
  }
  Json chosen(const Json& items, const std::string& name, std::string_view condition) {
    Json kept = Json::array();
    for (const Json& item : items) {
      scopes_.push_back({{name, item}});
      if (truth(value_of(condition))) kept.push_back(item);
      scopes_.pop_back();
    }
    return kept;
  }
  /// `name = value` in the innermost scope, or `space.name = value` where the space is.
  void set(std::string_view rest) {
    const size_t equals = rest.find('=');
    const std::string name(trimmed(rest.substr(0, equals)));
    const Json value = value_of(trimmed(rest.substr(equals + 1)));
    const size_t dot = name.find('.');
    if (name.find_first_of(",[") != std::string::npos) refuse("several names set at once");
    if (dot == std::string::npos) {
      scopes_.back()[name] = value;
      return;
    }
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (!scope->contains(name.substr(0, dot))) continue;
      (*scope)[name.substr(0, dot)][name.substr(dot + 1)] = value;
      return;
    }
    refuse("a name in a space that is not there");
  }
  /// Behind a block that is not written; where it would have been, that is not understood.
  size_t passed_over(size_t at, std::string_view end, bool live) {
    if (live) refuse("a block that is not known");
    return ended(write_block(at + 1, false), end);
  }
  size_t ended(size_t at, std::string_view end) const {
    if (at == pieces_.size() || word_of(at) != end) refuse("a block is not closed");
    return at + 1;
  }
  std::string_view word_of(size_t at) const {
    std::string_view body = pieces_[at].body;
    return cut_word(body);
  }
  Json value_of(std::string_view expression) const {
    std::optional<Json> value = evaluate(expression, scopes_);
    if (!value) refuse("an expression that is not understood");
    return std::move(*value);
  }
  void write_value(const Json& value) {
    if (value.is_string()) {
      out_ += value.get<std::string>();
    } else if (value.is_number_integer()) {
      out_ += value.dump();
    } else if (!value.is_null()) {
      refuse("a value that is no text");
    }
  }

  const std::vector<Piece>& pieces_;
  Scopes scopes_;
  std::string out_;
  int nesting_ = 0, steps_ = 0;
};

/// No template contains it: it stands for the question.
constexpr std::string_view kQuestion = "\x02";

}  // namespace

std::optional<std::string> render_template(std::string_view jinja, const Json& variables) {
  // The last newline of a template is not written.
  if (jinja.ends_with('\n')) jinja.remove_suffix(1);
  try {
    return Writer(Cutter(jinja).run(), variables).run();
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<PromptForm> read_prompt_form(std::string_view jinja) {
  if (jinja.find(kQuestion) != std::string_view::npos) return std::nullopt;
  const Json content = {{{"type", "video"}}, {{"type", "text"}, {"text", std::string(kQuestion)}}};
  const Json messages = Json::array({{{"role", "user"}, {"content", content}}});
  const std::optional<std::string> text = render_template(jinja, {{"messages", messages}, {"add_generation_prompt", true}});
  if (!text) return std::nullopt;
  const size_t at = text->find(kQuestion);
  if (at == std::string::npos || text->find(kQuestion, at + 1) != std::string::npos) return std::nullopt;
  return PromptForm{text->substr(0, at), text->substr(at + 1)};
}

}  // namespace rrpo::text
