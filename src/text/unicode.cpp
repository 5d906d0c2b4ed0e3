#include "rrpo/text/unicode.h"

#include <utf8proc.h>

#include <array>

namespace rrpo::text {
namespace {

constexpr int32_t kReplacement = 0xfffd;

const utf8proc_uint8_t* bytes_of(std::string_view text, int64_t at) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
}

CharClass class_of(int32_t code_point) {
  // White_Space: five control characters and NEL besides the separator categories.
  if ((code_point >= 0x09 && code_point <= 0x0d) || code_point == 0x85) return CharClass::space;
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::space;
    default:
      return CharClass::other;
  }
}

std::array<CharClass, 128> ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (int32_t i = 0; i < 128; ++i) classes[static_cast<size_t>(i)] = class_of(i);
  return classes;
}

bool is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

/// Bytes of the longest prefix of a valid sequence at `at`, at least 1: what one U+FFFD stands for.
int64_t broken_size(std::string_view bytes, int64_t at) {
  const auto byte = [&](int64_t i) { return static_cast<unsigned char>(bytes[static_cast<size_t>(i)]); };
  const int64_t left = static_cast<int64_t>(bytes.size()) - at;
  const unsigned char lead = byte(at);
  const int64_t wanted = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
  if (wanted == 1 || left < 2) return 1;
  const unsigned char second = byte(at + 1);
  const bool second_fits = is_continuation(second) && !(lead == 0xe0 && second < 0xa0) && !(lead == 0xed && second > 0x9f) &&
                           !(lead == 0xf0 && second < 0x90) && !(lead == 0xf4 && second > 0x8f);
  if (!second_fits) return 1;
  if (wanted == 4 && left >= 3 && is_continuation(byte(at + 2))) return 3;
  return 2;
}

}  // namespace

CodePoint code_point_at(std::string_view text, int64_t at) {
  const unsigned char first = static_cast<unsigned char>(text[static_cast<size_t>(at)]);
  if (first < 0x80) return {first, 1};
  utf8proc_int32_t value = -1;
  const auto size = utf8proc_iterate(bytes_of(text, at), static_cast<utf8proc_ssize_t>(text.size()) - at, &value);
  return size <= 0 ? CodePoint{} : CodePoint{value, size};
}

CharClass char_class(int32_t code_point) {
  static const std::array<CharClass, 128> ascii = ascii_classes();
  if (code_point < 0) return CharClass::other;
  return code_point < 128 ? ascii[static_cast<size_t>(code_point)] : class_of(code_point);
}

bool is_mark(int32_t code_point) {
  const auto category = code_point < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(code_point);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

void append_code_point(std::string& out, int32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(code_point, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool is_char_border(std::string_view text, int64_t at) {
  if (at < 0 || at > static_cast<int64_t>(text.size())) return false;
  return at == static_cast<int64_t>(text.size()) ||
         !is_continuation(static_cast<unsigned char>(text[static_cast<size_t>(at)]));
}

std::string valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  const int64_t size = static_cast<int64_t>(bytes.size());
  for (int64_t at = 0; at < size;) {
    const CodePoint point = code_point_at(bytes, at);
    if (point.value >= 0) {
      out.append(bytes, static_cast<size_t>(at), static_cast<size_t>(point.size));
      at += point.size;
    } else {
      append_code_point(out, kReplacement);
      at += broken_size(bytes, at);
    }
  }
  return out;
}

std::string fold_case(std::string_view text) {
  const std::string valid = valid_utf8(text);
  utf8proc_uint8_t* folded = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const auto size = utf8proc_map(bytes_of(valid, 0), static_cast<utf8proc_ssize_t>(valid.size()), &folded, options);
  std::string out = size < 0 ? valid : std::string(reinterpret_cast<const char*>(folded), static_cast<size_t>(size));
  free(folded);
  return out;
}

namespace {

bool is_punctuation(int32_t code_point) {
  const auto category = code_point < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(code_point);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

}  // namespace

std::string plain_words(std::string_view text) {
  const std::string folded = fold_case(text);
  const auto is_digit = [&](int64_t at) {
    return at >= 0 && at < static_cast<int64_t>(folded.size()) && folded[static_cast<size_t>(at)] >= '0' &&
           folded[static_cast<size_t>(at)] <= '9';
  };
  std::string out;
  for (int64_t at = 0; at < static_cast<int64_t>(folded.size());) {
    const CodePoint point = code_point_at(folded, at);
    const int64_t next = at + point.size;
    const bool new_word = out.empty() || out.back() == ' ';
    const bool in_number = is_digit(next) && (is_digit(at - 1) || (point.value == '-' && new_word));
    if (char_class(point.value) == CharClass::space || (is_punctuation(point.value) && !in_number)) {
      if (!new_word) out += ' ';
    } else {
      out.append(folded, static_cast<size_t>(at), static_cast<size_t>(point.size));
    }
    at = next;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace rrpo::text
