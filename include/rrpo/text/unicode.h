// Code points of UTF-8 texts that may be broken: nothing here throws or reads past the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rrpo::text {

/// What a split pattern asks about a character. Bytes that are no UTF-8 are `other`.
enum class CharClass { letter, number, space, other };

/// One character of a text: its code point (-1 for one byte that starts no valid UTF-8 sequence) and its bytes.
struct CodePoint {
  int32_t value = -1;
  int64_t size = 1;
};

/// The character at byte `at` < text.size().
CodePoint code_point_at(std::string_view text, int64_t at);

/// Unicode's L* and N* categories and its White_Space property.
CharClass char_class(int32_t code_point);

/// Unicode's M* categories: accents and vowel signs that belong to the letter before them.
bool is_mark(int32_t code_point);

/// Appends the UTF-8 form of a valid code point.
void append_code_point(std::string& out, int32_t code_point);

/// True at both ends of the text and where a character begins.
bool is_char_border(std::string_view text, int64_t at);

/// `bytes` with each longest broken part of a sequence replaced by one U+FFFD, as browsers and Rust do.
std::string valid_utf8(std::string_view bytes);

/// Folded for comparing without case (full Unicode case folding, NFC).
std::string fold_case(std::string_view text);

/// The words of a text for a comparison: case folded, punctuation taken for blanks (kept between digits, and a minus before
/// a number), one space between words.
std::string plain_words(std::string_view text);

}  // namespace rrpo::text
