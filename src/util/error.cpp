#include "rrpo/util/error.h"

#include <algorithm>
#include <cstdio>

namespace rrpo {

namespace {

unsigned char at(std::string_view text, size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; }

/// Bytes of the character that begins at `i`; 0 where none does.
size_t character(std::string_view text, size_t i) {
  const unsigned char c = at(text, i);
  if (c < 0x80) return 1;
  const size_t size = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
  for (size_t k = 1; k < size; ++k) {
    if ((at(text, i + k) & 0xc0) != 0x80) return 0;
  }
  return size;
}

/// What a terminal would act on instead of showing it: controls of ASCII and of the block behind it, and what turns the
/// direction of reading (U+202A to E, U+2066 to 9).
bool acts(std::string_view one) {
  const unsigned char a = at(one, 0), b = at(one, 1), c = at(one, 2);
  if (one.size() == 1) return a < 0x20 || a == 0x7f;
  if (one.size() == 2) return a == 0xc2 && b < 0xa0;
  return one.size() == 3 && a == 0xe2 && ((b == 0x80 && c >= 0xaa && c <= 0xae) || (b == 0x81 && c >= 0xa6 && c <= 0xa9));
}

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t size = character(text, i);
    const std::string_view one = text.substr(i, size == 0 ? 1 : size);
    i += one.size();
    if (size > 0 && !acts(one)) {
      out += one;
      continue;
    }
    for (const char c : one) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  return out;
}

size_t border_before(std::string_view text, size_t end) {
  while (end > 0 && (at(text, end) & 0xc0) == 0x80) --end;
  return end;
}

/// `text` with its middle taken out.
std::string without_middle(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t tail = text.size() - (limit - 3) / 2;
  while (tail < text.size() && (at(text, tail) & 0xc0) == 0x80) ++tail;
  return std::string(text.substr(0, border_before(text, (limit - 3) / 2))) + "..." + std::string(text.substr(tail));
}

/// `/mnt/.../folder/name` of a long path: which file it is stands at its end, and the reason behind it. Of long names both
/// ends are kept.
std::string short_path(std::string_view path) {
  constexpr size_t kHead = 16, kName = 60;
  const size_t name = path.rfind('/');
  if (name == std::string_view::npos) return without_middle(path, kName);
  const size_t folder = name == 0 ? std::string_view::npos : path.rfind('/', name - 1);
  if (folder == std::string_view::npos)
    return without_middle(path.substr(0, name), kName) + "/" + without_middle(path.substr(name + 1), kName);
  const size_t first = path.find('/', 1);
  const std::string head = first <= std::min(kHead, folder) ? std::string(path.substr(0, first)) : "";
  const std::string tail = "/" + without_middle(path.substr(folder + 1, name - folder - 1), kName) + "/" +
                           without_middle(path.substr(name + 1), kName);
  const std::string out = head + "/..." + tail;
  return out.size() < path.size() ? out : std::string(path);
}

/// `text` with its paths shortened, one after the other, while it is longer than `limit`.
std::string with_short_paths(std::string text, size_t limit) {
  constexpr std::string_view kAround = " \"'(),;";
  for (size_t begin = 0; begin < text.size() && text.size() > limit;) {
    const size_t end = std::min(text.find_first_of(kAround, begin), text.size());
    const std::string shorter = short_path(std::string_view(text).substr(begin, end - begin));
    text.replace(begin, end - begin, shorter);
    begin += shorter.size() + 1;
  }
  return text;
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string out = escaped(text);
  if (out.size() > limit) out = with_short_paths(std::move(out), limit);
  if (out.size() <= limit) return out;
  return out.substr(0, border_before(out, limit > 3 ? limit - 3 : 0)) + "...";
}

namespace {

/// `model.adapter=/out/adapter`: to be typed as it stands.
bool names_path(std::string_view fix) {
  const size_t value = fix.find('=');
  return value != std::string_view::npos && fix.find('/', value) != std::string_view::npos;
}

std::string line(std::string_view component, std::string_view problem, std::string_view fix) {
  constexpr size_t kLineBytes = 400, kProblemBytes = 240, kFixBytes = 120, kTypedBytes = 240;
  const std::string head = printable(component, 24) + ": ";
  const std::string end = fix.empty() ? "" : "; fix: " + printable(fix, names_path(fix) ? kTypedBytes : kFixBytes);
  return head + printable(problem, std::min(kProblemBytes, kLineBytes - head.size() - end.size())) + end;
}

}  // namespace

Error::Error(Fault fault, std::string_view component, std::string_view problem, std::string_view fix)
    : std::runtime_error(line(component, problem, fix)), fault_(fault) {}

}  // namespace rrpo
