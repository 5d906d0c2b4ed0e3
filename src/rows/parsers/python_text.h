// Texts as Python's `str` and `re` see them: the scripts whose verdicts are repeated here were written in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rrpo::rows::py {

/// Code points. Lengths and places are counted in them, as the scripts do.
using Text = std::u32string;
using View = std::u32string_view;

/// Bytes that are no UTF-8 become U+FFFD, one each.
Text text_of(std::string_view utf8);
std::string utf8(View text);

bool is_space(char32_t c);    ///< `str.isspace`: White_Space and U+001C to U+001F
bool is_alpha(char32_t c);    ///< `str.isalpha`
bool is_word(char32_t c);     ///< `\w`: letters and numbers of every script, and `_`
bool is_decimal(char32_t c);  ///< `\d`: the digits of every script

/// `text` without white space, or without `characters`, at both ends.
View strip(View text);
View strip(View text, View characters);
/// Pieces between white space, and between separators (not empty; one piece at least).
std::vector<View> split(View text);
std::vector<View> split(View text, View separator);
Text replaced(View text, View what, View by);
bool contains(View text, View part);

/// `str.lower` and `str.upper`. Two things stay as they are that Python changes: a capital sigma becomes σ at the end of a
/// word too, and Cherokee and polytonic Greek keep their case. None of it can make or hide a letter that an option has.
Text lower(View text);
Text upper(View text);

/// True where `c` matches the small ASCII letter `letter` under `re.IGNORECASE`: U+0130 and U+0131 are an i, U+017F an s,
/// U+212A a k.
bool same_letter(char32_t c, char32_t letter);
/// The same for a text of small letters and other characters that stands at `at`.
bool same_at(View text, size_t at, View small);
/// `\b` on both sides of [begin, end), which begins and ends with a word character.
bool stands_alone(View text, size_t begin, size_t end);

}  // namespace rrpo::rows::py
