#include "letters.h"

#include <array>

namespace rrpo::rows {
namespace {

constexpr std::array<py::View, 10> kRrpo = {U"The best answer is",
                                            U"The correct answer is",
                                            U"The answer is",
                                            U"The answer",
                                            U"The best option isThe correct option is",
                                            U"Best answer:Best option:",
                                            U"Answer:",
                                            U"Option:",
                                            U"The correct answer",
                                            U"The correct option"};
constexpr std::array<py::View, 8> kLmms = {U"The best answer is", U"The correct answer is", U"The answer is",
                                           U"The answer",         U"The best option is",    U"The correct option is",
                                           U"Best answer:",       U"Best option:"};
constexpr std::array<py::View, 11> kMme2 = {U"Final Answer:",
                                            U"The best answer is",
                                            U"The correct answer is",
                                            U"The answer is",
                                            U"The answer",
                                            U"The best option is",
                                            U"The correct option is",
                                            U"Best answer:",
                                            U"Best option:",
                                            U"Answer:",
                                            U"Option:"};
constexpr std::array<py::View, 11> kMme2Lmms = {kMme2[1], kMme2[2], kMme2[3], kMme2[4], kMme2[5], kMme2[6],
                                                kMme2[0], kMme2[7], kMme2[8], kMme2[9], kMme2[10]};

bool is_letter(char32_t c) { return (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z'); }

}  // namespace

std::string first_letter(py::View reply) {
  for (const char32_t c : reply) {
    if (is_letter(c)) return {static_cast<char>(c >= U'a' ? c - 32 : c)};
    if (c == 0x212a) return "K";
    if (c == 0x130 || c == 0x131 || c == 0x17f) return "";
  }
  return "";
}

std::string letter_without(py::View reply, std::span<const py::View> prefixes, char last) {
  py::Text rest(py::strip(reply));
  for (const py::View prefix : prefixes) rest = py::replaced(rest, prefix, U"");
  for (const char32_t c : rest) {
    if (c >= U'A' && c <= static_cast<char32_t>(last)) return {static_cast<char>(c)};
  }
  return "";
}

std::span<const py::View> rrpo_prefixes() { return kRrpo; }
std::span<const py::View> lmms_prefixes() { return kLmms; }
std::span<const py::View> vlmeval_prefixes() { return std::span(kRrpo).first(8); }
std::span<const py::View> mme2_prefixes() { return kMme2; }
std::span<const py::View> mme2_lmms_prefixes() { return kMme2Lmms; }

py::View before_bracket(py::View reply) {
  const size_t bracket = reply.find(U')');
  if (bracket == py::View::npos) return reply;
  return bracket == 0 ? py::View() : reply.substr(bracket - 1, 1);
}

bool fits_option(py::View reply, char32_t capital) {
  const py::Text small = py::lower(reply);
  const py::View token = py::View(small).substr(0, small.find(U' '));
  const py::Text option = {U'(', capital >= U'A' && capital <= U'Z' ? capital + 32 : capital, U')'};
  return py::contains(option, py::replaced(token, U".", U"")) || py::contains(token, option);
}

}  // namespace rrpo::rows
