#include "window.h"

#include <algorithm>

#include "position.h"

namespace rrpo::train {

Json told(const Part& part, const Parameters& weights) {
  Json passes = Json::array();
  for (const PassReport& pass : part.passes) {
    passes.push_back({{"number", pass.number},
                      {"rows", pass.rows},
                      {"ids", pass.ids},
                      {"skipped", skipped_json(pass.skipped)},
                      {"sums", pass.sums.told()}});
  }
  std::string touched(weights.size(), '0');
  for (size_t i = 0; i < weights.size(); ++i) touched[i] = weights.touched(i) ? '1' : '0';
  return {{"passes", passes},
          {"touched", touched},
          {"seconds_data", part.seconds_data},
          {"window", part.window},
          {"whole", part.whole}};
}

StepReport joined(const std::vector<Json>& parts) {
  StepReport report;
  std::vector<PassReport> passes;
  for (const Json& part : parts) {
    report.seconds_data = std::max(report.seconds_data, part.at("seconds_data").get<double>());
    for (const Json& pass : part.at("passes")) {
      passes.push_back({pass.at("number").get<int64_t>(), pass.at("rows").get<std::vector<int64_t>>(),
                        pass.at("ids").get<std::vector<std::string>>(), read_skipped(pass.at("skipped")),
                        MetricSums::heard(pass.at("sums"))});
    }
  }
  std::stable_sort(passes.begin(), passes.end(),
                   [](const PassReport& a, const PassReport& b) { return a.number < b.number; });
  for (const PassReport& pass : passes) {
    report.skipped.insert(report.skipped.end(), pass.skipped.begin(), pass.skipped.end());
    report.ids.insert(report.ids.end(), pass.ids.begin(), pass.ids.end());
    report.sums.add(pass.sums);
  }
  return report;
}

std::vector<int64_t> rows_of(const std::vector<Json>& parts) {
  std::vector<int64_t> rows;
  for (const Json& part : parts) {
    for (const Json& pass : part.at("passes")) {
      for (const Json& row : pass.at("rows")) rows.push_back(row.get<int64_t>());
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace rrpo::train
