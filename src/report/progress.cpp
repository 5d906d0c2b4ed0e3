#include "rrpo/report/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "rrpo/report/table.h"
#include "rrpo/util/error.h"

namespace rrpo::report {

namespace {

std::atomic<ProgressMode> g_mode{ProgressMode::off};

constexpr double kBarSeconds = 0.1;   // between two drawings of a bar
constexpr double kLineSeconds = 5.0;  // between two plain lines

int terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string rate_text(double rate, std::string_view unit) {
  if (rate <= 0 || !std::isfinite(rate)) return "";
  if (rate < 0.1)
    return compact(1 / rate, 3) + " s/" + std::string(unit.ends_with('s') ? unit.substr(0, unit.size() - 1) : unit);
  return compact(rate, 3) + " " + std::string(unit) + "/s";
}

double seconds_left(int64_t done, int64_t total, double rate) {
  return rate > 0 && total > done ? static_cast<double>(total - done) / rate : 0;
}

int percent(int64_t done, int64_t total) {
  return static_cast<int>(
      std::floor(100.0 * static_cast<double>(std::clamp<int64_t>(done, 0, total)) / static_cast<double>(total)));
}

std::string count_text(int64_t done, int64_t total, std::string_view unit) {
  return std::to_string(done) + (total > 0 ? "/" + std::to_string(total) : "") + " " + std::string(unit);
}

}  // namespace

void open_progress(ProgressMode mode) {
  g_mode = mode != ProgressMode::automatic ? mode : ::isatty(STDERR_FILENO) ? ProgressMode::bar : ProgressMode::lines;
}

std::string progress_line(std::string_view label, int64_t done, int64_t total, std::string_view unit, double rate,
                          std::string_view note) {
  std::string line = std::string(label) + ": " + count_text(done, total, unit);
  if (total > 0) line += " (" + std::to_string(percent(done, total)) + "%)";
  if (const std::string text = rate_text(rate, unit); !text.empty()) line += ", " + text;
  if (const double left = seconds_left(done, total, rate); left > 0) line += ", " + duration(left) + " left";
  if (!note.empty()) line += ", " + std::string(note);
  return line;
}

std::string progress_bar(std::string_view label, int64_t done, int64_t total, std::string_view unit, double rate,
                         std::string_view note, int width) {
  std::string tail = count_text(done, total, unit);
  if (const std::string text = rate_text(rate, unit); !text.empty()) tail += "  " + text;
  if (const double left = seconds_left(done, total, rate); left > 0) tail += "  " + duration(left) + " left";
  if (!note.empty()) tail += "  " + std::string(note);
  std::string head = std::string(label) + " ";
  if (total > 0) {
    const int room = std::clamp(width - static_cast<int>(head.size() + tail.size()) - 10, 0, 30);
    const int full = percent(done, total) * room / 100;
    if (room >= 6)
      head += "[" + std::string(static_cast<size_t>(full), '=') + std::string(static_cast<size_t>(room - full), ' ') + "] ";
    char text[8];
    std::snprintf(text, sizeof text, "%3d%%  ", percent(done, total));
    head += text;
  }
  // A line that wraps could not be drawn over.
  return printable(head + tail, static_cast<size_t>(std::max(4, width - 1)));
}

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t already)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), already_(already), done_(already), mode_(g_mode) {}

Progress::~Progress() {
  if (open_line_) std::fputc('\n', stderr);
}

void Progress::update(int64_t done, std::string_view note) {
  done_ = done;
  if (mode_ == ProgressMode::off) return;
  note_ = note;
  if (clock_.seconds() - std::max(printed_, mode_ == ProgressMode::bar ? -1e9 : 0.0) <
      (mode_ == ProgressMode::bar ? kBarSeconds : kLineSeconds))
    return;
  print(false);
}

void Progress::finish() {
  if (mode_ != ProgressMode::off) print(true);
}

void Progress::print(bool last) {
  const double seconds = clock_.seconds();
  printed_ = seconds;
  const double rate = seconds > 0 ? static_cast<double>(done_ - already_) / seconds : 0;
  if (mode_ == ProgressMode::bar) {
    const std::string text = progress_bar(label_, done_, total_, unit_, rate, note_, terminal_width());
    std::fprintf(stderr, "\r%s\x1b[K%s", text.c_str(), last ? "\n" : "");
    open_line_ = !last;
  } else {
    std::string text = progress_line(label_, done_, total_, unit_, rate, note_);
    if (last) text += ", took " + duration(seconds);
    std::fprintf(stderr, "%s\n", printable(text, 400).c_str());
  }
  std::fflush(stderr);
}

}  // namespace rrpo::report
