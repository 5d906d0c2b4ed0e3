#include "words.h"

#include <algorithm>
#include <map>

#include "rrpo/text/unicode.h"

namespace rrpo::rows {
namespace {

constexpr int32_t kBroken = 0xfffd;  ///< bytes that are no text; with them a word is another
constexpr std::string_view kSilent = ".,!?;:\"'()[]{}";

/// The ASCII character that a character of another width or form stands for; 0: it says nothing; itself else.
int32_t plain(int32_t c) {
  static const std::map<int32_t, int32_t> others = {
      {0x3000, ' '}, {0xa0, ' '},    {0x2028, '\n'}, {0x2029, '\n'}, {0x200b, 0},   {0xfeff, 0},   {0x2060, 0},
      {0xad, 0},     {0x2018, '\''}, {0x2019, '\''}, {0x201b, '\''}, {0x201c, '"'}, {0x201d, '"'}, {0x201e, '"'},
      {0xab, '"'},   {0xbb, '"'},    {0x300c, '"'},  {0x300d, '"'},  {0x300e, '"'}, {0x300f, '"'}, {0x300a, '"'},
      {0x300b, '"'}, {0x3010, '['},  {0x3011, ']'},  {0x3002, '.'},  {0x3001, ','}, {0x2026, '.'}, {0x2010, '-'},
      {0x2011, '-'}, {0x2012, '-'},  {0x2013, '-'},  {0x2014, '-'},  {0x2212, '-'}, {0xb7, '-'},   {0x2022, '-'},
      {0x37e, ';'},  {0x61f, '?'},   {0x60c, ','},   {0x964, '.'},   {0xbf, '"'},   {0xa1, '"'}};
  if (c >= 0xff01 && c <= 0xff5e) return c - 0xfee0;
  if (c >= 0x24b6 && c <= 0x24cf) return 'A' + c - 0x24b6;
  if (c >= 0x24d0 && c <= 0x24e9) return 'a' + c - 0x24d0;
  for (const int32_t first : {0x1f130, 0x1f150, 0x1f170}) {
    if (c >= first && c < first + 26) return 'A' + c - first;
  }
  const auto found = others.find(c);
  return found == others.end() ? c : found->second;
}

std::vector<int32_t> plain_characters(std::string_view text) {
  std::vector<int32_t> out;
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const text::CodePoint point = text::code_point_at(text, at);
    at += point.size;
    const int32_t c = plain(point.value < 0 ? kBroken : point.value);
    if (c != 0) out.push_back(c);
  }
  return out;
}

bool is_space(int32_t c) { return text::char_class(c) == text::CharClass::space; }
bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }
bool is_word(int32_t c) {
  const text::CharClass kind = text::char_class(c);
  return kind == text::CharClass::letter || kind == text::CharClass::number || text::is_mark(c) || c == kBroken;
}

/// Reads tokens off a list of characters.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : chars_(plain_characters(text)) {}

  Tokens run() {
    while (at_ < size()) step();
    return std::move(out_);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(chars_.size()); }
  int32_t peek(int64_t offset) const {
    const int64_t at = at_ + offset;
    return at < 0 || at >= size() ? ' ' : chars_[static_cast<size_t>(at)];
  }

  void step() {
    const int32_t c = peek(0);
    if (is_space(c)) {
      glued_ = false;
      line_ = line_ || c == '\n' || c == '\r';
      ++at_;
    } else if (is_word(c) || (c == '-' && is_digit(peek(1)) && !is_word(peek(-1)) && peek(-1) != ')')) {
      word();
    } else if (!skipped(c)) {
      punctuation(c);
    }
  }

  /// Marks of layout, which nobody reads aloud.
  bool skipped(int32_t c) {
    const bool starts = line_ || out_.empty();
    const bool emphasis = c == '*' || c == '`' || c == '_';
    const bool layout = starts && !glued_ && (c == '#' || c == '>' || ((c == '-' || c == '+') && is_space(peek(1))));
    const bool formula = c == '$' && !is_digit(peek(1)) && !is_digit(peek(-1));
    if (c == '\\') {
      for (++at_; (peek(0) >= 'a' && peek(0) <= 'z') || (peek(0) >= 'A' && peek(0) <= 'Z');) ++at_;
      return true;
    }
    at_ += emphasis || layout || formula ? 1 : 0;
    return emphasis || layout || formula;
  }

  bool continues() const {
    const int32_t c = peek(0), before = peek(-1), after = peek(1);
    if (is_word(c)) return true;
    if (c == '\'' || c == '_') return is_word(before) && is_word(after);
    return (c == '.' || c == ',' || c == ':') && is_digit(before) && is_digit(after);
  }

  void word() {
    const std::string first = utf8(peek(0));
    std::string text = first;
    for (++at_; at_ < size() && continues(); ++at_) text += utf8(peek(0));
    push({text::fold_case(text), true, glued_, line_, text::fold_case(first) != first});
  }
  void punctuation(int32_t c) {
    push({utf8(c), false, glued_, line_, false});
    ++at_;
  }
  void push(Token token) {
    token.line = token.line || out_.empty();
    out_.push_back(std::move(token));
    glued_ = true;
    line_ = false;
  }
  static std::string utf8(int32_t c) {
    std::string out;
    text::append_code_point(out, c);
    return out;
  }

  std::vector<int32_t> chars_;
  int64_t at_ = 0;
  bool glued_ = false, line_ = true;
  Tokens out_;
};

bool joins(const Token& token) { return !token.word && token.text.find_first_of("-/@&") == 0; }
/// A sign that makes another value of what it is written to: `C++`, `50%`, `$5`.
bool belongs(const Token& token) {
  static const Words signs = {"+", "#", "%", "^", "$", "€", "£", "¥", "°"};
  return !token.word && signs.contains(token.text);
}

bool cut_on_the_left(const Tokens& tokens, size_t at) {
  if (at == 0 || !tokens[at].glued) return false;
  const Token& before = tokens[at - 1];
  return belongs(before) || (joins(before) && before.glued && at > 1 && tokens[at - 2].word);
}

bool cut_on_the_right(const Tokens& tokens, size_t end) {
  if (end == tokens.size() || !tokens[end].glued) return false;
  if (belongs(tokens[end])) return true;
  return joins(tokens[end]) && end + 1 < tokens.size() && tokens[end + 1].glued && tokens[end + 1].word;
}

}  // namespace

Tokens tokens_of(std::string_view text) { return Scanner(text).run(); }

bool is_punctuation(const Token& token, std::string_view characters) {
  return !token.word && token.text.size() == 1 && characters.find(token.text[0]) != std::string_view::npos;
}

bool is_number(const Token& token) {
  const size_t at = token.text.starts_with('-') ? 1 : 0;
  return token.word && token.text.size() > at && token.text.find_first_not_of("0123456789.,:", at) == std::string::npos;
}

Tokens trimmed(Tokens tokens) {
  while (!tokens.empty() && is_punctuation(tokens.back(), kSilent)) tokens.pop_back();
  const auto first =
      std::find_if(tokens.begin(), tokens.end(), [](const Token& token) { return !is_punctuation(token, kSilent); });
  tokens.erase(tokens.begin(), first);
  return tokens;
}

int64_t count_words(const Tokens& tokens) {
  return std::count_if(tokens.begin(), tokens.end(), [](const Token& token) { return token.word; });
}

std::string said_words(const Tokens& tokens) {
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (is_punctuation(token, kSilent) || is_punctuation(token, "-")) continue;
    out += (out.empty() ? "" : " ") + token.text;
  }
  return out;
}

bool stands_at(const Tokens& tokens, size_t at, const Tokens& phrase) {
  const size_t end = at + phrase.size();
  if (phrase.empty() || end > tokens.size()) return false;
  for (size_t i = 0; i < phrase.size(); ++i) {
    if (tokens[at + i].text != phrase[i].text || (i > 0 && tokens[at + i].line)) return false;
  }
  return !cut_on_the_left(tokens, at) && !cut_on_the_right(tokens, end);
}

}  // namespace rrpo::rows
