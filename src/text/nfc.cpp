#include "rrpo/text/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "rrpo/text/unicode.h"

namespace rrpo::text {
namespace {

/// Below this code point every character is its own NFC and nothing composes with what is before it.
constexpr int32_t kFirstCombining = 0x300;

/// Bytes of a letter with more marks than any language writes.
constexpr size_t kLongGroup = 128;

/// True when the character may change with what stands before it: a combining mark, the second part of a composition, or
/// a Hangul vowel or final consonant.
bool joins_previous(int32_t code_point) {
  if (code_point < kFirstCombining) return false;
  utf8proc_int32_t parts[32];
  int boundary = 0;
  const auto count = utf8proc_decompose_char(code_point, parts, 32, UTF8PROC_DECOMPOSE, &boundary);
  const int32_t first = count > 0 ? parts[0] : code_point;
  if ((first >= 0x1160 && first <= 0x11ff)) return true;
  const utf8proc_property_t* property = utf8proc_get_property(first);
  const bool second_part = property->comb_index != UINT16_MAX && property->comb_index >= 0x8000;
  return property->combining_class != 0 || second_part;
}

/// End of the group of characters at `begin` that normalise together.
int64_t group_end(std::string_view text, int64_t begin) {
  const CodePoint first = code_point_at(text, begin);
  int64_t end = begin + first.size;
  if (first.value < 0) return end;
  while (end < static_cast<int64_t>(text.size())) {
    const CodePoint next = code_point_at(text, end);
    if (next.value < 0 || !joins_previous(next.value)) break;
    end += next.size;
  }
  return end;
}

/// The group decomposed, its marks in canonical order. utf8proc sorts by insertion, which takes hours for a hostile megabyte
/// of marks; what is sorted already it passes in one go.
std::string sorted_marks(std::string_view group) {
  struct Part {
    int32_t code_point, combining_class;
  };
  std::vector<Part> parts;
  for (int64_t at = 0; at < static_cast<int64_t>(group.size());) {
    const CodePoint point = code_point_at(group, at);
    utf8proc_int32_t decomposed[32];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(point.value, decomposed, 32, UTF8PROC_DECOMPOSE, &boundary);
    for (int64_t i = 0; i < count; ++i)
      parts.push_back({decomposed[i], utf8proc_get_property(decomposed[i])->combining_class});
    at += point.size;
  }
  for (auto begin = parts.begin(); begin != parts.end();) {
    const auto end = std::find_if(begin + 1, parts.end(), [](const Part& part) { return part.combining_class == 0; });
    std::stable_sort(begin->combining_class == 0 ? begin + 1 : begin, end,
                     [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
    begin = end;
  }
  std::string out;
  for (const Part& part : parts) append_code_point(out, part.code_point);
  return out;
}

std::string compose(std::string_view group) {
  const CodePoint first = code_point_at(group, 0);
  if (first.size == static_cast<int64_t>(group.size()) && first.value < kFirstCombining) return std::string(group);
  const std::string sorted = group.size() > kLongGroup ? sorted_marks(group) : std::string();
  if (!sorted.empty()) group = sorted;
  utf8proc_uint8_t* composed = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(group.data()),
                                 static_cast<utf8proc_ssize_t>(group.size()), &composed, options);
  std::string out =
      size < 0 ? std::string(group) : std::string(reinterpret_cast<const char*>(composed), static_cast<size_t>(size));
  std::free(composed);
  return out;
}

/// Calls `visit(group, begin)` for the groups of a text until one answers false; true when none did.
template <class Visit>
bool each_group(std::string_view text, Visit visit) {
  for (int64_t begin = 0; begin < static_cast<int64_t>(text.size());) {
    const int64_t end = group_end(text, begin);
    if (!visit(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), begin)) return false;
    begin = end;
  }
  return true;
}

bool plain(std::string_view text) {
  // 0xcc is the first byte of U+0300: all characters of smaller lead bytes lie below it.
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0xcc; });
}

}  // namespace

ByteRange NfcText::original(int64_t begin, int64_t end) const {
  if (origin.empty()) return {begin, end};
  ByteRange range = origin[static_cast<size_t>(begin)];
  for (int64_t i = begin; i < end; ++i) range.end = std::max(range.end, origin[static_cast<size_t>(i)].end);
  return range;
}

NfcText to_nfc(std::string_view text) {
  NfcText out;
  if (plain(text) || each_group(text, [](std::string_view group, int64_t) { return compose(group) == group; })) {
    out.text = text;
    return out;
  }
  each_group(text, [&](std::string_view group, int64_t begin) {
    const std::string composed = compose(group);
    const int64_t end = begin + static_cast<int64_t>(group.size());
    for (int64_t i = 0; i < static_cast<int64_t>(composed.size()); ++i)
      out.origin.push_back(composed == group ? ByteRange{begin + i, begin + i + 1} : ByteRange{begin, end});
    out.text += composed;
    return true;
  });
  return out;
}

}  // namespace rrpo::text
