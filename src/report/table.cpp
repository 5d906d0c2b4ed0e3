#include "rrpo/report/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "rrpo/util/error.h"

namespace rrpo::report {

namespace {

/// Characters of UTF-8, as columns: good for what our tables hold.
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_number(const std::string& cell) {
  if (cell.empty() || cell == "-") return true;
  const bool digit = std::any_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
  // What is left of numbers, percentages, intervals, exponents and p-values when their signs are taken away.
  return digit && cell.find_first_not_of("0123456789.,+-%/[]()<>e \xc2\xb1\xe2\x88\x92\x93") == std::string::npos &&
         cell.front() != 'e';
}

size_t columns(const Table& table) {
  size_t count = table.header.size();
  for (const auto& row : table.rows) count = std::max(count, row.size());
  return count;
}

const std::string& cell(const std::vector<std::string>& row, size_t column) {
  static const std::string empty;
  return column < row.size() ? row[column] : empty;
}

std::string padded(const std::string& text, size_t to, bool right) {
  const std::string space(to - std::min(to, width(text)), ' ');
  return right ? space + text : text + space;
}

void trim_right(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

/// Cells hold what files say: nothing of it is for the terminal to act on.
Table for_terminal(Table table) {
  const auto make_plain = [](std::vector<std::string>& row) {
    for (std::string& cell : row) cell = printable(cell, std::string::npos);
  };
  make_plain(table.header);
  for (auto& row : table.rows) make_plain(row);
  return table;
}

std::string markdown_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else if (c == '<') {  // what shows Markdown shows HTML in it too
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::vector<bool> right_columns(const Table& table) {
  std::vector<bool> right(columns(table), !table.rows.empty());
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < right.size(); ++i) right[i] = right[i] && is_number(cell(row, i));
  }
  return right;
}

std::string text_table(const Table& raw) {
  const Table table = for_terminal(raw);
  const std::vector<bool> right = right_columns(table);
  std::vector<size_t> widths(right.size());
  for (size_t i = 0; i < widths.size(); ++i) {
    widths[i] = width(cell(table.header, i));
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], width(cell(row, i)));
  }
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (size_t i = 0; i < widths.size(); ++i) text += (i ? "  " : "") + padded(cell(row, i), widths[i], right[i]);
    trim_right(text);
    return text + "\n";
  };
  std::string out = line(table.header), rule;
  for (size_t i = 0; i < widths.size(); ++i) rule += (i ? "  " : "") + std::string(widths[i], '-');
  out += rule + "\n";
  for (const auto& row : table.rows) out += line(row);
  return out;
}

std::string markdown_table(const Table& table) {
  const std::vector<bool> right = right_columns(table);
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text = "|";
    for (size_t i = 0; i < right.size(); ++i) text += " " + markdown_cell(cell(row, i)) + " |";
    return text + "\n";
  };
  std::string out = line(table.header) + "|";
  for (const bool is_right : right) out += is_right ? "---:|" : "---|";
  out += "\n";
  for (const auto& row : table.rows) out += line(row);
  return out;
}

std::string fixed(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string compact(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  // 1.23e+04 reads worse than 12300.
  if (std::string_view(text).find("e+") != std::string_view::npos && std::abs(value) < 1e9) {
    const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - digits + 1);
    std::snprintf(text, sizeof text, "%.0f", std::round(value / unit) * unit);
  }
  return text;
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  char text[64];
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (seconds < 9.95) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (whole < 60) {
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld h %02lld min", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole / 60 % 60));
  }
  return text;
}

std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  const size_t sign = value < 0 ? 1 : 0;
  for (size_t place = text.size(); place > sign + 3;) text.insert(place -= 3, ",");
  return text;
}

}  // namespace rrpo::report
