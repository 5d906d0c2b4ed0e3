// What a run says of its steps: a line each in metrics.jsonl and, where it is wanted, an event for TensorBoard.
#pragma once

#include <filesystem>
#include <optional>

#include "rrpo/io/event_file.h"
#include "rrpo/io/line_writer.h"

namespace rrpo::train {

constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kEvents = "events.out.tfevents.rrpo";

class MetricsLog {
 public:
  /// Goes on with the lines in `out`. The event file is written anew from them: what came after the checkpoint that a run
  /// goes on from is in neither.
  MetricsLog(const std::filesystem::path& out, bool tensorboard);
  void write(const Json& line);

 private:
  io::LineWriter lines_;
  std::optional<io::EventFile> events_;
};

}  // namespace rrpo::train
