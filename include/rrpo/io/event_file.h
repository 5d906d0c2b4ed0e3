// TensorBoard's event file: scalars by step, for who looks at curves there. metrics.jsonl has the same numbers in full.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace rrpo::io {

/// A file of records (TFRecord) that each hold one message `Event` of tensorboard/compat/proto/event.proto; the same bytes
/// as TensorBoard's own writer (scripts/oracles/events.py). Times are seconds since 1970.
class EventFile {
 public:
  using Scalars = std::vector<std::pair<std::string, double>>;

  /// Begins `file` anew.
  EventFile(const std::filesystem::path& file, double time_s);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  ~EventFile();
  /// Appends one event with the scalars of `step`, which become float32.
  void add(int64_t step, double time_s, const Scalars& scalars);

 private:
  void write(const std::string& event);

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace rrpo::io
