#include "longvu.h"

namespace rrpo::rows {
namespace {

/// As the scripts hand it on: stripped, without the end of the turn and without `Answer`.
py::Text cleaned(py::View reply) {
  constexpr py::View kEnd = U"<|im_end|>";
  reply = py::strip(reply);
  if (reply.ends_with(kEnd)) reply = py::strip(reply.substr(0, reply.size() - kEnd.size()));
  return py::replaced(reply, U"Answer", U"");
}

}  // namespace

LongvuLetter longvu_letter(py::View reply, size_t options) {
  const py::Text text = cleaned(reply);
  const char32_t last = U'A' + static_cast<char32_t>(options) - 1;
  size_t at = 0;
  while (at < text.size() && (text[at] < U'A' || text[at] > last)) ++at;
  if (options == 0 || at == text.size()) return {};
  size_t begin = at, end = at + 1;
  while (begin > 0 && py::contains(U"(, ", {&text[begin - 1], 1})) --begin;
  while (end < text.size() && py::contains(U"), ", {&text[end], 1})) ++end;
  const py::View found = py::strip(py::strip(py::View(text).substr(begin, end - begin)), U"()");
  if (found.size() != 1) return {"", true};
  return {{static_cast<char>(text[at])}, false};
}

std::string longvu_mlvu_letter(py::View reply) {
  for (const char32_t c : cleaned(reply)) {
    if (c >= U'A' && c <= U'D') return {static_cast<char>(c)};
  }
  return "";
}

}  // namespace rrpo::rows
