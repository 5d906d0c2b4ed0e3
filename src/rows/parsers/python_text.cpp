#include "python_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rrpo/text/unicode.h"

namespace rrpo::rows::py {
namespace {

constexpr char32_t kReplacement = 0xfffd;

using Range = std::pair<char32_t, char32_t>;

bool within(char32_t c, const Range* begin, const Range* end) {
  return std::any_of(begin, end, [&](const Range& range) { return c >= range.first && c <= range.second; });
}

/// The zeros of Unicode's decimal digits; nine more follow each.
constexpr std::array<char32_t, 66> kZeros = {
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,
    0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

/// Characters that case folding or composition would change, and `str.lower` does not.
constexpr std::array<Range, 20> kSmall = {{{0xb5, 0xb5},     {0x17f, 0x17f},   {0x340, 0x345},     {0x374, 0x374},
                                           {0x37e, 0x37e},   {0x387, 0x387},   {0x3c2, 0x3c2},     {0x3d0, 0x3d6},
                                           {0x3f0, 0x3f1},   {0x3f5, 0x3f5},   {0x13a0, 0x13fd},   {0x1c80, 0x1c88},
                                           {0x1e9b, 0x1e9b}, {0x1f00, 0x1fff}, {0x2000, 0x2001},   {0x2329, 0x232a},
                                           {0xab70, 0xabbf}, {0xf900, 0xfaff}, {0x1d15e, 0x1d1c0}, {0x2f800, 0x2fa1d}}};

/// What `str.upper` makes of characters whose capitals are ASCII letters, or no word characters where they are one (a letter
/// and the accent behind it). All others keep what matters here: whether they are part of a word.
constexpr std::array<std::pair<char32_t, View>, 39> kCapitals = {{{0xdf, U"SS"},
                                                                  {0x131, U"I"},
                                                                  {0x149, U"\u02bcN"},
                                                                  {0x17f, U"S"},
                                                                  {0x1f0, U"J\u030c"},
                                                                  {0x345, U"\u0399"},
                                                                  {0x390, U"\u0399\u0308\u0301"},
                                                                  {0x3b0, U"\u03a5\u0308\u0301"},
                                                                  {0x1e96, U"H\u0331"},
                                                                  {0x1e97, U"T\u0308"},
                                                                  {0x1e98, U"W\u030a"},
                                                                  {0x1e99, U"Y\u030a"},
                                                                  {0x1e9a, U"A\u02be"},
                                                                  {0x1f50, U"\u03a5\u0313"},
                                                                  {0x1f52, U"\u03a5\u0313\u0300"},
                                                                  {0x1f54, U"\u03a5\u0313\u0301"},
                                                                  {0x1f56, U"\u03a5\u0313\u0342"},
                                                                  {0x1fb6, U"\u0391\u0342"},
                                                                  {0x1fb7, U"\u0391\u0342\u0399"},
                                                                  {0x1fc6, U"\u0397\u0342"},
                                                                  {0x1fc7, U"\u0397\u0342\u0399"},
                                                                  {0x1fd2, U"\u0399\u0308\u0300"},
                                                                  {0x1fd3, U"\u0399\u0308\u0301"},
                                                                  {0x1fd6, U"\u0399\u0342"},
                                                                  {0x1fd7, U"\u0399\u0308\u0342"},
                                                                  {0x1fe2, U"\u03a5\u0308\u0300"},
                                                                  {0x1fe3, U"\u03a5\u0308\u0301"},
                                                                  {0x1fe4, U"\u03a1\u0313"},
                                                                  {0x1fe6, U"\u03a5\u0342"},
                                                                  {0x1fe7, U"\u03a5\u0308\u0342"},
                                                                  {0x1ff6, U"\u03a9\u0342"},
                                                                  {0x1ff7, U"\u03a9\u0342\u0399"},
                                                                  {0xfb00, U"FF"},
                                                                  {0xfb01, U"FI"},
                                                                  {0xfb02, U"FL"},
                                                                  {0xfb03, U"FFI"},
                                                                  {0xfb04, U"FFL"},
                                                                  {0xfb05, U"ST"},
                                                                  {0xfb06, U"ST"}}};

text::CharClass class_of(char32_t c) { return text::char_class(static_cast<int32_t>(c)); }

char32_t lower_one(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  if (c == 0x1e9e) return 0xdf;
  if (within(c, kSmall.data(), kSmall.data() + kSmall.size())) return c;
  const Text folded = text_of(text::fold_case(utf8({&c, 1})));
  return folded.size() == 1 ? folded[0] : c;
}

}  // namespace

Text text_of(std::string_view utf8) {
  Text out;
  out.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const text::CodePoint one = text::code_point_at(utf8, static_cast<int64_t>(at));
    out.push_back(one.value < 0 ? kReplacement : static_cast<char32_t>(one.value));
    at += static_cast<size_t>(one.size);
  }
  return out;
}

std::string utf8(View text) {
  std::string out;
  for (const char32_t c : text) text::append_code_point(out, static_cast<int32_t>(c));
  return out;
}

bool is_space(char32_t c) { return class_of(c) == text::CharClass::space || (c >= 0x1c && c <= 0x1f); }

bool is_alpha(char32_t c) { return class_of(c) == text::CharClass::letter; }

bool is_word(char32_t c) { return c == U'_' || is_alpha(c) || class_of(c) == text::CharClass::number; }

bool is_decimal(char32_t c) {
  return std::any_of(kZeros.begin(), kZeros.end(), [&](char32_t zero) { return c >= zero && c <= zero + 9; });
}

View strip(View text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

View strip(View text, View characters) {
  const size_t begin = text.find_first_not_of(characters);
  return begin == View::npos ? View() : text.substr(begin, text.find_last_not_of(characters) - begin + 1);
}

std::vector<View> split(View text) {
  std::vector<View> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<View> split(View text, View separator) {
  std::vector<View> out;
  for (size_t end = text.find(separator); end != View::npos; end = text.find(separator)) {
    out.push_back(text.substr(0, end));
    text.remove_prefix(end + separator.size());
  }
  out.push_back(text);
  return out;
}

Text replaced(View text, View what, View by) {
  Text out;
  for (const View piece : split(text, what)) {
    if (piece.data() != text.data()) out += by;
    out += piece;
  }
  return out;
}

bool contains(View text, View part) { return text.find(part) != View::npos; }

Text lower(View text) {
  Text out;
  for (const char32_t c : text) {
    if (c == 0x130)
      out += U"i\u0307";
    else
      out.push_back(lower_one(c));
  }
  return out;
}

Text upper(View text) {
  Text out;
  for (const char32_t c : text) {
    const auto special = std::find_if(kCapitals.begin(), kCapitals.end(), [&](const auto& one) { return one.first == c; });
    if (special != kCapitals.end())
      out += special->second;
    else
      out.push_back(c >= U'a' && c <= U'z' ? c - 32 : c);
  }
  return out;
}

bool same_letter(char32_t c, char32_t letter) {
  if (c == letter || c + 32 == letter) return true;
  return (letter == U'i' && (c == 0x130 || c == 0x131)) || (letter == U's' && c == 0x17f) || (letter == U'k' && c == 0x212a);
}

bool same_at(View text, size_t at, View small) {
  if (at > text.size() || text.size() - at < small.size()) return false;
  for (size_t i = 0; i < small.size(); ++i) {
    const char32_t c = text[at + i], wanted = small[i];
    const bool letter = wanted >= U'a' && wanted <= U'z';
    if (letter ? !same_letter(c, wanted) : c != wanted) return false;
  }
  return true;
}

bool stands_alone(View text, size_t begin, size_t end) {
  return (begin == 0 || !is_word(text[begin - 1])) && (end >= text.size() || !is_word(text[end]));
}

}  // namespace rrpo::rows::py
