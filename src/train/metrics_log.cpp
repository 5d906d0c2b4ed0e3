#include "metrics_log.h"

#include <chrono>
#include <vector>

namespace rrpo::train {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

double seconds_of(const Json& line) {
  const Json seconds = line.value("seconds", Json());
  return seconds.is_number() ? seconds.get<double>() : 0;
}

void add(io::EventFile& events, const Json& line, double time_s) {
  io::EventFile::Scalars scalars;
  for (const auto& [name, value] : line.items()) {
    if (value.is_number() && name != "step") scalars.emplace_back(name, value.get<double>());
  }
  events.add(line.at("step").get<int64_t>(), time_s, scalars);
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& out, bool tensorboard) : lines_(out / kMetrics) {
  if (!tensorboard) return;
  std::vector<Json> earlier;
  each_json_line(out / kMetrics, "train", [&](const Json& line, int64_t) { earlier.push_back(line); });
  double time_s = now_s();
  for (const Json& line : earlier) time_s -= seconds_of(line);
  events_.emplace(out / kEvents, time_s);
  for (const Json& line : earlier) add(*events_, line, time_s += seconds_of(line));
}

void MetricsLog::write(const Json& line) {
  lines_.write(line);
  if (events_) add(*events_, line, now_s());
}

}  // namespace rrpo::train
