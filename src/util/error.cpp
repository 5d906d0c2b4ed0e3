#include "rrpo/util/error.h"

#include <cstdio>

namespace rrpo {

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (unsigned char c : text) {
    if (c < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", c);
      out += escaped;
    } else {
      out += static_cast<char>(c);
    }
  }
  if (out.size() <= limit) return out;
  size_t end = limit > 3 ? limit - 3 : 0;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "...";
}

namespace {

std::string line(std::string_view component, std::string_view problem, std::string_view fix) {
  constexpr size_t kProblemBytes = 240;
  constexpr size_t kFixBytes = 120;
  std::string out = printable(component, 24) + ": " + printable(problem, kProblemBytes);
  if (!fix.empty()) out += "; fix: " + printable(fix, kFixBytes);
  return out;
}

}  // namespace

Error::Error(Fault fault, std::string_view component, std::string_view problem, std::string_view fix)
    : std::runtime_error(line(component, problem, fix)), fault_(fault) {}

}  // namespace rrpo
