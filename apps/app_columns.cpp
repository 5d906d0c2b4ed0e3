#include "app_columns.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace rrpo::apps {

namespace {

constexpr size_t kLeast = 40, kUnknown = 80, kMost = 110;
constexpr size_t kLeastRight = 34;  // a narrower second column reads worse than one below the first

/// Bytes of the first `columns` characters.
size_t bytes_of(std::string_view text, size_t columns) {
  size_t at = 0;
  while (at < text.size() && columns-- > 0) {
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return at;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string joined(const std::vector<std::string>& lines, size_t indent, size_t hang, const char* end) {
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    out += std::string(indent + (i == 0 ? 0 : hang), ' ') + lines[i] + (i + 1 < lines.size() ? end : "\n");
  }
  return out;
}

}  // namespace

size_t terminal_columns() {
  size_t columns = 0;
  if (const char* told = std::getenv("COLUMNS")) columns = std::strtoul(told, nullptr, 10);
  winsize size{};
  if (columns == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return std::clamp(columns == 0 ? kUnknown : columns, kLeast, kMost);
}

size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(std::string text, size_t width) {
  const size_t taken = display_width(text);
  return taken < width ? text + std::string(width - taken, ' ') : text;
}

std::vector<std::string> wrapped(std::string_view text, size_t room) {
  std::vector<std::string> lines(1);
  for (std::string_view word : words_of(text)) {
    if (!lines.back().empty() && display_width(lines.back()) + 1 + display_width(word) > room) lines.emplace_back();
    for (; display_width(word) > room; lines.emplace_back()) {
      lines.back() = word.substr(0, bytes_of(word, room));
      word.remove_prefix(lines.back().size());
    }
    lines.back() += std::string(lines.back().empty() ? 0 : 1, ' ') + std::string(word);
  }
  return lines;
}

std::string paragraph(std::string_view text, size_t indent, size_t hang) {
  return joined(wrapped(text, terminal_columns() - indent - hang), indent, hang, "\n");
}

std::string two_columns(const std::string& left, const std::string& right, size_t at, size_t indent) {
  const size_t columns = terminal_columns();
  if (right.empty()) return paragraph(left, indent, 4);
  if (at + kLeastRight > columns) return paragraph(left, indent, 4) + paragraph(right, indent + 4);
  std::vector<std::string> lines = wrapped(right, columns - at);
  const std::string first = padded(std::string(indent, ' ') + left, at);
  const std::string alone = display_width(first) > columns ? paragraph(left, indent, 4) : first + "\n";
  if (display_width(first) > at) return alone + std::string(at, ' ') + joined(lines, 0, at, "\n");
  return first + joined(lines, 0, at, "\n");
}

std::string shell_line(std::string_view command, size_t indent) {
  return joined(wrapped(command, terminal_columns() - indent - 6), indent, 4, " \\\n");
}

}  // namespace rrpo::apps
