// How far a long loop is: a bar on a terminal, one plain line every few seconds elsewhere. On stderr.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rrpo/util/clock.h"

namespace rrpo::report {

enum class ProgressMode { off, automatic, bar, lines };

/// What every Progress does from now on; off until a program calls this. `automatic`: a bar where stderr is a terminal.
void open_progress(ProgressMode mode);

/// `label: 120/1000 pairs (12%), 3.4 pairs/s, 4 min 20 s left, note`.
std::string progress_line(std::string_view label, int64_t done, int64_t total, std::string_view unit, double rate,
                          std::string_view note);

/// The same as a bar of `width` columns.
std::string progress_bar(std::string_view label, int64_t done, int64_t total, std::string_view unit, double rate,
                         std::string_view note, int width);

/// The progress of one loop, used by one thread.
class Progress {
 public:
  /// `total` 0: unknown. `already` items were done by an earlier run and do not count for the rate.
  Progress(std::string label, int64_t total, std::string unit, int64_t already = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends the line of a bar that was not finished.
  ~Progress();
  /// Says that `done` items are done, `already` included; `note` is a short text such as `loss 0.69`. Cheap: prints now and
  /// then only.
  void update(int64_t done, std::string_view note = "");
  /// Prints the last state.
  void finish();

 private:
  void print(bool last);

  std::string label_, unit_, note_;
  int64_t total_, already_, done_;
  ProgressMode mode_;
  Stopwatch clock_;
  double printed_ = -1e9;  ///< seconds on the clock when something was last printed
  bool open_line_ = false;
};

}  // namespace rrpo::report
